//! What a stream is made of.

use super::{Codec, MediaKind};
use bytes::Bytes;

/// One audio or video track of a stream, as negotiated with its publisher.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TrackInfo {
    pub codec: Codec,
    /// Channels of sound; 0 for video.
    pub channels: u8,
    /// The publisher's `a=fmtp` parameters without payload type, in their order (`packetization-mode`, `stereo`, ...).
    pub fmtp: Vec<(String, String)>,
    /// Parameter sets (H.264: SPS, PPS; H.265: VPS, SPS, PPS) that the SDP carried, as NAL units without start codes.
    #[serde(skip)]
    pub parameter_sets: Vec<Bytes>,
}

impl TrackInfo {
    /// A track with no format parameters.
    pub fn new(codec: Codec) -> Self {
        let channels = match codec {
            Codec::Opus => 2,
            Codec::Pcmu | Codec::Pcma => 1,
            _ => 0,
        };
        TrackInfo { codec, channels, fmtp: Vec::new(), parameter_sets: Vec::new() }
    }

    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    /// A format parameter by its name, compared without case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.fmtp.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The tracks of a stream; a packet names its track by the index here.
pub type TrackSet = Vec<TrackInfo>;
