//! Clients whose address changes in the middle, as behind a translation that forgets them: the session goes on.

use std::time::Instant;

use serde_json::Value;

use super::{Weather, last_words, wait_more, watch};
use crate::clients::{Codec, Publisher};
use crate::follow::Follower;
use crate::process::Process;
use crate::server::Setup;

/// The longest time without a frame as it tells at its end.
fn longest_gap_ms(viewer: Process) -> f64 {
    last_words(viewer)["longest_gap_ms"].as_f64().expect("a number")
}

/// A check of ICE comes each 2.5 s from browsers and from our clients, and shows where they are.
const GAP_MS: f64 = 3_500.0;

#[test]
fn a_viewer_of_ours_plays_on() {
    let (server, weather) = Weather::over(Setup::new());
    let _publisher = Publisher::Wasmcast.start(Codec::H264, &server, "cam");
    server.wait_live("cam");
    let publishers = weather.clients();
    let viewer = watch(&server);
    wait_more(&viewer, 60);
    weather.rebind(publishers..weather.clients());
    wait_more(&viewer, 60);
    let gap = longest_gap_ms(viewer);
    eprintln!("{gap} ms without a frame");
    assert!(gap < GAP_MS, "{gap} ms without a frame");
}

#[test]
fn chromium_plays_on() {
    let (server, weather) = Weather::over(Setup::new().demo());
    server.wait_live("demo");
    let viewer = Follower::start(&server, "demo");
    let seen = viewer.wait_playing(&Value::Null, 40);
    weather.rebind(0..weather.clients());
    let began = Instant::now();
    let seen = viewer.wait_playing(&seen, 60);
    eprintln!("60 frames more after {:?}", began.elapsed());
    assert_eq!(seen["sessions"], 1, "{seen}");
}

#[test]
fn what_chromium_publishes_goes_on() {
    let (server, weather) = Weather::over(Setup::new());
    let _publisher = Publisher::Chromium.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    let of_publisher = 0..weather.clients();
    let viewer = watch(&server);
    wait_more(&viewer, 60);
    weather.rebind(of_publisher);
    wait_more(&viewer, 60);
    let gap = longest_gap_ms(viewer);
    eprintln!("{gap} ms without a frame");
    assert!(gap < GAP_MS, "{gap} ms without a frame");
}
