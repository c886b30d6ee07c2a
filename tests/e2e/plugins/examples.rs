//! The configurations in `examples/` as they are there: each starts, and those with plugins let in whom they say.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::folder::{guest, wait_generation};
use super::signed::{SECRET, link};
use super::web::{Said, Web};
use crate::http::Request;
use crate::process::{Finished, Process};
use crate::scratch::Scratch;
use crate::server::{Server, Setup, wasmcast};

const PATIENCE: Duration = Duration::from_secs(40);

/// A copy of `examples/`, with the plugins in it that `make plugins` puts there.
struct Examples {
    scratch: Scratch,
}

impl Examples {
    fn new() -> Self {
        let examples = Examples { scratch: Scratch::new() };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        for path in files(&source) {
            let copied = examples.path(path.strip_prefix(&source).expect("below it"));
            fs::create_dir_all(copied.parent().expect("a folder")).expect("a writable folder for temporary files");
            fs::copy(&path, copied).expect("a writable folder for temporary files");
        }
        examples
    }

    /// What is below `examples/` at this path.
    fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.scratch.path().join("examples").join(path)
    }

    /// The names of the manifests in a configuration's plugin folder.
    fn plugins(&self, config: &str) -> Vec<String> {
        let folder = self.path(config.trim_end_matches(".toml"));
        let is_manifest = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        let manifests = files(&folder).into_iter().filter(is_manifest);
        manifests.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    }

    /// A server with this configuration, and with the plugins that it wants.
    fn setup(&self, config: &str) -> Setup {
        for plugin in self.plugins(config) {
            let file = self.path(config.trim_end_matches(".toml")).join(format!("{plugin}.wasm"));
            fs::write(file, guest(&plugin)).expect("a writable folder for temporary files");
        }
        let state = self.scratch.path().join("state");
        Setup::new()
            .example(self.scratch.path(), Path::new("examples").join(config))
            .env("WASMCAST_PLUGINS__STATE_DIR", state.to_string_lossy())
            .env("JWT_SECRET", SECRET)
    }

    fn start(&self, config: &str) -> Server {
        let server = self.setup(config).start();
        for plugin in self.plugins(config) {
            wait_generation(&server, &plugin, 1);
        }
        server
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// Runs `wasmcast COMMAND URL` at the server's self-signed address.
fn client(server: &Server, words: &[&str], path: &str, token: Option<&str>) -> Process {
    let mut command = wasmcast();
    command.args(words).arg(format!("https://{}{path}", server.http)).arg("--insecure");
    if let Some(token) = token {
        command.args(["--token", token]);
    }
    Process::start(words[0], &mut command)
}

fn publish(server: &Server, stream: &str, token: Option<&str>) -> Process {
    let words = ["publish", "testsrc", "--size", "320x180", "--no-audio"];
    client(server, &words, &format!("/whip/{stream}"), token)
}

fn play(server: &Server, stream: &str, token: Option<&str>) -> Finished {
    let words = ["play", "--duration", "20", "--expect-frames", "10"];
    client(server, &words, &format!("/whep/{stream}"), token).finish(PATIENCE)
}

#[track_caller]
fn is_refused(finished: &Finished, why: &str) {
    assert!(!finished.status.success() && finished.log.contains(why), "not refused by {why:?}:\n{}", finished.log);
}

#[test]
fn each_configuration_starts_a_server() {
    let examples = Examples::new();
    let configs: Vec<String> = files(&examples.path(""))
        .iter()
        .filter(|path| path.parent() == Some(&examples.path("")))
        .filter_map(|path| path.file_name()?.to_str().filter(|name| name.ends_with(".toml")).map(str::to_owned))
        .collect();
    assert!(configs.len() >= 7, "{configs:?}");
    for config in configs {
        let server = examples.start(&config);
        server.wait_until("the server being ready", || {
            let ready = Request::get("/readyz").send(server.admin);
            if ready.status == 200 { Ok(()) } else { Err(ready.text()) }
        });
        let stopped = server.stop();
        assert!(stopped.status.success(), "{config}\n{}", stopped.log);
    }
}

#[test]
fn the_one_with_jwt_lets_in_by_token_alone() {
    let server = Examples::new().start("jwt.toml");
    let token = link(60.0, &json!({ "play": ["live/*"], "publish": ["live/alice"] }));
    is_refused(&publish(&server, "live/alice", None).finish(PATIENCE), "This stream needs a personal link.");
    is_refused(
        &publish(&server, "live/bob", Some(&token)).finish(PATIENCE),
        "This link does not allow to publish here.",
    );
    let _publisher = publish(&server, "live/alice", Some(&token));
    server.wait_live("live/alice");
    let played = play(&server, "live/alice", Some(&token));
    assert!(played.status.success(), "{}", played.log);
    is_refused(&play(&server, "live/alice", None), "This stream needs a personal link.");
    is_refused(&play(&server, "live/alice", Some(&format!("{token}A"))), "This link is not valid.");
}

#[test]
fn the_one_with_a_webhook_lets_in_whom_the_endpoint_lets_in() {
    let web = Web::start(|asked| match asked.json()["token"].as_str() {
        Some("good") => Said::json(&json!({ "decision": "allow", "subject": "alice" })),
        _ => Said::json(&json!({ "decision": "deny", "status": 402, "reason": "Please pay first." })),
    });
    let examples = Examples::new();
    let manifest = examples.path("webhook/auth-webhook.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    assert!(text.contains("127.0.0.1:9000"), "{text}");
    fs::write(&manifest, text.replace("127.0.0.1:9000", &web.address.to_string())).expect("a writable folder");
    let server = examples.start("webhook.toml");
    is_refused(&publish(&server, "cam", None).finish(PATIENCE), "Please pay first.");
    let _publisher = publish(&server, "cam", Some("good"));
    server.wait_live("cam");
    let played = play(&server, "cam", Some("good"));
    assert!(played.status.success(), "{}", played.log);
    is_refused(&play(&server, "cam", Some("bad")), "Please pay first.");
    let asked = web.asked();
    assert!(asked.iter().all(|asked| asked.path == "/auth"), "{asked:?}");
    let actions: Vec<_> = asked.iter().map(|asked| asked.json()["action"].clone()).collect();
    assert_eq!(actions, ["publish", "publish", "play", "play"], "each once");
    web.set_down(true);
    is_refused(&play(&server, "cam", Some("good")), "503");
}
