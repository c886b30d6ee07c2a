//! A plugin that decides who may watch, on a real server: its word, the end of its time, and what clients hear then.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{browser, ffmpeg};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, Setup};

const PATIENCE: Duration = Duration::from_secs(40);
/// Lets `token` in as `alice`, for `ttl_ms`, at up to 4 Mbit/s; refuses other tokens, abstains without one.
pub const AUTH_TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/auth-token.wasm");

/// A server with the demo stream and that plugin.
fn server(manifest: &str) -> Server {
    let setup = Setup::new().demo();
    let scratch = setup.scratch();
    std::fs::create_dir(scratch.path().join("plugins")).expect("a writable folder for temporary files");
    std::fs::copy(AUTH_TOKEN, scratch.path().join("plugins/auth-token.wasm")).expect("the plugin is there");
    scratch.write("plugins/auth-token.toml", manifest);
    let (dir, state) = (scratch.path().join("plugins"), scratch.path().join("state"));
    let setup = setup.env("WASMCAST_PLUGINS__DIR", dir.to_string_lossy());
    let server = setup.env("WASMCAST_PLUGINS__STATE_DIR", state.to_string_lossy()).start();
    server.wait_live("demo");
    server
}

fn manifest(token: &str) -> String {
    // Sessions are renewed by the version that let them in while the next one is on probation.
    format!("[rollout]\nprobation-s = 0\n[config]\ntoken = \"{token}\"\nttl_ms = 1000\n")
}

/// The next event of this name, its data as JSON.
fn event(events: &mut impl std::io::BufRead, name: &str) -> Value {
    let (mut line, mut named) = (String::new(), false);
    loop {
        line.clear();
        assert!(events.read_line(&mut line).is_ok_and(|length| length > 0), "the events ended without `{name}`");
        if let Some(event) = line.strip_prefix("event: ") {
            named = event.trim_end() == name;
        } else if let Some(data) = line.strip_prefix("data: ").filter(|_| named) {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

#[test]
fn a_session_is_asked_again_when_its_time_is_up_and_told_why_it_ends() {
    let server = server(&manifest("first"));
    let viewer = server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("first")).expect(201);
    let location = viewer.header("location").expect("a Location").to_owned();
    let made = server.send(&Request::new("POST", format!("{location}/events")).bearer("first")).expect(201);
    let url = made.header("location").expect("the URL of the event stream");
    let (_, mut events) = Request::get(url).bearer("first").follow(server.http);
    // While the plugin says yes, it goes on.
    let api = location.replace("/session/", "/api/v1/sessions/");
    server.wait_until("the session being asked again", || {
        let session = server.api(&api);
        if session["times_asked"].as_u64() >= Some(3) { Ok(()) } else { Err(session.to_string()) }
    });
    server.scratch.write("plugins/auth-token.toml", manifest("second"));
    let ended = event(&mut events, "ended");
    assert_eq!((&ended["reason"], &ended["detail"]), (&"access-expired".into(), &"This link is not valid.".into()));
    server.wait_sessions("play", 0);
    let refused = server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("first"));
    assert_eq!(refused.problem(401), "This link is not valid.");
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("second")).expect(201);
    let log = server.stop().log;
    assert!(!log.contains("\"first\"") && !log.contains("Bearer"), "a token is in the log");
}

#[test]
fn off_loopback_a_plugin_that_decides_is_enough() {
    let empty = Setup::new().address("0.0.0.0".parse().expect("an address"));
    let dir = empty.scratch().path().join("plugins");
    std::fs::create_dir(&dir).expect("a writable folder for temporary files");
    let refused = empty.env("WASMCAST_PLUGINS__DIR", dir.to_string_lossy()).refused();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.log);
    assert!(refused.log.contains("plugins.dir"), "{}", refused.log);

    let setup = Setup::new().address("0.0.0.0".parse().expect("an address")).demo();
    let scratch = setup.scratch();
    let (dir, state) = (scratch.path().join("plugins"), scratch.path().join("state"));
    std::fs::create_dir(&dir).expect("a writable folder for temporary files");
    std::fs::copy(AUTH_TOKEN, dir.join("auth-token.wasm")).expect("the plugin is there");
    scratch.write("plugins/auth-token.toml", manifest("right"));
    let setup = setup.env("WASMCAST_PLUGINS__DIR", dir.to_string_lossy());
    let mut server = setup.env("WASMCAST_PLUGINS__STATE_DIR", state.to_string_lossy()).start();
    server.http.set_ip("127.0.0.1".parse().expect("an address"));
    server.wait_live("demo");
    // What the plugin leaves open is denied.
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(403);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("right")).expect(201);
}

#[test]
fn pages_show_the_plugin_s_reason_when_the_time_of_a_session_is_over() {
    let server = server(&manifest("first"));
    let page = |path: &str, role: &str| {
        let options = json!({ "role": "look", "url": server.url(path), "until": "This link is not valid." });
        browser("chromium", &server, role, &options)
    };
    let viewer = page("/play/demo?muted=1&token=first", "expiring-viewer");
    let publisher = page("/publish/cam?source=test&autostart=1&token=first", "expiring-publisher");
    server.wait_connected("play", 1);
    server.wait_connected("publish", 1);
    server.scratch.write("plugins/auth-token.toml", manifest("second"));
    for shown in [Report::read(viewer, PATIENCE).measured, Report::read(publisher, PATIENCE).measured] {
        let text = shown["text"].as_str().unwrap_or_default();
        assert!(shown["found"] == true && text.contains("This link is not valid."), "{shown}");
    }
}

#[test]
fn a_publisher_that_sends_more_than_it_may_is_ended() {
    let server = server(&manifest("right"));
    // Noise fills any bitrate, and FFmpeg listens to no report.
    let noise = "nullsrc=s=640x360:r=30,geq=random(1)*255:128:128";
    let rate = ["-b:v", "9M", "-minrate", "9M", "-maxrate", "9M", "-bufsize", "9M", "-g", "30"];
    let mut command = Command::new(ffmpeg());
    command.args(["-loglevel", "error", "-re", "-f", "lavfi", "-i", noise, "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast"]).args(rate);
    command.args(["-f", "whip", "-authorization", "right"]).arg(server.url("/whip/cam"));
    let publisher = Process::start("loud publisher", &mut command);
    let session = server.wait_until("the publisher being connected", || {
        let list = server.api("/api/v1/sessions?action=publish");
        let entry = &list["sessions"][0];
        if entry["state"] == "connected" { Ok(entry.clone()) } else { Err(list.to_string()) }
    });
    assert_eq!(session["limits"]["max_bitrate_kbps"], 4000, "{session}");
    let id = session["id"].as_str().expect("an id");
    let api = format!("/api/v1/sessions/{id}");
    server.wait_until("the end of the session", || {
        let response = Request::get(api.as_str()).send(server.admin);
        if response.status == 404 { Ok(()) } else { Err(response.text()) }
    });
    drop(publisher);
    let log = server.stop().log;
    assert!(log.contains("limit-exceeded") || log.contains("LimitExceeded"), "{log}");
}
