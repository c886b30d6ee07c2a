//! Datagrams in another's name: whoever knows a viewer's or a publisher's address can send them, and must change nothing.

use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use super::Watched;
use crate::clients::{Codec, Publisher};
use crate::netns;
use crate::server::Setup;

/// Sends UDP over IPv4 from any address; that takes the rights of the administrator, which tests have in their namespace.
struct Forger(Socket);

impl Forger {
    fn new() -> Self {
        /// `IPPROTO_RAW`: the packet has its IP header already.
        const RAW: i32 = 255;
        Forger(Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW))).expect("a raw socket in a namespace"))
    }

    fn send(&self, from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) {
        let length = (28 + payload.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&length.to_be_bytes());
        // No fragments, 64 hops, UDP; the kernel fills in the checksum.
        packet.extend_from_slice(&[0, 0, 0x40, 0, 64, 17, 0, 0]);
        packet.extend_from_slice(&from.ip().octets());
        packet.extend_from_slice(&to.ip().octets());
        packet.extend_from_slice(&from.port().to_be_bytes());
        packet.extend_from_slice(&to.port().to_be_bytes());
        packet.extend_from_slice(&(length - 20).to_be_bytes());
        // A checksum of zero means none (RFC 768).
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(payload);
        self.0.send_to(&packet, &to.into()).expect("loopback takes packets");
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => panic!("{address} is not IPv4"),
    }
}

/// What needs no key to be written: requests of nobody, DTLS that is cut, alerts, garbage for media.
fn forgeries() -> Vec<Vec<u8>> {
    let stun = [&[0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42][..], &[7; 12], &[0, 6, 0, 4], b"a:b\0"].concat();
    let record = |kind: u8, epoch: u8, content: &[u8]| {
        [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 9, 9, 0, content.len() as u8][..], content].concat()
    };
    vec![
        stun,
        vec![22, 0],
        vec![63, 255, 1, 2, 3],
        record(21, 0, &[2, 40]),
        record(21, 0, &[1, 0]),
        record(21, 1, &[1, 0]),
        record(20, 0, &[1]),
        record(22, 0, &[1, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]),
        record(23, 0, b"data"),
        [&[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[5; 60]].concat(),
        [&[0x81, 203, 0, 1, 0, 0, 0, 1][..], &[5; 30]].concat(),
    ]
}

#[test]
fn nothing_that_is_sent_in_a_peers_name_reaches_its_session() {
    netns::within("abuse::forged::nothing_that_is_sent_in_a_peers_name_reaches_its_session", |address: IpAddr| {
        let open = "access.publish = \"open\"\naccess.play = \"open\"";
        let server = Setup::new().address(address).config(open).demo().start();
        server.wait_live("demo");
        let watched = Watched::start(server);
        let server = &watched.server;
        let publisher = Publisher::Wasmcast.start(Codec::H264, server, "cam");
        server.wait_live("cam");
        let audience = super::watch(server, "cam");
        server.wait_connected("play", 2);
        let sessions = server.api("/api/v1/sessions")["sessions"].as_array().cloned().unwrap_or_default();
        let peers: Vec<SocketAddrV4> =
            sessions.iter().filter_map(|session| session["media_address"].as_str()?.parse().ok()).map(v4).collect();
        assert_eq!(peers.len(), 3, "{sessions:?}");
        let (forger, media) = (Forger::new(), v4(server.media));
        let before = watched.counter("wasmcast_ignored_datagrams_total");
        for _ in 0..20 {
            for peer in &peers {
                for datagram in forgeries() {
                    forger.send(*peer, media, &datagram);
                }
            }
            crate::http::Request::get("/healthz").send(server.http).expect(200);
        }
        let ignored = watched.counter("wasmcast_ignored_datagrams_total") - before;
        assert!(ignored >= 20 * 3, "only {ignored} of the forged requests reached the server");
        // Publisher and viewers go on as if nothing had been.
        let frames = |line: &str| serde_json::from_str::<Value>(line).ok()?["frames"].as_u64();
        let seen = audience.log().lines().rev().find_map(|line| frames(line.split_once("| ")?.1)).unwrap_or(0);
        audience.wait_for("more frames", super::PATIENCE, |line| (frames(line)? > seen + 90).then_some(()));
        audience.signal("TERM");
        let finished = audience.finish(super::PATIENCE);
        let last: Value = finished.data.last().and_then(|line| serde_json::from_str(line).ok()).expect("a report");
        assert_eq!((&last["lost"], &last["broken_frames"]), (&0.into(), &0.into()), "{last}");
        assert!(last["longest_gap_ms"].as_f64().is_some_and(|gap| gap < 1_000.0), "{last}");
        drop(publisher);
        watched.check(20 * 3 * forgeries().len() as u64, 2_000.0, 24);
    });
}
