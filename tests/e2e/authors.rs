//! The way of a plugin's author, by the commands that authors type: new, build, inspect, check, test, dev, list.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::{Finished, Process};
use crate::scratch::Scratch;
use crate::server::{Setup, wasmcast};

/// The first build on a machine makes all that plugins depend on, for some even the standard library.
const BUILD: Duration = Duration::from_secs(300);

fn plugin(arguments: &[&str], folder: &Path) -> Process {
    let mut command = wasmcast();
    command.arg("plugin").args(arguments).current_dir(folder);
    Process::start(&format!("wasmcast plugin {}", arguments[0]), &mut command)
}

fn well(arguments: &[&str], folder: &Path) -> Finished {
    ends(0, arguments, folder)
}

fn ends(code: i32, arguments: &[&str], folder: &Path) -> Finished {
    let finished = plugin(arguments, folder).finish(BUILD);
    assert_eq!(finished.status.code(), Some(code), "{arguments:?}\n{}", finished.log);
    finished
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file of the plugin");
    assert!(text.contains(from), "{}: no `{from}`", file.display());
    fs::write(file, text.replace(from, to)).expect("a writable folder for temporary files");
}

#[test]
fn from_nothing_to_a_plugin_that_a_server_would_take() {
    let scratch = Scratch::new();
    let made = well(&["new", "first-steps", "--template", "auth"], scratch.path());
    assert!(made.log.contains("wasmcast plugin build first-steps"), "{}", made.log);
    assert!(ends(2, &["new", "first-steps"], scratch.path()).log.contains("is not empty"));

    let built = well(&["build", "first-steps"], scratch.path());
    let file = PathBuf::from(built.data.first().expect("the path of what was built"));
    assert!(file.ends_with("first-steps/dist/first-steps.wasm") && file.with_extension("toml").is_file());

    let shown = well(&["inspect", "--json", &file.to_string_lossy()], scratch.path());
    let shown: serde_json::Value = serde_json::from_str(&shown.data.join("\n")).expect("JSON");
    assert_eq!((&shown["name"], &shown["version"]), (&"first-steps".into(), &"0.1.0".into()));
    assert_eq!(shown["hooks"], serde_json::json!(["auth/check", "lifecycle/init"]));
    assert!(shown["built_with"].as_str().is_some_and(|compiler| compiler.starts_with("rustc 1.")), "{shown}");
    let rights = shown["imports"].as_array().into_iter().flatten().map(|import| import["name"].to_string());
    assert!(!rights.into_iter().any(|name| name.contains("kv") || name.contains("http") || name.contains("wasi")));
    let size = fs::metadata(&file).expect("it was built").len();
    assert!(size < 100_000, "{size} bytes");

    well(&["check", &file.to_string_lossy()], scratch.path());
    well(&["test", "first-steps"], scratch.path());
    // A mistake of the operator is told with its place in the manifest, before a server meets it.
    edit(&file.with_extension("toml"), "token =", "tokn =");
    let refused = ends(1, &["check", &file.to_string_lossy()], scratch.path());
    assert!(refused.log.contains("`tokn` is unknown, did you mean `token`?"), "{}", refused.log);
    // A mistake of the author by the compiler.
    edit(&scratch.path().join("first-steps/src/lib.rs"), "session: &Session", "session: Session");
    let wrong = ends(1, &["build", "first-steps"], scratch.path());
    assert!(wrong.log.contains("an auth hook takes `&Session`"), "{}", wrong.log);
}

#[test]
fn a_router_from_its_template_builds_and_its_tests_pass() {
    let scratch = Scratch::new();
    well(&["new", "my-router", "--template", "router"], scratch.path());
    let built = well(&["build", "my-router"], scratch.path());
    let file = built.data.first().expect("the path of what was built");
    let shown = well(&["inspect", "--json", file], scratch.path());
    let shown: serde_json::Value = serde_json::from_str(&shown.data.join("\n")).expect("JSON");
    assert_eq!(shown["hooks"], serde_json::json!(["router/routing", "lifecycle/init"]));
    well(&["check", file], scratch.path());
    let tested = well(&["test", "my-router"], scratch.path());
    assert!(tested.log.contains("1 passed"), "{}", tested.log);
    // A mistake of the author by the compiler.
    edit(&scratch.path().join("my-router/src/lib.rs"), "Result<Option<Route>>", "Result<Decision>");
    let wrong = ends(1, &["build", "my-router"], scratch.path());
    assert!(wrong.log.contains("a router hook returns `Result<Option<Route>>`"), "{}", wrong.log);
}

#[test]
fn a_rate_limiter_from_its_template_builds_and_its_tests_pass() {
    let scratch = Scratch::new();
    well(&["new", "my-limits", "--template", "ratelimit"], scratch.path());
    let built = well(&["build", "my-limits"], scratch.path());
    let file = built.data.first().expect("the path of what was built");
    let shown = well(&["inspect", "--json", file], scratch.path());
    let shown: serde_json::Value = serde_json::from_str(&shown.data.join("\n")).expect("JSON");
    let hooks = shown["hooks"].as_array().expect("hooks");
    for hook in ["ratelimit/rules", "ratelimit/decide", "lifecycle/init"] {
        assert!(hooks.iter().any(|found| found == hook), "{shown}");
    }
    let checked = well(&["check", "--json", file], scratch.path());
    assert!(checked.log.contains("joins (play), audience (play), bots (play)"), "{}", checked.log);
    let found: serde_json::Value = serde_json::from_str(&checked.data.join("\n")).expect("JSON");
    assert_eq!(found["rules"][1], serde_json::json!({ "name": "audience", "measure": "play" }));
    let tested = well(&["test", "my-limits"], scratch.path());
    assert!(tested.log.contains("3 passed"), "{}", tested.log);
    // A rule that the server would not take is told before a server meets it.
    edit(&PathBuf::from(file).with_extension("toml"), "joins_per_second = 2.0", "joins_per_second = -2.0");
    let refused = ends(1, &["check", file], scratch.path());
    assert!(refused.log.contains("rule `joins`: per-second is -2.0"), "{}", refused.log);
    // A mistake of the author by the compiler.
    edit(&scratch.path().join("my-limits/src/lib.rs"), "Result<Vec<Rule>>", "Result<Decision>");
    let wrong = ends(1, &["build", "my-limits"], scratch.path());
    assert!(wrong.log.contains("a ratelimit hook returns `Result<Vec<Rule>>`"), "{}", wrong.log);
}

#[test]
fn an_observer_from_its_template_builds_and_its_tests_pass() {
    let scratch = Scratch::new();
    well(&["new", "my-observer", "--template", "observer"], scratch.path());
    let built = well(&["build", "my-observer"], scratch.path());
    let file = built.data.first().expect("the path of what was built");
    let shown = well(&["inspect", "--json", file], scratch.path());
    let shown: serde_json::Value = serde_json::from_str(&shown.data.join("\n")).expect("JSON");
    let hooks = shown["hooks"].as_array().cloned().unwrap_or_default();
    assert!(hooks.contains(&"observer/events".into()) && hooks.contains(&"observer/stats".into()), "{shown}");
    well(&["check", file], scratch.path());
    let tested = well(&["test", "my-observer"], scratch.path());
    assert!(tested.log.contains("1 passed"), "{}", tested.log);
    // A mistake of the author by the compiler.
    edit(&scratch.path().join("my-observer/src/lib.rs"), "batch: &[Event]", "batch: &[Session]");
    let wrong = ends(1, &["build", "my-observer"], scratch.path());
    assert!(wrong.log.contains("an observer takes `&[Event]` or `&Stats`"), "{}", wrong.log);
}

#[test]
fn what_can_not_be_a_plugin_is_refused_with_the_way_out() {
    let scratch = Scratch::new();
    scratch.write("text.wasm", "hello");
    scratch.write("core.wasm", b"\0asm\x01\0\0\0");
    let rows: [(i32, &[&str], &str); 6] = [
        (2, &["build", "."], "no Cargo.toml"),
        (2, &["new", "Big"], "lower-case"),
        (1, &["inspect", "text.wasm"], "no WebAssembly file"),
        (1, &["build", "core.wasm"], "without a component type"),
        (1, &["inspect", "missing.wasm"], "missing.wasm"),
        (1, &["list", "--url", "http://127.0.0.1:9"], "does the server run?"),
    ];
    for (code, arguments, said) in rows {
        let finished = ends(code, arguments, scratch.path());
        assert!(finished.log.contains(said) && finished.data.is_empty(), "{arguments:?}: {}", finished.log);
    }
}

#[test]
fn tests_of_an_author_see_time_store_and_other_servers() {
    let scratch = Scratch::new();
    well(&["new", "rehearsed"], scratch.path());
    let folder = scratch.path().join("rehearsed");
    fs::write(folder.join("src/lib.rs"), include_str!("author/plugin.rs.txt")).expect("a writable folder");
    fs::write(folder.join("tests/answers.rs"), include_str!("author/answers.rs.txt")).expect("a writable folder");
    let tested = well(&["test", "--quiet"], &folder);
    assert!(tested.log.contains("7 passed"), "{}", tested.log);
    edit(&folder.join("src/lib.rs"), "minutes(10)", "minutes(11)");
    let failed = ends(1, &["test", "--quiet"], &folder);
    assert!(failed.log.contains("ttl_ms") && failed.log.contains("tests/answers.rs"), "{}", failed.log);
}

#[test]
fn a_save_is_live_on_a_running_server() {
    let scratch = Scratch::new();
    well(&["new", "edited"], scratch.path());
    well(&["build", "edited"], scratch.path());
    let folder = scratch.path().join("edited");
    let dist = folder.join("dist").to_string_lossy().into_owned();
    let state = scratch.path().join("state").to_string_lossy().into_owned();
    let setup = Setup::new().env("WASMCAST_PLUGINS__DIR", dist).env("WASMCAST_PLUGINS__STATE_DIR", state);
    let server = setup.demo().start();
    server.wait_live("demo");
    let denial = || server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(401);
    assert_eq!(denial(), "This stream needs a link with a token.");

    let url = format!("http://{}", server.admin);
    let dev = plugin(&["dev", "edited", "--url", &url], scratch.path());
    let said = |what: &str| dev.wait_for(what, BUILD, |line| line.contains(what).then_some(()));
    said("edited is as before");
    edit(&folder.join("src/lib.rs"), "needs a link with a token", "is for members");
    said("edited is live in");
    assert_eq!(denial(), "This stream is for members.");
    edit(&folder.join("edited.toml"), "token =", "tokn =");
    said("`tokn` is unknown, did you mean `token`?");
    assert_eq!(denial(), "This stream is for members.");

    let listed = well(&["list", "--url", &url], scratch.path()).data.join("\n");
    assert!(listed.contains("edited") && listed.contains("active") && listed.contains("auth/check"), "{listed}");
    let wanted = Request::offer("/whep/demo", CHROME_WHEP).bearer("open-sesame");
    server.send(&wanted).expect(201);
    dev.wait_for("the plugin's log", BUILD, |line| line.contains("allowed stream=demo").then_some(()));
}
