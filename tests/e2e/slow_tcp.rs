//! A link that carries less than the stream for ever, by TCP: its viewer sees whole pictures, fewer of them, and not from long ago.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::own_clients::resident_kib;
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};

const LIMIT: Duration = Duration::from_secs(40);
/// The server's address for its peers: the far end of the link.
const OUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Bits a second that the link carries to each peer: a third of the stream.
const RATE: u64 = 300_000;
/// What waits in front of it.
const BUFFER: usize = 16 << 10;

/// A server whose media goes through the link; that ends with the test's process.
fn behind_a_slow_link() -> Server {
    let server = Setup::new().config(&format!("media.public_address = \"{OUTER}\"\nmedia.shards = 1")).start();
    let outer = TcpListener::bind((OUTER, server.media.port())).expect("the port is free there too");
    let inner = server.media;
    thread::spawn(move || {
        while let Ok((peer, _)) = outer.accept() {
            let near = connect(inner);
            let (from_peer, to_server) = (peer.try_clone().expect("a socket"), near.try_clone().expect("a socket"));
            thread::spawn(move || carry(from_peer, to_server, None));
            thread::spawn(move || carry(near, peer, Some(RATE)));
        }
    });
    server
}

/// A connection to the server that takes no more than the link's own buffer.
fn connect(server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(BUFFER).expect("a small buffer");
    socket.connect(&server.into()).expect("the server takes connections");
    socket.into()
}

/// Carries what comes one way, at most at a rate.
fn carry(mut from: TcpStream, mut to: TcpStream, rate: Option<u64>) {
    let mut data = [0; 1_024];
    let mut free = Instant::now();
    while let Ok(length @ 1..) = from.read(&mut data) {
        if let Some(rate) = rate {
            free = free.max(Instant::now()) + Duration::from_micros(length as u64 * 8_000_000 / rate);
            // The link is busy until then.
            thread::sleep(free.saturating_duration_since(Instant::now()));
        }
        if to.write_all(&data[..length]).is_err() {
            return;
        }
    }
}

fn last_report(viewer: Process) -> Value {
    viewer.signal("TERM");
    let finished = viewer.finish(LIMIT);
    let last = finished.data.last().and_then(|line| serde_json::from_str(line).ok());
    last.unwrap_or_else(|| panic!("no report:\n{}", finished.log))
}

#[test]
fn a_viewer_behind_a_link_that_is_too_slow_for_ever_sees_whole_pictures_of_late() {
    let server = behind_a_slow_link();
    let mut command = wasmcast();
    command.args(["publish", "testsrc", "--size", "640x360", "--bitrate", "900", "--transport", "tcp"]);
    command.arg(server.url("/whip/cam"));
    let _publisher = Process::start("wasmcast publish", &mut command);
    server.wait_live("cam");
    let mut command = wasmcast();
    command.args(["play", "--transport", "tcp", "--interval", "0.5", &server.url("/whep/cam")]);
    let viewer = Process::start("wasmcast play", &mut command);
    let frames = |line: &str| serde_json::from_str::<Value>(line).ok()?["frames"].as_u64();
    viewer.wait_for("a picture", LIMIT, |line| (frames(line)? > 5).then_some(()));
    let memory = resident_kib(server.process.id());
    let began = Instant::now();
    let mut seen = 0;
    server.wait_for_long("half a minute on the slow link", Duration::from_secs(32), || {
        seen = viewer.data().iter().rev().find_map(|line| frames(line)).unwrap_or(seen);
        if began.elapsed() > Duration::from_secs(30) { Ok(()) } else { Err(String::new()) }
    });
    let stats = server.api("/api/v1/sessions?action=publish")["sessions"][0]["stats"].clone();
    let asked = stats["keyframe_requests"].as_u64().unwrap_or_default();
    let last = last_report(viewer);
    eprintln!("{last}; {asked} keyframes asked of the publisher");
    assert_eq!((&last["broken_frames"], &last["not_understood"]), (&Value::from(0), &Value::from(0)), "{last}");
    assert!(last["frames"].as_u64() > Some(60), "{last}");
    // What is shown has waited for as long as the ring holds at most, and for the link.
    assert!(last["latency_max_ms"].as_f64().is_some_and(|latency| latency < 7_000.0), "{last}");
    assert!(last["longest_gap_ms"].as_f64().is_some_and(|gap| gap < 5_000.0), "{last}");
    assert!(asked <= 30 + 4, "{asked} keyframes were asked of the publisher in 30 s");
    let grown = resident_kib(server.process.id()).saturating_sub(memory);
    assert!(grown < 16 << 10, "the server has {grown} KiB more");
}
