//! Event streams of sessions.

use super::fixture::{Fixture, ask, request};
use crate::shard::CloseReason;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use tower::ServiceExt;

const JSON: (&str, &str) = ("content-type", "application/json");

struct Reader(BodyDataStream);

impl Reader {
    async fn open(router: &Router, path: &str) -> Reader {
        let response = router.clone().oneshot(request("GET", path, &[], Body::empty())).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Reader(response.into_body().into_data_stream())
    }

    async fn next(&mut self) -> Option<String> {
        let chunk = self.0.next().await?.unwrap();
        Some(String::from_utf8(chunk.into()).unwrap())
    }
}

async fn subscribe(fixture: &Fixture, session: &str, list: &str) -> String {
    let path = format!("/session/{session}/events");
    let answer = ask(&fixture.public, "POST", &path, &[JSON], list).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let location = answer.header("location").to_owned();
    assert!(location.starts_with(&format!("{path}/")), "{location}");
    location
}

#[tokio::test(start_paused = true)]
async fn a_viewer_hears_of_its_stream_until_the_end() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let location = subscribe(&fixture, session.id.as_str(), "").await;
    let mut reader = Reader::open(&fixture.public, &location).await;
    assert_eq!(reader.next().await.unwrap(), "event: active\ndata: {}\n\n");
    assert_eq!(reader.next().await.unwrap(), "event: viewercount\ndata: {\"viewercount\":0}\n\n");
    let guards = [publisher.stream().count_viewer(), publisher.stream().count_viewer()];
    assert_eq!(reader.next().await.unwrap(), "event: viewercount\ndata: {\"viewercount\":2}\n\n");
    assert_eq!(reader.next().await.unwrap(), ":\n\n", "a comment keeps the connection alive");
    drop(guards);
    drop(publisher);
    assert_eq!(reader.next().await.unwrap(), "event: inactive\ndata: {}\n\n");
    fixture.state.sessions.close_with(session.id.as_str(), CloseReason::AccessExpired, "Your ticket is over.");
    let ended = "event: ended\ndata: {\"detail\":\"Your ticket is over.\",\"reason\":\"access-expired\"}\n\n";
    assert_eq!(reader.next().await.unwrap(), ended);
    assert_eq!(reader.next().await, None);
    assert_eq!(ask(&fixture.public, "GET", &location, &[], "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_asked_for_is_sent() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let location = subscribe(&fixture, session.id.as_str(), "[\"reconnect\", \"scte35\"]").await;
    let mut reader = Reader::open(&fixture.public, &location).await;
    assert_eq!(reader.next().now_or_never(), None);
    fixture.state.stopping.cancel();
    assert_eq!(reader.next().await.unwrap(), "event: reconnect\ndata: {}\n\n");
    assert_eq!(reader.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_session_has_one_event_stream_with_one_reader() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let first = subscribe(&fixture, session.id.as_str(), "[\"active\"]").await;
    let mut reader = Reader::open(&fixture.public, &first).await;
    assert_eq!(reader.next().await.unwrap(), "event: active\ndata: {}\n\n");

    // A reader that comes back takes the place of its former self.
    let mut again = Reader::open(&fixture.public, &first).await;
    assert_eq!(reader.next().await, None);
    assert_eq!(again.next().await.unwrap(), "event: active\ndata: {}\n\n");

    // A new event stream ends the one before.
    let second = subscribe(&fixture, session.id.as_str(), "[\"active\"]").await;
    assert_eq!(again.next().await, None);
    assert_eq!(ask(&fixture.public, "GET", &first, &[], "").await.problem(), "no-event-stream");

    let mut reader = Reader::open(&fixture.public, &second).await;
    assert_eq!(reader.next().await.unwrap(), "event: active\ndata: {}\n\n");
    assert_eq!(ask(&fixture.public, "DELETE", &second, &[], "").await.status, 200);
    assert_eq!(reader.next().await, None);
    assert_eq!(ask(&fixture.public, "DELETE", &second, &[], "").await.status, 404);
}

#[tokio::test]
async fn event_streams_are_never_many_more_than_sessions() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    // However often one session asks, it has one.
    for _ in 0..20 {
        subscribe(&fixture, session.id.as_str(), "").await;
    }
    assert_eq!(fixture.app.events.len(), 1);
    // Nobody ever reads these, so nothing but the next request finds that their sessions are over.
    for _ in 0..300 {
        let session = fixture.viewer(&publisher, None);
        subscribe(&fixture, session.id.as_str(), "").await;
        fixture.state.sessions.close(session.id.as_str(), CloseReason::ByPeer);
        assert!(fixture.app.events.len() <= 2 * fixture.state.sessions.len() + 66, "{}", fixture.app.events.len());
    }
}

#[tokio::test]
async fn lists_that_make_no_sense_are_refused() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let path = format!("/session/{}/events", session.id);
    let long = format!("[\"{}\"]", "a".repeat(5_000));
    let rows = [
        (("content-type", "text/plain"), "[\"active\"]", 415),
        (("x-none", ""), "[\"active\"]", 415),
        (JSON, "{}", 400),
        (JSON, "[1]", 400),
        (JSON, "[]", 400),
        (JSON, "[\"scte35\"]", 400),
        (JSON, long.as_str(), 413),
        (("content-type", "application/json; charset=utf-8"), "[\"active\"]", 201),
        (("x-none", ""), "", 201),
    ];
    for (content_type, body, status) in rows {
        let answer = ask(&fixture.public, "POST", &path, &[content_type], body).await;
        assert_eq!(answer.status, status, "{content_type:?} {body}");
    }
    let answer = ask(&fixture.public, "POST", "/session/none/events", &[], "").await;
    assert_eq!(answer.problem(), "no-session");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_is_dropped() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let location = subscribe(&fixture, session.id.as_str(), "[\"viewercount\"]").await;
    let mut reader = Reader::open(&fixture.public, &location).await;
    let mut guards = Vec::new();
    for _ in 0..60 {
        guards.push(publisher.stream().count_viewer());
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let mut heard = 0;
    while reader.next().await.is_some() {
        heard += 1;
    }
    assert_eq!(heard, 8, "what the queue held, and then the end");
}
