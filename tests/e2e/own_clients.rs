//! `wasmcast publish`, `play` and `bench` against the server: what they tell, and how they end.

use std::time::Duration;

use serde_json::Value;

use crate::process::{Finished, Process};
use crate::server::{Server, wasmcast};

const LIMIT: Duration = Duration::from_secs(30);

pub fn start(arguments: &[&str]) -> Process {
    Process::start(&format!("wasmcast {}", arguments[0]), wasmcast().args(arguments))
}

fn run(arguments: &[&str]) -> Finished {
    start(arguments).finish(LIMIT)
}

/// The last line of JSON of a command that ended well.
pub fn report(finished: &Finished) -> Value {
    assert_eq!(finished.status.code(), Some(0), "{}", finished.log);
    let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log))
}

pub fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn what_is_published_is_seen_whole_in_time_and_in_step() {
    let server = Server::start();
    let endpoint = server.url("/whip/live/cam");
    let publisher = start(&["publish", "testsrc", &endpoint, "--size", "640x360", "--bitrate", "600", "--json"]);
    server.wait_live("live/cam");
    let second = run(&["publish", "testsrc", &endpoint]);
    assert_eq!(second.status.code(), Some(1), "{}", second.log);
    assert!(second.log.contains("taken by another publisher"), "{}", second.log);
    let seen = report(&run(&["play", &server.url("/whep/live/cam"), "--duration", "4"]));
    assert_eq!((&seen["video_codec"], &seen["audio_codec"]), (&"h264".into(), &"opus".into()), "{seen}");
    assert_eq!((number(&seen, "width"), number(&seen, "height")), (640.0, 360.0), "{seen}");
    assert!((90.0..=200.0).contains(&number(&seen, "frames")), "{seen}");
    assert!((150.0..=300.0).contains(&number(&seen, "audio_packets")), "{seen}");
    for name in ["lost", "broken_frames", "not_understood"] {
        assert_eq!(number(&seen, name), 0.0, "{name} in {seen}");
    }
    assert!(number(&seen, "latency_p50_ms") >= 0.0 && number(&seen, "latency_samples") > 30.0, "{seen}");
    assert!(number(&seen, "av_offset_ms").abs() < 80.0, "{seen}");
    publisher.signal("TERM");
    let sent = report(&publisher.finish(LIMIT));
    assert!(number(&sent, "video_frames") > 90.0 && number(&sent, "keyframes") >= 2.0, "{sent}");
    server.wait_sessions("publish", 0);
}

#[test]
fn playing_can_wait_for_frames_and_says_why_none_come() {
    let server = Server::demo();
    let seen = report(&run(&["play", &server.url("/whep/demo"), "--expect-frames", "10"]));
    assert!(seen["ended"] == "frames" && number(&seen, "frames") >= 10.0, "{seen}");
    let absent = run(&["play", &server.url("/whep/nobody")]);
    assert_eq!(absent.status.code(), Some(1), "{}", absent.log);
    assert!(absent.log.contains("the stream is not live"), "{}", absent.log);
    for (arguments, words) in [
        (["play", "rtmp://127.0.0.1/a/b"], "RTMP is not supported yet"),
        (["play", "127.0.0.1:8080/whep/a"], "is no endpoint"),
    ] {
        let refused = run(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", refused.log);
        assert!(refused.log.contains(words), "{}", refused.log);
    }
}

#[test]
fn playing_ends_well_with_the_stream() {
    let server = Server::start();
    let publisher = start(&["publish", "testsrc", &server.url("/whip/short"), "--size", "320x180"]);
    server.wait_live("short");
    let viewer = start(&["play", &server.url("/whep/short"), "--interval", "0.5"]);
    viewer.wait_for("a first report", LIMIT, |line| line.contains("\"final\":false").then_some(()));
    publisher.signal("INT");
    assert_eq!(publisher.finish(LIMIT).status.code(), Some(0));
    let seen = report(&viewer.finish(LIMIT));
    assert_eq!(seen["ended"], "the server closed the session", "{seen}");
}

/// Memory of a process that is in RAM, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has a size");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

#[test]
fn memory_stays_level_over_rounds_of_joins_and_leaves() {
    let server = Server::demo();
    let endpoint = server.url("/whep/demo");
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let window = ["--viewers", "60", "--ramp", "60", "--duration", "0.3", "--settle", "0.1"];
        let mut arguments = vec!["bench", "whep", endpoint.as_str()];
        arguments.extend(window);
        assert_eq!(number(&report(&run(&arguments)), "sessions_ok"), 60.0);
        server.wait_sessions("play", 0);
        sizes.push(resident_kib(server.process.id()));
    }
    // The first rounds fill what is kept for the next: tables, buffers, the allocator's arenas. A viewer costs some 31 KiB: a
    // twentieth of those who left would show.
    let growth = sizes[5].saturating_sub(sizes[2]);
    assert!(growth < 180 * 31 / 20 + 1_024, "{growth} KiB more after 180 more viewers: {sizes:?}");
}

#[test]
fn load_generators_count_what_the_server_sends_and_takes() {
    let server = Server::demo();
    let pid = server.process.id().to_string();
    let window = ["--duration", "1", "--settle", "0.2", "--ramp", "40", "--server-pid", &pid];
    let mut arguments = vec!["bench", "whep"];
    let endpoint = server.url("/whep/demo");
    arguments.extend([endpoint.as_str(), "--viewers", "10"]);
    arguments.extend(window);
    let viewers = report(&run(&arguments));
    assert_eq!((number(&viewers, "sessions_ok"), number(&viewers, "lost")), (10.0, 0.0), "{viewers}");
    assert_eq!(number(&viewers, "ttff_n"), 10.0, "{viewers}");
    assert!(number(&viewers, "packets") > 500.0 && number(&viewers, "latency_samples") > 50.0, "{viewers}");
    assert!(number(&viewers, "rss_kb_base") > 1000.0, "{viewers}");
    let endpoint = server.url("/whip/load{i}");
    let mut arguments = vec!["bench", "whip", &endpoint, "--publishers", "3", "--bitrate", "300"];
    arguments.extend(window);
    let publishers = report(&run(&arguments));
    assert_eq!(number(&publishers, "publishers_ok"), 3.0, "{publishers}");
    assert!((60.0..=120.0).contains(&number(&publishers, "frames")), "{publishers}");
    server.wait_sessions("publish", 0);
    server.wait_sessions("play", 0);
}
