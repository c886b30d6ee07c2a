//! SRTP and SRTCP (RFC 3711, RFC 7714) keyed by DTLS (RFC 5764), in place and without allocation per packet.

mod cipher;
mod keys;
mod receiver;
mod replay;
mod sender;

#[cfg(test)]
mod interop;
#[cfg(test)]
mod vectors;

pub use keys::{EXPORTER_LABEL, Profile, Role, SessionKeys};
pub use receiver::SrtpReceiver;
pub use sender::SrtpSender;

use super::rtp;

/// Why a packet could not be protected or opened. The packet is to be dropped; after [`Error::KeyExhausted`] the session too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{got} bytes of DTLS keying material, {profile:?} needs {expected}")]
    KeyingMaterial { profile: Profile, expected: usize, got: usize },
    #[error("an SRTP or SRTCP packet of {len} bytes is shorter than header, tag and index")]
    TooShort { len: usize },
    #[error("no RTP header in front of SRTP: {0}")]
    Header(#[from] rtp::Error),
    #[error("authentication failed: forged, damaged or protected by another key")]
    Authentication,
    #[error("a packet that came before, or older than the replay window")]
    Replayed,
    #[error("SRTCP that is not encrypted, as DTLS-SRTP demands it")]
    NotEncrypted,
    #[error("more sources than one peer may use")]
    TooManySources,
    #[error("all packet indices of the key are used: the session must end (RFC 3711, 9.2)")]
    KeyExhausted,
}
