//! An RTP packet as the hub passes it on: the payload shared, its facts computed once.

use super::{LayerId, NtpTime, Upward};
use bytes::Bytes;
use std::sync::Arc;

/// One RTP packet of a stream. The payload is never copied per viewer.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Index of the track in the stream's `TrackSet`.
    pub track: u8,
    pub flags: PacketFlags,
    /// Bytes of RTP padding to send after the payload, so that packets of a frame get one size and leave in one segmented
    /// send; 0: none.
    pub padding: u8,
    /// Audio level as carried by RFC 6464: voice flag in the top bit, -dBov below.
    pub audio_level: Option<u8>,
    /// Counts frames of the track; packets of one frame share it.
    pub frame: u32,
    /// RTP sequence number, extended; continuous for the life of the stream.
    pub seq: u64,
    /// RTP timestamp, extended; continuous for the life of the stream.
    pub timestamp: u64,
    /// When its frame was captured, in the server's wall clock; on some first packets of frames only, otherwise 0.
    pub capture: NtpTime,
    /// When it arrived, in nanoseconds of the server's monotonic clock.
    pub arrival_ns: u64,
    pub payload: Bytes,
    /// The dependency descriptor that came with it, for viewers who need it: AV1.
    pub descriptor: Option<Arc<Box<[u8]>>>,
}

/// Facts of a packet, computed once at ingest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketFlags {
    /// The RTP marker bit.
    pub marker: bool,
    /// First packet of a frame.
    pub frame_start: bool,
    /// First packet of a keyframe that a decoder can start from (parameter sets included).
    pub keyframe_start: bool,
    /// Part of a keyframe.
    pub keyframe: bool,
    /// No other frame refers to this one.
    pub discardable: bool,
    /// Of its picture; the lowest where a picture has one layer.
    pub layer: LayerId,
    /// Last packet of its layer of the picture, where the packets tell that. The last layer's has `marker` as well.
    pub layer_end: bool,
    /// Whether a viewer can be given more frames from here on.
    pub upward: Upward,
    /// Larger sizes of this picture and of later ones do not build on this layer of it: who gets a larger one does without.
    pub spare: bool,
}
