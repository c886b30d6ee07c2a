//! Bad actors: what they send costs the server little time and memory, and a viewer who watches meanwhile notices nothing.

mod forged;
mod insiders;
mod long;
mod strangers;

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::http::Request;
use crate::own_clients::resident_kib;
use crate::process::Process;
use crate::server::{Server, wasmcast};

const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its demo stream, someone who watches that, and what the server had used before the abuse.
struct Watched {
    server: Server,
    viewer: Process,
    before: Usage,
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
struct Usage {
    cpu_s: f64,
    memory_kib: u64,
}

impl Usage {
    fn of(process: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process runs");
        // The name of the command may hold spaces; times in user and kernel mode are the 12th and 13th field behind it.
        let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
        let ticks = |field: usize| fields[field].parse::<f64>().expect("a number");
        Usage { cpu_s: (ticks(11) + ticks(12)) / 100.0, memory_kib: resident_kib(process) }
    }
}

impl Watched {
    fn start(server: Server) -> Self {
        let viewer = watch(&server, "demo");
        viewer.wait_for("some seconds of the demo", PATIENCE, |line| {
            let seen: Value = serde_json::from_str(line).ok()?;
            (seen["frames"].as_u64()? > 60).then_some(())
        });
        let before = Usage::of(server.process.id());
        Watched { server, viewer, before }
    }

    /// The sum of a counter over its labels.
    fn counter(&self, name: &str) -> u64 {
        let text = Request::get("/metrics").send(self.server.admin).expect(200).text();
        let values = text.lines().filter(|line| line.starts_with(name)).filter_map(|line| line.rsplit(' ').next());
        values.filter_map(|value| value.parse::<u64>().ok()).sum()
    }

    /// Ends it: the viewer got all there was, and the server used no more than so much more for `datagrams` of abuse.
    fn check(self, datagrams: u64, cpu_s_per_100k: f64, memory_mib: u64) {
        let after = Usage::of(self.server.process.id());
        let cpu_s = after.cpu_s - self.before.cpu_s;
        let grown = after.memory_kib.saturating_sub(self.before.memory_kib);
        let cost = cpu_s / datagrams as f64 * 1e5;
        eprintln!("{datagrams} datagrams: {cost:.2} CPU seconds for 100,000, {grown} KiB more");
        self.viewer.signal("TERM");
        let finished = self.viewer.finish(PATIENCE);
        let last = finished.data.last().and_then(|line| serde_json::from_str::<Value>(line).ok()).expect("a report");
        for name in ["lost", "broken_frames", "not_understood"] {
            assert_eq!(last[name], 0, "{name} in {last}\n{}", finished.log);
        }
        assert_eq!(last["ended"], "interrupted", "{last}");
        assert!(last["longest_gap_ms"].as_f64().is_some_and(|gap| gap < 1_500.0), "{last}");
        assert!(cost < cpu_s_per_100k, "{cost} CPU seconds for 100,000 datagrams");
        assert!(grown < memory_mib << 10, "{grown} KiB more for {datagrams} datagrams");
    }
}

/// Someone who watches a stream and tells of it twice a second.
fn watch(server: &Server, stream: &str) -> Process {
    let mut command = wasmcast();
    command.args(["play", &server.url(&format!("/whep/{stream}")), "--interval", "0.5"]);
    Process::start("wasmcast play", &mut command)
}
