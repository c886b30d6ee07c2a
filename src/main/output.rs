//! Writes to the two streams of a command: data to stdout, words for people to stderr.

use std::io::{self, Write};
use std::process::ExitCode;
use wasmcast::media::plain;

/// Prints data. A reader that went away (`| head`) is no failure.
pub fn data(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            say(&format!("stdout can not be written: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints data for people. It may hold text of others, so what a terminal would act on is shown as an escape.
pub fn text(text: &str) -> ExitCode {
    data(&plain(text))
}

/// Tells the person at the terminal, as [`text`] does. When even that fails, nobody listens.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", plain(text));
}

/// Tells why a command is given up for bad usage or configuration.
pub fn refuse(error: &dyn std::error::Error) -> ExitCode {
    say(&format!("wasmcast: {error}"));
    ExitCode::from(2)
}
