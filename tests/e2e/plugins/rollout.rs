//! New generations that are worse: found in the shadow, as a canary or on probation, and taken out while viewers come and stay.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::folder::{Folder, guest, status, wait_generation, wait_status};
use super::life::Joining;
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::{Server, wasmcast};

const NAME: &str = "successor";
/// What a new generation needs to be judged comes in by and by, on a busy machine slowly.
const PATIENCE: Duration = Duration::from_secs(120);
/// Let in by the plugin, and told that nobody publishes this stream.
const LET_IN: u16 = 409;

/// The manifest of a version; each differs from the others by its configuration at least.
fn manifest(top: &str, rollout: &str, config: &str) -> String {
    format!(
        "{top}\n[limits]\ncpu-ms = 1000\nwall-ms = 20000\n[failure]\ntrap = \"closed\"\n[rollout]\n{rollout}\n[config]\nttl_ms = 1000\n{config}\n"
    )
}

/// The plugin's file with another digest.
fn again(number: u8) -> Vec<u8> {
    let mut bytes = guest(NAME);
    // A custom section with an empty name and one byte.
    bytes.extend([0, 2, 0, number]);
    bytes
}

fn ask(server: &Server, stream: &str) -> Response {
    server.send(&Request::offer(format!("/whep/{stream}"), CHROME_WHEP))
}

/// Runs `wasmcast plugin ...` against a server, and returns what it wrote.
fn command(server: &Server, words: &[&str]) -> String {
    let mut command = wasmcast();
    command.arg("plugin").args(words).arg("--url").arg(format!("http://{}", server.admin));
    let output = command.output().expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

/// Exchanges a good generation for one that is worse while viewers are there and others join, and waits until it is gone.
/// Returns how the operator was told of it, and how many joins were refused.
fn replaced_by(worse: &str) -> (Value, usize) {
    let folder = Folder::new();
    folder.manifest(NAME, &manifest("", "probation-s = 600", "subject = \"good\""));
    folder.file(NAME, &guest(NAME));
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    let mut play = wasmcast();
    play.args(["play", &server.url("/whep/demo"), "--interval", "0.5"]);
    let viewer = Process::start("viewer", &mut play);
    server.wait_connected("play", 1);
    let id = server.api("/api/v1/sessions?action=play")["sessions"][0]["id"].as_str().expect("an id").to_owned();
    let there = || server.api(&format!("/api/v1/sessions/{id}"));
    let asked = || there()["times_asked"].as_u64().unwrap_or_else(|| panic!("{}", there()));
    let joining = Joining::new(&server, "demo");
    let seen = joining.while_running(|| {
        server.wait_for_long("calls of the good one", PATIENCE, || match status(&server, NAME)["calls"].as_u64() {
            Some(150..) => Ok(()),
            calls => Err(format!("{calls:?}")),
        });
        folder.manifest(NAME, &manifest("", "probation-s = 600", &format!("subject = \"worse\"\n{worse}")));
        folder.file(NAME, &again(1));
        let before = asked();
        let seen = server.wait_for_long("a rollback", PATIENCE, || {
            let seen = status(&server, NAME);
            if seen["last_rollback"].is_object() { Ok(seen) } else { Err(seen.to_string()) }
        });
        server.wait_until("a renewal", || if asked() > before { Ok(()) } else { Err(there().to_string()) });
        seen
    });
    assert_eq!(
        (&seen["state"], &seen["generation"], &seen["origin"]),
        (&"active".into(), &1.into(), &"rolled-back".into())
    );
    let there = there();
    assert_eq!((&there["state"], &there["subject"]), (&"connected".into(), &"good".into()), "{there}");
    drop(viewer);
    // It stays out, over a restart too.
    let refused = joining.refused.into_inner();
    let log = server.stop().log;
    assert!(log.contains("rolled back: "), "{log}");
    let server = folder.setup().demo().start();
    let seen_again = wait_status(&server, NAME, "in service", |status| status["state"] == "active");
    assert_eq!(
        (&seen_again["origin"], &seen_again["candidate"]),
        (&"rolled-back".into(), &Value::Null),
        "{seen_again}"
    );
    (seen["last_rollback"].clone(), refused)
}

#[test]
fn a_generation_that_traps_with_one_call_of_twenty_is_rolled_back_and_nobody_notices() {
    let (rollback, refused) = replaced_by("trap_percent = 5");
    assert_eq!((&rollback["cause"], &rollback["generation"]), (&"errors".into(), &2.into()), "{rollback}");
    assert_eq!(refused, 0, "the one before stood in where it failed");
}

#[test]
fn a_generation_that_is_much_slower_is_rolled_back() {
    let (rollback, refused) = replaced_by("work = 20_000_000");
    assert_eq!(rollback["cause"], "latency", "{rollback}");
    assert_eq!(refused, 0);
}

#[test]
fn a_generation_that_denies_everybody_is_rolled_back_and_who_is_in_stays() {
    let (rollback, refused) = replaced_by("deny = true");
    assert_eq!(rollback["cause"], "denials", "{rollback}");
    assert!(rollback["reason"].as_str().is_some_and(|reason| reason.contains("denied")), "{rollback}");
    assert!(refused > 0, "it was asked");
}

#[test]
fn the_shadow_finds_exactly_the_decisions_that_differ_and_a_hostile_one_hurts_nobody() {
    let folder = Folder::new();
    folder.manifest(NAME, &manifest("", "", "subject = \"good\""));
    folder.file(NAME, &guest(NAME));
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    let shadow = |number: u8, config: &str| {
        let tried = || status(&server, NAME)["candidate"]["generation"].as_u64().unwrap_or_default();
        let before = tried();
        let text = manifest("mode = \"shadow\"", "", &format!("subject = \"good\"\n{config}"));
        folder.manifest(NAME, &text.replace("cpu-ms = 1000", "cpu-ms = 20"));
        folder.file(NAME, &again(number));
        wait_status(&server, NAME, "a shadow", |status| {
            status["candidate"]["stage"] == "shadow" && status["candidate"]["generation"].as_u64() > Some(before)
        })
    };
    shadow(1, "deny_stream = \"odd\"");
    for number in 0..30 {
        assert_eq!(ask(&server, if number % 5 == 0 { "odd" } else { "fine" }).status, LET_IN);
    }
    let compared = |goal: f64| {
        server.wait_until("comparisons", || {
            match server.metric("wasmcast_plugins_shadow_compared_total{plugin=\"successor\"}") {
                compared if compared >= goal => Ok(()),
                compared => Err(compared.to_string()),
            }
        });
    };
    compared(30.0);
    let list = server.api("/api/v1/plugins/successor/differences");
    let list = list.as_array().expect("an array");
    assert_eq!(list.len(), 6, "{list:?}");
    for difference in list {
        assert_eq!((&difference["stream"], &difference["hook"]), (&"odd".into(), &"auth/check".into()));
        assert_eq!(difference["in_service"], "allow: subject good, for 1 s");
        assert_eq!(difference["candidate"], "deny 403 \"Not by this version.\"");
    }
    let shown = command(&server, &["differences", NAME]);
    assert_eq!(shown.matches("deny 403 \"Not by this version.\"").count(), 6, "{shown}");
    assert!(command(&server, &["list"]).contains("generation 2 in the shadow"));

    for (number, way) in [(2, "loop"), (3, "memory"), (4, "trap")] {
        shadow(number, &format!("way = \"{way}\""));
        for _ in 0..60 {
            assert_eq!(ask(&server, "fine").status, LET_IN, "{way}");
        }
        server.wait_until("its failures", || {
            let seen = status(&server, NAME);
            if seen["candidate"]["errors"].as_u64() > Some(0) { Ok(()) } else { Err(seen.to_string()) }
        });
    }
    let seen = status(&server, NAME);
    assert_eq!((&seen["generation"], &seen["state"]), (&1.into(), &"active".into()), "{seen}");
    assert!(seen["errors"].as_object().expect("classes").values().all(|count| *count == 0), "{seen}");
    // In the middle of a stage: the one that served serves again, and the other one is in the shadow again.
    server.stop();
    let server = folder.setup().demo().start();
    let seen = wait_status(&server, NAME, "a shadow", |status| status["candidate"]["stage"] == "shadow");
    assert_eq!((&seen["state"], &seen["origin"]), (&"active".into(), &"last-good".into()), "{seen}");
    assert_eq!(ask(&server, "fine").status, LET_IN);
    assert!(command(&server, &["rollback", NAME]).contains("active"));
    assert_eq!(status(&server, NAME)["candidate"], Value::Null);
}

#[test]
fn what_was_captured_is_replayed_on_another_build() {
    let folder = Folder::new();
    folder.manifest(NAME, &manifest("", "", "subject = \"good\""));
    folder.file(NAME, &guest(NAME));
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    let file = server.scratch.path().join("decisions.jsonl");
    let mut capture = wasmcast();
    capture.args([
        "plugin",
        "capture",
        "--count",
        "30",
        "--duration",
        "60",
        "--url",
        &format!("http://{}", server.admin),
    ]);
    let capture = Process::start("capture", capture.arg(&file));
    // It is recorded from the first question of the command on.
    server.wait_until("the capture", || {
        ask(&server, "odd");
        let list = server.api("/api/v1/decisions?after=0");
        if list.as_array().is_some_and(|list| !list.is_empty()) && file.exists() {
            Ok(())
        } else {
            Err(list.to_string())
        }
    });
    for number in 0..30 {
        let asked = Request::offer(if number % 5 == 0 { "/whep/odd" } else { "/whep/fine" }, CHROME_WHEP);
        assert_eq!(server.send(&asked.bearer("S3CRET-TOKEN")).status, LET_IN);
    }
    let finished = capture.finish(PATIENCE);
    assert!(finished.status.success(), "{}", finished.log);
    let recorded = fs::read_to_string(&file).expect("what was recorded");
    assert_eq!(recorded.lines().count(), 30);
    assert!(!recorded.contains("S3CRET-TOKEN"), "{recorded}");
    let odd = recorded.lines().filter(|line| line.contains("\"stream\":\"odd\"")).count();
    let build = server.scratch.write("build.wasm", guest(NAME));
    let replay = |config: &str| {
        let rules = server.scratch.write("build.toml", manifest("", "", config).as_bytes());
        let mut command = wasmcast();
        command.args(["plugin", "replay"]).arg(&file).arg(&build).arg("--manifest").arg(rules).args(["--name", NAME]);
        let output = command.output().expect("the program");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let (code, text) = replay("subject = \"good\"");
    assert!(code == Some(0) && text.contains("30 decisions, 0 would be otherwise"), "{code:?} {text}");
    let (code, text) = replay("subject = \"good\"\ndeny_stream = \"odd\"");
    assert!(code == Some(1) && text.contains(&format!("30 decisions, {odd} would be otherwise")), "{code:?} {text}");
    assert_eq!(text.matches("now:     deny 403 \"Not by this version.\"").count(), odd, "{text}");
}

#[test]
fn a_plugin_that_is_only_in_the_shadow_decides_nothing_and_tells_what_it_would() {
    let folder = Folder::new();
    folder.manifest(NAME, &manifest("mode = \"shadow\"", "", "deny = true"));
    folder.file(NAME, &guest(NAME));
    let server = super::router::open(&folder).start();
    wait_status(&server, NAME, "in the shadow", |status| status["state"] == "shadow");
    assert_eq!(ask(&server, "fine").status, LET_IN, "the access rules let everybody in");
    let list = server.wait_until("a difference", || {
        let list = server.api("/api/v1/plugins/successor/differences");
        if list[0].is_object() { Ok(list) } else { Err(list.to_string()) }
    });
    assert_eq!(list[0]["in_service"], "allow (access rules)", "{list}");
    command(&server, &["promote", NAME]);
    ask(&server, "fine").problem(403);
}

#[test]
fn a_canary_has_its_share_which_stays_with_it_until_it_is_promoted() {
    let folder = Folder::new();
    let version = |subject: &str| manifest("", "canary = 0.3\nprobation-s = 1", &format!("subject = \"{subject}\""));
    folder.manifest(NAME, &version("old"));
    folder.file(NAME, &guest(NAME));
    let setup = || folder.setup().config("http.trusted_proxies = [\"127.0.0.1\"]").demo().start();
    let server = setup();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    folder.manifest(NAME, &version("new"));
    folder.file(NAME, &again(1));
    wait_status(&server, NAME, "a canary", |status| status["candidate"]["stage"] == "canary");
    // Whose answer a client gets, by its address.
    let subjects = |server: &Server| -> Vec<String> {
        let subject = |client: u8| {
            let offer =
                Request::offer("/whep/demo", CHROME_WHEP).header("X-Forwarded-For", &format!("192.0.2.{client}"));
            let made = server.send(&offer).expect(201);
            let location = made.header("location").expect("a Location").to_owned();
            let id = location.rsplit('/').next().unwrap_or_default();
            let subject =
                server.api(&format!("/api/v1/sessions/{id}"))["subject"].as_str().unwrap_or_default().to_owned();
            server.send(&Request::new("DELETE", location));
            subject
        };
        (0..100).map(subject).collect()
    };
    let first = subjects(&server);
    let new = first.iter().filter(|subject| *subject == "new").count();
    assert!((12..=50).contains(&new), "{new} of 100");
    assert_eq!(subjects(&server), first, "the same client, the same side");
    let seen = status(&server, NAME);
    assert!(seen["candidate"]["calls"].as_u64() >= Some(2 * new as u64), "{seen}");
    server.stop();
    let server = setup();
    server.wait_live("demo");
    wait_status(&server, NAME, "a canary again", |status| status["candidate"]["stage"] == "canary");
    assert_eq!(subjects(&server), first, "over a restart too");

    let said = command(&server, &["rollout", NAME, "--canary", "60%"]);
    assert!(said.contains("as a canary with 60 %"), "{said}");
    let more = subjects(&server);
    let stayed = first.iter().zip(&more).all(|(before, after)| before == after || after == "new");
    assert!(stayed && more != first, "{first:?} {more:?}");
    let said = command(&server, &["promote", NAME]);
    assert!(said.contains("on probation"), "{said}");
    assert!(subjects(&server).iter().all(|subject| subject == "new"));
    wait_status(&server, NAME, "the end of probation", |status| {
        status["previous"].is_null() && status["candidate"].is_null() && status["state"] == "active"
    });
}

#[test]
fn signatures_open_and_their_absence_closes() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plugins");
    let read = |name: &str| fs::read(data.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let public = String::from_utf8(read("minisign.pub")).expect("text");
    let key = public.lines().nth(1).expect("a key");
    let folder = Folder::new();
    folder.manifest("door", "[config]\ntoken = \"secret\"\n");
    fs::write(folder.path().join("door.wasm.minisig"), read("auth-token.wasm.minisig")).expect("a writable folder");
    folder.file("door", &read("auth-token.wasm"));
    let config = format!("plugins.trusted_keys = [\"{key}\"]\nplugins.require_signature = true");
    let server = folder.setup().config(&config).demo().start();
    let seen = wait_generation(&server, "door", 1);
    assert_eq!(seen["signature"]["trusted"], true, "{seen}");
    assert!(public.contains(seen["signature"]["key"].as_str().unwrap_or("?")), "{seen}");
    // Another file beside the signature of this one: the one that serves goes on.
    folder.file("door", &guest("auth-token"));
    let seen = wait_status(&server, "door", "refused", |status| status["refused"] == 1);
    let cause = seen["last_error"]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("door.wasm.minisig is not for this file"), "{cause}");
    assert_eq!((&seen["state"], &seen["generation"]), (&"active".into(), &1.into()), "{seen}");
    // One without any.
    folder.install("other", "auth-token", "[config]\ntoken = \"x\"\n");
    let seen = wait_status(&server, "other", "refused", |status| status["state"] == "failed");
    let cause = seen["last_error"]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("there is no other.wasm.minisig"), "{cause}");
}
