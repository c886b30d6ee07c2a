//! `wasmcast plugin`: what authors and operators of plugins type, one command a module.

mod artifact;
mod bounded;
mod build;
mod cargo;
mod check;
mod compile;
mod dev;
mod inspect;
mod list;
mod new;
mod project;
mod promote;
mod rehearsal;
mod rehearsed_limits;
mod remap;
mod sdk;
mod server;
mod sources;
mod switch;
mod test;
mod test_host;
mod toolchain;

use crate::output;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write, build, check and watch plugins
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin new my-auth --template auth && wasmcast plugin build my-auth\n  \
    wasmcast serve --demo --plugins my-auth/dist")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Check(check::Args),
    Test(test::Args),
    Dev(dev::Args),
    Inspect(inspect::Args),
    List(list::Args),
    Enable(switch::Enable),
    Disable(switch::Disable),
    Rollback(switch::Rollback),
    Rollout(promote::Rollout),
    Promote(promote::Promote),
    Differences(promote::Differences),
    #[command(hide = true)]
    Compile(compile::Args),
    #[command(hide = true)]
    TestHost(test_host::Args),
}

/// Runs `wasmcast plugin`.
pub fn run(args: Args) -> ExitCode {
    let result = match args.command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::List(args) => list::run(&args),
        Command::Enable(args) => switch::enable(&args),
        Command::Disable(args) => switch::disable(&args),
        Command::Rollback(args) => switch::rollback(&args),
        Command::Rollout(args) => promote::rollout(&args),
        Command::Promote(args) => promote::promote(&args),
        Command::Differences(args) => promote::differences(&args),
        Command::Compile(args) => compile::run(&args),
        Command::TestHost(args) => test_host::run(&args),
    };
    result.unwrap_or_else(|failure| failure.tell())
}

/// Why a command of `wasmcast plugin` is given up.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// What was typed, or the project, can not be used: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It did not work out: exit code 1.
    #[error("{0}")]
    Failed(String),
    #[error("{what} {}: {error}", path.display())]
    File { what: &'static str, path: PathBuf, error: std::io::Error },
    /// Cargo has told why, on stderr.
    #[error("the plugin was not built")]
    NotBuilt,
}

impl Failure {
    fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Failure::File { what, path, error }
    }

    fn tell(&self) -> ExitCode {
        output::say(&format!("wasmcast: {self}"));
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Failed(_) | Failure::File { .. } | Failure::NotBuilt => ExitCode::FAILURE,
        }
    }
}
