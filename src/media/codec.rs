//! The codecs that can be forwarded, by their names in SDP and in the configuration.

use std::fmt;
use std::str::FromStr;

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Audio,
    Video,
}

/// A codec that the server can forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    H264,
    H265,
    Vp8,
    Vp9,
    Av1,
    Opus,
    /// G.711 mu-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
}

impl Codec {
    /// Every codec, video first.
    pub const ALL: [Codec; 8] =
        [Codec::H264, Codec::H265, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::Opus, Codec::Pcmu, Codec::Pcma];

    /// Whether it carries sound or picture.
    pub fn kind(self) -> MediaKind {
        match self {
            Codec::Opus | Codec::Pcmu | Codec::Pcma => MediaKind::Audio,
            _ => MediaKind::Video,
        }
    }

    /// The encoding name in `a=rtpmap`, in its usual spelling; compare without case (RFC 8866, 6.6).
    pub fn sdp_name(self) -> &'static str {
        match self {
            Codec::H264 => "H264",
            Codec::H265 => "H265",
            Codec::Vp8 => "VP8",
            Codec::Vp9 => "VP9",
            Codec::Av1 => "AV1",
            Codec::Opus => "opus",
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
        }
    }

    /// The codec of an encoding name in `a=rtpmap`.
    pub fn from_sdp_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.sdp_name().eq_ignore_ascii_case(name))
    }

    /// The RTP clock in Hz.
    pub fn clock_rate(self) -> u32 {
        match self {
            Codec::Opus => 48_000,
            Codec::Pcmu | Codec::Pcma => 8_000,
            _ => 90_000,
        }
    }

    /// The name in the configuration, the API and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Vp8 => "vp8",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
            Codec::Opus => "opus",
            Codec::Pcmu => "pcmu",
            Codec::Pcma => "pcma",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec name that is not known.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no codec; the codecs are h264, h265, vp8, vp9, av1, opus, pcmu and pcma")]
pub struct UnknownCodec(String);

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Codec::ALL.into_iter().find(|codec| codec.name() == text).ok_or_else(|| UnknownCodec(text.to_owned()))
    }
}
