//! auth-webhook with a real HTTP server: fast, slow, wrong and down.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::folder::{Folder, status, wait_generation};
use super::web::{Asked, Said, Web};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::server::Server;

/// A server that asks this endpoint. `extra`: further lines of the manifest, the last of them in `[config]`.
fn asking(web: &Web, extra: &str) -> (Folder, Server) {
    let grants = web.grants().replace("private = true", "private = true, headers = { authorization = \"Bearer key\" }");
    let folder =
        Folder::new().with("auth-webhook", &format!("{grants}[config]\nurl = \"{}\"\n{extra}", web.url("/auth")));
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-webhook", 1);
    server.wait_live("demo");
    (folder, server)
}

fn play(server: &Server, token: &str) -> Response {
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer(token))
}

/// Answers by the token that a session shows.
fn by_token(asked: &Asked) -> Said {
    let facts = asked.json();
    let allow = || Said::json(&json!({ "decision": "allow", "subject": "alice", "tags": { "plan": "gold" } }));
    match facts["token"].as_str().unwrap_or_default() {
        "good" => allow(),
        "kept" => allow().header("Cache-Control: private, max-age=60"),
        "soft" => allow().header("Cache-Control: max-age=0, stale-if-error=60"),
        "bad" => Said::json(&json!({ "decision": "deny", "status": 402, "reason": "Please pay first." })),
        "busy" => Said::json(&json!({ "decision": "deny", "status": 429, "reason": "Full.", "retry_after_s": 30 })),
        "abstain" => Said::json(&json!({ "decision": "abstain" })),
        "slow" => Said { after: Duration::from_secs(5), ..allow() },
        "broken" => Said { status: 500, ..allow() },
        _ => Said::json(&json!({ "decision": "maybe" })),
    }
}

#[test]
fn the_endpoint_decides_in_its_own_words() {
    let web = Web::start(by_token);
    let (_folder, server) = asking(&web, "");
    play(&server, "good").expect(201);
    assert_eq!(play(&server, "bad").problem(402), "Please pay first.");
    let busy = play(&server, "busy");
    assert_eq!((busy.problem(429).as_str(), busy.header("retry-after")), ("Full.", Some("30")));
    play(&server, "abstain").problem(403);
    let asked = web.asked();
    let question = asked[0].json();
    assert_eq!((&question["action"], &question["stream_name"]), (&json!("play"), &json!("demo")), "{question}");
    assert_eq!((&question["token"], &question["remote_ip"]), (&json!("good"), &json!("127.0.0.1")), "{question}");
    assert_eq!(asked[0].header("authorization"), Some("Bearer key"), "the grant's header");
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    assert_eq!((asked[0].path.as_str(), asked.len()), ("/auth", 4), "nothing is kept without Cache-Control");
}

#[test]
fn an_answer_is_kept_as_long_as_it_says() {
    let web = Web::start(by_token);
    let (_folder, server) = asking(&web, "");
    for _ in 0..4 {
        play(&server, "kept").expect(201);
    }
    assert_eq!(web.asked().len(), 1);
    play(&server, "soft").expect(201);
    play(&server, "soft").expect(201);
    assert_eq!(web.asked().len(), 3, "it is stale at once");
    web.set_down(true);
    play(&server, "kept").expect(201);
    play(&server, "soft").expect(201);
    play(&server, "good").problem(503);
}

#[test]
fn an_endpoint_that_fails_is_a_failure_and_the_policy_decides() {
    let web = Web::start(by_token);
    let (folder, server) = asking(&web, "");
    for (token, told) in [("broken", "answered 500"), ("other", "unknown variant `maybe`")] {
        let refused = play(&server, token);
        refused.problem(503);
        assert!(refused.header("retry-after").is_some());
        let seen = status(&server, "auth-webhook");
        assert!(seen["last_error"]["cause"].as_str().is_some_and(|cause| cause.contains(told)), "{told}: {seen}");
    }
    web.set_down(true);
    play(&server, "good").problem(503);
    // Open: as if the plugin were not there, so the static rules decide.
    let open = format!(
        "{}[failure]\nerror = \"open\"\n[rollout]\nprobation-s = 0\n[config]\nurl = \"{}\"\n",
        web.grants(),
        web.url("/auth")
    );
    folder.manifest("auth-webhook", &open);
    wait_generation(&server, "auth-webhook", 2);
    play(&server, "good").problem(403);
    let log = server.stop().log;
    assert!(
        log.contains("answered `closed` (failure.error)") && log.contains("answered `open` (failure.error)"),
        "{log}"
    );
}

#[test]
fn a_slow_endpoint_delays_only_those_who_wait_for_it() {
    let web = Web::start(by_token);
    let (_folder, server) = asking(&web, "timeout-ms = 2000\n[limits]\nwall-ms = 4000\n");
    play(&server, "kept").expect(201);
    let http = server.http;
    let slow: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                let begun = Instant::now();
                let refused = Request::offer("/whep/demo", CHROME_WHEP).bearer("slow").send(http);
                (refused.status, begun.elapsed())
            })
        })
        .collect();
    server.wait_until("questions under way", || match web.asked().len() {
        5.. => Ok(()),
        other => Err(other.to_string()),
    });
    play(&server, "kept").expect(201);
    play(&server, "good").expect(201);
    assert!(slow.iter().all(|slow| !slow.is_finished()), "the others are served while these wait");
    for slow in slow {
        let (status, took) = slow.join().expect("an answer");
        assert_eq!(status, 503);
        assert!(took > Duration::from_millis(1_900), "{took:?}");
    }
}

#[test]
fn a_wave_of_joins_at_a_healthy_endpoint_is_let_in() {
    let web = Web::start(|asked| Said { after: Duration::from_millis(300), ..by_token(asked) });
    let (_folder, server) = asking(&web, "");
    let http = server.http;
    let join = || thread::spawn(move || Request::offer("/whep/demo", CHROME_WHEP).bearer("good").send(http).status);
    let wave: Vec<_> = (0..80).map(|_| join()).collect();
    let statuses: Vec<u16> = wave.into_iter().map(|join| join.join().expect("an answer")).collect();
    assert!(statuses.iter().all(|status| *status == 201), "{statuses:?}");
    assert_eq!(status(&server, "auth-webhook")["state"], "active");
}

#[test]
fn a_misspelt_fact_and_an_address_that_is_not_granted_are_refused() {
    let web = Web::start(by_token);
    let (folder, server) = asking(&web, "");
    let rows = [
        (web.url("/auth"), "send = [\"tokn\"]", "`tokn` is no fact"),
        ("nonsense".to_owned(), "", "request.url is no absolute URL"),
        ("http://elsewhere.example/".to_owned(), "", "elsewhere.example"),
    ];
    for (url, extra, told) in rows {
        folder.manifest("auth-webhook", &format!("{}[config]\nurl = \"{url}\"\n{extra}\n", web.grants()));
        server.wait_until(told, || {
            let seen = status(&server, "auth-webhook");
            let cause = seen["last_error"]["cause"].as_str().unwrap_or_default().to_owned();
            if cause.contains(told) { Ok(()) } else { Err(cause) }
        });
    }
    play(&server, "good").expect(201);
    assert_eq!(web.asked().len(), 1, "nobody is asked to find that out");
}

#[test]
fn a_secret_in_the_address_is_printed_nowhere() {
    let web = Web::start(by_token);
    let folder = Folder::new();
    let (secret, hook) = ("HOOK-SECRET-77", folder.state().with_file_name("hook"));
    std::fs::write(&hook, format!("{}?key={secret}", web.url("/auth"))).expect("a file");
    let folder = folder
        .with("auth-webhook", &format!("{}[config]\nurl = {{ secret = \"file:{}\" }}\n", web.grants(), hook.display()));
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-webhook", 1);
    server.wait_live("demo");
    web.set_down(true);
    play(&server, "good").problem(503);
    let seen = status(&server, "auth-webhook").to_string();
    assert!(seen.contains("***") && !seen.contains(secret), "{seen}");
    let log = server.stop().log;
    assert!(log.contains("***") && !log.contains(secret), "{log}");
}
