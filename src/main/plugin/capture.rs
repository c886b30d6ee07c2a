//! `wasmcast plugin capture`: writes a running server's decisions down, to be put to another build by `replay`.

use super::Failure;
use super::server::{Address, Server, block_on};
use crate::output;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;
use wasmcast::plugin::Decision;

/// Record what a running server's plugins are asked and answer, in lines of JSON
///
/// Ends after --count decisions or --duration seconds, whichever comes first. Credentials are left out, unless --secrets is
/// given: a build that decides by them can only be tried with them.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin capture decisions.jsonl --duration 300 --secrets\n  \
    wasmcast plugin replay decisions.jsonl dist/my-auth.wasm")]
pub struct Args {
    /// The file to write; it must not exist. Only this user can read it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Most decisions, 1 to 1,000,000
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Most seconds, 1 to 86,400
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// With tokens, headers and queries as they came
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    server: Address,
}

/// Between questions to the server, which keeps 4,096 decisions meanwhile.
const POLL: Duration = Duration::from_millis(200);

/// Runs `wasmcast plugin capture`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let server = Server::new(&args.server)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.file)
        .map_err(Failure::file("cannot make", &args.file))?;
    block_on(async {
        let end = Instant::now() + Duration::from_secs(args.duration);
        let (mut last, mut written, mut lost) = (None::<u64>, 0_u32, 0_u64);
        while written < args.count && Instant::now() < end {
            let path = format!("/api/v1/decisions?after={}&secrets={}", last.unwrap_or(0), args.secrets);
            let answer = server.get(&path).await?.ok_or_else(|| {
                Failure::Failed(format!("{} has no /api/v1/decisions; is it the admin listener?", server.base()))
            })?;
            let decisions: Vec<Decision> = serde_json::from_value(answer)
                .map_err(|error| Failure::Failed(format!("{path} answered with something else: {error}")))?;
            let more = decisions.len();
            for decision in decisions.into_iter().take((args.count - written) as usize) {
                lost += last.map_or(0, |last| decision.number.saturating_sub(last + 1));
                last = Some(decision.number);
                let line = serde_json::to_string(&decision).map_err(|error| Failure::Failed(error.to_string()))?;
                writeln!(file, "{line}").map_err(Failure::file("cannot write", &args.file))?;
                written += 1;
            }
            if more == 0 {
                tokio::time::sleep_until((Instant::now() + POLL).min(end)).await;
            }
        }
        let lost = if lost == 0 { String::new() } else { format!("; {lost} came too fast and are missing") };
        output::say(&format!("{written} decisions in {}{lost}", args.file.display()));
        Ok(ExitCode::SUCCESS)
    })
}
