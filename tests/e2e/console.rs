//! The operator's console in a real browser: what it shows, what it does, and by what means.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{Codec, Publisher, Viewer, console, tools};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::{Server, Setup};

const PATIENCE: Duration = Duration::from_secs(120);
const MANIFEST: &str = "[config]\ntoken = \"right-token\"\nttl_ms = 60000\n";
/// A component that is kept in the repository, so that no plugin need be built.
const COMPONENT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/auth-token.wasm"));

/// Does what the role says, and returns what was seen; nothing may have gone wrong in the page.
fn used(server: &Server, role: &str, options: &Value) -> Value {
    let finished = console(server, role, options).finish(PATIENCE);
    let seen = finished.data.iter().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
    let seen = seen.filter(|_| finished.status.success());
    let seen = seen.unwrap_or_else(|| panic!("the console failed:\n{}\n{}", finished.log, server.process.log()));
    assert_eq!(seen["wrong"], json!([]), "{}", finished.log);
    seen
}

/// The same component under another digest: a section that nobody reads is added (custom sections have the id 0).
fn another(mark: &str) -> Vec<u8> {
    let content = [&[4][..], b"mark", mark.as_bytes()].concat();
    let length = u8::try_from(content.len()).expect("a short mark");
    [COMPONENT, &[0, length], &content].concat()
}

/// A server with a plugin directory.
fn with_directory() -> Setup {
    let setup = Setup::new();
    let (dir, state) = (setup.scratch().path().join("plugins"), setup.scratch().path().join("state"));
    std::fs::create_dir(&dir).expect("a writable folder for temporary files");
    setup.config(&format!("plugins.dir = {dir:?}\nplugins.state_dir = {state:?}"))
}

fn directory(server: &Server) -> PathBuf {
    server.scratch.path().join("plugins")
}

/// What needs no browser: figures, words, rates, the HTTP half of WHIP and WHEP.
#[test]
fn the_pages_own_tests_pass() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/pages");
    let mut command = Command::new(tools().join("venv/bin/node"));
    command.current_dir(pages).args(["--test", "pages.test.js", "console/console.test.js"]);
    let finished = Process::start("node --test", &mut command).finish(PATIENCE);
    assert!(finished.status.success(), "{}", finished.log);
}

#[test]
fn the_console_shows_live_figures_of_a_publisher_and_a_viewer() {
    let server = Server::start();
    let _publisher = Publisher::Wasmcast.start(Codec::H264, &server, "live/cam");
    server.wait_live("live/cam");
    let _viewer = Viewer::Wasmcast.launch(Codec::H264, &server, "live/cam", 120.0, true);
    server.wait_connected("play", 1);
    let seen = used(&server, "look", &json!({ "stream": "live/cam" }));
    assert_eq!(seen["figures"]["Viewers"], "1", "{seen}");
    for rate in ["Sent to viewers", "Received"] {
        assert!(seen["figures"][rate].as_str().is_some_and(|words| words.contains("bit/s")), "{seen}");
    }
    assert!(seen["stream"].as_str().is_some_and(|row| row.contains("640×360") && row.contains("H.264")), "{seen}");
    assert!(seen["story"][0].as_str().is_some_and(|step| step.contains("µs") || step.contains("ms")), "{seen}");
    assert!(
        seen["config"].as_str().is_some_and(|row| row.contains("shard_load_percent") && row.contains("90")),
        "{seen}"
    );
    let wide = seen["wide"].as_object().expect("widths");
    assert!(wide.len() == 6 && wide.values().all(|over| over == 0), "a phone must not scroll sideways: {seen}");
}

#[test]
fn a_viewer_is_kicked_by_keys_alone() {
    let server = Server::demo();
    let viewer = Viewer::Wasmcast.launch(Codec::H264, &server, "demo", 100.0, true);
    server.wait_connected("play", 1);
    let seen = used(&server, "kick", &json!({}));
    assert_eq!(seen["onHeading"], "Sessions", "{seen}");
    assert_ne!(seen["ring"], "none", "the focus is to be seen: {seen}");
    assert_eq!((&seen["inQuestion"], &seen["after"]), (&json!("Cancel"), &seen["who"]), "{seen}");
    assert_eq!(seen["still"], true, "no is no: {seen}");
    assert!(seen["question"].as_str().is_some_and(|words| words.contains("It plays demo")), "{seen}");
    assert_ne!(seen["focus"], "", "the focus is not lost with the row: {seen}");
    server.wait_sessions("play", 0);
    viewer.finish(Duration::from_secs(20));
}

#[test]
fn plugins_are_dropped_in_exchanged_and_switched() {
    let server = with_directory().start();
    let file = |name: &str, bytes: &[u8]| server.scratch.write(name, bytes).to_string_lossy().into_owned();
    let files = json!({
        "component": file("door.wasm", COMPONENT),
        "manifest": file("door.toml", MANIFEST.as_bytes()),
        "second": file("door-2.wasm", &another("second")),
        "broken": file("half.wasm", b"<html>not found</html>"),
        "crooked": file("crooked.toml", b"\"<img src=x onerror=alert(1)>\" = 1\n"),
    });
    let seen = used(&server, "plugins", &json!({ "files": files }));
    assert_eq!(seen["name"], "door", "{seen}");
    assert!(seen["refusal"].as_str().is_some_and(|words| words.contains("<img src=x")), "{seen}");
    assert_eq!((&seen["injected"], &seen["overflow"]), (&json!(0), &json!(0)), "{seen}");
    assert!(seen["log"].as_str().is_some_and(|log| log.contains("in service: auth/check")), "{seen}");
    let read = |name: &str| std::fs::read(directory(&server).join(name)).expect("the file");
    assert!(
        read("door.wasm") == another("second") && read("door.toml") == MANIFEST.as_bytes(),
        "what was refused is not there"
    );
    let entries = std::fs::read_dir(directory(&server)).expect("a folder").count();
    assert_eq!(entries, 2, "nothing is left of what was refused");
}

/// As above, and its decisions are others: it calls everybody carol.
fn carol() -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    let place = bytes.windows(5).position(|word| word == b"alice").expect("the subject that it gives");
    bytes[place..place + 5].copy_from_slice(b"carol");
    bytes
}

#[test]
fn a_version_is_compared_promoted_and_taken_back_in_the_console() {
    let setup = with_directory().demo();
    let dir = setup.scratch().path().join("plugins");
    std::fs::write(dir.join("door.toml"), MANIFEST).expect("a writable folder");
    std::fs::write(dir.join("door.wasm"), COMPONENT).expect("a writable folder");
    let server = setup.start();
    server.wait_live("demo");
    let file = |name: &str, bytes: &[u8]| server.scratch.write(name, bytes).to_string_lossy().into_owned();
    let options = json!({
        "whep": server.url("/whep/demo"),
        "offer": CHROME_WHEP,
        "token": "right-token",
        "file": file("carol.wasm", &carol()),
        "third": file("third.wasm", &another("third")),
    });
    let seen = used(&server, "rollout", &options);
    assert_eq!((&seen["joined"], &seen["over"]), (&json!(201), &json!(0)), "{seen}");
    let row = seen["differing"].as_str().unwrap_or_default();
    assert!(row.contains("alice") && row.contains("carol"), "{seen}");
}

#[test]
fn events_are_told_as_they_happen_and_filtered_by_kind() {
    let server = Server::demo();
    let _viewer = Viewer::Wasmcast.launch(Codec::H264, &server, "demo", 100.0, true);
    server.wait_connected("play", 1);
    let seen = used(&server, "events", &json!({}));
    for line in ["before", "after"] {
        assert!(seen[line].as_str().is_some_and(|words| words.contains("demo")), "{seen}");
    }
    assert_eq!(seen["over"], 0, "{seen}");
}

#[test]
fn what_strangers_say_is_text() {
    let server = Server::demo();
    let words = "<img src=x onerror='window.ran=true'>";
    let offer = Request::offer("/whep/demo", CHROME_WHEP).header("User-Agent", words);
    server.send(&offer).expect(201);
    let seen = used(&server, "text", &json!({ "words": words }));
    assert_eq!((&seen["injected"], &seen["ran"]), (&json!(0), &json!(false)), "{seen}");
}

#[test]
fn the_console_asks_for_the_token_and_forgets_it() {
    let token = "0123456789abcdef0123456789abcdef0123456789abcdef";
    let setup = with_directory().config("admin.token = \"env:WASMCAST_TEST_SECRET\"");
    let dir = setup.scratch().path().join("plugins");
    std::fs::write(dir.join("door.toml"), MANIFEST).expect("a writable folder");
    std::fs::write(dir.join("door.wasm"), COMPONENT).expect("a writable folder");
    let server = setup.env("WASMCAST_TEST_SECRET", token).start();
    let page = Request::get("/").send(server.admin).expect(200);
    assert!(!page.text().contains(token) && page.header("content-security-policy").is_some());
    let seen = used(&server, "login", &json!({ "token": token }));
    assert_eq!(
        (&seen["hidden"], &seen["inAddress"], &seen["kept"]),
        (&json!(true), &json!(false), &json!(0)),
        "{seen}"
    );
}

#[test]
fn files_are_put_into_the_plugin_directory_by_the_api() {
    let server = with_directory().start();
    let put = |path: &str, kind: &str, bytes: &[u8]| {
        Request::new("PUT", format!("/api/v1/plugins/{path}"))
            .header("X-Wasmcast", "1")
            .header("Content-Type", kind)
            .body(bytes)
            .send(server.admin)
    };
    let (wasm, toml) = ("application/wasm", "application/toml");
    let unmarked = Request::new("PUT", "/api/v1/plugins/door").header("Content-Type", wasm).body(COMPONENT);
    unmarked.send(server.admin).problem(403);
    assert_eq!(put("door/manifest", toml, MANIFEST.as_bytes()).expect(201).json()["state"], Value::Null);
    let first = put("door", wasm, COMPONENT).expect(201).json();
    assert_eq!((&first["state"], &first["generation"]), (&json!("active"), &json!(1)), "{first}");
    let same = put("door", wasm, COMPONENT).expect(200).json();
    assert_eq!(same["generation"], 1, "the same file is no new version: {same}");
    let second = put("door", wasm, &another("b")).expect(200).json();
    assert_eq!(second["generation"], 2, "{second}");
    let rows: [(&str, &str, &[u8], u16, &str); 7] = [
        ("Door", wasm, COMPONENT, 400, "can not name a plugin"),
        ("door", "text/plain", COMPONENT, 415, "application/wasm"),
        ("door", wasm, b"\x7fELF\x02\x01\x01", 422, ".cwasm"),
        ("door", wasm, b"", 422, "it is empty"),
        ("door/manifest", toml, b"priority = \"high\"\nphase = 1\n", 422, "door.toml:2"),
        // It reads well, and the plugin does not take it.
        ("door/manifest", toml, b"", 422, "is not taken into service"),
        ("door/log", wasm, COMPONENT, 405, "Allow"),
    ];
    for (path, kind, bytes, status, words) in rows {
        let detail = put(path, kind, bytes).problem(status);
        assert!(detail.contains(words), "{path}: {detail}");
    }
    let back = Request::new("POST", "/api/v1/plugins/door/rollback").header("X-Wasmcast", "1").send(server.admin);
    assert_eq!(back.expect(200).json()["digest"], first["digest"], "the first one serves again");
    assert!(put("door", wasm, &another("b")).problem(409).contains("was rolled back"));
    for (query, status) in [("mode=sideways", 400), ("canary=2", 400), ("canary=x", 400), ("share=1", 400)] {
        put(&format!("door?{query}"), wasm, COMPONENT).problem(status);
    }
    assert!(put("other?mode=shadow", wasm, COMPONENT).problem(409).contains("its manifest"));
    let still = server.api("/api/v1/plugins/door");
    assert_eq!((&still["state"], &still["digest"]), (&json!("active"), &first["digest"]), "{still}");

    let without = Server::start();
    let refused = Request::new("PUT", "/api/v1/plugins/door").header("X-Wasmcast", "1").header("Content-Type", wasm);
    assert!(refused.body(COMPONENT).send(without.admin).problem(409).contains("plugins.dir"));
}
