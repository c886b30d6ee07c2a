//! `wasmcast plugin replay`: puts recorded decisions to another build, and shows what it would decide otherwise.

use super::{Failure, check, inspect, sdk};
use crate::output;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasmcast::media::one_line;
use wasmcast::plugin::{Decision, Services};

/// Put recorded decisions to another build of a plugin, and show what it would decide otherwise
///
/// The plugin is run here, in the sandbox and with its manifest's rights, on an empty kv space: with a grant of http it may
/// send requests. Exit code 0: it decides all of them in the same way; 1: it does not.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin replay decisions.jsonl dist/my-auth.wasm --manifest /etc/wasmcast/plugins/my-auth.toml")]
pub struct Args {
    /// What `wasmcast plugin capture` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The new build
    #[arg(value_name = "WASM")]
    build: PathBuf,
    /// Its manifest [default: NAME.toml beside it]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The plugin's name on the server [default: NAME of NAME.wasm]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Longest line: a question has 48 KiB at most.
const MAX_LINE: u64 = 1 << 20;
/// Differences that are shown; all are counted.
const SHOWN: u64 = 100;

/// Runs `wasmcast plugin replay`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (bytes, _) = inspect::read(&args.build)?;
    let stem = args.build.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = args.name.clone().unwrap_or(stem);
    let manifest = check::read_manifest(&name, args.manifest.as_deref(), &args.build)?;
    let cache = sdk::cache()?.join("check");
    let mut lines = BufReader::new(File::open(&args.file).map_err(Failure::file("cannot read", &args.file))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let failed = |error| Failure::Failed(format!("the threads for the plugin can not be started: {error}"));
    runtime.map_err(failed)?.block_on(async {
        let host = check::host(cache, Services::new())?;
        let artifact = check::load(&host, bytes.into()).await?;
        let generation = check::begin(&host, &name, 1, &artifact, &manifest).await?;
        let (mut asked, mut differ, mut redacted, mut number) = (0_u64, 0_u64, false, 0_usize);
        while let Some(decision) = next(&mut lines, &args.file, &mut number)? {
            let Some(before) = decision.answer_of(&name) else { continue };
            let now = generation.replay(&decision, &manifest.matching).await;
            let now = now.unwrap_or_else(|| "not asked".to_owned());
            asked += 1;
            redacted |= decision.redacted;
            if now != before {
                differ += 1;
                if differ <= SHOWN {
                    output::text(&entry(&decision, &before, &now));
                }
            }
        }
        if redacted {
            output::say("the credentials were left out when this was recorded: what depends on them differs; capture with --secrets");
        }
        if asked == 0 {
            return Err(Failure::Usage(format!(
                "{} has no decision of a plugin `{name}`; --name says what it is called there",
                args.file.display()
            )));
        }
        output::say(&format!("{asked} decisions, {differ} would be otherwise"));
        Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// The next decision of the file; none at its end.
fn next(lines: &mut impl BufRead, path: &Path, number: &mut usize) -> Result<Option<Decision>, Failure> {
    let mut line = String::new();
    let read = lines.by_ref().take(MAX_LINE).read_line(&mut line);
    *number += 1;
    match read {
        Err(error) => Err(Failure::file("cannot read", path)(error)),
        Ok(0) => Ok(None),
        Ok(_) => serde_json::from_str(&line)
            .map(Some)
            .map_err(|error| Failure::Usage(format!("{}:{number}: this is no recorded decision: {error}", path.display()))),
    }
}

fn entry(decision: &Decision, before: &str, now: &str) -> String {
    let Decision { at, hook, session, .. } = decision;
    let (stream, id) = (one_line(&session.stream), one_line(&session.id));
    format!(
        "{}  {}  {stream}  {id}\n    before:  {}\n    now:     {}\n",
        one_line(at),
        one_line(hook),
        one_line(before),
        one_line(now)
    )
}
