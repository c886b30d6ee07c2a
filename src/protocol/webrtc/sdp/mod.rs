//! SDP offers of publishers (WHIP, RFC 9725) and viewers (WHEP), and our answers to them.
//!
//! Pure: text in, text and [`Negotiated`](super::Negotiated) out. Each m-line gets one codec (and its retransmissions);
//! everything shares one transport, so all m-lines must be in one BUNDLE group with `a=rtcp-mux`.

mod answer;
mod codec;
mod compatibility;
mod egress;
mod error;
mod fragment;
mod grammar;
mod ingest;
mod media;
mod offer;
mod parameter_sets;
mod simulcast;
#[cfg(test)]
mod tests;
mod transport;

pub use egress::{EgressPolicy, answer_egress};
pub use error::{OfferError, OfferErrorClass};
pub use fragment::Fragment;
pub use ingest::{IngestPolicy, answer_ingest};
pub use offer::Offer;

/// The CNAME (RFC 3550, 6.5.1) and the name of the MediaStream in every answer to a viewer; RTCP reports carry the
/// same.
pub const CNAME: &str = "wasmcast";
