//! Media by other ways than IPv4 on one address: IPv6, both families at once, and behind a translated address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::clients::{Codec, Publisher, Viewer};
use crate::server::{Server, Setup};

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

/// A box that maps an outer address to the server's, as 1:1 NAT does; each outer peer has an inner socket of its own.
struct Translation {
    carried: Arc<AtomicU64>,
}

impl Translation {
    /// Works until the test's process ends.
    fn start(outer: SocketAddr, inner: SocketAddr) -> Self {
        let outside = Arc::new(UdpSocket::bind(outer).expect("the port that is free there too"));
        let carried = Arc::new(AtomicU64::new(0));
        let counted = carried.clone();
        thread::spawn(move || {
            let mut peers: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut datagram = [0; 2_048];
            while let Ok((length, peer)) = outside.recv_from(&mut datagram) {
                let inside = peers.entry(peer).or_insert_with(|| {
                    let inside = Arc::new(UdpSocket::bind((V4, 0)).expect("a free port"));
                    inside.connect(inner).expect("loopback");
                    let (from, to, counted) = (inside.clone(), outside.clone(), counted.clone());
                    thread::spawn(move || {
                        let mut datagram = [0; 2_048];
                        while let Ok(length) = from.recv(&mut datagram) {
                            counted.fetch_add(1, Ordering::Relaxed);
                            let _ = to.send_to(&datagram[..length], peer);
                        }
                    });
                    inside
                });
                let _ = inside.send(&datagram[..length]);
            }
        });
        Translation { carried }
    }

    /// Datagrams from the server to its peers.
    fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

#[test]
fn media_goes_by_the_public_address_where_that_is_another() {
    let server = Setup::new().config("media.public_address = \"127.0.0.2\"").start();
    let outer = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), server.media.port());
    let translation = Translation::start(outer, server.media);
    let _publisher = Publisher::Aiortc.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    let before = translation.carried();
    Viewer::Aiortc.play(Codec::Vp8, &server, "cam").check_media();
    Viewer::Wasmcast.play(Codec::Vp8, &server, "cam").check_media();
    // Two viewers with four seconds each of 30 frames and 50 packets of sound a second.
    let carried = translation.carried() - before;
    assert!(carried > 500, "only {carried} datagrams went by the public address");
}
