//! Runs the commands that are clients: a runtime, messages to stderr, and the exit code.

use crate::output;
use std::future::Future;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;
use wasmcast::client::ClientError;

/// Runs a client command to its end.
pub fn run(command: impl Future<Output = Result<ExitCode, ClientError>>) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::new("warn,wasmcast::client=info");
    // Refused only where a log was set up before, which then serves.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .without_time()
            .try_init(),
    );
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("wasmcast: the threads of the client can not be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(Box::pin(command));
    runtime.shutdown_timeout(Duration::from_secs(1));
    result.unwrap_or_else(|error| {
        output::say(&format!("wasmcast: {error}"));
        error.exit_code()
    })
}
