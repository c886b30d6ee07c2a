//! The tiny auth plugin in C does what the one in Rust does.

use serde_json::json;

use super::folder::{Folder, status, wait_generation};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::server::Server;

/// What the tiny plugin is told in every language.
pub const MANIFEST: &str = "[config]\ntoken = \"secret\"\nplan = \"gold\"\n";

#[test]
fn the_plugin_in_c_decides_as_the_one_in_rust() {
    for guest in ["auth-c", "auth-token"] {
        let folder = Folder::new();
        folder.install("door", guest, MANIFEST);
        let server = folder.setup().demo().start();
        let seen = wait_generation(&server, "door", 1);
        assert_eq!((&seen["grants"]["used"], &seen["grants"]["refused"]), (&json!([]), &json!([])), "{guest}: {seen}");
        server.wait_live("demo");
        decides_as_it_should(&server);
    }
}

/// What the tiny plugin does in every language, with [`MANIFEST`].
pub fn decides_as_it_should(server: &Server) {
    let play = |token: Option<&str>| {
        let request = Request::offer("/whep/demo", CHROME_WHEP);
        server.send(&match token {
            Some(token) => request.bearer(token),
            None => request,
        })
    };
    play(None).problem(403);
    assert_eq!(play(Some("wrong")).problem(401), "This link is not valid.");
    let viewer = play(Some("secret")).expect(201);
    let id = viewer.header("location").and_then(|location| location.rsplit('/').next()).expect("a Location").to_owned();
    let told = server.api(&format!("/api/v1/sessions/{id}"));
    assert_eq!((&told["subject"], &told["tags"]), (&json!("alice"), &json!({ "plan": "gold" })), "{told}");
    assert_eq!((&told["ttl_ms"], &told["limits"]["max_bitrate_kbps"]), (&json!(600_000), &json!(4_000)), "{told}");
}

#[test]
fn a_failure_of_the_plugin_in_c_is_told_in_its_words() {
    let folder = Folder::new();
    folder.install("door", "auth-c", "");
    let server = folder.setup().demo().start();
    wait_generation(&server, "door", 1);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("secret")).problem(503);
    let last = &status(&server, "door")["last_error"];
    assert_eq!((&last["class"], &last["cause"]), (&json!("error"), &json!("config: `token` is missing")), "{last}");
}
