//! Fragmented MP4 (ISO/IEC 14496-12), as Media Source Extensions take it: a description of each track, and then a fragment for
//! each frame.
//!
//! A track stands by itself, as track 1 of its own initialization segment, so that players can feed each to a buffer of its own and
//! a new description of one leaves the other alone. Frames are in the order in which they are shown, as real-time encoders send
//! them: decoding times are presentation times.

mod boxes;
mod describe;
#[cfg(test)]
mod tests;

use super::bitstream::PictureSize;
use crate::media::{Codec, Frame, MediaKind};
use bytes::Bytes;
use mp4_atom::Codec as SampleEntry;

/// Why a track can not be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    #[error("{0} can not be carried in MP4 for browsers; H.264, H.265, VP9, AV1 and Opus can")]
    Codec(&'static str),
    #[error("the keyframe has no {0}, so that decoders can not be told what comes")]
    Missing(&'static str),
    #[error("the {0} can not be read")]
    Unreadable(&'static str),
}

/// What a decoder must know before the first frame, from the frames themselves. Two that are equal need no new initialization segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    codec: Codec,
    /// For `MediaSource.isTypeSupported` (RFC 6381): `avc1.42e01f`.
    name: String,
    size: PictureSize,
    entry: SampleEntry,
}

impl Description {
    /// Of a video track, from one of its keyframes.
    ///
    /// # Errors
    /// When the codec has no place in MP4, or the keyframe does not bring its parameters.
    pub fn of_keyframe(frame: &Frame) -> Result<Self, DescribeError> {
        describe::video(frame)
    }

    /// Of Opus with one or two channels.
    pub fn opus(channels: u8) -> Self {
        describe::opus(channels)
    }

    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// For `MediaSource.isTypeSupported`, with its container: `video/mp4; codecs="avc1.42e01f"`.
    pub fn mime_type(&self) -> String {
        let kind = match self.codec.kind() {
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
        };
        format!("{kind}/mp4; codecs=\"{}\"", self.name)
    }

    /// Of the pictures; 0 for sound.
    pub fn size(&self) -> PictureSize {
        self.size
    }

    /// The initialization segment.
    pub fn init(&self) -> Bytes {
        boxes::init(self)
    }

    /// The media segment of one frame. `number` counts the fragments of the track from 1; `time` is when it is decoded and shown and
    /// `duration` how long, both in units of the codec's clock rate.
    pub fn fragment(&self, number: u32, time: u64, duration: u32, frame: &Frame) -> Bytes {
        boxes::fragment(number, time, duration, frame.keyframe, &describe::sample(frame))
    }
}
