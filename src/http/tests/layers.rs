//! Streams whose picture has layers: how these are listed, asked for and chosen.

use super::fixture::{Fixture, ask, offer};
use crate::hub::Publisher;
use crate::media::LayerId;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const JSON: (&str, &str) = ("content-type", "application/json");

/// `demo` in two sizes, each at two frame rates of 100 kbit/s.
fn publish(fixture: &Fixture) -> Publisher {
    let publisher = fixture.publish("demo");
    let stats = &publisher.stream().stats;
    stats.picture.store(640 << 16 | 360, Ordering::Relaxed);
    stats.bitrate.store(430_000, Ordering::Relaxed);
    stats.layers.set_sizes(&[Some((320, 180)), Some((640, 360)), None, None]);
    for (spatial, temporal) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        stats.layers.set_bitrate(LayerId::new(spatial, temporal), 100_000);
    }
    publisher
}

#[tokio::test]
async fn layers_are_listed_with_all_below_them() {
    let fixture = Fixture::open();
    let _publisher = publish(&fixture);
    let told = ask(&fixture.admin, "GET", "/api/v1/streams/demo", &[], "").await.json();
    let row = |name: &str, spatial: u64, temporal: u64, bitrate: u64| {
        let width = 320 * (spatial + 1);
        let height = width * 9 / 16;
        json!({ "name": name, "spatial": spatial, "temporal": temporal, "width": width, "height": height, "bitrate_bps": bitrate })
    };
    let expected = [
        row("s0t0", 0, 0, 100_000),
        row("s0t1", 0, 1, 200_000),
        row("s1t0", 1, 0, 200_000),
        row("s1t1", 1, 1, 400_000),
    ];
    assert_eq!(told["layers"], json!(expected), "{told}");
}

#[tokio::test]
async fn layers_are_asked_for_by_name() {
    let fixture = Fixture::open();
    let _publisher = publish(&fixture);
    let rows = [
        ("demo?rendition=s0t1", 201, json!({ "asked": "s0t1", "given": null, "estimate_kbps": null })),
        ("demo@s1", 201, json!({ "asked": "s1", "given": null, "estimate_kbps": null })),
        ("demo@t0", 201, json!({ "asked": "t0", "given": null, "estimate_kbps": null })),
        ("demo", 201, Value::Null),
        ("demo@s2", 404, Value::Null),
        ("demo?rendition=s0t2", 404, Value::Null),
    ];
    for (path, status, layers) in rows {
        let answer = ask(&fixture.public, "POST", &format!("/whep/{path}"), &[SDP], &offer("chrome-whep")).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        if status == 404 {
            let problem = answer.json();
            assert!(
                problem["detail"].as_str().unwrap().ends_with("there are s0t0, s0t1, s1t0, s1t1 and `auto`"),
                "{problem}"
            );
            continue;
        }
        let location = answer.header("location").to_owned();
        let id = location.rsplit('/').next().unwrap();
        let told = ask(&fixture.admin, "GET", &format!("/api/v1/sessions/{id}"), &[], "").await.json();
        assert_eq!(told["layers"], layers, "{path}");
    }
}

#[tokio::test]
async fn a_viewer_chooses_layers_and_leaves_the_choice_again() {
    let fixture = Fixture::open();
    let publisher = publish(&fixture);
    let session = fixture.viewer(&publisher, None);
    let path = format!("/session/{}/layer", session.id);
    let top = LayerId::ALL.spatial();
    let rows = [
        (r#"{"spatialLayerId":0,"temporalLayerId":1}"#, 200, LayerId::new(0, 1)),
        (r#"{"spatialLayerId":2}"#, 422, LayerId::new(0, 1)),
        (r#"{"spatialLayerId":1,"temporalLayerId":2}"#, 422, LayerId::new(0, 1)),
        (r#"{"spatialLayerId":300}"#, 400, LayerId::new(0, 1)),
        (r#"{"spatialLayerId":1}"#, 200, LayerId::new(1, top)),
        (r#"{"temporalLayerId":0}"#, 200, LayerId::new(top, 0)),
        (r#"{"maxSpatialLayerId":0}"#, 200, LayerId::new(0, top)),
        (r#"{"spatialLayerId":1,"maxTemporalLayerId":0}"#, 200, LayerId::new(1, 0)),
        (r#"{"maxSpatialLayerId":9,"maxTemporalLayerId":9}"#, 200, LayerId::ALL),
        (r#"{"spatialLayerId":0,"temporalLayerId":0}"#, 200, LayerId::new(0, 0)),
        ("", 200, LayerId::ALL),
    ];
    for (body, status, layers) in rows {
        let answer = ask(&fixture.public, "POST", &path, &[JSON], body).await;
        assert_eq!((answer.status.as_u16(), session.asked_layers()), (status, layers), "{body}: {answer:?}");
    }
}
