//! Floods: what one client asks for as fast as it can costs little, reaches no plugin, and its neighbours do not notice.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::auth_plugin::AUTH_TOKEN;
use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};

/// Where the flood comes from, as a trusted proxy tells.
const FLOODER: &str = "203.0.113.7";
/// Requests for sessions that it may make in a second.
const RATE: u32 = 5;

/// A server with a plugin that is asked about everyone who has a token.
fn guarded() -> Server {
    let config = format!("limits.joins_per_address = {RATE}\nhttp.trusted_proxies = [\"127.0.0.1\"]");
    let setup = Setup::new().demo().config(&config);
    let scratch = setup.scratch();
    std::fs::create_dir(scratch.path().join("plugins")).expect("a writable folder for temporary files");
    std::fs::copy(AUTH_TOKEN, scratch.path().join("plugins/auth-token.wasm")).expect("the plugin is there");
    scratch.write("plugins/auth-token.toml", "[config]\ntoken = \"right\"\nttl_ms = 60000\n");
    let (dir, state) = (scratch.path().join("plugins"), scratch.path().join("state"));
    let setup = setup.env("WASMCAST_PLUGINS__DIR", dir.to_string_lossy());
    let server = setup.env("WASMCAST_PLUGINS__STATE_DIR", state.to_string_lossy()).start();
    server.wait_live("demo");
    server
}

#[test]
fn a_flood_of_offers_reaches_no_plugin_and_no_viewer_notices() {
    let server = guarded();
    let endpoint = server.url("/whep/demo");
    let arguments = ["play", &endpoint, "--token", "right", "--duration", "6"];
    let viewer = Process::start("wasmcast play", wasmcast().args(arguments));
    server.wait_connected("play", 1);
    let memory = || server.metric("process_resident_memory_bytes");
    let (before, began) = (memory(), Instant::now());
    let (stop, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    // Good offers, those that are none, and long ones that are none; with a token that the plugin refuses.
    let long = "v=0\r\n".repeat(10_000);
    let offers =
        [("/whep/demo", CHROME_WHEP), ("/whip/x", CHROME_WHIP), ("/whep/demo", "v=0"), ("/whip/y", long.as_str())];
    let offers = offers.map(|(path, sdp)| Request::offer(path, sdp).bearer("wrong").header("X-Forwarded-For", FLOODER));
    thread::scope(|scope| {
        let (offers, stop, count, server) = (&offers, &stop, &count, &server);
        let flood = move || {
            let mut seen = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let n = count.fetch_add(1, Ordering::Relaxed);
                seen.push(offers[n % offers.len()].send(server.http).status);
            }
            seen
        };
        let flooders: Vec<_> = (0..4).map(|_| scope.spawn(flood)).collect();
        let end = Instant::now() + Duration::from_secs(4);
        while Instant::now() < end {
            thread::park_timeout(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Relaxed);
        for flooder in flooders {
            for status in flooder.join().expect("it only counts") {
                *statuses.entry(status).or_default() += 1;
            }
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    let (all, refused) = (statuses.values().sum::<usize>(), statuses.get(&429).copied().unwrap_or(0));
    let allowed = (f64::from(RATE) * (seconds + 2.0)).ceil() as usize + 1;
    assert!(all - refused <= allowed && refused > allowed, "{statuses:?} in {seconds} s");
    // The plugin heard of those that were let through, and of the viewer.
    let calls = server.metric("wasmcast_plugins_calls_total{plugin=\"auth-token\",hook=\"auth/check\"}");
    assert!(calls >= 1.0 && calls <= (allowed + 1) as f64, "{calls} calls, {allowed} allowed");
    let counted = server.refused("play", "joins-per-address") + server.refused("publish", "joins-per-address");
    assert_eq!(counted, refused as f64);
    let growth = memory() - before;
    assert!(growth < 16.0 * 1024.0 * 1024.0, "{growth} bytes more after {all} requests");
    // Another client comes in meanwhile as ever, and the one that was there lost nothing.
    server
        .send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("right").header("X-Forwarded-For", "203.0.113.8"))
        .expect(201);
    let seen = viewer.finish(Duration::from_secs(30));
    let seen: Value = seen.data.last().and_then(|line| serde_json::from_str(line).ok()).expect("a report");
    assert!(seen["lost"] == 0 && seen["broken_frames"] == 0 && seen["frames"].as_u64() > Some(60), "{seen}");
}
