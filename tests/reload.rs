//! Swaps a plugin a thousand times under load: no call fails, and nothing grows. A process of its own, so that what is
//! counted is its own.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wasmcast::observe::Events;
use wasmcast::plugin::{Action, Answer, Facts, Options, Plugins};
use wasmcast::task::Tasks;

const VERSIONS: [&[u8]; 2] = [include_bytes!("data/plugins/auth-token.wasm"), include_bytes!("data/plugins/trap.wasm")];
const SWAPS: usize = 1_000;
/// After so many the pools, caches and heaps have the size that they keep.
const WARM: usize = 200;

/// What must not grow.
#[derive(Clone, Copy, Debug)]
struct Size {
    resident_kib: u64,
    mappings: usize,
    files: usize,
    threads: usize,
}

fn size() -> Size {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Size {
        resident_kib: field("VmRSS:"),
        mappings: fs::read_to_string("/proc/self/maps").unwrap().lines().count(),
        files: fs::read_dir("/proc/self/fd").unwrap().count(),
        threads: fs::read_dir("/proc/self/task").unwrap().count(),
    }
}

/// Puts a version in place of the one before, as a careful copier does.
fn put(dir: &Path, version: &[u8]) {
    fs::write(dir.join(".gate.part"), version).unwrap();
    fs::rename(dir.join(".gate.part"), dir.join("gate.wasm")).unwrap();
}

/// Asks a thousand times a second until told to stop.
async fn ask(plugins: Plugins, stop: Arc<AtomicBool>, asked: Arc<AtomicU64>) {
    let facts = Facts::new("s-1".to_owned(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
    let facts = Arc::new(Facts { token: Some("one".to_owned()), stream: "live/cam1".to_owned(), ..facts });
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let decided = plugins.authorize(&facts).await;
        assert!(matches!(decided.answer, Answer::Allow(_)), "{decided:?}");
        asked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_swaps_under_load_leave_no_trace() {
    let base = std::env::temp_dir().join(format!("wasmcast-swaps-{}", std::process::id()));
    let dir = base.join("plugins");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("gate.toml"), "[config]\ntoken = \"one\"").unwrap();
    put(&dir, VERSIONS[0]);
    let tasks = Tasks::new("test");
    let state_dir = base.join("state");
    let options = Options {
        dir: dir.clone(),
        state_dir,
        compiler: None,
        memory: 256 << 20,
        instances: Some(64),
        countries: true,
        events: Events::default(),
        trust: wasmcast::plugin::Trust::default(),
    };
    let plugins = Plugins::start(options, &tasks).await.unwrap();
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let callers: Vec<_> = (0..4).map(|_| tokio::spawn(ask(plugins.clone(), stop.clone(), asked.clone()))).collect();

    let (mut before, begun) = (size(), Instant::now());
    for swap in 1..=SWAPS {
        put(&dir, VERSIONS[swap % 2]);
        plugins.enable("gate").await.unwrap();
        if swap == WARM {
            before = size();
        }
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let after = size();
    let status = plugins.get("gate").unwrap();
    println!("{SWAPS} swaps in {took:?}, {} calls meanwhile; {before:?} -> {after:?}", asked.load(Ordering::Relaxed));
    assert_eq!((status.errors.values().sum::<u64>(), status.answered_by_policy), (0, 0), "{status:?}");
    assert!(status.generation.unwrap() > SWAPS as u64 && status.draining.len() <= 2, "{status:?}");
    assert!(after.resident_kib < before.resident_kib + 8 * 1_024, "{before:?} {after:?}");
    assert!(after.mappings < before.mappings + 50, "{before:?} {after:?}");
    assert!(after.files <= before.files + 2 && after.threads <= before.threads + 2, "{before:?} {after:?}");
    tasks.stop(Duration::from_secs(10)).await.unwrap();
    fs::remove_dir_all(&base).unwrap();
}
