//! The other pairs in bad weather, each for longer.

use super::{Codec, Conditions, Publisher, Setup, Sky, Viewer, Weather};
use super::{from, muddled, through};
use crate::netns;

fn bad(publisher: Publisher, codec: Codec, viewer: Viewer) {
    through(Sky::both(Conditions::bad()), publisher, codec, viewer, 20.0);
}

#[test]
fn chromium_to_chromium() {
    bad(Publisher::Chromium, Codec::Vp8, Viewer::Chromium);
}

#[test]
fn chromium_h264_to_aiortc() {
    bad(Publisher::Chromium, Codec::H264, Viewer::Aiortc);
}

#[test]
fn our_publisher_to_our_player() {
    bad(Publisher::Wasmcast, Codec::H264, Viewer::Wasmcast);
}

#[test]
fn our_publisher_to_aiortc() {
    bad(Publisher::Wasmcast, Codec::H264, Viewer::Aiortc);
}

#[test]
fn aiortc_to_chromium() {
    bad(Publisher::Aiortc, Codec::Vp8, Viewer::Chromium);
}

#[test]
fn aiortc_h264_to_our_player() {
    bad(Publisher::Aiortc, Codec::H264, Viewer::Wasmcast);
}

#[test]
fn chromium_to_chromium_out_of_order() {
    through(muddled(), Publisher::Chromium, Codec::H264, Viewer::Chromium, 10.0);
}

#[test]
fn our_publisher_to_aiortc_out_of_order() {
    through(muddled(), Publisher::Wasmcast, Codec::H264, Viewer::Aiortc, 10.0);
}

/// Firefox does not use loopback for media.
#[test]
fn our_publisher_to_firefox() {
    netns::within("weather::long::our_publisher_to_firefox", |address| {
        let place = Weather::at(address, Setup::new());
        from(place, Sky::both(Conditions::bad()), Publisher::Wasmcast, Codec::Vp8, Viewer::Firefox, 20.0);
    });
}

#[test]
fn chromium_to_firefox_out_of_order() {
    netns::within("weather::long::chromium_to_firefox_out_of_order", |address| {
        let place = Weather::at(address, Setup::new());
        from(place, muddled(), Publisher::Chromium, Codec::Vp8, Viewer::Firefox, 15.0);
    });
}
