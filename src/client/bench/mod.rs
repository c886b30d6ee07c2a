//! Load generators: many light sessions of one process, each on a socket of its own.

mod observer;
pub mod plugin;
mod process;
mod publisher;
mod signalling;
mod viewer;
pub mod whep;
pub mod whip;

use super::ClientError;
use std::process::ExitCode;

/// Generate load, and measure what comes of it
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  wasmcast bench whep http://127.0.0.1:8080/whep/demo --viewers 200")]
pub struct Args {
    #[command(subcommand)]
    load: Load,
}

/// What to generate.
#[derive(clap::Subcommand, Clone, Debug)]
enum Load {
    Whep(whep::Args),
    Whip(whip::Args),
    Plugin(plugin::Args),
}

/// Runs a load generator.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    match args.load {
        Load::Whep(args) => whep::run(args).await,
        Load::Whip(args) => whip::run(args).await,
        Load::Plugin(args) => plugin::run(args).await,
    }
}

/// Checks the numbers that all loads have: sessions a second, and seconds.
fn check_times(ramp: f64, duration: f64, settle: f64) -> Result<(), ClientError> {
    for (name, value, least) in [("ramp", ramp, 0.01), ("duration", duration, 0.1), ("settle", settle, 0.0)] {
        if !(least..=1e6).contains(&value) {
            return Err(ClientError::Usage(format!("--{name} must be at least {least}")));
        }
    }
    Ok(())
}
