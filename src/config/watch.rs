//! Follows the configuration file and applies what changed: all of it that can be, or none.

use super::load::{self, Loaded};
use super::{Config, ConfigError, Shown, check, plan};
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Something that happened to the file.
#[derive(Debug)]
pub enum Change {
    /// The file changed and is in force.
    Applied {
        /// What runs from now on.
        config: Box<Config>,
        /// It as `config show --json` tells it.
        shown: serde_json::Value,
        /// Changed keys that took effect.
        apply: Vec<&'static str>,
        /// Changed keys that were left as they were, since they need a restart.
        restart_required: Vec<&'static str>,
    },
    /// The file changed and can not be used; what ran before runs on. Told once for each content.
    Refused(ConfigError),
    /// The file is gone; what ran before runs on.
    Gone(PathBuf),
}

/// Watches one file, and the files of the secrets in use, by their content.
#[derive(Debug)]
pub struct Watcher {
    running: Loaded,
    /// What was acted on last.
    settled: Fingerprint,
    /// What the last look found, waiting to be seen unchanged.
    seen: Fingerprint,
    /// Why the settled content was refused, to retry it in silence: a secret's file can come to exist later.
    refusal: Option<String>,
}

/// The state of the file and the secret files at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fingerprint {
    Missing,
    Unreadable(io::ErrorKind),
    Content([u8; 32]),
}

impl Watcher {
    /// Watches from the moment that was loaded.
    pub fn new(loaded: &Loaded) -> Self {
        let settled = match &loaded.content {
            None => Fingerprint::Missing,
            Some(content) => fingerprint(content, &loaded.config),
        };
        Watcher { running: loaded.clone(), seen: settled.clone(), settled, refusal: None }
    }

    /// Looks every second until told to stop. A file that is no regular file (a pipe) can not be watched and is not.
    pub async fn run(mut self, stop: CancellationToken, mut on_change: impl FnMut(Change)) {
        if std::fs::metadata(self.running.sources.file()).is_ok_and(|metadata| !metadata.is_file()) {
            return;
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let look = tokio::task::spawn_blocking(move || {
                let change = self.look(load::read_regular(self.running.sources.file()));
                (self, change)
            });
            // Fails only when the look panicked; then there is nothing left to watch with.
            let Ok((watcher, change)) = look.await else { return };
            self = watcher;
            if let Some(change) = change {
                on_change(change);
            }
        }
    }

    /// One look at what the file holds. Acts on what two looks found alike, so that a half-written file is left alone.
    fn look(&mut self, content: io::Result<Vec<u8>>) -> Option<Change> {
        let now = match &content {
            Ok(content) => fingerprint(content, &self.running.config),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fingerprint::Missing,
            Err(error) => Fingerprint::Unreadable(error.kind()),
        };
        let stable = now == self.seen;
        self.seen = now.clone();
        if !stable || (now == self.settled && self.refusal.is_none()) {
            return None;
        }
        self.settled = now;
        let change = match content {
            Ok(content) => self.apply(&content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Change::Gone(self.running.sources.file().to_owned()))
            }
            Err(error) => Err(ConfigError::File(self.running.sources.file().to_owned(), error)),
        };
        match change {
            Ok(change) => {
                self.refusal = None;
                Some(change)
            }
            Err(error) => {
                let text = error.to_string();
                let known = self.refusal.as_ref() == Some(&text);
                self.refusal = Some(text);
                (!known).then_some(Change::Refused(error))
            }
        }
    }

    fn apply(&mut self, content: &[u8]) -> Result<Change, ConfigError> {
        let loaded = self.running.sources.load_content(Some(content.to_vec()))?;
        let plan = plan(&self.running.config, &loaded.config);
        // The new file may be sound while its live half is not beside what needs a restart.
        let problems = check::problems(&plan.config, |_| None);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid(problems));
        }
        self.running.take_over(plan.config, &loaded, &plan.restart_required);
        self.settled = fingerprint(content, &self.running.config);
        self.seen = self.settled.clone();
        let config = Box::new(self.running.config.clone());
        let shown = Shown(&self.running).json();
        Ok(Change::Applied { config, shown, apply: plan.apply, restart_required: plan.restart_required })
    }
}

/// Between looks; a change is in force after two.
const INTERVAL: Duration = Duration::from_secs(1);

/// The digest of the file's content and of the secret files in use.
fn fingerprint(content: &[u8], running: &Config) -> Fingerprint {
    let mut all = Sha256::new();
    all.update(Sha256::digest(content));
    for path in running.secret_files() {
        all.update(Sha256::digest(load::read_regular(&path).unwrap_or_default()));
    }
    Fingerprint::Content(all.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;
    use crate::access::Fallback;

    fn watcher(content: Option<&str>) -> Watcher {
        let sources = Sources::new(Some("/nowhere/wasmcast.toml".into()), Vec::new(), Vec::new());
        Watcher::new(&sources.load_content(content.map(|text| text.as_bytes().to_vec())).unwrap())
    }

    fn found(text: &str) -> io::Result<Vec<u8>> {
        Ok(text.as_bytes().to_vec())
    }

    fn missing() -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }

    #[test]
    fn a_change_applies_when_it_was_seen_twice() {
        let mut watcher = watcher(Some("log.level = \"info\"\n"));
        assert!(watcher.look(found("log.level = \"info\"\n")).is_none());
        let new = "log.level = \"debug\"\nhttp.listen = \"127.0.0.1:9\"\n";
        assert!(watcher.look(found(new)).is_none());
        match watcher.look(found(new)) {
            Some(Change::Applied { config, shown, apply, restart_required }) => {
                assert_eq!((apply, restart_required), (vec!["log.level"], vec!["http.listen"]));
                assert_eq!(config.log.level.to_string(), "debug");
                assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
                let entry = |value: &str, source: &str| serde_json::json!({ "value": value, "source": source });
                assert_eq!(shown["log.level"], entry("debug", "/nowhere/wasmcast.toml:1"));
                assert_eq!(shown["http.listen"], entry("127.0.0.1:8080", "default"));
            }
            other => panic!("{other:?}"),
        }
        assert!(watcher.look(found(new)).is_none());
    }

    #[test]
    fn a_half_written_file_is_left_alone() {
        let mut watcher = watcher(Some(""));
        let full = "[access]\nplay = \"denied\"\npublish = \"denied\"\n";
        for length in [9, 17, 30] {
            assert!(watcher.look(found(&full[..length])).is_none());
        }
        assert!(watcher.look(found("")).is_none(), "truncated, as at the start");
        assert!(watcher.look(found(full)).is_none());
        let Some(Change::Applied { config, .. }) = watcher.look(found(full)) else { panic!("not applied") };
        assert_eq!(config.access.publish, Some(Fallback::Denied));
    }

    #[test]
    fn an_invalid_file_changes_nothing_and_is_told_once() {
        let mut watcher = watcher(Some("log.level = \"info\"\n"));
        let bad = "log.level = \"debug\"\nhttp.listn = 1\n";
        assert!(watcher.look(found(bad)).is_none());
        let Some(Change::Refused(error)) = watcher.look(found(bad)) else { panic!("not refused") };
        assert!(error.to_string().contains("wasmcast.toml:2: unknown key `http.listn`"), "{error}");
        assert!(watcher.look(found(bad)).is_none());
        assert!(watcher.look(found(bad)).is_none());
        assert_eq!(watcher.running.config.log.level.to_string(), "info");
        let good = "log.level = \"warn\"\n";
        assert!(watcher.look(found(good)).is_none());
        assert!(matches!(watcher.look(found(good)), Some(Change::Applied { .. })));
    }

    #[test]
    fn a_file_may_go_and_come_back() {
        let mut watcher = watcher(Some("log.level = \"warn\"\n"));
        assert!(watcher.look(missing()).is_none());
        assert!(matches!(watcher.look(missing()), Some(Change::Gone(_))));
        assert!(watcher.look(missing()).is_none());
        assert_eq!(watcher.running.config.log.level.to_string(), "warn");
        assert!(watcher.look(found("log.level = \"error\"\n")).is_none());
        assert!(matches!(watcher.look(found("log.level = \"error\"\n")), Some(Change::Applied { .. })));
    }

    #[test]
    fn a_file_that_was_never_there_may_appear() {
        let mut watcher = watcher(None);
        assert!(watcher.look(missing()).is_none());
        assert!(watcher.look(missing()).is_none());
        assert!(watcher.look(found("log.level = \"warn\"\n")).is_none());
        assert!(matches!(watcher.look(found("log.level = \"warn\"\n")), Some(Change::Applied { .. })));
    }

    #[test]
    fn an_unreadable_file_is_told_once() {
        let denied = || Err(io::ErrorKind::PermissionDenied.into());
        let mut watcher = watcher(Some(""));
        assert!(watcher.look(denied()).is_none());
        assert!(matches!(watcher.look(denied()), Some(Change::Refused(ConfigError::File(..)))));
        assert!(watcher.look(denied()).is_none());
    }

    #[test]
    fn live_keys_may_not_open_a_public_listener_that_waits_for_a_restart() {
        let mut watcher =
            watcher(Some("http.listen = \"0.0.0.0:80\"\naccess.publish = \"denied\"\naccess.play = \"open\"\n"));
        let new = "http.listen = \"127.0.0.1:80\"\n";
        assert!(watcher.look(found(new)).is_none());
        let Some(Change::Refused(error)) = watcher.look(found(new)) else { panic!("not refused") };
        assert!(error.to_string().contains("nothing says who may publish and play"), "{error}");
        assert_eq!(watcher.running.config.access.publish, Some(Fallback::Denied));
    }

    #[test]
    fn a_changed_secret_file_is_a_change() {
        let path = std::env::temp_dir().join(format!("wasmcast-watched-secret-{}", std::process::id()));
        let text = format!("admin.token = \"file:{}\"\n", path.display());
        let (old, new) = (crate::access::random_token(), crate::access::random_token());
        std::fs::write(&path, &old).unwrap();
        let mut watcher = watcher(Some(&text));
        assert!(watcher.look(found(&text)).is_none());
        std::fs::write(&path, &new).unwrap();
        assert!(watcher.look(found(&text)).is_none());
        let change = watcher.look(found(&text));
        std::fs::remove_file(&path).unwrap();
        match change {
            Some(Change::Applied { config, apply, .. }) => {
                assert_eq!(apply, ["admin.token"]);
                assert!(config.admin.token.unwrap().matches(&new));
            }
            other => panic!("{other:?}"),
        }
        // The file is gone now: refused once, and taken again in silence until it is back.
        assert!(watcher.look(found(&text)).is_none());
        assert!(matches!(watcher.look(found(&text)), Some(Change::Refused(_))));
        assert!(watcher.look(found(&text)).is_none());
        std::fs::write(&path, &old).unwrap();
        watcher.look(found(&text));
        let back = watcher.look(found(&text));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(back, Some(Change::Applied { .. })), "{back:?}");
    }
}
