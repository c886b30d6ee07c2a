//! G.711, as telephones and old cameras send it: forwarded like Opus, to viewers that know it.

use std::time::Duration;

use crate::clients::{browser, python, ready};
use crate::process::Process;
use crate::report::Report;
use crate::server::Server;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(40);
const TONE_HZ: f64 = 520.0;

fn publish(server: &Server, audio: &str) -> Process {
    let mut command = python("aiortc_publish.py");
    command.arg(server.url("/whip/phone")).args(["--codec", "VP8", "--audio", audio]);
    // One channel is all that G.711 has.
    command.args(["--left", &TONE_HZ.to_string(), "--right", &TONE_HZ.to_string()]);
    let publisher = ready(Process::start("aiortc publisher", &mut command));
    server.wait_live("phone");
    publisher
}

fn check(report: &Report) {
    let heard = &report.measured["audio"];
    let (seconds, hz) = (heard["seconds"].as_f64().unwrap_or(0.0), heard["left_hz"].as_f64().unwrap_or(0.0));
    assert!(seconds >= 2.0 && (hz - TONE_HZ).abs() < 30.0, "sent {TONE_HZ} Hz, heard {heard}");
    report.check_video();
}

#[test]
fn both_laws_arrive_as_sound() {
    for audio in ["pcmu", "pcma"] {
        let server = Server::start();
        let _publisher = publish(&server, audio);
        let mut command = python("aiortc_play.py");
        command.arg(server.url("/whep/phone")).args(["--codec", "VP8", "--audio", audio]);
        let report = Report::read(Process::start("aiortc_play.py", &mut command), PATIENCE);
        check(&report);
        let skew = report.measured["skew_ms"].as_f64().unwrap_or(0.0);
        assert!(skew.abs() <= 80.0, "{audio}: sound and picture are {skew} ms apart");
    }
}

#[test]
fn a_browser_plays_it() {
    let server = Server::start();
    let _publisher = publish(&server, "pcma");
    let options = json!({ "role": "play", "url": server.url("/play/phone?muted=1"), "seconds": 4 });
    let report = Report::read(browser("chromium", &server, "phone", &options), PATIENCE);
    check(&report);
    assert_eq!(report.measured["audio"]["codec"], "audio/PCMA", "{}", report.measured);
}
