//! What an operator sees and does: metrics, the API, its protection against web pages.

use std::time::Duration;

use crate::clients::{Codec, Publisher};
use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::server::{Server, Setup};

#[test]
fn sessions_and_streams_are_listed_and_one_can_be_kicked() {
    let server = Server::demo();
    let created = server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
    let location = created.header("location").expect("a Location").to_owned();
    let id = location.trim_start_matches("/session/").to_owned();
    server.wait_sessions("play", 1);
    let kick = Request::new("DELETE", format!("/api/v1/sessions/{id}"));
    kick.send(server.admin).problem(403);
    let kick = Request::new("DELETE", format!("/api/v1/sessions/{id}")).header("X-Wasmcast", "1");
    assert!(matches!(kick.send(server.admin).status, 200 | 204));
    server.wait_sessions("play", 0);
    server.send(&Request::new("DELETE", &location)).problem(404);
}

#[test]
fn ffmpeg_ends_when_its_session_is_kicked() {
    let server = Server::start();
    let publisher = Publisher::Ffmpeg.start(Codec::H264, &server, "cam");
    server.wait_live("cam");
    let list = server.api("/api/v1/sessions");
    let id = list["sessions"][0]["id"].as_str().expect("a session").to_owned();
    let kick = Request::new("DELETE", format!("/api/v1/sessions/{id}")).header("X-Wasmcast", "1");
    kick.send(server.admin).expect(204);
    // It has no other way to notice than that its consent (RFC 7675) is not renewed, which takes 30 s.
    let finished = publisher.finish(Duration::from_secs(45));
    assert!(finished.log.contains("Consent Freshness expired"), "{}", finished.log);
}

#[test]
fn web_pages_can_not_drive_the_api() {
    let server = Server::start();
    let request = Request::get("/api/v1/info").header("Host", "attacker.example");
    request.send(server.admin).problem(403);
    let request = Request::new("DELETE", "/api/v1/sessions/x").header("Origin", "https://attacker.example");
    request.send(server.admin).problem(403);
    let preflight = Request::new("OPTIONS", "/api/v1/sessions/x")
        .header("Origin", "https://attacker.example")
        .header("Access-Control-Request-Method", "DELETE")
        .header("Access-Control-Request-Headers", "x-wasmcast");
    assert!(preflight.send(server.admin).header("access-control-allow-origin").is_none());
}

#[test]
fn the_admin_token_is_asked_for_where_it_is_set() {
    let server = Setup::new().config("admin.token = \"env:WASMCAST_TEST_SECRET\"");
    let secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let server = server.env("WASMCAST_TEST_SECRET", secret).start();
    Request::get("/api/v1/info").send(server.admin).problem(401);
    Request::get("/metrics").send(server.admin).problem(401);
    Request::get("/healthz").send(server.admin).expect(200);
    Request::get("/api/v1/info").bearer(secret).send(server.admin).expect(200);
    let shown = Request::get("/api/v1/config").bearer(secret).send(server.admin).expect(200).text();
    assert!(!shown.contains(secret), "the token is shown: {shown}");
}

#[test]
fn metrics_count_what_happens() {
    let server = Server::demo();
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
    server.send(&Request::offer("/whep/nobody", CHROME_WHEP)).problem(409);
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    // Gauges are brought up to date once a second.
    let text = server.wait_until("one stream and one pending viewer", || {
        let text = Request::get("/metrics").send(server.admin).expect(200).text();
        let viewer = value(&text, "wasmcast_sessions{action=\"play\",state=\"pending\"}");
        let seen = value(&text, "wasmcast_streams") == Some(1.0) && viewer == Some(1.0);
        if seen { Ok(text) } else { Err(text) }
    });
    assert!(value(&text, "wasmcast_http_requests").is_some_and(|count| count >= 1.0), "{text}");
    assert!(!text.contains("nobody"), "names that clients choose are no labels: {text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("wasmcast_") || line.starts_with("process_"), "{line}");
    }
}

#[test]
fn traffic_is_counted_per_stream() {
    let server = Server::start();
    let _publisher = Publisher::Ffmpeg.start(Codec::H264, &server, "live/cam");
    let entry = server.wait_live("live/cam");
    assert_eq!(entry["name"], "live/cam");
    server.wait_until("traffic", || {
        let list = server.api("/api/v1/streams");
        let packets = list["streams"][0]["stats"]["packets"].as_u64().unwrap_or(0);
        if packets > 100 { Ok(()) } else { Err(list.to_string()) }
    });
}

#[test]
fn requests_and_sessions_have_ids_in_the_log() {
    let server = Server::start();
    let created = server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201);
    let id = created.header("location").and_then(|location| location.strip_prefix("/session/")).expect("an id");
    let id = id.to_owned();
    let log = server.stop().log;
    for line in log.lines().filter_map(|line| line.split_once("| ")).map(|(_, line)| line) {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
    }
    // The whole id would be the right to end the session: a log holds at most its beginning.
    let beginning = id.get(..8).unwrap_or(&id);
    assert!(log.contains(beginning), "no line about the session {id}\n{log}");
}
