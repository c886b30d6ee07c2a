//! Those who were let in: publishers and viewers who send what no one should, with valid encryption.

use std::time::Duration;

use serde_json::Value;

use super::{PATIENCE, Watched};
use crate::clients::{Codec, Publisher, python};
use crate::process::Process;
use crate::server::Server;

/// Connects with this stream, sends its datagrams, and is still there after that.
fn abuse(server: &Server, path: &str, mode: &str, count: u64) -> Process {
    let mut command = python("aiortc_abuse.py");
    command.arg(server.url(path)).args(["--mode", mode, "--count", &count.to_string()]);
    let abuser = Process::start(mode, &mut command);
    abuser.wait_for("all being sent", PATIENCE, |line| line.contains("\"sent\":").then_some(()));
    abuser
}

/// The entry of the only session with this action and stream.
fn session(server: &Server, action: &str, stream: &str) -> Value {
    let list = server.api("/api/v1/sessions");
    let mut entries = list["sessions"].as_array().into_iter().flatten();
    let found = entries.find(|entry| entry["action"] == action && entry["stream"] == stream);
    found.cloned().unwrap_or_else(|| panic!("no {action} of {stream} in {list}"))
}

#[test]
fn a_publisher_with_a_new_source_in_each_packet_takes_no_more_room() {
    let watched = Watched::start(Server::demo());
    let _abuser = abuse(&watched.server, "/whip/cam", "ssrcs", 5_000);
    watched.check(5_000, 60.0, 24);
}

#[test]
fn huge_and_senseless_header_extensions_do_no_harm() {
    let watched = Watched::start(Server::demo());
    let _abuser = abuse(&watched.server, "/whip/cam", "extensions", 10_000);
    watched.check(10_000, 60.0, 24);
}

#[test]
fn garbage_in_compound_packets_does_no_harm() {
    for path in ["/whip/cam", "/whep/demo"] {
        let watched = Watched::start(Server::demo());
        let _abuser = abuse(&watched.server, path, "rtcp", 10_000);
        watched.check(10_000, 60.0, 24);
    }
}

#[test]
fn records_of_a_handshake_that_is_over_are_not_kept() {
    let watched = Watched::start(Server::demo());
    let abuser = abuse(&watched.server, "/whep/demo", "dtls", 10_000);
    // It is still served: nothing that comes in plain text ends a session.
    let state = session(&watched.server, "play", "demo")["state"].clone();
    assert_eq!(state, "connected", "{}", abuser.log());
    watched.check(10_000, 60.0, 16);
}

#[test]
fn a_storm_of_keyframe_requests_reaches_the_publisher_as_a_few() {
    let watched = Watched::start(Server::demo());
    let server = &watched.server;
    let publisher = Publisher::Aiortc.start(Codec::Vp8, server, "cam");
    server.wait_live("cam");
    let requests = |action: &str| session(server, action, "cam")["stats"]["keyframe_requests"].as_u64().unwrap_or(0);
    let before = requests("publish");
    let began = std::time::Instant::now();
    let _abuser = abuse(server, "/whep/cam", "plis", 5_000);
    server.wait_until("the requests being counted", || {
        let count = requests("play");
        if count > 2_500 { Ok(()) } else { Err(format!("{count} of 5,000 requests")) }
    });
    // One a second and one more, and two for those who joined.
    let most = began.elapsed().as_secs() + 2 + 2;
    let asked = requests("publish") - before;
    assert!(asked <= most, "{asked} requests to the publisher, {most} would be right\n{}", publisher.log());
    watched.check(5_000, 60.0, 24);
}

#[test]
fn a_storm_of_nacks_is_answered_with_so_many_a_second() {
    let watched = Watched::start(Server::demo());
    let server = &watched.server;
    let began = std::time::Instant::now();
    let abuser = abuse(server, "/whep/demo", "nacks", 5_000);
    server.wait_for_long("the figures of a later second", Duration::from_secs(10), || {
        if began.elapsed() > Duration::from_secs(4) { Ok(()) } else { Err(String::new()) }
    });
    let sent = watched.counter("wasmcast_retransmitted_packets_total");
    // Half a million packets were asked for.
    let most = (began.elapsed().as_secs() + 2) * 400;
    assert!(sent > 0 && sent <= most, "{sent} packets again, {most} would be right\n{}", abuser.log());
    watched.check(5_000, 60.0, 16);
}

#[test]
fn what_is_asked_for_again_and_was_never_sent_is_counted() {
    let watched = Watched::start(Server::demo());
    let _abuser = abuse(&watched.server, "/whep/demo", "nonsense-nacks", 10);
    watched.server.wait_until("the misses", || {
        let missed = watched.counter("wasmcast_retransmissions_missed_total");
        if missed >= 400 { Ok(()) } else { Err(format!("{missed} of 500, of which 400 a second count")) }
    });
}
