//! `wasmcast plugin enable`, `disable` and `rollback`: what an operator does about a plugin of a running server.

use super::Failure;
use super::server::{Address, Server, block_on};
use crate::output;
use serde_json::Value;
use std::process::ExitCode;

/// Switch a plugin of a running server on, also one that was stopped for good or rolled back
///
/// One that was disabled comes back as it was. Else what is in the plugin directory is taken into service, anew if it was
/// stopped, and also if it was rolled back.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin enable auth-jwt")]
pub struct Enable {
    #[command(flatten)]
    which: Which,
}

/// Switch a plugin of a running server off: others and the access rules decide then, over restarts too
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin disable auth-jwt")]
pub struct Disable {
    #[command(flatten)]
    which: Which,
}

/// Go back to the version of a plugin that served before
///
/// Back goes to the component before, with the manifest that it had; changes of the manifest alone do not count as versions.
/// What was rolled back stays out, over restarts and whatever its manifest becomes, until another component is put into the
/// plugin directory, or `wasmcast plugin enable` or a second `rollback` takes it back.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin rollback auth-jwt")]
pub struct Rollback {
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args, Debug)]
struct Which {
    /// The plugin's name, as `wasmcast plugin list` shows it
    name: String,
    #[command(flatten)]
    server: Address,
}

/// Runs `wasmcast plugin enable`.
pub fn enable(args: &Enable) -> Result<ExitCode, Failure> {
    command(&args.which, "enable")
}

/// Runs `wasmcast plugin disable`.
pub fn disable(args: &Disable) -> Result<ExitCode, Failure> {
    command(&args.which, "disable")
}

/// Runs `wasmcast plugin rollback`.
pub fn rollback(args: &Rollback) -> Result<ExitCode, Failure> {
    command(&args.which, "rollback")
}

fn command(which: &Which, verb: &str) -> Result<ExitCode, Failure> {
    let name = &which.name;
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
        return Err(Failure::Usage(format!("`{name}` is no plugin's name; `wasmcast plugin list` shows them")));
    }
    let server = Server::new(&which.server)?;
    let answer = block_on(server.post(&format!("/api/v1/plugins/{name}/{verb}")))?;
    let status = answer.ok_or_else(|| {
        Failure::Failed(format!("there is no plugin `{name}` at {}; `wasmcast plugin list` shows them", server.base()))
    })?;
    let text = |key| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let generation = status.get("generation").and_then(Value::as_u64);
    let generation = generation.map(|number| format!(", generation {number}")).unwrap_or_default();
    output::say(&format!("{name}: {}{generation}", text("state")));
    match status.pointer("/last_error/cause").and_then(Value::as_str) {
        Some(cause) if verb != "disable" && text("state") != "active" => Err(Failure::Failed(cause.to_owned())),
        _ => Ok(ExitCode::SUCCESS),
    }
}
