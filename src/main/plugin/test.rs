//! `wasmcast plugin test`: builds a plugin and runs its author's tests against it.

use super::project::Project;
use super::{Failure, build, cargo, sdk, toolchain};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Run a plugin's tests in the server's own code, with a virtual clock, store and HTTP
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  wasmcast plugin test my-auth\n  wasmcast plugin test my-auth -- only_the_token -- --nocapture\n\n\
    Words after -- go to `cargo test`."
)]
pub struct Args {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Say nothing but errors while building
    #[arg(short, long)]
    quiet: bool,
    /// Further words for `cargo test`
    #[arg(last = true, value_name = "CARGO")]
    cargo: Vec<String>,
}

/// Runs `wasmcast plugin test`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let project = Project::open(&args.folder)?;
    let options = cargo::Options { quiet: args.quiet, ..cargo::Options::default() };
    let built = build::project_to(&project, &options, None)?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::Failed(format!("this program's own path is not known: {error}")))?;
    let cache = sdk::cache()?;
    let chosen = cargo::toolchain(&project)?;
    let mut command = toolchain::clean(Command::new(&chosen.cargo));
    command
        .current_dir(&project.folder)
        .arg("test")
        .args(project.connect(&cache)?)
        .args(args.quiet.then_some("--quiet"))
        .args(&args.cargo)
        .env("RUSTC", &chosen.rustc)
        .env("CARGO_TARGET_DIR", cache.join("test-target"))
        .env("WASMCAST", program)
        .env("WASMCAST_PLUGIN_FILE", &built.file);
    let status = command.status();
    let cannot = |error| Failure::Failed(format!("{} can not be run: {error}", chosen.cargo.display()));
    match status.map_err(cannot)?.success() {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}
