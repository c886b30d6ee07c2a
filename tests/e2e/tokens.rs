//! Access rules and bearer tokens, on the endpoints and on the session URLs.

use std::process::Command;

use crate::http::{Request, Response};
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::server::{Server, Setup, wasmcast};

/// A fresh token and the line that lets its holder in, as `wasmcast config token` prints them.
pub fn token() -> (String, String) {
    let output = run(wasmcast().args(["config", "token"]));
    let line = output.1.lines().find_map(|line| line.trim().strip_prefix("tokens = ").map(str::to_owned));
    (output.0.trim().to_owned(), line.expect("a line to paste"))
}

fn run(command: &mut Command) -> (String, String) {
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{output:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

/// One rule: `action` on every stream needs a token.
pub fn rule(action: &str, tokens: &str) -> String {
    format!("[[access.rules]]\nstream = \"**\"\naction = [\"{action}\"]\nallow = \"token\"\ntokens = {tokens}\n")
}

fn whip(server: &Server, token: Option<&str>) -> Response {
    let request = Request::offer("/whip/cam", CHROME_WHIP);
    server.send(&match token {
        Some(token) => request.bearer(token),
        None => request,
    })
}

#[test]
fn a_token_opens_what_its_rule_covers() {
    let ((secret, line), (other, _)) = (token(), token());
    let server = Setup::new().config(&rule("publish", &line)).start();
    let refused = whip(&server, None);
    refused.problem(401);
    assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    whip(&server, Some(&other)).problem(401);
    whip(&server, Some(&secret)).expect(201);
}

#[test]
fn a_token_in_the_query_counts_where_no_header_can_be_set() {
    let (secret, line) = token();
    let server = Setup::new().config(&rule("publish", &line)).start();
    server.send(&Request::offer(format!("/whip/cam?token={secret}"), CHROME_WHIP)).expect(201);
}

#[test]
fn session_urls_ask_for_the_same_token() {
    let ((secret, line), (other, _)) = (token(), token());
    let server = Setup::new().config(&rule("publish", &line)).start();
    let created = whip(&server, Some(&secret)).expect(201);
    let location = created.header("location").expect("a Location").to_owned();
    let etag = created.header("etag").expect("an ETag").to_owned();
    for (method, body) in [("DELETE", ""), ("PATCH", "a=end-of-candidates\r\n"), ("GET", "")] {
        let request = || {
            let request = Request::new(method, &location).header("If-Match", &etag);
            request.header("Content-Type", "application/trickle-ice-sdpfrag").body(body)
        };
        for response in [server.send(&request()), server.send(&request().bearer(&other))] {
            assert!(matches!(response.status, 401 | 403 | 404), "{method}: {}", response.status);
        }
    }
    server.send(&Request::new("DELETE", &location).bearer(&secret)).expect(200);
}

#[test]
fn preflights_need_no_token() {
    let (_, line) = token();
    let server = Setup::new().config(&rule("publish", &line)).start();
    let preflight = Request::new("OPTIONS", "/whip/cam")
        .header("Origin", "https://player.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization");
    let response = server.send(&preflight);
    assert!(matches!(response.status, 200 | 204), "{}", response.status);
    assert!(response.header("link").is_none());
}

#[test]
fn tokens_are_never_logged() {
    let (secret, line) = token();
    let server = Setup::new().config(&rule("publish", &line)).env("WASMCAST_LOG__LEVEL", "trace").start();
    whip(&server, Some(&secret)).expect(201);
    server.send(&Request::offer(format!("/whip/other?token={secret}"), CHROME_WHIP)).expect(201);
    whip(&server, Some("wrong-but-secret-all-the-same")).problem(401);
    let log = server.stop().log;
    assert!(log.contains("/whip/"), "requests are logged at trace");
    assert!(!log.contains(&secret) && !log.contains("wrong-but-secret"), "a token is in the log");
}

#[test]
fn rules_are_told_apart_by_action_and_stream() {
    let (secret, line) = token();
    // Once a rule says something about an action, what no rule covers is denied unless it is opened.
    let config = format!(
        "access.publish = \"open\"\n{}[[access.rules]]\nstream = \"private/**\"\nallow = \"denied\"\n",
        rule("play", &line)
    );
    let server = Setup::new().config(&config).demo().start();
    server.wait_live("demo");
    server.send(&Request::offer("/whip/private/a", CHROME_WHIP)).problem(403);
    server.send(&Request::offer("/whip/public", CHROME_WHIP)).expect(201);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(401);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer(&secret)).expect(201);
}

#[test]
fn a_list_of_streams_holds_what_the_visitor_may_play() {
    let (secret, line) = token();
    let server = Setup::new().config(&rule("play", &line)).demo().start();
    server.wait_live("demo");
    let names = |request: Request| server.send(&request).text().contains("\"demo\"");
    assert!(!names(Request::get("/streams")));
    assert!(names(Request::get("/streams").bearer(&secret)));
}

#[test]
fn changed_rules_hold_for_live_sessions_too() {
    let server = Server::demo();
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
    server.wait_sessions("play", 1);
    server.scratch.write("wasmcast.toml", "access.play = \"denied\"\n");
    server.wait_sessions("play", 0);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(403);
}
