//! What a plugin's answer does to a session beyond yes and no: taken back, another stream, and kept while the plugin fails.

use std::io::BufRead;
use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, status, wait_generation, wait_status};
use super::web::{Said, Web};
use crate::clients::browser;
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, wasmcast};

const PATIENCE: Duration = Duration::from_secs(40);
/// Calls every function of the server; says by stream names what becomes of sessions.
const NAME: &str = "all-imports";
const GRANTS: &str = "[grants]\nkv = {}\nhttp = []\n";

fn guarded(manifest: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, &format!("{manifest}{GRANTS}"));
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    (folder, server)
}

fn ask(server: &Server, stream: &str) -> Response {
    server.send(&Request::offer(format!("/whep/{stream}"), CHROME_WHEP))
}

/// Runs `wasmcast COMMAND URL`.
fn client(server: &Server, words: &[&str], path: &str) -> Process {
    let mut command = wasmcast();
    command.args(words).arg(server.url(path));
    Process::start(words[0], &mut command)
}

/// The data of the next event of this name.
fn event(events: &mut impl BufRead, name: &str) -> Value {
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
fn a_plugin_takes_its_word_back_and_viewers_are_told_why() {
    let (_folder, server) = guarded("");
    let options = json!({ "role": "look", "url": server.url("/play/demo?muted=1"), "until": "You were sent away." });
    let page = browser("chromium", &server, "look", &options);
    server.wait_connected("play", 1);
    let viewer = ask(&server, "demo").expect(201);
    let location = viewer.header("location").expect("a Location").to_owned();
    let made = server.send(&Request::new("POST", format!("{location}/events"))).expect(201);
    let (_, mut events) = Request::get(made.header("location").expect("the URL of the events")).follow(server.http);
    let publisher = client(&server, &["publish", "testsrc", "--size", "320x180", "--no-audio"], "/whip/cam");
    server.wait_live("cam");

    assert_eq!(ask(&server, "revoke/viewer").problem(403), "It is done.");
    let ended = event(&mut events, "ended");
    assert_eq!((&ended["reason"], &ended["detail"]), (&"access-revoked".into(), &"You were sent away.".into()));
    let shown = Report::read(page, PATIENCE).measured;
    assert_eq!(shown["found"], true, "{shown}");
    server.wait_sessions("play", 0);
    assert_eq!(ask(&server, "demo").problem(403), "You were sent away.", "who comes back is refused as well");
    server.wait_connected("publish", 1);
    drop(publisher);
    let log = server.stop().log;
    assert!(log.contains("auth/revoke: asks again: the sessions of viewer"), "{log}");
}

#[test]
fn a_grant_names_another_stream_to_publish_and_to_play() {
    let (folder, server) = guarded("[match]\nstream = [\"as/**\", \"cam\", \"demo\"]\n");
    let _publisher = client(&server, &["publish", "testsrc", "--size", "320x180", "--no-audio"], "/whip/as/cam");
    let stream = server.wait_live("cam");
    assert_eq!(stream["name"], "cam", "{stream}");
    for path in ["/whep/as/cam", "/whep/cam"] {
        let words = ["play", "--duration", "20", "--expect-frames", "10"];
        let finished = client(&server, &words, path).finish(PATIENCE);
        assert!(finished.status.success(), "{path}\n{}", finished.log);
    }
    let viewer = ask(&server, "as/cam").expect(201);
    let id = viewer.header("location").and_then(|location| location.rsplit('/').next()).expect("a Location").to_owned();
    let told = server.api(&format!("/api/v1/sessions/{id}"));
    assert_eq!(told["stream"], "cam", "{told}");
    // Another name under which nothing is published, and one that the operator did not give to the plugin.
    assert_eq!(ask(&server, "as/nobody").status, 503, "`nobody` is not in match.stream");
    let cause = &status(&server, NAME)["last_error"]["cause"];
    assert!(cause.as_str().is_some_and(|cause| cause.contains("`nobody` is not in match.stream")), "{cause}");
    folder.manifest(NAME, GRANTS);
    wait_generation(&server, NAME, 2);
    ask(&server, "as/nobody").problem(409);
}

#[test]
fn with_last_good_those_who_are_in_stay_while_the_plugin_fails_and_nobody_else_comes_in() {
    let web = Web::start(|_| Said::json(&json!({ "decision": "allow", "subject": "alice", "ttl_s": 1 })));
    let manifest = |policy: &str| {
        // Without probation, in which the version before renews sessions by its own policy.
        format!(
            "{}[failure]\nerror = \"{policy}\"\n[rollout]\nprobation-s = 0\n[config]\nurl = \"{}\"\n",
            web.grants(),
            web.url("/")
        )
    };
    let folder = Folder::new().with("auth-webhook", &manifest("last-good"));
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-webhook", 1);
    server.wait_live("demo");
    let viewer = client(&server, &["play", "--interval", "0.5"], "/whep/demo");
    server.wait_connected("play", 1);
    let session = || server.api("/api/v1/sessions?action=play")["sessions"][0].clone();
    let id = session()["id"].as_str().expect("an id").to_owned();
    let times = || {
        let told = server.api(&format!("/api/v1/sessions/{id}"));
        told["times_asked"].as_u64().unwrap_or_else(|| panic!("{told}"))
    };
    let asked_again = |what: &str, more: u64| {
        let goal = times() + more;
        server.wait_until(what, || if times() >= goal { Ok(()) } else { Err(times().to_string()) });
    };
    asked_again("an answer of the endpoint", 1);
    web.set_down(true);
    wait_status(&server, "auth-webhook", "a failure", |status| status["errors"]["error"].as_u64() >= Some(1));
    asked_again("answers from before", 2);
    let told = server.api(&format!("/api/v1/sessions/{id}"));
    assert_eq!((&told["state"], &told["subject"]), (&"connected".into(), &"alice".into()), "{told}");
    assert!(told.to_string().contains("last-good"), "the story says who answered: {told}");
    ask(&server, "demo").problem(503);
    // By another policy it ends.
    folder.manifest("auth-webhook", &manifest("closed"));
    server.wait_sessions("play", 0);
    drop(viewer);
    let log = server.stop().log;
    assert!(log.contains("answered `last-good` (failure.error)"), "{log}");
}
