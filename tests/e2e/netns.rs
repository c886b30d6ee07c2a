//! Runs a test again inside a network namespace with one ordinary address: some clients do not use loopback for WebRTC. Besides it
//! may have a phone, a namespace with two interfaces, of which one can go.

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

/// A device with two networks to the test's namespace, of which the first is preferred. It ends with that namespace.
pub struct Phone {
    namespace: Process,
}

/// Names of its interfaces, and the network of each.
const NETWORKS: [(&str, &str); 2] = [("wifi", "10.78.1"), ("mobile", "10.78.2")];

impl Phone {
    /// To be called within a namespace.
    pub fn start() -> Self {
        let namespace = Process::start("phone", Command::new("unshare").args(["--net", "sleep", "infinity"]));
        let phone = Phone { namespace };
        // It is another namespace once it sleeps.
        let end = std::time::Instant::now() + Duration::from_secs(10);
        let link = |which: &str| std::fs::read_link(format!("/proc/{which}/ns/net")).ok();
        while link(&phone.namespace.id().to_string()) == link("self") {
            assert!(std::time::Instant::now() < end, "no namespace for a phone");
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let id = phone.namespace.id().to_string();
        phone.inside(&["ip", "link", "set", "lo", "up"]);
        for (metric, (name, network)) in (1..).zip(NETWORKS) {
            let near = format!("{name}0");
            run(&["ip", "link", "add", &near, "type", "veth", "peer", "name", name, "netns", &id]);
            run(&["ip", "address", "add", &format!("{network}.1/24"), "dev", &near]);
            run(&["ip", "link", "set", &near, "up"]);
            phone.inside(&["ip", "address", "add", &format!("{network}.2/24"), "dev", name]);
            phone.inside(&["ip", "link", "set", name, "up"]);
            let metric = (metric * 100).to_string();
            phone.inside(&[
                "ip",
                "route",
                "add",
                "default",
                "via",
                &format!("{network}.1"),
                "dev",
                name,
                "metric",
                &metric,
            ]);
        }
        phone
    }

    /// A command that runs on it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.namespace.id())).arg("--").arg(program);
        command
    }

    /// It leaves the first of its networks, as the system notices at once.
    pub fn leave_wifi(&self) {
        let (name, network) = NETWORKS[0];
        self.inside(&["ip", "address", "delete", &format!("{network}.2/24"), "dev", name]);
        self.inside(&["ip", "link", "set", name, "down"]);
    }

    fn inside(&self, words: &[&str]) {
        let status = self.command(words[0]).args(&words[1..]).status();
        assert!(status.is_ok_and(|status| status.success()), "{words:?} failed on the phone");
    }
}

fn run(words: &[&str]) {
    let status = Command::new(words[0]).args(&words[1..]).status();
    assert!(status.is_ok_and(|status| status.success()), "{words:?} failed");
}
