//! Media by other ways than IPv4 on one address: IPv6, both families at once, and behind a translated address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::clients::{Codec, Publisher, Viewer};
use crate::server::{Server, Setup};
use crate::weather::Weather;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[test]
fn our_own_clients_and_others_connect_by_ipv6() {
    let server = Setup::new().address(V6).start();
    assert!(server.http.is_ipv6() && server.media.is_ipv6());
    let _ours = Publisher::Wasmcast.start(Codec::H264, &server, "ours");
    let _theirs = Publisher::Aiortc.start(Codec::Vp8, &server, "theirs");
    server.wait_live("ours");
    server.wait_live("theirs");
    Viewer::Wasmcast.play(Codec::Vp8, &server, "theirs").check_media();
    Viewer::Aiortc.play(Codec::H264, &server, "ours").check_media();
}

#[test]
fn a_browser_publishes_and_plays_by_ipv6() {
    let server = Setup::new().address(V6).start();
    let _publisher = Publisher::Chromium.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    Viewer::Chromium.play(Codec::Vp8, &server, "cam").check_media();
}

#[test]
fn one_socket_serves_both_families() {
    let open = "access.publish = \"open\"\naccess.play = \"open\"";
    let mut server = Setup::new().address(Ipv6Addr::UNSPECIFIED.into()).config(open).start();
    let through = |server: &mut Server, address: IpAddr| server.http.set_ip(address);
    through(&mut server, V6);
    let _by_v6 = Publisher::Aiortc.start(Codec::Vp8, &server, "v6");
    server.wait_live("v6");
    through(&mut server, V4);
    let _by_v4 = Publisher::Wasmcast.start(Codec::H264, &server, "v4");
    server.wait_live("v4");
    Viewer::Aiortc.play(Codec::Vp8, &server, "v6").check_media();
    Viewer::Wasmcast.play(Codec::H264, &server, "v4").check_media();
    through(&mut server, V6);
    Viewer::Aiortc.play(Codec::H264, &server, "v4").check_media();
}

#[test]
fn media_goes_by_the_public_address_where_that_is_another() {
    let (server, weather) = Weather::at(Ipv4Addr::new(127, 0, 0, 2).into(), Setup::new());
    let _publisher = Publisher::Aiortc.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    let sent = || weather.counts()[1].0;
    let before = sent();
    Viewer::Aiortc.play(Codec::Vp8, &server, "cam").check_media();
    Viewer::Wasmcast.play(Codec::Vp8, &server, "cam").check_media();
    // Two viewers with four seconds each of 30 frames and 50 packets of sound a second.
    let carried = sent() - before;
    assert!(carried > 500, "only {carried} datagrams went by the public address");
}
