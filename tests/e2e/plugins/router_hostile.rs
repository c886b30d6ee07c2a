//! Routers that fail and routers that misbehave: sessions get what the failure policy says, and no answer reaches a client
//! unchecked.

use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, guest, status, wait_generation, wait_status};
use super::router::{open, told};
use super::web::{Said, Web};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::server::Server;

const NAME: &str = "router-hostile";
/// Served here: nobody publishes this stream.
const SERVED: u16 = 409;
const GRANTS: &str = "[grants]\nhttp = []\n";

fn house(manifest: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, manifest);
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    (folder, server)
}

fn ask(server: &Server, stream: &str) -> Response {
    server.send(&Request::offer(format!("/whep/{stream}"), CHROME_WHEP))
}

#[test]
fn each_failure_is_answered_by_policy_which_is_open_unless_said_otherwise() {
    let rows = [
        ("panic", "trap", "the router panics as it was told"),
        ("loop", "deadline", "10 ms of CPU"),
        ("error", "error", "the router does not want to"),
    ];
    for (policy, answered) in
        [(None, SERVED), (Some("open"), SERVED), (Some("closed"), 503), (Some("last-good"), SERVED)]
    {
        let classes =
            rows.map(|(_, class, _)| policy.map(|policy| format!("{class} = \"{policy}\"\n")).unwrap_or_default());
        let manifest = format!("{GRANTS}[limits]\nwall-ms = 5000\n[failure]\n{}", classes.concat());
        let (_folder, server) = house(&manifest);
        for (way, class, cause) in rows {
            let answer = ask(&server, way);
            assert_eq!(answer.status, answered, "{policy:?} {way}: {}", answer.text());
            assert!(!answer.text().contains("router"), "{way}: {}", answer.text());
            let last = &status(&server, NAME)["last_error"];
            let told = last["cause"].as_str().unwrap_or_default();
            assert!(last["class"] == class && told.contains(cause), "{policy:?} {way}: {last}");
            assert_eq!(ask(&server, "fine").status, SERVED);
        }
        let log = server.stop().log;
        let word = if answered == SERVED { "open" } else { "closed" };
        assert!(log.contains(&format!("answered `{word}` (failure.trap)")) && log.contains("router/routing"), "{log}");
    }
}

#[test]
fn a_router_that_is_busy_is_passed_over_or_refuses_as_its_manifest_says() {
    for (policy, answered) in [("open", SERVED), ("closed", 503)] {
        let web = Web::start(|_| Said { after: Duration::from_secs(20), ..Said::json(&Value::Null) });
        let manifest = format!(
            "instances = 1\n{}[limits]\nqueue = 0\nwall-ms = 4000\n[failure]\nsaturated = \"{policy}\"\n[config]\nurl = \"{}\"\n",
            web.grants(),
            web.url("/")
        );
        let (_folder, server) = house(&manifest);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ask(&server, "wait").status);
            server.wait_until("the question", || if web.asked().is_empty() { Err("none".to_owned()) } else { Ok(()) });
            assert_eq!(ask(&server, "fine").status, answered, "{policy}");
            assert!(!waiting.is_finished(), "the only instance is busy");
            assert_eq!(status(&server, NAME)["errors"]["saturated"], 1);
            assert_eq!(waiting.join().expect("an answer"), SERVED, "a deadline is open by default");
        });
    }
}

#[test]
fn a_router_that_can_not_be_loaded_lets_sessions_pass_unless_its_manifest_closes() {
    let rows = [
        ("", "load", false, SERVED),
        ("[failure]\nload = \"closed\"\n", "load", false, 503),
        ("[config]\nbroken = true\n", "init", true, SERVED),
        ("[failure]\ninit = \"closed\"\n[config]\nbroken = true\n", "init", true, 503),
    ];
    for (manifest, class, whole, answered) in rows {
        let folder = Folder::new();
        let bytes = if whole { guest(NAME) } else { b"no plugin".to_vec() };
        // What nothing can be told of would count as one that guards the door.
        folder.manifest(NAME, &format!("hooks = [\"router\"]\n{GRANTS}{manifest}"));
        folder.file(NAME, &bytes);
        let server = open(&folder).start();
        let seen = wait_status(&server, NAME, "failed", |status| status["state"] == "failed");
        assert_eq!(seen["last_error"]["class"], class, "{seen}");
        assert_eq!(ask(&server, "fine").status, answered, "{manifest}: {seen}");
        let log = server.stop().log;
        let word = if answered == SERVED { "open" } else { "closed" };
        assert!(log.contains(&format!("answers: {word} (failure.{class})")), "{log}");
    }
}

#[test]
fn a_version_that_fails_leaves_the_one_before_in_service() {
    let (folder, server) = house(&format!("{GRANTS}[config]\ncohort = \"first\"\n"));
    let cohort = || told(&server, &ask(&server, "demo").expect(201))["tags"]["cohort"].clone();
    assert_eq!(cohort(), "first");
    folder.manifest(NAME, &format!("{GRANTS}[config]\nbroken = true\ncohort = \"second\"\n"));
    wait_status(&server, NAME, "refused", |status| status["refused"] == 1);
    assert_eq!(cohort(), "first");
    folder.file(NAME, b"no plugin");
    wait_status(&server, NAME, "refused", |status| status["refused"].as_u64() >= Some(2));
    assert_eq!(cohort(), "first");
}

#[test]
fn no_answer_reaches_a_client_unchecked() {
    let rows = [
        ("newline", "error", "no address has"),
        ("script", "error", "begins with https://"),
        ("file", "error", "begins with https://"),
        ("user", "error", "a user name"),
        ("relative", "error", "is neither"),
        ("long", "error", "bytes, an address has at most 2048"),
        ("huge", "trap", "hostcall-kib"),
        ("tags", "error", "10000 entries"),
        ("tag", "error", "2000 bytes"),
        ("reserved", "error", "kept for limits"),
        ("nodes", "error", "at most 8"),
        ("name", "error", "no stream name"),
        ("foreign", "error", "is not in match.stream"),
        ("rendition", "error", "is no name"),
    ];
    let manifest = format!(
        "{GRANTS}[match]\nstream = [\"x/*\"]\n[limits]\nmemory-mib = 256\ncpu-ms = 1000\nwall-ms = 9000\nhostcall-kib = 1024\n"
    );
    // Ten failures would stop the plugin.
    for rows in rows.chunks(7) {
        let (_folder, server) = house(&manifest);
        for (way, class, cause) in rows {
            let answer = ask(&server, &format!("x/{way}"));
            assert_eq!((answer.status, answer.header("location")), (SERVED, None), "{way}: {answer:?}");
            assert_eq!(answer.header("set-cookie"), None, "{way}");
            let last = &status(&server, NAME)["last_error"];
            let told = last["cause"].as_str().unwrap_or_default();
            assert!(last["class"] == *class && told.contains(cause) && told.len() < 1_000, "{way}: {last}");
        }
        let metrics = Request::get("/metrics").send(server.admin).expect(200).text();
        assert!(!metrics.contains("wasmcast_sessions_routed_total"), "{metrics}");
    }
}

#[test]
fn odd_but_valid_answers_serve_here() {
    let (_folder, server) = house(GRANTS);
    assert_eq!(ask(&server, "self").status, SERVED, "it would send the client here again");
    assert_eq!(ask(&server, "unknown").status, SERVED);
    let seen = told(&server, &ask(&server, "absent").expect(201));
    assert_eq!((&seen["stream"], &seen["route"]["rendition"]), (&json!("demo"), &json!("absent")), "{seen}");
    assert_eq!(ask(&server, "none").status, SERVED);
    assert_eq!(status(&server, NAME)["errors"]["error"], 0);
    let log = server.stop().log;
    assert!(log.contains("a rendition that the stream does not have"), "{log}");
}

#[test]
fn cohorts_are_a_label_of_bounded_size() {
    let (folder, server) = house(&format!("{GRANTS}[config]\ncohort = \"a b\\\"}} 1\"\n"));
    ask(&server, "demo").expect(201);
    for number in 2..=19 {
        folder.manifest(NAME, &format!("{GRANTS}[config]\ncohort = \"cohort-{number}\"\n"));
        wait_generation(&server, NAME, number);
        ask(&server, "demo").expect(201);
    }
    let metrics = Request::get("/metrics").send(server.admin).expect(200).text();
    let series: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("wasmcast_sessions_routed_total{")).collect();
    assert_eq!(series.len(), 17, "{series:?}");
    assert!(series.iter().any(|line| line.contains("cohort=\"other\"") && line.ends_with("} 3")), "{series:?}");
}

#[test]
fn tags_of_auth_come_first_and_those_of_the_router_last_as_long_as_the_session() {
    let folder = Folder::new().with("auth-token", "[config]\ntoken = \"secret\"\nplan = \"gold\"\nttl_ms = 1000\n");
    folder.install(NAME, NAME, &format!("{GRANTS}[config]\ncohort = \"blue\"\n"));
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    wait_generation(&server, "auth-token", 1);
    server.wait_live("demo");
    let viewer = server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("secret")).expect(201);
    let again = server.wait_until("asked again", || {
        let seen = told(&server, &viewer);
        if seen["times_asked"].as_u64() >= Some(2) { Ok(seen) } else { Err(seen.to_string()) }
    });
    assert_eq!(again["tags"], json!({ "plan": "gold", "cohort": "blue" }), "{again}");
    let hooks: Vec<&Value> = again["decision"].as_array().into_iter().flatten().map(|step| &step["hook"]).collect();
    assert_eq!(hooks, ["auth", "router"], "{again}");
    let calls = status(&server, NAME)["calls"].clone();
    assert_eq!(calls, 1, "a router is asked once a session");
    let tagged = server.send(&Request::offer("/whep/tagged", CHROME_WHEP).bearer("secret")).expect(201);
    assert_eq!(told(&server, &tagged)["tags"], json!({ "plan": "gold", "cohort": "gold" }));
}
