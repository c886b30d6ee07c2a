//! Peers whose address changes while media flows: a NAT that forgets them, and another network.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{browser, browser_by, ready};
use crate::netns::{self, Phone};
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, Setup, wasmcast};

/// Who is in another network than the server is no client of this machine.
const OPEN: &str = "access.publish = \"open\"\naccess.play = \"open\"";
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LIMIT: Duration = Duration::from_secs(30);
/// Ticks of the clock of video in a second.
const SECOND: u32 = 90_000;

/// A NAT between the server, at its public address, and its peers: it can forget all that it knows of them.
struct Nat {
    state: Arc<State>,
}

struct State {
    outside: UdpSocket,
    inner: SocketAddr,
    /// Counts how often it forgot; a mapping of before is dead.
    generation: AtomicU64,
    /// Peers that have sent something, and those that are not heard any more.
    known: Mutex<HashSet<SocketAddr>>,
    cut: Mutex<HashSet<SocketAddr>>,
    to_peers: Mutex<Seen>,
}

/// RTP timestamps of the video that goes one way: the newest, and the longest step between two packets.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    newest: Option<u32>,
    longest: u32,
    packets: u64,
}

impl Nat {
    /// Works until the test's process ends.
    fn start(server: &Server) -> Self {
        let outer = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), server.media.port());
        let outside = UdpSocket::bind(outer).expect("the port is free there too");
        let state = Arc::new(State {
            outside,
            inner: server.media,
            generation: AtomicU64::new(0),
            known: Mutex::default(),
            cut: Mutex::default(),
            to_peers: Mutex::default(),
        });
        let from_peers = state.clone();
        thread::spawn(move || from_peers.carry());
        Nat { state }
    }

    /// Whom it knows now it carries nothing for any more, as a network that was left.
    fn cut(&self) {
        let known = self.state.known.lock().expect("nobody panics while holding it").clone();
        self.state.cut.lock().expect("nobody panics while holding it").extend(known);
    }

    /// From now on peers come from other addresses, and what is sent to the old ones is lost.
    fn forget(&self) {
        self.state.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// What went one way since this was asked last.
    fn take(of: &Mutex<Seen>) -> Seen {
        let mut seen = of.lock().expect("nobody panics while holding it");
        let next = Seen { newest: seen.newest, ..Seen::default() };
        std::mem::replace(&mut seen, next)
    }
}

impl State {
    fn carry(self: Arc<Self>) {
        let mut peers: HashMap<(SocketAddr, u64), Arc<UdpSocket>> = HashMap::new();
        let mut datagram = [0; 2_048];
        while let Ok((length, peer)) = self.outside.recv_from(&mut datagram) {
            if self.is_cut(peer) {
                continue;
            }
            self.known.lock().expect("nobody panics while holding it").insert(peer);
            let generation = self.generation.load(Ordering::SeqCst);
            let inside = peers.entry((peer, generation)).or_insert_with(|| self.open(peer, generation));
            let _ = inside.send(&datagram[..length]);
        }
    }

    fn is_cut(&self, peer: SocketAddr) -> bool {
        self.cut.lock().expect("nobody panics while holding it").contains(&peer)
    }

    fn open(self: &Arc<Self>, peer: SocketAddr, generation: u64) -> Arc<UdpSocket> {
        let inside = Arc::new(UdpSocket::bind((LOCALHOST, 0)).expect("a free port"));
        inside.connect(self.inner).expect("loopback");
        let (from, state) = (inside.clone(), self.clone());
        thread::spawn(move || {
            let mut datagram = [0; 2_048];
            while let Ok(length) = from.recv(&mut datagram) {
                if state.generation.load(Ordering::SeqCst) == generation && !state.is_cut(peer) {
                    look(&state.to_peers, &datagram[..length]);
                    let _ = state.outside.send_to(&datagram[..length], peer);
                }
            }
        });
        inside
    }
}

/// Notes an RTP packet of video, by its size: one of 10 ms of sound is shorter.
fn look(seen: &Mutex<Seen>, datagram: &[u8]) {
    let is_video = datagram.len() > 400 && datagram[0] >> 6 == 2 && !(192..=223).contains(&datagram[1]);
    if !is_video {
        return;
    }
    let timestamp = u32::from_be_bytes(datagram[4..8].try_into().expect("four bytes"));
    let mut seen = seen.lock().expect("nobody panics while holding it");
    let step = timestamp.wrapping_sub(seen.newest.unwrap_or(timestamp));
    // What comes late is one of before.
    if step < 1 << 31 {
        seen.longest = seen.longest.max(step);
        seen.newest = Some(timestamp);
    }
    seen.packets += 1;
}

/// A server whose peers come by a NAT.
fn behind_nat() -> (Server, Nat) {
    // On three shards most new addresses come out at another shard than the session's own.
    let config = "media.public_address = \"127.0.0.2\"\nmedia.tcp = false\nmedia.shards = 3";
    let server = Setup::new().config(config).demo().start();
    let nat = Nat::start(&server);
    (server, nat)
}

/// The address that the server sends the media of the only session with an action to.
fn media_address(server: &Server, action: &str) -> Value {
    server.api(&format!("/api/v1/sessions?action={action}"))["sessions"][0]["media_address"].clone()
}

#[test]
fn peers_whose_nat_forgets_them_play_on_and_publishers_lose_nothing() {
    let (server, nat) = behind_nat();
    let mut command = wasmcast();
    command.args(["publish", "testsrc", "--size", "640x360", "--bitrate", "1500"]).arg(server.url("/whip/cam"));
    let _publisher = Process::start("wasmcast publish", &mut command);
    server.wait_live("cam");
    let mut command = wasmcast();
    command.args(["play", &server.url("/whep/cam"), "--interval", "1"]);
    let viewer = Process::start("wasmcast play", &mut command);
    server.wait_connected("play", 1);
    for round in 0..4 {
        let before = ["publish", "play"].map(|action| media_address(&server, action));
        Nat::take(&nat.state.to_peers);
        nat.forget();
        server.wait_until("media to the new addresses", || {
            let now = ["publish", "play"].map(|action| media_address(&server, action));
            if now[0] == before[0] || now[1] == before[1] { Err(format!("{now:?}")) } else { Ok(()) }
        });
        let mut sent = Nat::take(&nat.state.to_peers);
        server.wait_for_long("packets of video", LIMIT, || {
            let more = Nat::take(&nat.state.to_peers);
            sent.longest = sent.longest.max(more.longest);
            sent.packets += more.packets;
            if sent.packets > 60 { Ok(()) } else { Err(format!("{sent:?}")) }
        });
        assert!(sent.longest < SECOND, "round {round}: {} ms missing", sent.longest / 90);
    }
    let stats = server.api("/api/v1/sessions?action=publish")["sessions"][0]["stats"].clone();
    assert_eq!(stats["lost"], 0, "{stats}");
    viewer.signal("TERM");
    let finished = viewer.finish(LIMIT);
    let report: Value = finished.data.last().and_then(|line| serde_json::from_str(line).ok()).expect("a report");
    assert_eq!(report["broken_frames"], 0, "{report}");
}

#[test]
fn a_page_on_a_device_that_changes_its_network_plays_on_in_the_same_session() {
    let (server, nat) = behind_nat();
    server.wait_live("demo");
    let options = json!({ "role": "move", "url": server.url("/play/demo?muted=1") });
    let viewer = browser("chromium", &server, "demo", &options);
    let ready = |line: &str| line.contains("\"ready\":true").then_some(());
    viewer.wait_for("playing", LIMIT, ready);
    nat.cut();
    let seen = Report::read(viewer, LIMIT).measured;
    assert_eq!((&seen["sessions"], &seen["connections"]), (&json!(1), &json!(1)), "{seen}");
    assert!(seen["longest_ms"].as_f64().is_some_and(|longest| longest < 1_000.0), "{seen}");
}

#[test]
fn a_page_plays_on_when_its_device_leaves_a_network() {
    netns::within("moves::a_page_plays_on_when_its_device_leaves_a_network", |address| {
        let server = Setup::new().address(address).config(OPEN).demo().start();
        server.wait_live("demo");
        let phone = Phone::start();
        let options = json!({ "role": "move", "real": true, "url": server.url("/play/demo?muted=1") });
        let viewer = browser_by(|program| phone.command(program), "chromium", &server, "demo", &options);
        viewer.wait_for("playing", LIMIT, |line| line.contains("\"ready\":true").then_some(()));
        assert!(media_address(&server, "play").as_str().is_some_and(|at| at.starts_with("10.78.1.2:")));
        phone.leave_wifi();
        let seen = Report::read(viewer, LIMIT).measured;
        eprintln!("{seen}");
        assert!(media_address(&server, "play").as_str().is_none_or(|at| at.starts_with("10.78.2.2:")));
        assert_eq!((&seen["sessions"], &seen["connections"]), (&json!(1), &json!(1)), "{seen}");
        assert!(seen["longest_ms"].as_f64().is_some_and(|longest| longest < 1_000.0), "{seen}");
    });
}

#[test]
fn what_a_page_publishes_goes_on_when_its_device_leaves_a_network() {
    netns::within("moves::what_a_page_publishes_goes_on_when_its_device_leaves_a_network", |address| {
        let server = Setup::new().address(address).config(OPEN).start();
        let phone = Phone::start();
        let page = "/publish/cam?source=test&autostart=1&codec=vp8&width=640&height=360&fps=30&kbps=1000";
        let options = json!({ "role": "publish", "url": server.url(page) });
        let _publisher = ready(browser_by(|program| phone.command(program), "chromium", &server, "cam", &options));
        server.wait_live("cam");
        let mut command = wasmcast();
        command.args(["play", &server.url("/whep/cam"), "--interval", "0.2"]);
        let viewer = Process::start("wasmcast play", &mut command);
        let frames = |line: &str| serde_json::from_str::<Value>(line).ok()?["frames"].as_u64();
        viewer.wait_for("a picture", LIMIT, |line| (frames(line)? > 60).then_some(()));
        phone.leave_wifi();
        server.wait_for_long("media by the other network", LIMIT, || {
            let at = media_address(&server, "publish");
            if at.as_str().is_some_and(|at| at.starts_with("10.78.2.2:")) { Ok(()) } else { Err(at.to_string()) }
        });
        let before = viewer.data().iter().rev().find_map(|line| frames(line)).unwrap_or_default();
        viewer.wait_for("more of it", LIMIT, |line| (frames(line)? > before + 60).then_some(()));
        viewer.signal("TERM");
        let finished = viewer.finish(LIMIT);
        let last: Value = finished.data.last().and_then(|line| serde_json::from_str(line).ok()).expect("a report");
        eprintln!("{last}");
        assert_eq!(last["broken_frames"], 0, "{last}");
        assert!(last["longest_gap_ms"].as_f64().is_some_and(|gap| gap < 1_000.0), "{last}");
    });
}
