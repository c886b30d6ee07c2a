//! Many reloads, one after the other, under load: memory, file descriptors and threads stay what they were.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::folder::{Folder, guest, wait_generation};
use super::life::Joining;
use crate::server::Server;

/// Plugins that are exchanged at the same time.
const PLUGINS: u64 = 10;
/// What the manifest of each says.
const MANIFEST: &str = "[config]\ntoken = \"secret\"\n";

/// What the server holds of the machine.
#[derive(Debug)]
struct Held {
    kib: u64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn by(server: &Server) -> Self {
        let process = format!("/proc/{}", server.process.id());
        let count = |folder: &str| fs::read_dir(format!("{process}/{folder}")).expect("the process runs").count();
        let status = fs::read_to_string(format!("{process}/status")).expect("the process runs");
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has a size");
        let kib = size.trim().trim_end_matches("kB").trim().parse().expect("a number");
        Held { kib, descriptors: count("fd"), threads: count("task") }
    }
}

/// A version that never was before: the component with a custom section of its own at the end.
fn version(component: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.extend([0, 10, 1, b'v']);
    bytes.extend(number.to_le_bytes());
    bytes
}

/// Reloads all plugins so many times, half of that as warm-up.
pub fn reload(rounds: u64) {
    let folder = Folder::new();
    let component = guest("auth-c");
    let name = |number: u64| format!("door-{number}");
    for number in 0..PLUGINS {
        folder.manifest(&name(number), MANIFEST);
        folder.file(&name(number), &version(&component, number));
    }
    let server = folder.setup().demo().start();
    server.wait_live("demo");
    let joining = Joining::new(&server, "demo");
    let (before, after) = joining.while_running(|| {
        let mut before = None;
        for round in 1..=rounds {
            for number in 0..PLUGINS {
                folder.file(&name(number), &version(&component, round * PLUGINS + number));
            }
            for number in 0..PLUGINS {
                wait_generation(&server, &name(number), round + 1);
            }
            if round == rounds / 2 {
                before = Some(Held::by(&server));
            }
        }
        joining.wait_for(3);
        (before.expect("more than one round"), Held::by(&server))
    });
    assert_eq!(joining.refused.load(Ordering::Relaxed), 0, "of {:?} who joined", joining.joined);
    // Connections of the moment go at once, threads that read files when they had nothing to do for 10 s.
    server.wait_for_long("no descriptor and no thread more", Duration::from_secs(20), || {
        let now = Held::by(&server);
        let level = now.descriptors <= before.descriptors && now.threads <= before.threads;
        if level { Ok(()) } else { Err(format!("{before:?}, now {now:?}")) }
    });
    // The allocator's own unrest; versions that stayed would cost some 20 KiB of code each, instances far more.
    let grown = after.kib.saturating_sub(before.kib);
    assert!(grown < 4_096, "{grown} KiB more: {before:?}, then {after:?}");
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    reload(100);
}
