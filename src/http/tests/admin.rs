//! The operator's API and who may use it.

use super::super::Policy;
use super::fixture::{Fixture, Lines, ask};
use crate::access;
use crate::shard::{CloseReason, SessionState};
use std::sync::Arc;

#[tokio::test]
async fn streams_and_sessions_are_shown_and_a_session_can_be_ended() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("live/cam");
    let sessions: Vec<_> = (0..3).map(|_| fixture.viewer(&publisher, Some("secret-token"))).collect();

    let streams = ask(&fixture.admin, "GET", "/api/v1/streams", &[], "").await.json();
    assert_eq!(streams["total"], 1);
    let stream = ask(&fixture.admin, "GET", "/api/v1/streams/live/cam", &[], "").await.json();
    assert_eq!(streams["streams"][0]["name"], stream["name"]);
    assert_eq!((&stream["state"], &stream["tracks"][0]["codec"]), (&"live".into(), &"h264".into()));
    assert_eq!(ask(&fixture.admin, "GET", "/api/v1/streams/none", &[], "").await.problem(), "no-stream");
    assert_eq!(ask(&fixture.admin, "GET", "/api/v1/streams/a@b", &[], "").await.problem(), "invalid-stream-name");

    let first = ask(&fixture.admin, "GET", "/api/v1/sessions?limit=2&stream=live/cam&action=play", &[], "").await;
    assert!(!first.body.contains("secret-token"));
    let first = first.json();
    assert_eq!((first["sessions"].as_array().unwrap().len(), &first["total"]), (2, &3.into()));
    let next = format!("/api/v1/sessions?limit=2&after={}", first["next"].as_str().unwrap());
    let rest = ask(&fixture.admin, "GET", &next, &[], "").await.json();
    assert_eq!((rest["sessions"].as_array().unwrap().len(), &rest["next"]), (1, &serde_json::Value::Null));
    let none = ask(&fixture.admin, "GET", "/api/v1/sessions?action=publish", &[], "").await.json();
    assert_eq!(none["total"], 0);
    for bad in ["limit=0", "limit=100000", "limit=x", "action=watch", "page=2"] {
        let answer = ask(&fixture.admin, "GET", &format!("/api/v1/sessions?{bad}"), &[], "").await;
        assert_eq!(answer.problem(), "malformed-query", "{bad}");
    }

    let path = format!("/api/v1/sessions/{}", sessions[0].id);
    let shown = ask(&fixture.admin, "GET", &path, &[], "").await.json();
    assert_eq!(
        (&shown["action"], &shown["protocol"], &shown["state"]),
        (&"play".into(), &"whep".into(), &"pending".into())
    );
    assert_eq!((&shown["client_address"], &shown["user_agent"]), (&"192.0.2.1".into(), &"tests".into()));
    let answer = ask(&fixture.admin, "DELETE", &path, &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (403, "header-missing"));
    let marked = [("x-wasmcast", "1")];
    assert_eq!(ask(&fixture.admin, "DELETE", &path, &marked, "").await.status, 204);
    assert_eq!(sessions[0].state(), SessionState::Closed(CloseReason::Kicked));
    assert_eq!(ask(&fixture.admin, "DELETE", &path, &marked, "").await.problem(), "no-session");
    assert_eq!(ask(&fixture.admin, "GET", &path, &[], "").await.status, 404);
}

#[tokio::test]
async fn the_server_tells_what_it_is() {
    let fixture = Fixture::open();
    let index = ask(&fixture.admin, "GET", "/api/v1", &[], "").await.json();
    for endpoint in index["endpoints"].as_array().unwrap() {
        let (method, path) = endpoint.as_str().unwrap().split_once(' ').unwrap();
        if path == "/api/v1/events" {
            // Its answer never ends.
            continue;
        }
        let path = path.replace(['{', '}'], "");
        let answer = ask(&fixture.admin, method, &path, &[("x-wasmcast", "1")], "").await;
        assert!(answer.status != 405 && (answer.status != 404 || answer.problem() != "not-found"), "{endpoint}");
    }
    let info = ask(&fixture.admin, "GET", "/api/v1/info", &[], "").await.json();
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&info["node"], &info["ready"]), (&"test".into(), &true.into()));
    assert_eq!(info["listeners"][0]["url"], "http://127.0.0.1:8080/");
    let config = ask(&fixture.admin, "GET", "/api/v1/config", &[], "").await.json();
    assert_eq!(config["node"]["name"], "test");
    assert_eq!(ask(&fixture.admin, "GET", "/whip/demo", &[], "").await.problem(), "not-found");
    assert_eq!(
        ask(&fixture.admin, "PUT", "/metrics", &[("x-wasmcast", "1")], "").await.problem(),
        "method-not-allowed"
    );

    fixture.state.metrics.streams.set(3);
    let metrics = ask(&fixture.admin, "GET", "/metrics", &[], "").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    assert!(metrics.body.contains("wasmcast_streams 3"), "{}", metrics.body);
}

#[tokio::test]
async fn with_a_token_only_its_holders_come_in() {
    let token = "wct_admin-0123456789abcdefghjkmn";
    let policy = Policy { admin_token: Some(access::digest(token)), ..Policy::default() };
    let fixture = Fixture::new(access::Config::default(), policy.clone());
    let right = format!("Bearer {token}");
    let by_query = format!("/api/v1/info?token={token}");
    let rows: [(&str, &str, Lines<'_>, u16); 9] = [
        ("GET", "/api/v1/info", &[], 401),
        ("GET", "/api/v1/info", &[("authorization", "Bearer wrong")], 401),
        ("GET", "/api/v1/info", &[("authorization", &right)], 200),
        ("GET", &by_query, &[], 200),
        ("GET", "/metrics", &[], 401),
        ("GET", "/nothing", &[], 401),
        ("DELETE", "/api/v1/sessions/x", &[("x-wasmcast", "1")], 401),
        ("DELETE", "/api/v1/sessions/x", &[("authorization", &right)], 404),
        ("GET", "/healthz", &[], 200),
    ];
    for (method, path, headers, status) in rows {
        let answer = ask(&fixture.admin, method, path, headers, "").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
    }
    fixture.policy.send_replace(Arc::new(Policy { open_metrics: true, ..policy }));
    assert_eq!(ask(&fixture.admin, "GET", "/metrics", &[], "").await.status, 200);
    assert_eq!(ask(&fixture.admin, "GET", "/api/v1/info", &[], "").await.status, 401);
}

#[tokio::test]
async fn two_host_headers_are_refused() {
    let fixture = Fixture::open();
    // The request of `ask` names `localhost:8080` already.
    for (router, path) in
        [(&fixture.admin, "/api/v1/info"), (&fixture.admin, "/healthz"), (&fixture.public, "/streams")]
    {
        for host in ["evil.example", "localhost:8080"] {
            let answer = ask(router, "GET", path, &[("host", host)], "").await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "two-hosts"), "{path}");
        }
    }
}
