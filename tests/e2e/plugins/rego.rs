//! auth-rego: policies of the operator's in the real server, and what is told of those that are wrong.

use serde_json::json;

use super::folder::{Folder, status, wait_generation, wait_status};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::server::Server;

const NAME: &str = "auth-rego";

const POLICY: &str = r#"
package wasmcast

default allow := false

allow if {
    input.action == "play"
    input.stream_name == "demo"
    input.protocol == "whep"
    input.method == "POST"
    member
}

member if input.token == data.members[_]

subject := name if input.token == data.members[name]
ttl := 30
tags := {"plan": "gold", "agent": input.headers["user-agent"]}
limits := {"max_bitrate_kbps": 9000}
deny_status := 402 if not input.token
deny_reason := sprintf("%s is for members.", [input.stream_name])
"#;

/// The manifest with this policy.
fn manifest(policy: &str) -> String {
    format!("[config]\npolicy = '''{policy}'''\n[config.data.members]\nalice = \"open-sesame\"\n")
}

fn guarded(policy: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, &manifest(policy));
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    (folder, server)
}

fn play(server: &Server, stream: &str, token: Option<&str>) -> Response {
    let request = Request::offer(format!("/whep/{stream}"), CHROME_WHEP).header("User-Agent", "test/1");
    server.send(&match token {
        Some(token) => request.bearer(token),
        None => request,
    })
}

#[test]
fn a_policy_decides_and_grants() {
    let (_folder, server) = guarded(POLICY);
    let seen = status(&server, NAME);
    assert_eq!((&seen["grants"]["used"], &seen["grants"]["refused"]), (&json!([]), &json!([])), "{seen}");
    let viewer = play(&server, "demo", Some("open-sesame")).expect(201);
    let id = viewer.header("location").and_then(|location| location.rsplit('/').next()).expect("a Location").to_owned();
    let told = server.api(&format!("/api/v1/sessions/{id}"));
    assert_eq!(told["subject"], "alice", "{told}");
    assert_eq!(told["tags"], json!({ "plan": "gold", "agent": "test/1" }), "{told}");
    assert_eq!((&told["limits"]["max_bitrate_kbps"], &told["ttl_ms"]), (&json!(9_000), &json!(30_000)), "{told}");
    assert_eq!(play(&server, "demo", Some("wrong")).problem(403), "demo is for members.");
    assert_eq!(play(&server, "demo", None).problem(402), "demo is for members.");
    assert_eq!(play(&server, "other", Some("open-sesame")).problem(403), "other is for members.");
}

#[test]
fn another_policy_is_taken_over_and_a_wrong_one_is_told_with_line_and_column() {
    let (folder, server) = guarded(POLICY);
    let rows = [
        ("package wasmcast\n\nallow if {\n    input.action == \n}\n", "`policy`, line 5, column 1"),
        (
            "package wasmcast\nallow if nobody_knows(input.token)\n",
            "`policy`, line 2, column 22: could not find function nobody_knows",
        ),
        ("package other\nallow := true\n", "no policy has the rule `allow`"),
    ];
    for (policy, told) in rows {
        folder.manifest(NAME, &manifest(policy));
        let seen = wait_status(&server, NAME, told, |status| {
            status["last_error"]["cause"].as_str().is_some_and(|cause| cause.contains(told))
        });
        assert_eq!((&seen["state"], &seen["generation"]), (&json!("active"), &json!(1)), "{seen}");
        play(&server, "demo", Some("open-sesame")).expect(201);
    }
    folder.manifest(NAME, &manifest("package wasmcast\nallow := input.token == \"other\"\n"));
    server.wait_until("the other policy", || match play(&server, "demo", Some("other")).status {
        201 => Ok(()),
        other => Err(format!("{other} {}", status(&server, NAME))),
    });
    play(&server, "demo", Some("open-sesame")).problem(403);
}

#[test]
fn an_answer_that_is_none_is_a_failure_and_a_policy_without_end_is_stopped() {
    let policy = r#"
package wasmcast

allow := "yes" if input.token == "odd"
allow if {
    input.token == "long"
    numbers := range(1)
    count([1 | numbers[_] == numbers[_]; numbers[_] == numbers[_]]) > 0
}
range(_) := numbers.range(1, 3000)
"#;
    let (_folder, server) = guarded(policy);
    let rows = [("odd", "error", "`allow` is neither true nor false"), ("long", "deadline", "CPU")];
    for (token, class, cause) in rows {
        play(&server, "demo", Some(token)).problem(503);
        let last = &status(&server, NAME)["last_error"];
        assert!(last["class"] == class && last["cause"].as_str().is_some_and(|told| told.contains(cause)), "{last}");
    }
    play(&server, "demo", None).problem(403);
}
