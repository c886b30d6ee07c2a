//! A plugin directory of a test's own, and what the server tells of the plugins in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::http::Request;
use crate::scratch::Scratch;
use crate::server::{Server, Setup};

pub struct Folder {
    scratch: Scratch,
}

/// A plugin that the tests built, by the command that authors have.
pub fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder in the target directory");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/setup/guests.sh");
        let folder = target.join("guests");
        let built = Command::new(script).arg(env!("CARGO_BIN_EXE_wasmcast")).arg(&folder).output().expect("a shell");
        assert!(built.status.success(), "plugins are not built:\n{}", String::from_utf8_lossy(&built.stderr));
        folder
    });
    fs::read(folder.join(format!("{name}.wasm"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

impl Folder {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path().join("plugins")).expect("a writable folder for temporary files");
        Folder { scratch }
    }

    /// With a plugin that the tests built, under its own name.
    pub fn with(self, name: &str, manifest: &str) -> Self {
        self.install(name, name, manifest);
        self
    }

    /// Puts a plugin there, or another version of it: the manifest first, the file as a whole.
    pub fn install(&self, name: &str, guest_name: &str, manifest: &str) {
        self.manifest(name, manifest);
        self.file(name, &guest(guest_name));
    }

    /// Writes a manifest.
    pub fn manifest(&self, name: &str, text: &str) {
        self.put(&format!("{name}.toml"), text.as_bytes());
    }

    /// Writes the file of a plugin.
    pub fn file(&self, name: &str, bytes: &[u8]) {
        self.put(&format!("{name}.wasm"), bytes);
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let fresh = self.scratch.write(name, bytes);
        fs::rename(fresh, self.path().join(name)).expect("a writable folder for temporary files");
    }

    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("plugins")
    }

    pub fn state(&self) -> PathBuf {
        self.scratch.path().join("state")
    }

    /// A server with this plugin directory, which lets nobody in by itself.
    pub fn setup(&self) -> Setup {
        let (dir, state) = (self.path(), self.state());
        Setup::new().config(&format!(
            // The tests ask a thousand times in a row.
            "limits.joins_per_address = 0\nplugins.dir = {dir:?}\nplugins.state_dir = {state:?}\naccess.publish = \"denied\"\naccess.play = \"denied\""
        ))
    }
}

/// What the server tells of a plugin.
pub fn status(server: &Server, name: &str) -> Value {
    let response = Request::get(format!("/api/v1/plugins/{name}")).send(server.admin);
    if response.status == 200 { response.json() } else { Value::Null }
}

/// Waits until that satisfies, and returns it.
pub fn wait_status(server: &Server, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    server.wait_until(&format!("{name}: {what}"), || {
        let status = status(server, name);
        if wanted(&status) { Ok(status) } else { Err(status.to_string()) }
    })
}

/// Waits until a generation of this number, or a later one, is in service.
pub fn wait_generation(server: &Server, name: &str, number: u64) -> Value {
    wait_status(server, name, &format!("generation {number}"), |status| {
        status["state"] == "active" && status["generation"].as_u64() >= Some(number)
    })
}
