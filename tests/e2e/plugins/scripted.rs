//! The tiny auth plugin in JavaScript and Python, each with its whole engine: built by its own script, compiled within the bounds of the
//! compiler, and deciding as the one in Rust does. `make test-all`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::folder::{Folder, status};
use super::languages::{MANIFEST, decides_as_it_should};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::server::Server;

/// Longest time for the compiler: the CPU time that it has, on a machine that does other work as well.
const COMPILED: Duration = Duration::from_secs(400);

/// The component, and the manifest beside it.
fn scripted(name: &str) -> (Vec<u8>, String) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in the target directory");
    let folder = target.join("scripted");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setup/scripted.sh");
    let built = Command::new(script).arg(env!("CARGO_BIN_EXE_wasmcast")).arg(&folder).output().expect("a shell");
    assert!(built.status.success(), "plugins are not built:\n{}", String::from_utf8_lossy(&built.stderr));
    let read = |extension: &str| fs::read(folder.join(format!("{name}.{extension}"))).expect("it was built");
    (read("wasm"), String::from_utf8(read("toml")).expect("text"))
}

/// Loads it in a server, checks what it decides, and that its own error is told.
fn decides(name: &str) {
    let (component, example) = scripted(name);
    let folder = Folder::new();
    let limits = example.split("[config]").next().expect("the lines before it").to_owned();
    // A server that starts with it waits for the compiler.
    let server = folder.setup().demo().start();
    let began = Instant::now();
    folder.manifest("door", &format!("{limits}{MANIFEST}"));
    folder.file("door", &component);
    wait_active(&server, 1);
    eprintln!("{name}: {} bytes, in service after {:.1} s", component.len(), began.elapsed().as_secs_f64());
    let seen = status(&server, "door");
    assert_eq!((&seen["grants"]["used"], &seen["grants"]["refused"]), (&json!([]), &json!([])), "{seen}");
    server.wait_live("demo");
    decides_as_it_should(&server);
    folder.manifest("door", &limits);
    wait_active(&server, 2);
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("secret")).problem(503);
    let last = &status(&server, "door")["last_error"];
    assert_eq!((&last["class"], &last["cause"]), (&json!("error"), &json!("config: `token` is missing")), "{last}");
}

fn wait_active(server: &Server, generation: u64) {
    server.wait_for_long("the plugin", COMPILED, || {
        let seen = status(server, "door");
        let refused = !seen["last_error"].is_null() && seen["state"] == "failed";
        assert!(!refused, "{seen}");
        match seen["state"] == "active" && seen["generation"] == generation {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
}

#[test]
fn the_plugin_in_javascript_decides_as_the_one_in_rust() {
    decides("auth-js");
}

#[test]
fn the_plugin_in_python_decides_as_the_one_in_rust() {
    decides("auth-python");
}
