//! A link of a certain rate between the server and its peers, with a queue in front of it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Server, Setup};

/// What waits longer is dropped: some home routers have less, mobile networks have more.
const QUEUE: Duration = Duration::from_millis(300);
/// Bytes of IP and UDP around each datagram.
const HEADERS: u64 = 28;
/// The server's address for its peers: the far end of the link.
const OUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The link. What goes to the server is not limited.
pub struct Bottleneck {
    kbps: Arc<AtomicU64>,
}

impl Bottleneck {
    /// A server whose media goes through a link that carries `kbps` to each peer.
    pub fn start(setup: Setup, kbps: u64) -> (Server, Bottleneck) {
        let server = setup.config(&format!("media.public_address = \"{OUTER}\"")).start();
        let outer = UdpSocket::bind((OUTER, server.media.port())).expect("the port that is free there too");
        let rate = Arc::new(AtomicU64::new(kbps));
        let (outer, inner, shared) = (Arc::new(outer), server.media, rate.clone());
        thread::spawn(move || {
            let mut peers: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
            let mut datagram = [0; 2_048];
            while let Ok((length, peer)) = outer.recv_from(&mut datagram) {
                let inside = peers.entry(peer).or_insert_with(|| connect(inner, peer, &outer, &shared));
                let _ = inside.send(&datagram[..length]);
            }
        });
        (server, Bottleneck { kbps: rate })
    }

    /// From now on it carries so much.
    pub fn set(&self, kbps: u64) {
        self.kbps.store(kbps, Ordering::Relaxed);
    }
}

/// The server's side of one peer, and the two threads of the link to it: one queues, one delivers. Both end with the test's process.
fn connect(server: SocketAddr, peer: SocketAddr, outer: &Arc<UdpSocket>, kbps: &Arc<AtomicU64>) -> Arc<UdpSocket> {
    let inside = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    inside.connect(server).expect("loopback");
    let (queue, queued) = mpsc::channel::<(Instant, Vec<u8>)>();
    let (from, kbps) = (inside.clone(), kbps.clone());
    thread::spawn(move || {
        let mut datagram = [0; 2_048];
        let mut free = Instant::now();
        while let Ok(length) = from.recv(&mut datagram) {
            let now = Instant::now();
            let start = free.max(now);
            if start - now > QUEUE {
                continue;
            }
            let bits = (length as u64 + HEADERS) * 8;
            free = start + Duration::from_micros(bits * 1_000 / kbps.load(Ordering::Relaxed).max(1));
            if queue.send((free, datagram[..length].to_vec())).is_err() {
                return;
            }
        }
    });
    let outer = outer.clone();
    thread::spawn(move || {
        for (at, datagram) in queued {
            // The link is busy until then.
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let _ = outer.send_to(&datagram, peer);
        }
    });
    inside
}
