//! Ingest: how streams come in, protocol by protocol.

mod conflict;
mod frames;
mod whip;

pub use frames::FramePublisher;
pub use whip::{Whip, WhipError};
