//! Rate limiters that fail and rate limiters that misbehave: no rule is in force unchecked, and sessions get what the failure
//! policy says.

use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, guest, status, wait_generation, wait_status};
use super::router::open;
use super::web::{Said, Web};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::server::Server;

const NAME: &str = "ratelimit-hostile";
/// Let in: nobody publishes this stream.
const ADMITTED: u16 = 409;
const GRANTS: &str = "[grants]\nhttp = []\nkv = { scope = \"node\" }\n";

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
        ("panic", "trap", "the limiter panics as it was told"),
        ("loop", "deadline", "10 ms of CPU"),
        ("error", "error", "the limiter does not want to decide"),
    ];
    for (policy, answered) in
        [(None, ADMITTED), (Some("open"), ADMITTED), (Some("closed"), 503), (Some("last-good"), ADMITTED)]
    {
        let classes =
            rows.map(|(_, class, _)| policy.map(|policy| format!("{class} = \"{policy}\"\n")).unwrap_or_default());
        let manifest = format!("{GRANTS}[limits]\nwall-ms = 5000\n[failure]\n{}", classes.concat());
        let (_folder, server) = house(&manifest);
        for (way, class, cause) in rows {
            let answer = ask(&server, &format!("asked/{way}"));
            assert_eq!(answer.status, answered, "{policy:?} {way}: {}", answer.text());
            assert!(!answer.text().contains("limiter"), "{way}: {}", answer.text());
            let last = &status(&server, NAME)["last_error"];
            let told = last["cause"].as_str().unwrap_or_default();
            assert!(last["class"] == class && told.contains(cause), "{policy:?} {way}: {last}");
            assert_eq!(ask(&server, "asked/fine").status, ADMITTED);
            // Its other rules hold whatever its calls do.
            ask(&server, "few/one").problem(429);
        }
        let log = server.stop().log;
        let word = if answered == ADMITTED { "open" } else { "closed" };
        assert!(
            log.contains(&format!("answered `{word}` (failure.trap)")) && log.contains("ratelimit/decide"),
            "{log}"
        );
    }
}

#[test]
fn a_limiter_that_is_busy_is_passed_over_or_refuses_as_its_manifest_says() {
    for (policy, answered) in [("open", ADMITTED), ("closed", 503)] {
        let web = Web::start(|_| Said { after: Duration::from_secs(20), ..Said::json(&Value::Null) });
        let manifest = format!(
            "instances = 1\n{}[limits]\nqueue = 0\nwall-ms = 4000\n[failure]\nsaturated = \"{policy}\"\n[config]\nurl = \"{}\"\n",
            web.grants(),
            web.url("/")
        );
        let (_folder, server) = house(&manifest);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| ask(&server, "asked/wait").status);
            server.wait_until("the question", || if web.asked().is_empty() { Err("none".to_owned()) } else { Ok(()) });
            assert_eq!(ask(&server, "asked/fine").status, answered, "{policy}");
            assert!(!waiting.is_finished(), "the only instance is busy");
            assert_eq!(status(&server, NAME)["errors"]["saturated"], 1);
            ask(&server, "few/one").problem(429);
            assert_eq!(waiting.join().expect("an answer"), ADMITTED, "a deadline is open by default");
        });
    }
}

#[test]
fn a_limiter_that_can_not_be_loaded_lets_sessions_pass_unless_its_manifest_closes() {
    let rows = [
        ("", "load", false, ADMITTED),
        ("[failure]\nload = \"closed\"\n", "load", false, 503),
        ("[config]\nbroken = true\n", "init", true, ADMITTED),
        ("[failure]\ninit = \"closed\"\n[config]\nbroken = true\n", "init", true, 503),
        ("[failure]\ninit = \"closed\"\n[config]\nrules = \"nan\"\n", "init", true, 503),
    ];
    for (manifest, class, whole, answered) in rows {
        let folder = Folder::new();
        let bytes = if whole { guest(NAME) } else { b"no plugin".to_vec() };
        // What nothing can be told of would count as one that guards the door.
        folder.manifest(NAME, &format!("hooks = [\"ratelimit\"]\n{GRANTS}{manifest}"));
        folder.file(NAME, &bytes);
        let server = open(&folder).start();
        let seen = wait_status(&server, NAME, "failed", |status| status["state"] == "failed");
        assert_eq!(seen["last_error"]["class"], class, "{seen}");
        assert_eq!(ask(&server, "fine").status, answered, "{manifest}: {seen}");
    }
}

#[test]
fn no_rule_is_in_force_unchecked() {
    let limits = "[limits]\nmemory-mib = 512\ninit-ms = 3000\n";
    let manifest = |rules: &str| format!("{GRANTS}{limits}[config]\nrules = \"{rules}\"\nmost = 0\n");
    let (folder, server) = house(&manifest("fine"));
    ask(&server, "few/one").problem(429);
    let rows = [
        ("million", ""),
        ("sixty-five", "65 rules; a plugin has at most 64"),
        ("nan", "per-second is NaN"),
        ("infinite", "per-second is inf"),
        ("negative", "per-second is -1.0"),
        ("zero", "per-second is 0.0"),
        ("burst-nan", "burst is NaN"),
        ("burst-infinite", "burst is inf"),
        ("burst-negative", "burst is -1.0"),
        ("name", "is no name of a rule"),
        ("long-name", "is no name of a rule"),
        ("huge-name", "hostcall-kib"),
        ("measure", "`packets` is no measure"),
        ("long-measure", "is no measure"),
        ("per", "is known by its address only"),
        ("tag", "is none of"),
        ("only", "no stream pattern"),
        ("twice", "there is another one"),
        ("country", "does not learn where clients are"),
        ("error", "the limiter does not want to give rules"),
        ("panic", "the limiter panics as it was told"),
        ("loop", "init-ms"),
    ];
    for (rules, cause) in rows {
        let refused = status(&server, NAME)["refused"].as_u64().unwrap_or_default();
        folder.manifest(NAME, &manifest(rules));
        let seen = wait_status(&server, NAME, rules, |status| status["refused"].as_u64() > Some(refused));
        let told = seen["last_error"]["cause"].as_str().unwrap_or_default();
        assert!(seen["last_error"]["class"] == "init" && told.contains(cause), "{rules}: {seen}");
        assert!(told.len() < 2_000 && !told.contains('\u{1b}'), "{rules}: {told}");
        assert_eq!((&seen["state"], &seen["generation"]), (&json!("active"), &json!(1)), "{rules}: {seen}");
        // The last good rules stay.
        ask(&server, "few/one").problem(429);
        assert_eq!(ask(&server, "other").status, ADMITTED);
    }
}

#[test]
fn verdicts_become_refusals_with_a_time() {
    let (_folder, server) = house(&format!("{GRANTS}[config]\nmost = 1\n"));
    for (way, seconds) in [("refuse", "2"), ("unknown", "10"), ("ever", "86400")] {
        let answer = ask(&server, &format!("asked/{way}"));
        let problem = answer.problem(429);
        assert!(problem.contains("the limit `asked` of this server"), "{problem}");
        assert_eq!(answer.header("retry-after"), Some(seconds), "{way}");
    }
    assert_eq!(ask(&server, "asked/fine").status, ADMITTED);
    let seen = status(&server, NAME);
    let asked = &seen["rules"][0];
    assert_eq!(
        (&asked["allowed"], &asked["refused"], &asked["limit"]),
        (&json!(1), &json!(3), &json!("ask")),
        "{seen}"
    );
    assert_eq!(seen["calls"], 4, "{seen}");
    let calls = "wasmcast_plugins_calls_total{plugin=\"ratelimit-hostile\",hook=\"ratelimit/decide\"}";
    assert_eq!(server.metric(calls), 4.0);
}

#[test]
fn what_verdicts_count_together_is_counted_once() {
    let (_folder, server) = house(&format!("instances = 8\n{GRANTS}"));
    let statuses = std::thread::scope(|scope| {
        let asking: Vec<_> =
            (0..8).map(|_| scope.spawn(|| [(); 4].map(|()| ask(&server, "asked/counted").status))).collect();
        asking.into_iter().flat_map(|one| one.join().expect("answers")).collect::<Vec<u16>>()
    });
    let admitted = statuses.iter().filter(|status| **status == ADMITTED).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((admitted, refused), (5, 27), "{statuses:?}");
}
