//! Publishers that are lost and come back, or are followed by others: what their viewers notice.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{Codec, Publisher, browser, ready};
use crate::follow::{Follower, count};
use crate::http::Request;
use crate::offers::CHROME_WHIP;
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};
use crate::tokens::{rule, token};

const LIMIT: Duration = Duration::from_secs(30);

fn publish(server: &Server, options: &[&str]) -> Process {
    let mut command: Command = wasmcast();
    command.args(["publish", "testsrc", "--size", "640x360", "--bitrate", "600"]).args(options);
    command.arg(server.url("/whip/cam"));
    Process::start("wasmcast publish", &mut command)
}

fn watch(server: &Server) -> Process {
    let mut command = wasmcast();
    command.args(["play", &server.url("/whep/cam"), "--interval", "0.5"]);
    Process::start("wasmcast play", &mut command)
}

/// The last that a headless viewer says: everything came, in one session.
fn check_whole(viewer: Process) {
    viewer.signal("TERM");
    let finished = viewer.finish(LIMIT);
    let last: Value = finished.data.last().and_then(|line| serde_json::from_str(line).ok()).expect("a report");
    for name in ["lost", "broken_frames", "not_understood"] {
        assert_eq!(last[name], 0, "{name} in {last}\n{}", finished.log);
    }
}

fn wait_state(server: &Server, state: &str) {
    server.wait_for_long(&format!("the stream being {state}"), LIMIT, || {
        let streams = server.api("/api/v1/streams");
        if streams["streams"][0]["state"] == state { Ok(()) } else { Err(streams.to_string()) }
    });
}

/// Complete frames of a headless viewer as of its last report.
fn frames(viewer: &Process) -> u64 {
    let log = viewer.log();
    let reports = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line.split_once("| ")?.1).ok());
    reports.filter_map(|report| report["frames"].as_u64()).next().unwrap_or_default()
}

/// Waits for so many more frames.
fn wait_frames(server: &Server, viewer: &Process, more: u64) {
    let before = frames(viewer);
    server.wait_for_long("more frames", LIMIT, || {
        let now = frames(viewer);
        if now >= before + more { Ok(()) } else { Err(format!("{before}, then {now}\n{}", viewer.log())) }
    });
}

/// One that lets the holders of these tokens publish, and everyone watch.
fn guarded(lines: &[String]) -> String {
    let tokens: Vec<&str> = lines.iter().map(|line| line.trim_start_matches('[').trim_end_matches(']')).collect();
    format!("access.play = \"open\"\n{}", rule("publish", &format!("[{}]", tokens.join(", "))))
}

/// Chromium with the page that publishes.
fn page(server: &Server, token: &str, profile: &str) -> Process {
    let query = format!("source=test&autostart=1&codec=vp8&width=640&height=360&fps=30&kbps=600&token={token}");
    let url = server.url(&format!("/publish/cam?{query}"));
    ready(browser("chromium", server, profile, &json!({ "role": "publish", "url": url })))
}

/// The state of the only publisher that is connected, by its id.
fn publisher(server: &Server) -> String {
    server.wait_connected("publish", 1);
    let list = server.api("/api/v1/sessions?action=publish");
    list["sessions"][0]["id"].as_str().unwrap_or_else(|| panic!("no publisher: {list}")).to_owned()
}

#[test]
fn a_publisher_that_was_killed_comes_back_and_its_viewers_play_on() {
    let server = Server::start();
    let first = publish(&server, &[]);
    server.wait_live("cam");
    let (browser, headless) = (Follower::start(&server, "cam"), watch(&server));
    let seen = browser.wait_playing(&Value::Null, 20);
    first.signal("KILL");
    // Nobody can be told from others without a token: it is another publisher's turn when the first is not heard any more.
    wait_state(&server, "away");
    browser.wait("the word that the publisher is away", |seen| seen["title"] == "The publisher is away");
    server.send(&Request::offer("/whep/cam", crate::offers::CHROME_WHEP)).problem(409);
    let _second = publish(&server, &[]);
    let back = browser.wait_playing(&seen, 60);
    assert_eq!((count(&back, "sessions"), count(&back, "lost")), (1, 0), "{back}");
    wait_state(&server, "live");
    server.wait_sessions("publish", 1);
    check_whole(headless);
    assert!(server.stop().log.contains("\"reason\":\"Replaced\""));
}

#[test]
fn who_comes_back_with_the_same_token_goes_on_at_once_even_if_the_old_session_seems_alive() {
    let ((secret, line), (other, other_line)) = (token(), token());
    let server = Setup::new().config(&guarded(&[line, other_line])).start();
    let first = publish(&server, &["--token", &secret]);
    server.wait_live("cam");
    let before = publisher(&server);
    let (browser, headless) = (Follower::start(&server, "cam"), watch(&server));
    let seen = browser.wait_playing(&Value::Null, 20);
    server.send(&Request::offer("/whip/cam", CHROME_WHIP).bearer(&other)).problem(409);
    // One who never connects changes nothing.
    server.send(&Request::offer("/whip/cam", CHROME_WHIP).bearer(&secret)).expect(201);
    let _second = publish(&server, &["--token", &secret]);
    let replaced = first.finish(LIMIT);
    assert_ne!(replaced.status.code(), None, "{}", replaced.log);
    assert_ne!(publisher(&server), before);
    let back = browser.wait_playing(&seen, 60);
    assert_eq!((count(&back, "sessions"), count(&back, "lost")), (1, 0), "{back}");
    check_whole(headless);
}

#[test]
fn a_browser_that_was_killed_publishes_on_with_its_token() {
    let (secret, line) = token();
    let server = Setup::new().config(&guarded(&[line])).start();
    let first = page(&server, &secret, "first");
    server.wait_live("cam");
    let headless = watch(&server);
    wait_frames(&server, &headless, 20);
    let before = publisher(&server);
    first.signal("KILL");
    let _second = page(&server, &secret, "second");
    assert_ne!(publisher(&server), before);
    wait_frames(&server, &headless, 60);
    server.wait_sessions("play", 1);
    check_whole(headless);
}

#[test]
fn other_codecs_make_viewers_reconnect() {
    let server = Setup::new().config("ingest.on_conflict = \"takeover\"").start();
    let _first = publish(&server, &[]);
    server.wait_live("cam");
    let browser = Follower::start(&server, "cam");
    browser.wait_playing(&Value::Null, 20);
    let _second = Publisher::Wasmcast.start(Codec::Vp9, &server, "cam");
    let moved = browser.wait("another session", |seen| count(seen, "sessions") == 2 && count(seen, "frames") > 20);
    assert_eq!(moved["state"], "live", "{moved}");
    let stream = server.wait_live("cam");
    assert!(stream["tracks"].to_string().contains("vp9"), "{stream}");
    server.wait_sessions("publish", 1);
    assert!(server.stop().log.contains("\"reason\":\"StreamReplaced\""));
}

#[test]
fn another_takes_the_stream_over_where_that_is_configured() {
    let server = Setup::new().config("ingest.on_conflict = \"takeover\"").start();
    let first = publish(&server, &[]);
    server.wait_live("cam");
    let id = publisher(&server);
    let headless = watch(&server);
    wait_frames(&server, &headless, 20);
    let _second = publish(&server, &[]);
    first.finish(LIMIT);
    assert_ne!(publisher(&server), id);
    wait_frames(&server, &headless, 60);
    server.wait_sessions("play", 1);
    check_whole(headless);
}

#[test]
fn a_stream_ends_when_its_publisher_does_not_come_back_or_says_that_it_will_not() {
    let server = Setup::new().config("ingest.resume = \"1s\"").start();
    let first = publish(&server, &[]);
    server.wait_live("cam");
    let mut told = events(&server);
    wait_event(&mut told, "active");
    first.signal("KILL");
    wait_event(&mut told, "inactive");
    server.wait_for_long("the end of the stream", LIMIT, || {
        let streams = server.api("/api/v1/streams");
        if streams["total"] == 0 { Ok(()) } else { Err(streams.to_string()) }
    });
    // A DELETE is an end at once, however long the stream might wait.
    let server = Setup::new().config("ingest.resume = \"600s\"").start();
    let publisher = publish(&server, &[]);
    server.wait_live("cam");
    publisher.signal("TERM");
    publisher.finish(LIMIT);
    server.wait_until("the end of the stream", || {
        let streams = server.api("/api/v1/streams");
        if streams["total"] == 0 { Ok(()) } else { Err(streams.to_string()) }
    });
}

/// The events of a new session that watches the stream, as they come.
fn events(server: &Server) -> BufReader<TcpStream> {
    crate::comings::events(server, "cam")
}

fn wait_event(events: &mut impl BufRead, name: &str) {
    crate::comings::wait_event(events, name);
}
