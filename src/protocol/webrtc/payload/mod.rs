//! RTP payload formats of the codecs that are forwarded: facts of a packet, frames to packets, packets to frames.
//!
//! H.264 (RFC 6184), H.265 (RFC 7798), VP8 (RFC 7741), VP9 (RFC 9628), AV1 (AV1 RTP specification 1.0), Opus (RFC 7587) and
//! G.711 (RFC 3551). Payloads are untrusted: nothing here panics on them, and nothing grows without a bound.

mod assembler;
mod av1;
mod dependencies;
mod facts;
mod h264;
mod h265;
mod inspector;
mod packetizer;
mod parameter_sets;
mod picture_ids;
pub mod sei;
mod vp8;
mod vp9;

pub use assembler::{Assembled, Assembler};
pub use av1::narrow as narrow_av1;
pub use dependencies::{Dependencies, Described};
pub use facts::{Facts, LayerSizes, inspect};
pub use inspector::{Inspected, Inspector};
pub use packetizer::{DEFAULT_MTU, Packetizer};
pub use parameter_sets::ParameterSets;
pub use picture_ids::PictureShift;

#[cfg(test)]
mod rtpdump;
