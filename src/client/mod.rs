//! Clients of WHIP and WHEP: a publisher, a headless viewer and load generators, all on one light transport.

mod answer;
pub mod bench;
mod dtls;
mod error;
mod ice;
mod offer;
mod outbound;
mod playout;
mod reception;
mod samples;
mod signal;
mod socket;
mod transport;

pub use error::{ClientError, TransportError};
