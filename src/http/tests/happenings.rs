//! The operator's stream of events.

use super::fixture::{Fixture, ask, offer, request};
use crate::access;
use crate::http::Policy;
use crate::observe::Happening;
use crate::observe::events::KEPT;
use axum::body::{Body, BodyDataStream};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(fixture: &Fixture, path: &str, last: Option<&str>) -> Reader {
        let header: Vec<_> = last.map(|last| ("last-event-id", last)).into_iter().collect();
        let response = fixture.admin.clone().oneshot(request("GET", path, &header, Body::empty())).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Reader { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event: id, kind and data.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                let found = (field("id"), field("event"), serde_json::from_str(&field("data")).unwrap_or_default());
                self.text = rest.to_owned();
                if found.1.is_empty() {
                    continue;
                }
                return Some(found);
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_in_order_with_its_number() {
    let rules = access::Config { play: Some(access::Fallback::Denied), ..access::Config::default() };
    let fixture = Fixture::new(rules, Policy::default());
    let mut reader = Reader::open(&fixture, "/api/v1/events", None).await;
    let _publisher = fixture.publish("demo");
    let sdp = ("content-type", "application/sdp");
    let refused = ask(&fixture.public, "POST", "/whep/demo?token=secret", &[sdp], &offer("chrome-whep")).await;
    assert_eq!(refused.status, 403);
    let (id, kind, told) = reader.next().await.unwrap();
    assert_eq!(
        (id.as_str(), kind.as_str(), &told["sequence"], &told["kind"]),
        ("1", "session.denied", &json!(1), &json!("session.denied"))
    );
    assert_eq!((&told["stream"], &told["attributes"]["reason"]), (&json!("demo"), &json!("forbidden")), "{told}");
    assert_eq!((&told["attributes"]["node"], &told["attributes"]["protocol"]), (&json!("test"), &json!("whep")));
    assert!(told["session"].as_str().unwrap().starts_with("test.") && told["at"].as_str().unwrap().ends_with('Z'));
    assert!(!told.to_string().contains("secret"), "{told}");
    assert!(reader.next().now_or_never().is_none());
    fixture.state.stopping.cancel();
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_reader_comes_back_where_it_was_and_hears_of_gaps() {
    let fixture = Fixture::open();
    let tell = |count: usize| (0..count).for_each(|_| fixture.state.events.tell(Happening::new("a.b")));
    tell(2);
    fixture.state.events.tell(Happening::new("c.d"));
    let ids = async |path: &str, last: Option<&str>, count: usize| {
        let mut reader = Reader::open(&fixture, path, last).await;
        let mut ids = Vec::new();
        for _ in 0..count {
            let (id, kind, told) = reader.next().await.unwrap();
            ids.push(if kind == "gap" { told.to_string() } else { id });
        }
        assert!(reader.next().now_or_never().is_none());
        ids
    };
    assert_eq!(ids("/api/v1/events", None, 0).await, [""; 0]);
    assert_eq!(ids("/api/v1/events?after=0", None, 3).await, ["1", "2", "3"]);
    assert_eq!(ids("/api/v1/events?after=0", Some("2"), 1).await, ["3"]);
    assert_eq!(ids("/api/v1/events?after=0&kind=a.*", None, 2).await, ["1", "2"]);
    tell(KEPT);
    let told = ids("/api/v1/events", Some("1"), KEPT + 1).await;
    assert_eq!((told[0].as_str(), told[1].as_str()), ("{\"before\":4,\"missed\":2}", "4"));
    // One that does not read loses the oldest, and holds up nobody.
    let mut slow = Reader::open(&fixture, "/api/v1/events", None).await;
    tell(KEPT + 100);
    let (_, kind, told) = slow.next().await.unwrap();
    assert_eq!((kind.as_str(), &told["missed"]), ("gap", &json!(100)));
}

#[tokio::test]
async fn bad_questions_are_told_and_readers_are_bounded() {
    let fixture = Fixture::open();
    for (path, header, problem) in [
        ("/api/v1/events?kind=", None, "malformed-query"),
        ("/api/v1/events?kind=a/b/c/d/e", None, "malformed-query"),
        ("/api/v1/events?knd=a", None, "malformed-query"),
        ("/api/v1/events?after=x", None, "malformed-query"),
        ("/api/v1/events", Some(("last-event-id", "x")), "malformed-event-id"),
    ] {
        let lines: Vec<_> = header.into_iter().collect();
        assert_eq!(ask(&fixture.admin, "GET", path, &lines, "").await.problem(), problem, "{path}");
    }
    assert_eq!(ask(&fixture.public, "GET", "/api/v1/events", &[], "").await.status, 404);
    let mut readers = Vec::new();
    for _ in 0..super::super::happenings::READERS {
        readers.push(Reader::open(&fixture, "/api/v1/events", None).await);
    }
    let refused = ask(&fixture.admin, "GET", "/api/v1/events", &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "too-many-readers"));
    drop(readers);
    Reader::open(&fixture, "/api/v1/events", None).await;
}
