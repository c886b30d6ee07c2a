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

/// Take out what is tried of a plugin, else go back to the version that served before
///
/// A generation in the shadow or a canary is taken out. Else, back goes to the component before, with the manifest that it had; changes of the manifest alone do not count as versions.
/// What was rolled back stays out, over restarts and whatever its manifest becomes, until another component is put into the
/// plugin directory, or `wasmcast plugin enable` or a second `rollback` takes it back.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin rollback auth-jwt")]
pub struct Rollback {
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args, Debug)]
pub(super) struct Which {
    /// The plugin's name, as `wasmcast plugin list` shows it
    name: String,
    #[command(flatten)]
    server: Address,
}

impl Which {
    /// The server, and the path of the plugin there.
    pub(super) fn find(&self) -> Result<(Server, String), Failure> {
        let name = &self.name;
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err(Failure::Usage(format!("`{name}` is no plugin's name; `wasmcast plugin list` shows them")));
        }
        Ok((Server::new(&self.server)?, format!("/api/v1/plugins/{name}")))
    }

    /// What to say where the server has no such plugin.
    pub(super) fn unknown(&self, server: &Server) -> Failure {
        let (name, base) = (&self.name, server.base());
        Failure::Failed(format!("there is no plugin `{name}` at {base}; `wasmcast plugin list` shows them"))
    }

    /// Says how a plugin stands.
    pub(super) fn say(&self, status: &Value) {
        let generation = status.get("generation").and_then(Value::as_u64);
        let generation = generation.map(|number| format!(", generation {number}")).unwrap_or_default();
        let state = status.get("state").and_then(Value::as_str).unwrap_or_default();
        output::say(&format!("{}: {state}{generation}{}", self.name, tried(status)));
    }
}

/// What is tried beside it, or on probation.
pub(super) fn tried(status: &Value) -> String {
    let Some(candidate) = status.get("candidate").filter(|candidate| candidate.is_object()) else {
        return String::new();
    };
    let number = candidate.get("generation").and_then(Value::as_u64).unwrap_or_default();
    let share = candidate.get("share").and_then(Value::as_f64);
    match candidate.get("stage").and_then(Value::as_str) {
        Some("shadow") => format!("; generation {number} in the shadow"),
        Some("canary") => format!("; generation {number} as a canary with {} %", share.unwrap_or_default() * 100.0),
        _ => " (on probation)".to_owned(),
    }
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
    let (server, path) = which.find()?;
    let status = block_on(server.post(&format!("{path}/{verb}")))?.ok_or_else(|| which.unknown(&server))?;
    let text = |key| status.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    which.say(&status);
    match status.pointer("/last_error/cause").and_then(Value::as_str) {
        Some(cause) if verb != "disable" && text("state") != "active" => Err(Failure::Failed(cause.to_owned())),
        _ => Ok(ExitCode::SUCCESS),
    }
}
