//! Load generators: many light sessions of one process, each on a socket of its own.

mod process;
mod viewer;
pub mod whep;

use super::ClientError;
use std::process::ExitCode;

/// Options of `wasmcast bench`.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    #[command(subcommand)]
    load: Load,
}

/// What to generate.
#[derive(clap::Subcommand, Clone, Debug)]
enum Load {
    /// Many viewers of one stream by WHEP
    Whep(whep::Args),
}

/// Runs a load generator.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    match args.load {
        Load::Whep(args) => whep::run(args).await,
    }
}
