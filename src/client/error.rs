//! What can go wrong with a client command, in words for whoever typed it.

use super::masked::masked;
use std::process::ExitCode;

/// Why `publish`, `play` or `bench` failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The command line asks for something that does not exist or does not fit together.
    #[error("{0}")]
    Usage(String),
    #[error(
        "`{}` is no endpoint: {reason}. Write it as http://HOST:PORT/whip/NAME to publish, http://HOST:PORT/whep/NAME to play",
        masked(url)
    )]
    Url { url: String, reason: String },
    #[error("cannot read {path}: {reason}")]
    Source { path: String, reason: String },
    #[error("cannot reach {}: {reason}", masked(url))]
    Unreachable { url: String, reason: String },
    /// An HTTP status other than success.
    #[error("{} answered {status}: {reason}", masked(url))]
    Refused { url: String, status: u16, reason: String },
    #[error("the server's answer cannot be used: {0}")]
    Answer(String),
    #[error("{0}")]
    Transport(#[from] TransportError),
    #[error("cannot open a socket for media: {0}")]
    Socket(#[source] std::io::Error),
    #[error("cannot write the report: {0}")]
    Output(#[source] std::io::Error),
    /// A process to be watched by a load generator is not there.
    #[error("there is no process {0} to measure (--server-pid)")]
    NoSuchProcess(u32),
    /// Something of this machine, not of the peer.
    #[error("{0}")]
    Local(String),
}

/// Why a media transport could not be made, or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    #[error("no answer from {candidates} in {seconds} s: is the media port open in the firewall?")]
    NoIce { candidates: String, seconds: u64 },
    #[error("the DTLS handshake did not end in {0} s")]
    DtlsTimeout(u64),
    #[error("the DTLS handshake failed: {0}")]
    Dtls(String),
    #[error("the server's certificate is not the one of its SDP answer")]
    Fingerprint,
    #[error("the server closed the session")]
    ClosedByPeer,
    #[error("the server fell silent for {0} s")]
    ConsentLost(u64),
}

impl ClientError {
    /// 2 for bad usage, 1 for everything that failed while running.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            ClientError::Usage(_) | ClientError::Url { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
