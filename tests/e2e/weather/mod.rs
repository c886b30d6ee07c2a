//! Real clients in bad weather: what is lost, late, out of order, repeated or cut short between them and the server is noticed by
//! no viewer, or for less than a second.

mod handshakes;
mod long;
mod narrow;
mod proxy;
mod rebinding;

use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{Codec, Publisher, Viewer, browser};
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};
pub use proxy::Weather;
use proxy::{Conditions, Sky};

const PATIENCE: Duration = Duration::from_secs(60);
/// Longest time without a new picture.
const FREEZE_MS: f64 = 1_000.0;

/// The last line of JSON of a viewer that ended well.
fn told(viewer: Process) -> (Value, String) {
    let finished = viewer.finish(PATIENCE);
    let last = finished.data.iter().rev().find_map(|line| serde_json::from_str(line).ok());
    assert!(finished.status.success() && last.is_some(), "the viewer failed:\n{}", finished.log);
    (last.unwrap_or_default(), finished.log)
}

fn number(seen: &Value, pointer: &str) -> f64 {
    seen.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {pointer} in {seen}"))
}

/// A viewer of ours that tells ten times a second what it has.
fn watch(server: &Server) -> Process {
    let mut command = wasmcast();
    command.args(["play", &server.url("/whep/cam"), "--interval", "0.1"]);
    Process::start("wasmcast play", &mut command)
}

fn frames(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?["frames"].as_u64()
}

/// Waits until it has so many frames more than as of its last line.
fn wait_more(viewer: &Process, more: u64) {
    let log = viewer.log();
    let seen = log.lines().rev().find_map(|line| frames(line.split_once("| ")?.1)).unwrap_or(0);
    viewer.wait_for("more frames", PATIENCE, |line| (frames(line)? >= seen + more).then_some(()));
}

/// Ends it, and returns what it says then. It must have had one session for all the time.
fn last_words(viewer: Process) -> Value {
    viewer.signal("TERM");
    let (last, log) = told(viewer);
    assert_eq!(last["ended"], "interrupted", "{log}");
    last
}

/// Plays for so many seconds: no freeze of a second, no picture that is not as it was sent. `marked`: the pictures carry the
/// row of cells that tells whether they were decoded well.
fn endure(viewer: Viewer, codec: Codec, place: (&Server, &Weather), seconds: f64, marked: bool) {
    let (server, weather) = place;
    let process = if matches!(viewer, Viewer::Chromium | Viewer::Firefox) {
        let url = server.url("/play/cam?muted=1");
        let options = json!({ "role": "endure", "url": url, "seconds": seconds, "marked": marked });
        browser(if viewer == Viewer::Firefox { "firefox" } else { "chromium" }, server, "cam", &options)
    } else {
        viewer.launch(codec, server, "cam", seconds, true)
    };
    let (seen, log) = told(process);
    let (counts, machine) = (weather.counts(), weather.stall().as_secs_f64() * 1e3);
    eprintln!("{viewer:?}: {seen}, up and down (carried, lost): {counts:?}, machine late by {machine:.0} ms");
    // What is held up here by a busy machine is held up in the clients and in the server, too.
    let (gap, frames) = match viewer {
        Viewer::Chromium | Viewer::Firefox => {
            assert_eq!(number(&seen, "/backwards"), 0.0, "{seen}");
            assert_eq!(number(&seen, "/unreadable"), 0.0, "{seen}");
            let gap = number(&seen, "/gap_ms") - 2.0 * number(&seen, "/stall_ms");
            (gap.max(number(&seen, "/step_ms")), number(&seen, "/frames"))
        }
        Viewer::Wasmcast => {
            assert_eq!(number(&seen, "/broken_frames"), 0.0, "{seen}");
            // A lost packet of sound is gone, and one of the picture may still be on its way at the end.
            (number(&seen, "/longest_gap_ms"), number(&seen, "/frames"))
        }
        _ => {
            assert!(!marked || number(&seen, "/video/unreadable") == 0.0, "{seen}");
            (number(&seen, "/step_ms"), number(&seen, "/video/frames"))
        }
    };
    assert!(
        gap < FREEZE_MS + 2.0 * machine,
        "a freeze of {gap} ms; the machine was late by {machine} ms\n{seen}\n{log}"
    );
    assert!(frames > seconds * 10.0, "{frames} frames in {seconds} s\n{seen}\n{log}");
    let [up, down] = counts;
    assert!(up.0 > 0 && down.0 > 100, "nothing went through the weather: {counts:?}");
}

/// From this publisher to this viewer, both in the same weather.
fn through(sky: Sky, publisher: Publisher, codec: Codec, viewer: Viewer, seconds: f64) {
    from(Weather::over(Setup::new()), sky, publisher, codec, viewer, seconds);
}

fn from(place: (Server, Weather), sky: Sky, publisher: Publisher, codec: Codec, viewer: Viewer, seconds: f64) {
    let (server, weather) = place;
    weather.change(sky);
    let _publisher = publisher.start(codec, &server, "cam");
    server.wait_live("cam");
    let marked = publisher == Publisher::Wasmcast && codec == Codec::H264;
    endure(viewer, codec, (&server, &weather), seconds, marked);
}

/// A tenth of all datagrams comes twice, a fifth is overtaken by others, nothing is lost.
fn muddled() -> Sky {
    let delay = Duration::from_millis(5);
    Sky::both(Conditions { delay, reordered: 0.2, repeated: 0.1, ..Conditions::default() })
}

#[test]
fn chromium_to_our_player_with_losses_and_jitter() {
    through(Sky::both(Conditions::bad()), Publisher::Chromium, Codec::Vp8, Viewer::Wasmcast, 10.0);
}

#[test]
fn our_publisher_to_chromium_with_losses_and_jitter() {
    through(Sky::both(Conditions::bad()), Publisher::Wasmcast, Codec::H264, Viewer::Chromium, 10.0);
}

#[test]
fn aiortc_to_aiortc_with_losses_and_jitter() {
    through(Sky::both(Conditions::bad()), Publisher::Aiortc, Codec::Vp8, Viewer::Aiortc, 10.0);
}

#[test]
fn order_and_repetition_are_put_right_for_chromium() {
    through(muddled(), Publisher::Wasmcast, Codec::H264, Viewer::Chromium, 6.0);
}

#[test]
fn order_and_repetition_are_put_right_for_our_player() {
    through(muddled(), Publisher::Aiortc, Codec::Vp8, Viewer::Wasmcast, 6.0);
}
