//! DTLS handshakes in which each flight of both sides is lost once: whoever waits repeats.

use super::PATIENCE;
use super::proxy::{Conditions, Sky, Weather};
use crate::clients::{Codec, Publisher, Viewer};
use crate::report::Report;
use crate::server::{Server, Setup};

fn losing_flights() -> (Server, Weather, Sky) {
    let (server, weather) = Weather::over(Setup::new());
    (server, weather, Sky::both(Conditions { flights_once: true, ..Conditions::default() }))
}

/// Both sides lost something, and so something was repeated.
fn check_losses(weather: &Weather) {
    let [(_, up), (_, down)] = weather.counts();
    assert!(up >= 3 && down >= 3, "{up} datagrams to the server were lost, {down} from it");
}

fn publishes(publisher: Publisher, codec: Codec) {
    let (server, weather, sky) = losing_flights();
    weather.change(sky);
    let _publisher = publisher.start(codec, &server, "cam");
    server.wait_live("cam");
    check_losses(&weather);
}

fn plays(viewer: Viewer) {
    let (server, weather, sky) = losing_flights();
    let _publisher = Publisher::Wasmcast.start(Codec::H264, &server, "cam");
    server.wait_live("cam");
    weather.forecast(sky);
    // Some seconds go into the handshake, and a viewer of ours counts from its start.
    Report::read(viewer.launch(Codec::H264, &server, "cam", 9.0, true), PATIENCE).check_media();
    check_losses(&weather);
}

#[test]
fn chromium_publishes() {
    publishes(Publisher::Chromium, Codec::Vp8);
}

#[test]
fn aiortc_publishes() {
    publishes(Publisher::Aiortc, Codec::Vp8);
}

/// FFmpeg repeats none of its own flights: only ours are lost. It takes the first hello without a cookie, so that there are two.
#[test]
fn ffmpeg_publishes_as_the_server_of_the_handshake() {
    let (server, weather, sky) = losing_flights();
    weather.change(Sky { down: sky.down, ..Sky::default() });
    let _publisher = Publisher::Ffmpeg.start(Codec::H264, &server, "cam");
    server.wait_live("cam");
    let [_, (_, down)] = weather.counts();
    assert!(down >= 2, "{down} datagrams from the server were lost");
}

#[test]
fn our_client_publishes() {
    publishes(Publisher::Wasmcast, Codec::H264);
}

#[test]
fn chromium_plays() {
    plays(Viewer::Chromium);
}

#[test]
fn aiortc_plays() {
    plays(Viewer::Aiortc);
}

#[test]
fn our_client_plays() {
    plays(Viewer::Wasmcast);
}
