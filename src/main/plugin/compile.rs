//! `wasmcast plugin compile`: the process that a server compiles a plugin in.

use super::Failure;
use std::process::ExitCode;
use wasmcast::plugin::compile_child;

/// Compile a component from stdin to native code on stdout, within limits; a server starts this itself
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin compile --cpu-s 10 --memory-mib 1024 < component.wasm > code")]
pub struct Args {
    /// CPU time at most, in seconds
    #[arg(long, value_name = "SECONDS")]
    cpu_s: u64,
    /// Address space at most, in MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    memory_mib: u64,
}

/// Compiles.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    Ok(compile_child(args.cpu_s, args.memory_mib))
}
