//! Viewers who come too early or must go: waiting, draining, and TURN servers on the way.

use std::io::{BufRead, BufReader};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::Value;

use crate::clients::{Codec, Publisher};
use crate::follow::{Follower, count};
use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};

const LIMIT: Duration = Duration::from_secs(30);

fn admin(method: &str, path: &str) -> Request {
    Request::new(method, path).header("X-Wasmcast", "1")
}

/// The events of a new WHEP session of the stream, as they come.
pub fn events(server: &Server, stream: &str) -> BufReader<TcpStream> {
    let created = server.send(&Request::offer(format!("/whep/{stream}"), CHROME_WHEP)).expect(201);
    let url = format!("{}/events", created.header("location").expect("a Location"));
    let made = server.send(&Request::new("POST", url)).expect(201);
    let url = made.header("location").expect("the URL of the event stream");
    let (response, events) = Request::get(url).header("Accept", "text/event-stream").follow(server.http);
    assert_eq!(response.status, 200);
    events
}

/// Reads events until one has this name; panics when they end before.
pub fn wait_event(events: &mut impl BufRead, name: &str) {
    let mut line = String::new();
    while line.trim_end() != format!("event: {name}") {
        line.clear();
        assert!(events.read_line(&mut line).is_ok_and(|length| length > 0), "the events ended before `{name}`");
    }
}

#[test]
fn a_viewer_waits_for_a_stream_that_will_come() {
    let server = Setup::new().config("egress.wait = \"30s\"").start();
    let mut play = wasmcast();
    play.args(["play", &server.url("/whep/cam"), "--expect-frames", "10"]);
    let viewer = Process::start("wasmcast play", &mut play);
    // One that hangs up while it waits leaves nothing behind.
    drop(Request::offer("/whep/cam", CHROME_WHEP).begin(server.http));
    let _publisher = Publisher::Wasmcast.start(Codec::H264, &server, "cam");
    let finished = viewer.finish(LIMIT);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.log);
    server.wait_sessions("play", 0);
}

#[test]
fn a_drained_server_sends_viewers_away_and_takes_nobody_until_that_is_undone() {
    let server = Server::demo();
    let viewer = Follower::start(&server, "demo");
    let seen = viewer.wait_playing(&Value::Null, 20);
    let mut told = events(&server, "demo");
    wait_event(&mut told, "active");
    let drained = admin("POST", "/api/v1/drain?leave=false").send(server.admin).expect(202).json();
    assert_eq!((&drained["state"], &drained["leave"]), (&"draining".into(), &false.into()));
    wait_event(&mut told, "reconnect");
    server.send(&Request::offer("/whip/cam", CHROME_WHIP)).problem(503);
    let refused = server.send(&Request::offer("/whep/demo", CHROME_WHEP));
    refused.problem(503);
    assert!(refused.header("retry-after").is_some_and(|value| value.parse::<u32>().is_ok()));
    Request::get("/readyz").send(server.http).problem(503);
    assert_eq!(server.api("/api/v1/info")["state"], "draining");
    // The player asked for another session, got none, and plays on with the one it has.
    let tried = viewer.wait("another offer", |seen| seen["offers"].as_array().is_some_and(|offers| offers.len() > 1));
    assert_eq!((tried["offers"][1].as_u64(), count(&tried, "sessions")), (Some(503), 1), "{tried}");
    viewer.wait_playing(&seen, 40);
    admin("DELETE", "/api/v1/drain").send(server.admin).expect(200);
    Request::get("/readyz").send(server.http).expect(200);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
}

#[test]
fn a_server_that_is_drained_to_leave_goes_when_its_viewers_have_gone() {
    let server = Setup::new().demo().config("shutdown.grace_s = 3600").start();
    server.wait_live("demo");
    let mut told = events(&server, "demo");
    assert_eq!(admin("POST", "/api/v1/drain").send(server.admin).expect(202).json()["leave"], true);
    wait_event(&mut told, "reconnect");
    // It is there until the viewer has gone.
    let id = server.api("/api/v1/sessions")["sessions"][0]["id"].as_str().expect("a session").to_owned();
    server.send(&Request::new("DELETE", format!("/session/{id}"))).expect(200);
    let finished = server.process.finish(LIMIT);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.log);
}

#[test]
fn sigterm_tells_viewers_to_reconnect_and_waits_for_them() {
    let server = Setup::new().demo().config("shutdown.grace_s = 3600").start();
    server.wait_live("demo");
    let viewer = Follower::start(&server, "demo");
    let seen = viewer.wait_playing(&Value::Null, 20);
    let mut told = events(&server, "demo");
    wait_event(&mut told, "active");
    server.process.signal("TERM");
    wait_event(&mut told, "reconnect");
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(503);
    // The player is refused too, and plays on until the server leaves.
    viewer.wait("another offer", |seen| seen["offers"].as_array().is_some_and(|offers| offers.contains(&503.into())));
    viewer.wait_playing(&seen, 40);
    server.process.signal("TERM");
    let finished = server.process.finish(LIMIT);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.log);
}

#[test]
fn a_browser_uses_the_turn_servers_of_the_answer() {
    let turn = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    turn.set_read_timeout(Some(LIMIT)).expect("a timeout above zero");
    let url = format!("turn:{}?transport=udp", turn.local_addr().expect("bound"));
    let config = format!("[[ice.servers]]\nurl = \"{url}\"\nsecret = \"env:WASMCAST_TEST_SECRET\"\nttl = \"1h\"\n");
    let server = Setup::new().config(&config).env("WASMCAST_TEST_SECRET", "north and south").demo().start();
    server.wait_live("demo");
    let shown = server.api("/api/v1/config");
    assert!(shown.to_string().contains("env:WASMCAST_TEST_SECRET") && !shown.to_string().contains("north"), "{shown}");
    let viewer = Follower::start_behind_turn(&server, "demo");
    let seen = viewer.wait("a session", |seen| count(seen, "sessions") == 1);
    let known = &seen["iceServers"][0];
    assert!(known["urls"].to_string().contains(&url), "{seen}");
    assert!(known["username"].as_str().is_some_and(|name| name.parse::<u64>().is_ok()), "{seen}");
    assert_eq!(known["credential"].as_str().map(str::len), Some(28), "{seen}");
    // It asks for a relay there: an Allocate request (RFC 8656, 7.1).
    let mut datagram = [0; 1500];
    while datagram[..2] != [0x00, 0x03] {
        turn.recv(&mut datagram).expect("an Allocate request to the TURN server");
    }
    assert!(!server.stop().log.contains("north"));
}
