//! The tiny auth plugin in C does what the one in Rust does.

use serde_json::json;

use super::folder::{Folder, status, wait_generation};
use crate::http::Request;
use crate::offers::CHROME_WHEP;

#[test]
fn the_plugin_in_c_decides_as_the_one_in_rust() {
    for guest in ["auth-c", "auth-token"] {
        let folder = Folder::new();
        folder.install("door", guest, "[config]\ntoken = \"secret\"\nplan = \"gold\"\n");
        let server = folder.setup().demo().start();
        let seen = wait_generation(&server, "door", 1);
        assert_eq!((&seen["grants"]["used"], &seen["grants"]["refused"]), (&json!([]), &json!([])), "{guest}: {seen}");
        server.wait_live("demo");
        let play = |token: Option<&str>| {
            let request = Request::offer("/whep/demo", CHROME_WHEP);
            server.send(&match token {
                Some(token) => request.bearer(token),
                None => request,
            })
        };
        play(None).problem(403);
        assert_eq!(play(Some("wrong")).problem(401), "This link is not valid.", "{guest}");
        play(Some("secret")).expect(201);
        let sessions = server.api("/api/v1/sessions").to_string();
        assert!(sessions.contains("\"alice\""), "{guest}: {sessions}");
    }
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
