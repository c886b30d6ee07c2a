//! What one RTP packet tells by itself, for forwarding: frame and keyframe bounds, importance, picture size.

use super::{av1, h264, h265, vp8, vp9};
use crate::media::{Codec, LayerId, MAX_LAYERS, Upward};
use crate::protocol::bitstream::PictureSize;

/// Facts of one packet, as far as the packet alone tells; [`super::Inspector`] knows more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// A frame may begin here. H.264 and H.265: an access unit delimiter, SEI, parameter set or first slice begins here.
    pub frame_start: bool,
    /// A keyframe begins here. H.264 and H.265: its parameter sets or its first slice.
    pub keyframe_start: bool,
    /// Part of a keyframe. VP8, VP9 and AV1 tell it in the first packet of the frame only.
    pub keyframe: bool,
    /// No other frame refers to this one. Never set for AV1, whose packets do not tell.
    pub discardable: bool,
    /// H.264 and H.265: SPS, PPS or VPS inside; AV1: a sequence header.
    pub contains_parameter_sets: bool,
    /// Width and height, where the packet has them: of the top layer.
    pub size: Option<PictureSize>,
    /// Width and height of each spatial layer, where the packet has them.
    pub sizes: Option<LayerSizes>,
    /// Of its picture. For AV1 the temporal layer alone: which spatial one a packet is of, its dependency descriptor tells.
    pub layer: LayerId,
    /// Last packet of its layer of the picture, where more than one layer is possible.
    pub layer_end: bool,
    pub upward: Upward,
    /// No higher spatial layer refers to this frame, of this picture or of a later one.
    pub spare: bool,
}

/// Width and height by spatial layer; none above the highest, or where it is not told.
pub type LayerSizes = [Option<PictureSize>; MAX_LAYERS];

/// Inspects one RTP payload. Anything that is no payload of the codec has no facts.
pub fn inspect(codec: Codec, payload: &[u8]) -> Facts {
    if payload.is_empty() {
        return Facts::default();
    }
    match codec {
        Codec::H264 => h264::inspect(payload),
        Codec::H265 => h265::inspect(payload),
        Codec::Vp8 => vp8::inspect(payload),
        Codec::Vp9 => vp9::inspect(payload),
        Codec::Av1 => av1::inspect(payload),
        // Every packet of sound can be decoded alone.
        Codec::Opus | Codec::Pcmu | Codec::Pcma => {
            Facts { frame_start: true, keyframe_start: true, keyframe: true, ..Facts::default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_always_starts() {
        let facts = inspect(Codec::Opus, &[0xfc, 1, 2]);
        assert!(facts.frame_start && facts.keyframe_start && facts.keyframe && !facts.discardable);
        assert_eq!(inspect(Codec::Opus, &[]), Facts::default());
    }

    #[test]
    fn garbage_has_no_panic() {
        let mut state = 11u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for round in 0..20_000usize {
            let payload: Vec<u8> = (0..round % 48).map(|_| next()).collect();
            for codec in Codec::ALL {
                _ = inspect(codec, &payload);
            }
        }
    }
}
