//! `wasmcast plugin dev`: builds at each save, swaps into a running server, and tells what became of it.

use super::build::{self, Built};
use super::project::Project;
use super::server::{Address, Server, block_on};
use super::sources::Sources;
use super::{Failure, cargo};
use crate::output;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// How often the sources are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// An editor is done when nothing has changed for so long.
const REST: Duration = Duration::from_millis(60);
/// How often the server is asked for new lines of the log.
const LOG: Duration = Duration::from_millis(400);
/// How often the server is asked what became of a new version, and for how long.
const ASK: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_secs(30);
/// What changes nothing that matters, such as a comment in the manifest, brings no new generation.
const NOTHING: Duration = Duration::from_secs(2);

/// Build at each save, swap into a running server, show its log
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example, in two terminals:\n  wasmcast serve --demo --plugins my-auth/dist\n  wasmcast plugin dev my-auth\n\n\
    For a server with another plugin directory: wasmcast plugin dev my-auth --plugins /etc/wasmcast/plugins\n\
    What the plugin logs goes to stdout. Ends with Ctrl-C."
)]
pub struct Args {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The server's plugin directory [default: DIR/dist]
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    #[command(flatten)]
    server: Address,
}

/// What the server made of a new version.
#[derive(Debug, PartialEq)]
enum Verdict {
    Live { generation: u64 },
    Refused(String),
}

/// Runs `wasmcast plugin dev`. Returns only when it can not go on.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let project = Project::open(&args.folder)?;
    let directory = args.plugins.clone().unwrap_or_else(|| project.dist());
    fs::create_dir_all(&directory).map_err(Failure::file("cannot make the plugin directory", &directory))?;
    let mut session = Session { server: Server::new(&args.server)?, directory, logged: 0, reached: true, project };
    output::say(&format!(
        "watching {}; what is built goes to {}",
        session.project.folder.display(),
        session.directory.display()
    ));
    let mut seen = Sources::look(&session.project.folder);
    session.turn(SystemTime::now());
    let mut asked = Instant::now();
    loop {
        std::thread::sleep(LOOK);
        let mut now = Sources::look(&session.project.folder);
        if now != seen {
            // Several files at once, or one written twice: wait for the end.
            loop {
                std::thread::sleep(REST);
                let later = Sources::look(&session.project.folder);
                if later == now {
                    break;
                }
                now = later;
            }
            let saved = now.newest().unwrap_or_else(SystemTime::now);
            seen = now;
            session.turn(saved);
        }
        if asked.elapsed() >= LOG {
            session.follow_log();
            asked = Instant::now();
        }
    }
}

struct Session {
    project: Project,
    directory: PathBuf,
    server: Server,
    /// The number of the last line of the log that was shown.
    logged: u64,
    /// Whether the server answered last time: that it does not is told once.
    reached: bool,
}

impl Session {
    /// From saved sources to a new version in service, or the reason why not. A failure is told; the next save may mend it.
    fn turn(&mut self, saved: SystemTime) {
        let options = cargo::Options { quiet: true, ..cargo::Options::default() };
        let before = self.status().ok().flatten().map(|status| Before::of(&status)).unwrap_or_default();
        let swapped =
            build::project_to(&self.project, &options, None).and_then(|built| self.swap(&built).map(|()| built));
        match swapped {
            Ok(built) => self.tell_outcome(&built, saved, &before),
            Err(failure) => output::say(&format!("{failure}; the version before stays")),
        }
    }

    /// Puts what was built into the server's directory.
    fn swap(&self, built: &Built) -> Result<(), Failure> {
        for file in [built.file.clone(), built.file.with_extension("toml")] {
            let target = self.directory.join(file.file_name().unwrap_or_default());
            if !file.is_file() || same(&file, &target) {
                continue;
            }
            let content = fs::read(&file).map_err(Failure::file("cannot read", &file))?;
            if fs::read(&target).is_ok_and(|present| present == content) {
                continue;
            }
            build::replace(&target, &content)?;
        }
        Ok(())
    }

    fn status(&self) -> Result<Option<Value>, Failure> {
        block_on(self.server.get(&format!("/api/v1/plugins/{}", self.project.name)))
    }

    /// Where the server takes its plugins from, if not from where they are put.
    fn elsewhere(&self) -> Option<String> {
        let config = block_on(self.server.get("/api/v1/config")).ok()??;
        // A key with its value and source.
        let dir = config.get("plugins.dir")?.get("value").and_then(Value::as_str);
        elsewhere(self.server.base(), dir.map(Path::new), &self.directory)
    }

    fn tell_outcome(&mut self, built: &Built, saved: SystemTime, before: &Before) {
        if let Some(line) = self.elsewhere() {
            return output::say(&line);
        }
        let digest = &built.inspection.digest;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let status = match self.status() {
                Err(failure) => return self.not_reached(&failure),
                Ok(status) => status,
            };
            self.reached = true;
            let name = &self.project.name;
            match status.as_ref().and_then(|status| verdict(status, digest, before)) {
                None if before.digest.as_ref() == Some(digest) && started.elapsed() > NOTHING => {
                    return output::say(&format!("{name} is as before"));
                }
                None => std::thread::sleep(ASK),
                Some(Verdict::Refused(cause)) => {
                    return output::say(&format!("{name} is not taken into service: {cause}"));
                }
                Some(Verdict::Live { generation }) => {
                    let took = saved.elapsed().unwrap_or_default().as_secs_f64();
                    output::say(&format!("{name} is live in {took:.1} s, generation {generation}"));
                    return self.follow_log();
                }
            }
        }
        output::say(&format!(
            "{} has not taken {} into service in {} s; does it run with --plugins {}?",
            self.server.base(),
            self.project.name,
            PATIENCE.as_secs(),
            self.directory.display()
        ));
    }

    fn not_reached(&mut self, failure: &Failure) {
        if std::mem::replace(&mut self.reached, false) {
            let directory = self.directory.display();
            output::say(&format!(
                "built, but {failure}\n  wasmcast serve --demo --plugins {directory}      starts one"
            ));
        }
    }

    /// Shows what the plugin has logged since the last time.
    fn follow_log(&mut self) {
        let path = format!("/api/v1/plugins/{}/log?after={}", self.project.name, self.logged);
        let Ok(Some(answer)) = block_on(self.server.get(&path)) else { return };
        let lines = answer.as_array().or_else(|| answer.get("lines")?.as_array());
        for line in lines.into_iter().flatten() {
            self.logged = self.logged.max(line.get("number").and_then(Value::as_u64).unwrap_or_default());
            output::text(&log_line(line));
        }
    }
}

/// Whether both are one file: then there is nothing to copy.
fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// What to do where the server looks into another directory than the one that plugins are put into.
fn elsewhere(server: &str, dir: Option<&Path>, directory: &Path) -> Option<String> {
    let here = directory.display();
    let Some(dir) = dir else {
        return Some(format!("{server} has no plugin directory: start it with --plugins {here}"));
    };
    // A relative path begins where the server was started: only its end can be compared.
    let whole = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let is_same = dir == directory || same(dir, directory) || (dir.is_relative() && whole.ends_with(dir));
    let there = dir.display();
    (!is_same).then(|| {
        format!("{server} takes its plugins from {there}, not from {here}: pass --plugins {there}, or start it with --plugins {here}")
    })
}

/// What the server said of the plugin before a turn.
#[derive(Debug, Default, PartialEq)]
struct Before {
    digest: Option<String>,
    reloads: u64,
    refused: u64,
    /// Whether the version before last, or its manifest, was refused.
    in_trouble: bool,
}

impl Before {
    fn of(status: &Value) -> Self {
        let count = |key: &str| status.get(key).and_then(Value::as_u64).unwrap_or_default();
        let digest = status.get("digest").and_then(Value::as_str).map(str::to_owned);
        let class = status.pointer("/last_error/class").and_then(Value::as_str);
        let in_trouble = matches!(class, Some("load" | "init"));
        Self { digest, reloads: count("reloads"), refused: count("refused"), in_trouble }
    }
}

/// What a plugin's status says of the version with this digest; none while it is on its way.
fn verdict(status: &Value, digest: &str, before: &Before) -> Option<Verdict> {
    let now = Before::of(status);
    if now.in_trouble && now.refused > before.refused {
        let cause = status.pointer("/last_error/cause").and_then(Value::as_str).unwrap_or("no reason given");
        return Some(Verdict::Refused(cause.to_owned()));
    }
    let serves = now.digest.as_deref() == Some(digest) && status.get("state").and_then(Value::as_str) == Some("active");
    // Another file, another manifest, or the one before that was refused.
    let is_new = now.digest != before.digest || now.reloads > before.reloads || (before.in_trouble && !now.in_trouble);
    let generation = status.get("generation").and_then(Value::as_u64).unwrap_or_default();
    (serves && is_new).then_some(Verdict::Live { generation })
}

/// `12:01:02.345 info  auth/check allowed stream=live/cam1`.
fn log_line(line: &Value) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
    let of_day = line.get("unix_ms").and_then(Value::as_u64).unwrap_or_default() % 86_400_000;
    let (seconds, milliseconds) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let hook = text("hook");
    let hook = if hook.is_empty() { String::new() } else { format!(" {hook}") };
    let mut shown = format!(
        "{hour:02}:{minute:02}:{second:02}.{milliseconds:03} {:5}{hook} {}",
        text("level"),
        text("message").replace('\n', "\n    ")
    );
    let fields = line.get("fields").and_then(Value::as_array).into_iter().flatten();
    for field in fields.filter_map(|field| Some((field.get(0)?.as_str()?, field.get(1)?.as_str()?))) {
        shown.push_str(&format!(" {}={}", field.0, field.1));
    }
    shown + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_version_is_live_or_refused_or_on_its_way() {
        let status = |digest: &str, state: &str, (reloads, refused): (u64, u64), class: &str| {
            let error = json!({"class": class, "cause": "config: `tokn` is unknown"});
            json!({"digest": digest, "state": state, "generation": 7, "reloads": reloads, "refused": refused, "last_error": error})
        };
        let before = Before { digest: Some("old".into()), reloads: 3, refused: 1, in_trouble: false };
        let troubled = Before { in_trouble: true, ..Before::of(&status("old", "active", (3, 1), "init")) };
        let live = || Some(Verdict::Live { generation: 7 });
        let refused = || Some(Verdict::Refused("config: `tokn` is unknown".to_owned()));
        let rows = [
            // Another file.
            (status("new", "active", (4, 1), "trap"), "new", &before, live()),
            (status("old", "active", (3, 1), "trap"), "new", &before, None),
            (status("new", "loading", (3, 1), "trap"), "new", &before, None),
            (status("old", "active", (3, 2), "init"), "new", &before, refused()),
            // Only the manifest.
            (status("old", "active", (3, 1), "trap"), "old", &before, None),
            (status("old", "active", (4, 1), "trap"), "old", &before, live()),
            (status("old", "active", (3, 2), "load"), "old", &before, refused()),
            // Back to what is in service, after a refusal.
            (status("old", "active", (3, 1), "init"), "old", &troubled, None),
            (status("old", "active", (3, 1), "trap"), "old", &troubled, live()),
            // The first version.
            (status("new", "active", (1, 0), "trap"), "new", &Before::default(), live()),
            (json!({"digest": null, "state": "failed", "last_error": null}), "new", &Before::default(), None),
        ];
        for (status, digest, before, expected) in rows {
            assert_eq!(verdict(&status, digest, before), expected, "{status} after {before:?}");
        }
    }

    #[test]
    fn a_server_that_looks_elsewhere_is_told_at_once() {
        let told = |dir: Option<&str>| elsewhere("http://a", dir.map(Path::new), Path::new("/srv/my-auth/dist"));
        for same in ["/srv/my-auth/dist", "my-auth/dist", "dist"] {
            assert_eq!(told(Some(same)), None, "{same}");
        }
        let other = told(Some("/etc/plugins")).unwrap();
        assert!(
            other.starts_with("http://a takes its plugins from /etc/plugins, not from /srv/my-auth/dist"),
            "{other}"
        );
        assert!(told(None).unwrap().contains("--plugins /srv/my-auth/dist"));
    }

    #[test]
    fn a_line_of_the_log_is_one_line() {
        let line = json!({"number": 4, "unix_ms": 45_296_789_u64, "level": "info", "hook": "auth/check",
            "message": "allowed", "fields": [["stream", "live/cam1"], ["n", "3"]]});
        assert_eq!(log_line(&line), "12:34:56.789 info  auth/check allowed stream=live/cam1 n=3\n");
    }
}
