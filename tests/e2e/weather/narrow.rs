//! Steps of bandwidth: what does not fit through is lost for a while, and when there is room again everything goes on by itself.

use super::{Conditions, PATIENCE, Sky, Weather, last_words, wait_more, watch};
use crate::clients::{Codec, Publisher};
use crate::server::{Server, Setup};

fn rate(rate: u64) -> Conditions {
    Conditions { rate: Some(rate), ..Conditions::default() }
}

/// Waits until so many more datagrams were lost, up or down.
fn wait_lost(server: &Server, weather: &Weather, more: u64) {
    let lost = || weather.counts().iter().map(|(_, lost)| lost).sum::<u64>();
    let before = lost();
    server.wait_for_long("losses at the narrow place", PATIENCE, || {
        let now = lost();
        if now >= before + more { Ok(()) } else { Err(format!("{before}, then {now}")) }
    });
}

#[test]
fn a_viewer_behind_a_narrow_place_plays_on_when_it_widens() {
    let (server, weather) = Weather::over(Setup::new());
    let _publisher = Publisher::Wasmcast.start(Codec::H264, &server, "cam");
    server.wait_live("cam");
    let viewer = watch(&server);
    wait_more(&viewer, 60);
    for _ in 0..2 {
        weather.change(Sky { down: rate(300_000), ..Sky::default() });
        wait_lost(&server, &weather, 150);
        weather.change(Sky { down: rate(4_000_000), ..Sky::default() });
        wait_more(&viewer, 90);
    }
    let last = last_words(viewer);
    eprintln!("{last}");
}

#[test]
fn what_chromium_sends_adapts_to_a_narrow_place_and_recovers() {
    let (server, weather) = Weather::over(Setup::new());
    let _publisher = Publisher::Chromium.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    let viewer = watch(&server);
    wait_more(&viewer, 60);
    weather.change(Sky { up: rate(400_000), ..Sky::default() });
    wait_lost(&server, &weather, 20);
    // It sends less, and that comes through.
    wait_more(&viewer, 120);
    weather.change(Sky::default());
    wait_more(&viewer, 60);
    let last = last_words(viewer);
    eprintln!("{last}");
    let [(carried, lost), _] = weather.counts();
    assert!(lost * 4 < carried, "{lost} lost of {carried}: it did not adapt");
}
