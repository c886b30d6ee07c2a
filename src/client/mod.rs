//! Clients of WHIP and WHEP: a publisher, a headless viewer and load generators, all on one light transport.

mod answer;
mod arrivals;
pub mod bench;
mod dtls;
mod error;
mod feedback;
mod framed;
mod ice;
mod inbound;
mod masked;
mod offer;
mod outbound;
pub mod play;
mod playout;
pub mod publish;
mod receiver;
mod reception;
mod report;
mod samples;
mod session;
mod signal;
mod socket;
mod source;
mod transport;
mod watched;

pub use error::{ClientError, TransportError};
pub use signal::read_token;

use std::time::Duration;

/// Completes when the user or the service manager wants an end: SIGINT or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
        }
        // Without a handler SIGTERM ends the process at once, as it would by itself.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

/// A number of seconds from the command line, more than 0 and at most 30 years.
fn seconds(option: &str, value: Option<f64>) -> Result<Option<Duration>, ClientError> {
    match value {
        None => Ok(None),
        Some(value) if value > 0.0 && value <= 1e9 => Ok(Some(Duration::from_secs_f64(value))),
        Some(value) => Err(ClientError::Usage(format!("{option} {value}: it takes a number of seconds above 0"))),
    }
}
