//! A plugin is exchanged while people watch and join: nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::folder::{Folder, wait_generation};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::{Server, wasmcast};

const NAME: &str = "door";
const MANIFEST: &str = "[config]\ntoken = \"secret\"\nplan = \"gold\"\n";

/// A client that joins and leaves, over and over, and counts how often it was refused.
pub struct Joining<'s> {
    server: &'s Server,
    stream: &'s str,
    stop: AtomicBool,
    pub joined: AtomicUsize,
    pub refused: AtomicUsize,
}

impl<'s> Joining<'s> {
    pub fn new(server: &'s Server, stream: &'s str) -> Self {
        let (joined, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Joining { server, stream, stop: AtomicBool::new(false), joined, refused }
    }

    /// Until the end of `during`.
    pub fn while_running<T>(&self, during: impl FnOnce() -> T) -> T {
        /// Ends the joining even when a check in `during` fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        thread::scope(|scope| {
            scope.spawn(|| self.join());
            let _stop = Stop(&self.stop);
            during()
        })
    }

    fn join(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let request = Request::offer(format!("/whep/{}", self.stream), CHROME_WHEP).bearer("secret");
            let response = self.server.send(&request);
            let counted = if response.status == 201 { &self.joined } else { &self.refused };
            counted.fetch_add(1, Ordering::Relaxed);
            if let Some(location) = response.header("location") {
                self.server.send(&Request::new("DELETE", location).bearer("secret"));
            }
        }
    }

    /// Waits until so many more have joined.
    pub fn wait_for(&self, more: usize) {
        let goal = self.joined.load(Ordering::Relaxed) + more;
        self.server.wait_until("further viewers", || {
            let joined = self.joined.load(Ordering::Relaxed);
            if joined >= goal { Ok(()) } else { Err(format!("{joined}, refused {:?}", self.refused)) }
        });
    }
}

#[test]
fn the_plugin_is_exchanged_while_200_watch_and_others_join() {
    let folder = Folder::new();
    folder.install(NAME, "auth-token", MANIFEST);
    let server = folder.setup().start();
    wait_generation(&server, NAME, 1);
    let mut command = wasmcast();
    let picture = ["--size", "320x180", "--bitrate", "200", "--no-audio", "--token", "secret"];
    command.args(["publish", "testsrc", &server.url("/whip/live/cam")]).args(picture);
    let _publisher = Process::start("publisher", &mut command);
    server.wait_live("live/cam");
    let mut command = wasmcast();
    let window = ["--viewers", "200", "--ramp", "100", "--settle", "0.2", "--duration", "7", "--token", "secret"];
    command.args(["bench", "whep", &server.url("/whep/live/cam"), "--no-audio"]).args(window);
    let viewers = Process::start("viewers", &mut command);
    server.wait_until("200 viewers", || {
        let metrics = Request::get("/metrics").send(server.admin).expect(200).text();
        let line =
            metrics.lines().find(|line| line.starts_with("wasmcast_sessions{action=\"play\",state=\"connected\""));
        match line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()) {
            Some(200.0..) => Ok(()),
            _ => Err(format!("{line:?}")),
        }
    });
    let joining = Joining::new(&server, "live/cam");
    joining.while_running(|| {
        // The same plugin in Rust and in C, by turns; with each a changed manifest, and once a manifest alone.
        for (number, guest) in [(2, "auth-c"), (3, "auth-token"), (4, "auth-c"), (5, "auth-token")] {
            joining.wait_for(3);
            folder.install(NAME, guest, &format!("{MANIFEST}# {number}\n"));
            wait_generation(&server, NAME, number);
        }
        folder.manifest(NAME, &MANIFEST.replace("gold", "silver"));
        wait_generation(&server, NAME, 6);
        joining.wait_for(3);
    });
    let finished = viewers.finish(Duration::from_secs(30));
    let report: Value = finished.data.last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
    assert_eq!((&report["sessions_ok"], &report["lost"]), (&200.into(), &0.into()), "{report}\n{}", finished.log);
    assert_eq!(joining.refused.into_inner(), 0, "of {:?}", joining.joined);
}

#[test]
fn a_hundred_reloads_under_load_leave_nothing_behind() {
    super::long::reload(10);
}
