//! Asks an auth plugin many times, in this process, the way the server does: match, instance, call, check, count. An observer is
//! told events instead.

use super::observer;
use super::process::Usage;
use crate::client::ClientError;
use crate::client::report::{self, Fields};
use crate::observe::Events;
use crate::plugin::{Action, Answer, Facts, Options, Plugins, Status};
use crate::task::Tasks;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls before those that are counted: caches fill, the instance is warm.
const WARM_UP: u32 = 1_000;
/// How long the plugin's tasks may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ask an auth plugin many times, or tell an observer events, and measure how long that takes
///
/// The plugin runs in this process, in the server's own code. NAME.toml beside the file is used if it is there. Prints
/// one line of JSON: calls, p50_us, p99_us, cpu_us (CPU time a call), answer. Of an observer: events_per_s that it takes, cpu_us (CPU
/// time an event), and, while it is told more than that, how many it took, how many were dropped, and how long telling one took.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  wasmcast bench plugin plugins/auth-jwt/dist/auth-jwt.wasm --token eyJ... --stream live/cam1"
)]
pub struct Args {
    /// The plugin, with its manifest beside it
    file: PathBuf,
    /// Calls that are counted; events for an observer
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    calls: u32,
    /// The stream that is asked for
    #[arg(long, default_value = "live/cam1")]
    stream: String,
    /// What is asked for
    #[arg(long, default_value = "play", value_parser = ["publish", "play"])]
    action: String,
    /// The viewer's token
    #[arg(long)]
    token: Option<String>,
    /// A fresh instance for each call, whatever the manifest says
    #[arg(long)]
    fresh: bool,
}

/// Runs the calls.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    let scratch = Scratch::with(&args)?;
    let (tasks, events) = (Tasks::new("bench"), Events::default());
    let options = Options {
        countries: true,
        events: events.clone(),
        trust: crate::plugin::Trust::default(),
        dir: scratch.0.join("plugins"),
        state_dir: scratch.0.join("state"),
        compiler: None,
        memory: 1 << 30,
        instances: None,
    };
    let plugins = Plugins::start(options, &tasks).await.map_err(|error| ClientError::Usage(error.to_string()))?;
    let observes = |status: &Status| status.hooks.iter().any(|hook| hook == "observer/events");
    if let Some(status) = plugins.list().iter().find(|status| !plugins.decides_auth() && observes(status)) {
        let report = observer::run(&plugins, &events, &status.name, args.calls).await?;
        report::print(&report)?;
        let _ = tasks.stop(PATIENCE).await;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(refused) = plugins.list().iter().find(|status| !plugins.decides_auth() || status.last_error.is_some()) {
        let reason = refused
            .last_error
            .as_ref()
            .map_or("it answers no auth, and observes no events", |error| error.cause.as_str());
        return Err(ClientError::Usage(format!("{}: {reason}", args.file.display())));
    }
    let facts = Arc::new(facts(&args));
    let mut took = Vec::with_capacity(args.calls as usize);
    let mut answer = Answer::Abstain;
    for _ in 0..WARM_UP.min(args.calls) {
        answer = plugins.authorize(&facts).await.answer;
    }
    let before = Usage::own();
    for _ in 0..args.calls {
        let start = Instant::now();
        let decided = plugins.authorize(&facts).await;
        took.push(start.elapsed());
        drop(decided);
    }
    let cpu_s = Usage::own().cpu_s() - before.cpu_s();
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1_000.0;
    let mut report = Fields::new("bench-plugin");
    report.put("calls", args.calls);
    report.put("fresh", args.fresh);
    for (name, share) in [("p50_us", 0.50), ("p95_us", 0.95), ("p99_us", 0.99)] {
        report.number(name, Some(at(share)), 2);
    }
    report.number("cpu_us", Some(cpu_s * 1e6 / f64::from(args.calls)), 2);
    report.put(
        "answer",
        match answer {
            Answer::Allow(_) => "allow",
            Answer::Deny(_) => "deny",
            Answer::Abstain => "abstain",
        },
    );
    report::print(&report)?;
    let _ = tasks.stop(PATIENCE).await;
    Ok(ExitCode::SUCCESS)
}

fn facts(args: &Args) -> Facts {
    let action = if args.action == "publish" { Action::Publish } else { Action::Play };
    let protocol = if action == Action::Publish { "whip" } else { "whep" };
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    let mut facts = Facts::new("bench.0".to_owned(), action, protocol, address);
    facts.method = "POST".to_owned();
    facts.path = format!("/{protocol}/{}", args.stream);
    facts.stream = args.stream.clone();
    facts.token = args.token.clone();
    facts.headers = vec![("user-agent".to_owned(), "wasmcast bench".to_owned())];
    facts
}

/// A plugin directory and a state directory, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn with(args: &Args) -> Result<Self, ClientError> {
        let wrong = |path: &Path, error: std::io::Error| ClientError::Usage(format!("{}: {error}", path.display()));
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).expect("the system's random source works");
        let path = std::env::temp_dir().join(format!("wasmcast-bench-{:016x}", u64::from_be_bytes(random)));
        fs::create_dir(&path).map_err(|error| wrong(&path, error))?;
        let scratch = Scratch(path);
        let dir = scratch.0.join("plugins");
        fs::create_dir(&dir).map_err(|error| wrong(&dir, error))?;
        let Some(name) = args.file.file_name() else {
            return Err(ClientError::Usage(format!("{} is no file", args.file.display())));
        };
        fs::copy(&args.file, dir.join(name)).map_err(|error| wrong(&args.file, error))?;
        let manifest = args.file.with_extension("toml");
        let mut text = match fs::read_to_string(&manifest) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(wrong(&manifest, error)),
        };
        if args.fresh {
            let other = text.lines().filter(|line| !line.trim_start().starts_with("isolation"));
            text = std::iter::once("isolation = \"call\"").chain(other).collect::<Vec<_>>().join("\n");
        }
        let copy = dir.join(name).with_extension("toml");
        fs::write(&copy, text).map_err(|error| wrong(&copy, error))?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
