//! Streams with several renditions: how they are listed, addressed and chosen.

use super::fixture::{Fixture, ask, offer};
use crate::hub::Publisher;
use crate::shard::Wish;
use serde_json::json;
use std::sync::atomic::Ordering;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const JSON: (&str, &str) = ("content-type", "application/json");

/// `demo` in three layers; the last is not sent now.
fn publish(fixture: &Fixture) -> Publisher {
    let publisher = fixture.publish("demo");
    publisher.divide(&["q", "h", "f"].map(str::to_owned), 1);
    for (rendition, (width, kbps, active)) in
        publisher.stream().renditions().iter().zip([(320u32, 150, true), (640, 500, true), (1280, 0, false)])
    {
        rendition.stream.stats.picture.store(width << 16 | (width * 9 / 16), Ordering::Relaxed);
        rendition.stream.stats.bitrate.store(kbps * 1_000, Ordering::Relaxed);
        rendition.stream.stats.active.store(active, Ordering::Relaxed);
    }
    publisher
}

#[tokio::test]
async fn renditions_are_listed_with_their_stream() {
    let fixture = Fixture::open();
    let publisher = publish(&fixture);
    let _viewer = publisher.stream().renditions()[0].stream.count_viewer();
    let told = ask(&fixture.admin, "GET", "/api/v1/streams/demo", &[], "").await.json();
    let row = |rid, active, width: u64, bitrate, viewers| json!({ "rid": rid, "active": active, "width": width, "height": width * 9 / 16, "bitrate_bps": bitrate, "viewers": viewers, "layers": [] });
    let expected =
        json!([row("q", true, 320, 150_000, 1), row("h", true, 640, 500_000, 0), row("f", false, 1280, 0, 0)]);
    assert_eq!((&told["renditions"], &told["viewers"]), (&expected, &json!(1)), "{told}");
}

#[tokio::test]
async fn what_arrives_is_asked_of_viewers_who_have_a_choice() {
    let fixture = Fixture::open();
    let _publisher = publish(&fixture);
    let _plain = fixture.publish("plain");
    let answer = async |path: &str| ask(&fixture.public, "POST", path, &[SDP], &offer("chrome-whep")).await.body;
    for (path, told) in [("/whep/demo", true), ("/whep/demo@q", true), ("/whep/plain", false)] {
        let sdp = answer(path).await;
        let lines = |end: &str| sdp.lines().filter(|line| line.ends_with(end)).count();
        let (extensions, feedback) = (lines("transport-wide-cc-extensions-01"), lines(" transport-cc"));
        // On the picture alone: sound has no retransmissions.
        assert_eq!((extensions, feedback), (usize::from(told), usize::from(told)), "{path}: {sdp}");
    }
}

#[tokio::test]
async fn a_rendition_is_asked_for_by_name() {
    let fixture = Fixture::open();
    let _publisher = publish(&fixture);
    let _plain = fixture.publish("plain");
    let rows = [
        ("demo", 201, ""),
        ("demo@q", 201, ""),
        ("demo@f", 201, ""),
        ("demo@auto", 201, ""),
        ("demo?rendition=h", 201, ""),
        ("demo@h?rendition=h", 201, ""),
        ("demo?rendition=auto", 201, ""),
        ("demo?rendition=", 201, ""),
        ("plain?rendition=auto", 201, ""),
        ("demo@x", 404, "no-rendition"),
        ("demo?rendition=x", 404, "no-rendition"),
        ("plain@q", 404, "no-rendition"),
        ("demo@q?rendition=h", 400, "two-renditions"),
        ("demo@", 400, "invalid-stream-name"),
        ("demo@q/x", 400, "invalid-stream-name"),
        ("@q", 400, "invalid-stream-name"),
    ];
    for (path, status, problem) in rows {
        let answer = ask(&fixture.public, "POST", &format!("/whep/{path}"), &[SDP], &offer("chrome-whep")).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        if status == 201 {
            let links: Vec<_> = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
            let layer = format!("<{}/layer>; rel=\"urn:ietf:params:whep:ext:core:layer\"", answer.header("location"));
            assert!(links.contains(&layer.as_str()) && links.len() == 2, "{links:?}");
        } else {
            assert_eq!(answer.problem(), problem, "{path}");
        }
    }
}

#[tokio::test]
async fn a_viewer_chooses_and_leaves_the_choice_again() {
    let fixture = Fixture::open();
    let publisher = publish(&fixture);
    let session = fixture.viewer(&publisher, None);
    let path = format!("/session/{}/layer", session.id);
    let rid = |rid: &str| Wish::Rid(rid.into());
    let rows = [
        (r#"{"mediaId":"0","encodingId":"q"}"#, 200, rid("q")),
        (r#"{"encodingId":"x"}"#, 422, rid("q")),
        (r#"{"rid":"h"}"#, 200, rid("h")),
        (r#"{"mediaId":"1","encodingId":"q"}"#, 422, rid("h")),
        (r#"{"mediaId":[],"encodingId":"q"}"#, 422, rid("h")),
        (r#"{"encodingId":"q","temporalLayerId":1}"#, 422, rid("h")),
        (r#"{"encodingId":"q","temporalLayerId":0,"maxSpatialLayerId":2}"#, 200, rid("q")),
        (r#"{"encodingId":1}"#, 400, rid("q")),
        ("[]x", 400, rid("q")),
        (r#"{"mediaId":"0"}"#, 200, Wish::Auto),
        (r#"{"mediaId":0,"encodingId":"f","unknown":true}"#, 200, rid("f")),
        ("", 200, Wish::Auto),
    ];
    for (body, status, wish) in rows {
        let answer = ask(&fixture.public, "POST", &path, &[JSON], body).await;
        assert_eq!((answer.status.as_u16(), session.wish()), (status, wish), "{body}: {answer:?}");
    }
    let refused = ask(&fixture.public, "POST", &path, &[("content-type", "text/plain")], "{}").await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (415, "wrong-content-type"));
    // A grant's bitrate holds for what is chosen later, too.
    session.set_ceiling(Some(300));
    let refused = ask(&fixture.public, "POST", &path, &[JSON], r#"{"encodingId":"h"}"#).await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (403, "bitrate-above-grant"));
    assert_eq!(ask(&fixture.public, "POST", &path, &[JSON], r#"{"encodingId":"q"}"#).await.status, 200);
}
