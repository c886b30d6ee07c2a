//! The whole platform at once: a real directory, its watch, real components.

use crate::observe::Events;
use crate::plugin::{Action, Answer, CommandError, Facts, Options, Plugins, StartError, Trust};
use crate::task::Tasks;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TOKEN: &[u8] = include_bytes!("../../../../tests/data/plugins/auth-token.wasm");
const TRAP: &[u8] = include_bytes!("../../../../tests/data/plugins/trap.wasm");
/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server's plugins, in directories of their own.
struct Site {
    base: PathBuf,
    tasks: Tasks,
    plugins: Plugins,
}

impl Site {
    async fn new(files: &[(&str, &[u8])]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("wasmcast-plugins-{}-{number}", std::process::id()));
        fs::create_dir_all(base.join("plugins")).unwrap();
        for (file, content) in files {
            fs::write(base.join("plugins").join(file), content).unwrap();
        }
        Site::start(base).await.unwrap()
    }

    async fn start(base: PathBuf) -> Result<Self, StartError> {
        let tasks = Tasks::new("test");
        let options = Options {
            dir: base.join("plugins"),
            state_dir: base.join("state"),
            compiler: None,
            memory: 64 << 20,
            instances: Some(32),
            countries: true,
            events: Events::default(),
            trust: Trust::default(),
        };
        let plugins = Plugins::start(options, &tasks).await?;
        Ok(Site { base, tasks, plugins })
    }

    fn dir(&self) -> PathBuf {
        self.base.join("plugins")
    }

    /// What a viewer with this token gets.
    async fn ask(&self, token: &str) -> String {
        let facts = Facts::new("s-1".to_owned(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
        let facts = Facts { token: Some(token.to_owned()), stream: "live/cam1".to_owned(), ..facts };
        match self.plugins.authorize(&Arc::new(facts)).await.answer {
            Answer::Allow(grant) => grant.subject.unwrap_or_default(),
            Answer::Deny(denial) => format!("{} {}", denial.status, denial.reason),
            Answer::Abstain => "abstain".to_owned(),
        }
    }

    /// Changes files and waits until another set of generations is in service.
    async fn change(&self, change: impl FnOnce(&Path)) {
        let mut changes = self.plugins.changes();
        change(&self.dir());
        tokio::time::timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
    }

    async fn restart(mut self) -> Self {
        self.tasks.stop(PATIENCE).await.unwrap();
        Site::start(std::mem::take(&mut self.base)).await.unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !self.base.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.base);
        }
    }
}

const CONFIG: &[u8] = b"[config]\ntoken = \"one\"";

#[tokio::test]
async fn files_in_the_directory_decide_from_start_to_removal() {
    let site = Site::new(&[("gate.wasm", TOKEN), ("gate.toml", CONFIG)]).await;
    let rows = [("one", "alice"), ("two", "401 This link is not valid.")];
    for (token, expected) in rows {
        assert_eq!(site.ask(token).await, expected);
    }
    let status = site.plugins.get("gate").unwrap();
    assert_eq!((status.generation, status.calls, status.hooks[0].as_str()), (Some(1), 2, "auth/check"));
    assert!(site.plugins.decides_auth() && status.memory_bytes > 0 && status.p99_us.is_some());

    site.change(|dir| fs::write(dir.join("gate.toml"), "[config]\ntoken = \"two\"").unwrap()).await;
    assert_eq!((site.ask("two").await.as_str(), site.plugins.get("gate").unwrap().generation), ("alice", Some(2)));

    site.change(|dir| {
        fs::remove_file(dir.join("gate.toml")).unwrap();
        fs::write(dir.join(".gate.wasm.part"), TRAP).unwrap();
        fs::rename(dir.join(".gate.wasm.part"), dir.join("gate.wasm")).unwrap();
    })
    .await;
    assert_eq!(site.ask("one").await, "anybody");

    site.change(|dir| fs::remove_file(dir.join("gate.wasm")).unwrap()).await;
    assert_eq!(site.ask("one").await, "abstain");
    assert!(site.plugins.list().is_empty() && !site.plugins.decides_auth());
}

#[tokio::test]
async fn a_config_map_swaps_all_files_by_one_link() {
    let site = Site::new(&[]).await;
    let version = |dir: &Path, name: &str, token: &str| {
        fs::create_dir(dir.join(name)).unwrap();
        fs::write(dir.join(name).join("gate.wasm"), TOKEN).unwrap();
        fs::write(dir.join(name).join("gate.toml"), format!("[config]\ntoken = \"{token}\"")).unwrap();
    };
    let link = |dir: &Path, to: &str| {
        std::os::unix::fs::symlink(to, dir.join("..data_tmp")).unwrap();
        fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    };
    site.change(|dir| {
        version(dir, "..one", "one");
        link(dir, "..one");
        for file in ["gate.toml", "gate.wasm"] {
            std::os::unix::fs::symlink(format!("..data/{file}"), dir.join(file)).unwrap();
        }
    })
    .await;
    assert_eq!(site.ask("one").await, "alice");
    site.change(|dir| {
        version(dir, "..two", "two");
        link(dir, "..two");
        fs::remove_dir_all(dir.join("..one")).unwrap();
    })
    .await;
    assert_eq!(site.ask("two").await, "alice");
    assert_eq!(site.plugins.get("gate").unwrap().generation, Some(2));
}

#[tokio::test]
async fn what_can_not_be_loaded_is_refused_in_words_and_the_last_good_serves_over_a_restart() {
    let site = Site::new(&[("gate.wasm", TOKEN), ("gate.toml", CONFIG)]).await;
    let half = &TOKEN[..TOKEN.len() / 2];
    let rows: [(&str, &[u8], &str); 7] = [
        ("gate.wasm", b"hello, I am text", "it is no WebAssembly file (it begins with `hello, I am `)"),
        ("gate.wasm", half, "it is not valid WebAssembly, or is cut off"),
        ("gate.wasm", b"\x7fELF", ".cwasm"),
        ("gate.wasm", b"", "it is empty"),
        ("gate.toml", b"[config]\ntokn = \"one\"", "config: `tokn` is unknown, did you mean `token`? ("),
        ("gate.toml", b"[config]\n\ntokn = \"one\"", "/gate.toml:3)"),
        (
            "gate.toml",
            b"[limits]\ncpu-ms = 0",
            "gate.toml:2: `limits.cpu-ms`: 0 is out of range: 1 to 1000 milliseconds",
        ),
    ];
    for (file, content, expected) in rows {
        fs::write(site.dir().join("gate.wasm"), TOKEN).unwrap();
        fs::write(site.dir().join("gate.toml"), CONFIG).unwrap();
        fs::write(site.dir().join(file), content).unwrap();
        let error = site.plugins.enable("gate").await.unwrap_err();
        assert!(matches!(error, CommandError::Refused { .. }) && error.to_string().contains(expected), "{error}");
        assert_eq!(site.ask("one").await, "alice", "{expected}");
        let status = site.plugins.get("gate").unwrap();
        assert!(status.last_error.unwrap().cause.contains(expected));
    }
    let site = site.restart().await;
    assert_eq!(site.ask("one").await, "alice");
    let status = serde_json::to_value(site.plugins.get("gate").unwrap()).unwrap();
    assert_eq!((&status["origin"], &status["generation"]), (&"last-good".into(), &2.into()));
    fs::remove_file(site.dir().join("gate.toml")).unwrap();
    site.change(|dir| fs::write(dir.join("gate.wasm"), TRAP).unwrap()).await;
    assert_eq!(site.ask("one").await, "anybody");
    let status = site.plugins.roll_back("gate").await.unwrap();
    assert_eq!((status.generation, site.ask("one").await.as_str()), (Some(2), "alice"));
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error_of_the_start_unless_something_is_kept() {
    let site = Site::new(&[("gate.wasm", TOKEN), ("gate.toml", CONFIG)]).await;
    let base = site.base.clone();
    fs::rename(site.dir(), base.join("away")).unwrap();
    let site = site.restart().await;
    assert_eq!(site.ask("one").await, "alice");
    site.tasks.stop(PATIENCE).await.unwrap();
    fs::remove_dir_all(base.join("state")).unwrap();
    let error = Site::start(base).await.err().unwrap().to_string();
    assert!(error.contains("make it, or correct `plugins.dir`"), "{error}");
}

#[tokio::test]
async fn a_rotated_secret_is_taken_up() {
    let site = Site::new(&[]).await;
    let secret = site.base.join("secret");
    fs::write(&secret, "one\n").unwrap();
    let manifest = format!("[config]\ntoken = {{ secret = \"file:{}\" }}", secret.display());
    site.change(|dir| {
        fs::write(dir.join("gate.toml"), manifest).unwrap();
        fs::write(dir.join("gate.wasm"), TOKEN).unwrap();
    })
    .await;
    assert_eq!(site.ask("one").await, "alice");
    let shown = site.plugins.get("gate").unwrap().config.to_string();
    assert!(shown.contains("file:") && !shown.contains("one"), "{shown}");
    site.change(|_| fs::write(&secret, "two\n").unwrap()).await;
    assert_eq!(site.ask("two").await, "alice");
}
