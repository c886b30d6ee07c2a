//! The configuration as an operator meets it: sources, mistakes, changes while running.

use std::fs;
use std::time::Duration;

use crate::http::Request;
use crate::offers::CHROME_WHIP;
use crate::process::{Finished, Process};
use crate::scratch::Scratch;
use crate::server::{Server, Setup, wasmcast};

fn config(arguments: &[&str], text: &str, environment: &[(&str, &str)]) -> Finished {
    let scratch = Scratch::new();
    let file = scratch.write("wasmcast.toml", text);
    let mut command = wasmcast();
    command.arg("config").args(arguments).arg("-c").arg(&file).envs(environment.iter().copied());
    Process::start("wasmcast config", &mut command).finish(Duration::from_secs(10))
}

#[test]
fn show_names_the_source_of_each_value() {
    let text = "[http]\nlisten = \"127.0.0.1:9090\"\n[log]\nlevel = \"warn\"\n";
    let shown = config(&["show", "--json"], text, &[("WASMCAST_LOG__LEVEL", "debug")]);
    assert_eq!(shown.status.code(), Some(0), "{}", shown.log);
    let shown: serde_json::Value = serde_json::from_str(&shown.data.join("\n")).expect("JSON");
    let entry = |key: &str| shown[key].to_string();
    assert!(entry("http.listen").contains("127.0.0.1:9090") && entry("http.listen").contains("wasmcast.toml"));
    assert!(entry("log.level").contains("debug") && entry("log.level").contains("WASMCAST_LOG__LEVEL"));
    assert!(entry("media.listen").contains("default"), "{}", entry("media.listen"));
}

#[test]
fn mistakes_are_refused_with_place_and_remedy() {
    for (text, said) in [
        ("[http]\nlistn = \"127.0.0.1:1\"", &["listn", "http.listen", ":2"] as &[&str]),
        ("media.shards = \"two\"", &["media.shards", ":1"]),
        ("[http", &["wasmcast.toml"]),
        ("[[access.rules]]\nstream = \"a b\"\nallow = \"open\"", &["stream", "a b"]),
    ] {
        for arguments in [&["check"] as &[&str], &["show"]] {
            let refused = config(arguments, text, &[]);
            assert_eq!(refused.status.code(), Some(2), "{text}: {}", refused.log);
            assert!(said.iter().all(|word| refused.log.contains(word)), "{said:?} in: {}", refused.log);
        }
        let refused = Setup::new().config(text).refused();
        assert_eq!(refused.status.code(), Some(2), "{text}: {}", refused.log);
    }
    let missing = Process::start("wasmcast", wasmcast().args(["config", "check", "-c", "/no/such/file.toml"]));
    let missing = missing.finish(Duration::from_secs(10));
    assert!(missing.status.code() == Some(2) && missing.log.contains("/no/such/file.toml"), "{}", missing.log);
}

#[test]
fn check_refuses_a_certificate_that_serve_would_refuse() {
    let scratch = Scratch::new();
    let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).expect("a name");
    let (ours, other) = (made("localhost"), made("localhost"));
    let cert = scratch.write("cert.pem", ours.cert.pem());
    for (name, key, code) in [
        ("right.pem", ours.signing_key.serialize_pem(), 0),
        ("other.pem", other.signing_key.serialize_pem(), 2),
        ("garbage.pem", "garbage".to_owned(), 2),
    ] {
        let text = format!("http.tls = {{ cert = {cert:?}, key = {:?} }}", scratch.write(name, key));
        let checked = config(&["check"], &text, &[]);
        assert_eq!(checked.status.code(), Some(code), "{name}: {}", checked.log);
        if code == 2 {
            let refused = Setup::new().config(&text).refused();
            assert_eq!(refused.status.code(), Some(2), "{name}: {}", refused.log);
        }
    }
}

#[test]
fn rules_that_leave_an_action_open_to_this_machine_are_told() {
    let text = "[[access.rules]]\nstream = \"**\"\naction = [\"publish\"]\nallow = \"denied\"\n";
    let checked = config(&["check"], text, &[]);
    assert!(checked.status.success() && checked.log.contains("none for access.play"), "{}", checked.log);
}

#[test]
fn wrong_usage_ends_with_code_2_and_help_with_0() {
    for (arguments, code) in [
        (&["serve", "--nonsense"] as &[&str], 2),
        (&["nonsense"], 2),
        (&[], 2),
        (&["--help"], 0),
        (&["serve", "--help"], 0),
        (&["publish", "--help"], 0),
        (&["play", "--help"], 0),
        (&["bench", "--help"], 0),
        (&["--version"], 0),
    ] {
        let mut command = wasmcast();
        let finished = Process::start("wasmcast", command.args(arguments)).finish(Duration::from_secs(10));
        assert_eq!(finished.status.code(), Some(code), "{arguments:?}\n{}", finished.log);
        if arguments.len() == 2 && code == 0 {
            assert!(finished.log.contains("Example"), "{arguments:?}\n{}", finished.log);
        }
    }
}

#[test]
fn off_loopback_it_starts_only_with_rules_and_says_which_lines_are_missing() {
    let refused = Setup::new().env("WASMCAST_HTTP__LISTEN", "0.0.0.0:0").refused();
    assert_eq!(refused.status.code(), Some(2), "{}", refused.log);
    for line in ["access.publish = \"open\"", "access.play = \"open\""] {
        assert!(refused.log.replace("\\\"", "\"").contains(line), "{line} in: {}", refused.log);
    }
}

#[test]
fn a_changed_file_is_applied_while_running() {
    let server = Server::start();
    server.send(&Request::offer("/whip/a", CHROME_WHIP)).expect(201);
    server.scratch.write("wasmcast.toml", "access.publish = \"denied\"\n");
    server.wait_until("the new rule", || {
        let status = server.send(&Request::offer("/whip/b", CHROME_WHIP)).status;
        if status == 403 { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn limits_and_the_time_to_stop_need_no_restart() {
    let server = Server::start();
    server.scratch.write("wasmcast.toml", "shutdown.grace_s = 0\nlimits.sessions = 1\n");
    let named =
        |line: &str| (line.contains("limits.sessions shutdown.grace_s") && line.contains("applied")).then_some(());
    server.process.wait_for("the keys being named as applied", Duration::from_secs(15), named);
    server.send(&Request::offer("/whip/a", CHROME_WHIP)).expect(201);
    server.send(&Request::offer("/whip/b", CHROME_WHIP)).problem(503);
}

#[test]
fn a_wrong_file_changes_nothing_and_is_told() {
    let server = Server::start();
    for text in ["access.publish = \"denied\"\nhttp.listn = 3\n", "access.publish = \"den", "\u{0}\u{1}"] {
        server.scratch.write("wasmcast.toml", text);
        let told = |line: &str| (line.contains("wasmcast.toml") && line.contains("\"level\":\"")).then_some(());
        server.process.wait_for("the refusal of the file", Duration::from_secs(15), told);
        let name = format!("/whip/after-{}", text.len());
        server.send(&Request::offer(name, CHROME_WHIP)).expect(201);
    }
    fs::remove_file(&server.config).expect("the file was there");
    server.send(&Request::offer("/whip/after-removal", CHROME_WHIP)).expect(201);
}

#[test]
fn what_needs_a_restart_is_said_by_name_and_left() {
    let server = Server::start();
    server.scratch.write("wasmcast.toml", "media.shards = 1\nlog.level = \"debug\"\n");
    let named = |line: &str| (line.contains("media.shards") && line.contains("restart")).then_some(());
    server.process.wait_for("media.shards being named", Duration::from_secs(15), named);
    server.send(&Request::offer("/whip/a", CHROME_WHIP)).expect(201);
}
