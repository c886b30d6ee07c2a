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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the sources are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// An editor is done when nothing has changed for so long.
const REST: Duration = Duration::from_millis(60);
/// How often the server is asked for new lines of the log.
const LOG: Duration = Duration::from_millis(400);
/// How often the server is asked what became of a new version, and for how long.
const ASK: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_secs(30);

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
        "watching {}; plugins of {} in {}",
        session.project.folder.display(),
        session.server.base(),
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
        let options = cargo::Options { quiet: true, extra: Vec::new() };
        let started = unix_ms(SystemTime::now());
        let swapped = build::project_to(&self.project, &options, None).and_then(|built| self.swap(&built).map(|()| built));
        match swapped {
            Ok(built) => self.tell_outcome(&built, saved, started),
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

    fn tell_outcome(&mut self, built: &Built, saved: SystemTime, started: u64) {
        let name = &self.project.name;
        let path = format!("/api/v1/plugins/{name}");
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let status = match block_on(self.server.get(&path)) {
                Err(failure) => return self.not_reached(&failure),
                Ok(status) => status,
            };
            self.reached = true;
            match status.as_ref().and_then(|status| verdict(status, &built.inspection.digest, started)) {
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
            "{} has not taken {name} into service in {} s; does it run with --plugins {}?",
            self.server.base(),
            PATIENCE.as_secs(),
            self.directory.display()
        ));
    }

    fn not_reached(&mut self, failure: &Failure) {
        if std::mem::replace(&mut self.reached, false) {
            let directory = self.directory.display();
            output::say(&format!("built, but {failure}\n  wasmcast serve --demo --plugins {directory}      starts one"));
        }
    }

    /// Shows what the plugin has logged since the last time.
    fn follow_log(&mut self) {
        let path = format!("/api/v1/plugins/{}/log?after={}", self.project.name, self.logged);
        let Ok(Some(answer)) = block_on(self.server.get(&path)) else { return };
        let lines = answer.as_array().or_else(|| answer.get("lines")?.as_array());
        for line in lines.into_iter().flatten() {
            self.logged = self.logged.max(line.get("number").and_then(Value::as_u64).unwrap_or_default());
            output::data(&log_line(line));
        }
    }
}

/// Whether both are one file: then there is nothing to copy.
fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What a plugin's status says of the version with this digest; none while it is on its way. `started`: when it was
/// begun, in milliseconds since 1970; what went wrong before is about another.
fn verdict(status: &Value, digest: &str, started: u64) -> Option<Verdict> {
    let number = |pointer: &str| status.pointer(pointer).and_then(Value::as_u64);
    let refused = number("/last_error/at_unix_ms").filter(|at| *at >= started).is_some();
    let of_load = status.pointer("/last_error/class").and_then(Value::as_str);
    if refused && matches!(of_load, Some("load" | "init")) {
        let cause = status.pointer("/last_error/cause").and_then(Value::as_str).unwrap_or("no reason given");
        return Some(Verdict::Refused(cause.to_owned()));
    }
    let serves = status.get("digest").and_then(Value::as_str) == Some(digest);
    let is_active = status.get("state").and_then(Value::as_str) == Some("active");
    (serves && is_active).then(|| Verdict::Live { generation: number("/generation").unwrap_or_default() })
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
        let status = |digest: &str, state: &str, class: &str, at: u64| {
            let error = json!({"class": class, "cause": "config: `tokn` is unknown", "at_unix_ms": at});
            json!({"digest": digest, "state": state, "generation": 7, "last_error": error})
        };
        let live = Some(Verdict::Live { generation: 7 });
        let refused = Some(Verdict::Refused("config: `tokn` is unknown".to_owned()));
        let rows = [
            (status("new", "active", "trap", 0), live),
            (status("old", "active", "trap", 0), None),
            (status("new", "loading", "trap", 0), None),
            (status("old", "active", "init", 1_500), refused),
            (status("old", "active", "init", 500), None),
            (status("old", "active", "trap", 1_500), None),
            (json!({"digest": null, "state": "failed", "last_error": null}), None),
        ];
        for (status, expected) in rows {
            assert_eq!(verdict(&status, "new", 1_000), expected, "{status}");
        }
    }

    #[test]
    fn a_line_of_the_log_is_one_line() {
        let line = json!({"number": 4, "unix_ms": 45_296_789_u64, "level": "info", "hook": "auth/check",
            "message": "allowed", "fields": [["stream", "live/cam1"], ["n", "3"]]});
        assert_eq!(log_line(&line), "12:34:56.789 info  auth/check allowed stream=live/cam1 n=3\n");
    }
}
