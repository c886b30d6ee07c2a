//! A frame of one track: what encoders, file readers and packetizers hand to each other.

use super::Codec;
use bytes::Bytes;

/// One picture or one packet of sound, encoded, in decoding order.
///
/// `data` is an Annex B access unit (H.264, H.265), a frame (VP8, VP9), a temporal unit of OBUs with sizes (AV1), a packet
/// (Opus) or samples (G.711).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Index of the track in its `TrackSet`.
    pub track: u8,
    pub codec: Codec,
    /// When it is shown, from the start of the stream, in units of `codec.clock_rate()`.
    pub pts: u64,
    /// How long it is shown, in the same units; 0: not known.
    pub duration: u32,
    /// Decoding can start here. Always true for sound.
    pub keyframe: bool,
    /// Wall clock of its capture in nanoseconds since 1970, where known.
    pub capture_ns: Option<u64>,
    pub data: Bytes,
}

impl Frame {
    /// When it is shown, in nanoseconds from the start of the stream.
    pub fn pts_ns(&self) -> u64 {
        let ns = u128::from(self.pts) * 1_000_000_000 / u128::from(self.codec.clock_rate());
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}
