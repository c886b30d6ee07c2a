//! Load generators: many light sessions of one process, each on a socket of its own.

mod process;
mod viewer;
pub mod whep;

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
}

/// Runs a load generator.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    match args.load {
        Load::Whep(args) => whep::run(args).await,
    }
}
