//! The RTP payload format of VP8 (RFC 7741).

use super::facts::Facts;
use crate::media::{LayerId, Upward};
use crate::protocol::bitstream::vp8;
use bytes::Bytes;

/// The payload descriptor (4.2), as far as it matters here.
pub(super) struct Descriptor {
    /// Bytes that it takes.
    pub length: usize,
    non_reference: bool,
    starts_frame: bool,
    /// TID; 0 where there is none.
    temporal: u8,
    /// Y: refers to frames of the lowest temporal layer alone.
    layer_sync: bool,
}

/// Reads the descriptor; `None` where it is cut short.
pub(super) fn descriptor(payload: &[u8]) -> Option<Descriptor> {
    let first = *payload.first()?;
    let mut length = 1;
    let mut layers = 0;
    if first & 0x80 != 0 {
        let extensions = *payload.get(1)?;
        length = 2;
        if extensions & 0x80 != 0 {
            length += if *payload.get(length)? & 0x80 != 0 { 2 } else { 1 };
        }
        length += usize::from(extensions & 0x40 != 0);
        if extensions & 0x20 != 0 {
            layers = *payload.get(length)?;
        }
        length += usize::from(extensions & 0x30 != 0);
    }
    if length > payload.len() {
        return None;
    }
    // S is set at each partition; a frame starts at partition 0.
    Some(Descriptor {
        length,
        non_reference: first & 0x20 != 0,
        starts_frame: first & 0x17 == 0x10,
        temporal: layers >> 6,
        layer_sync: layers & 0x20 != 0,
    })
}

pub(super) fn inspect(payload: &[u8]) -> Facts {
    let Some(descriptor) = descriptor(payload) else {
        return Facts::default();
    };
    let frame = &payload[descriptor.length..];
    let keyframe = descriptor.starts_frame && vp8::is_keyframe(frame);
    Facts {
        frame_start: descriptor.starts_frame,
        keyframe_start: keyframe,
        keyframe,
        discardable: descriptor.non_reference,
        contains_parameter_sets: false,
        size: if keyframe { vp8::keyframe_size(frame) } else { None },
        layer: LayerId::new(0, descriptor.temporal),
        upward: if descriptor.layer_sync { Upward::Here } else { Upward::No },
        spare: false,
        ..Facts::default()
    }
}

/// RTP payloads of a frame, of one size, with a 15-bit picture id.
pub(super) fn packetize(frame: &[u8], picture_id: u16, mtu: usize) -> Vec<Bytes> {
    const DESCRIPTOR: usize = 4;
    let parts = frame.len().div_ceil(mtu - DESCRIPTOR).max(1);
    let each = frame.len().div_ceil(parts).max(1);
    let [high, low] = picture_id.to_be_bytes();
    let packet = |(index, part): (usize, &[u8])| {
        let mut payload = Vec::with_capacity(DESCRIPTOR + part.len());
        payload.extend_from_slice(&[if index == 0 { 0x90 } else { 0x80 }, 0x80, 0x80 | high, low]);
        payload.extend_from_slice(part);
        payload.into()
    };
    frame.chunks(each).enumerate().map(packet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 10] = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01];

    #[test]
    fn facts_of_packets() {
        let start = Facts { frame_start: true, ..Facts::default() };
        let key = Facts { keyframe_start: true, keyframe: true, size: Some((640, 480)), ..start };
        let none = Facts::default();
        let layered = |temporal, upward| {
            let mut facts = start;
            (facts.layer, facts.upward) = (LayerId::new(0, temporal), upward);
            facts
        };
        let rows: [(&str, &[u8], &[u8], Facts); 12] = [
            ("plain key", &[0x10], &KEY, key),
            ("short picture id", &[0x90, 0x80, 0x11], &KEY, key),
            (
                "long picture id, layers",
                &[0x90, 0xf0, 0x91, 0x11, 7, 0x20],
                &KEY,
                Facts { upward: Upward::Here, ..key },
            ),
            ("layer 2, in sync", &[0x90, 0xe0, 0x11, 7, 0xa0], &[0x11, 0, 0], layered(2, Upward::Here)),
            ("layer 1", &[0x90, 0xa0, 0x11, 0x40], &[0x11, 0, 0], layered(1, Upward::No)),
            ("a key index is no layer", &[0x90, 0x90, 0x11, 0x5f], &[0x11, 0, 0], start),
            ("delta", &[0x90, 0x80, 0x11], &[0x11, 0, 0], start),
            ("delta, not referenced", &[0xb0, 0x80, 0x11], &[0x11, 0, 0], Facts { discardable: true, ..start }),
            ("second packet", &[0x80, 0x80, 0x11], &KEY, none),
            ("second partition", &[0x11], &KEY, none),
            ("cut short", &[0x90, 0x80], &[], none),
            ("no frame", &[0x10], &[], start),
        ];
        for (name, descriptor, frame, expected) in rows {
            assert_eq!(inspect(&[descriptor, frame].concat()), expected, "{name}");
        }
    }

    #[test]
    fn packets_have_one_size() {
        let mut frame = KEY.to_vec();
        frame.resize(2_500, 1);
        let payloads = packetize(&frame, 0x1234, 1_200);
        assert_eq!(payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [838, 838, 836]);
        assert_eq!(payloads[0][..4], [0x90, 0x80, 0x92, 0x34]);
        assert!(inspect(&payloads[0]).keyframe_start && !inspect(&payloads[1]).frame_start);
    }
}
