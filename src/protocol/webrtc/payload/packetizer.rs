//! Turns frames into RTP payloads.

use super::{av1, h264, h265, vp8, vp9};
use crate::media::{Codec, Frame};
use bytes::Bytes;

/// Payload bytes a packet that pass every path: 1280 (the least MTU of IPv6) less IP, UDP, RTP, SRTP and extensions.
pub const DEFAULT_MTU: usize = 1_200;

/// Makes the payloads of one track.
pub struct Packetizer {
    codec: Codec,
    mtu: usize,
    picture_id: u16,
}

impl Packetizer {
    /// `mtu` is the most bytes of a payload; less than 100 counts as 100.
    pub fn new(codec: Codec, mtu: usize) -> Self {
        Packetizer { codec, mtu: mtu.max(100), picture_id: 0 }
    }

    /// The payloads of a frame, in order. They share one timestamp; the last of a picture gets the marker bit. Payloads of one
    /// frame have nearly one size, the last may be shorter. H.264 and H.265 carry `capture_ns` in an SEI message. A frame
    /// without content has none. Sound is never split: one payload as it is.
    pub fn packetize(&mut self, frame: &Frame) -> Vec<Bytes> {
        if frame.data.is_empty() {
            return Vec::new();
        }
        match self.codec {
            Codec::H264 => h264::packetize(&frame.data, frame.capture_ns, self.mtu),
            Codec::H265 => h265::packetize(&frame.data, frame.capture_ns, self.mtu),
            Codec::Vp8 => vp8::packetize(&frame.data, self.next_picture_id(), self.mtu),
            Codec::Vp9 => vp9::packetize(&frame.data, self.next_picture_id(), self.mtu),
            Codec::Av1 => av1::packetize(&frame.data, frame.keyframe, self.mtu),
            Codec::Opus | Codec::Pcmu | Codec::Pcma => vec![frame.data.clone()],
        }
    }

    fn next_picture_id(&mut self) -> u16 {
        let id = self.picture_id;
        self.picture_id = (id + 1) & 0x7fff;
        id
    }
}
