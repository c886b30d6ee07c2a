//! Runs a test again inside a network namespace with one ordinary address: some clients do not use loopback for WebRTC.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::Process;

/// Set inside the namespace: the address to use there.
const INSIDE: &str = "WASMCAST_TEST_ADDRESS";
const ADDRESS: &str = "10.77.0.1";

/// Runs `test` with the address of a namespace. `name` is the test's full name, by which it is started again there.
pub fn within(name: &str, test: impl FnOnce(IpAddr)) {
    if let Ok(address) = std::env::var(INSIDE) {
        return test(address.parse().expect("an address from netns::within"));
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/peers/netns.sh");
    let this = std::env::current_exe().expect("a test runs from a file");
    let mut command = Command::new(script);
    command.arg(this).args(["--exact", name, "--nocapture"]).env(INSIDE, ADDRESS);
    let finished = Process::start("namespace", &mut command).finish(Duration::from_secs(85));
    let ran = finished.data.iter().any(|line| line.contains("1 passed"));
    assert!(finished.status.success() && ran, "inside the network namespace:\n{}", finished.log);
}
