//! The RTP payload format of VP9 (RFC 9628).

use super::facts::{Facts, LayerSizes};
use crate::media::{LayerId, MAX_LAYERS, Upward};
use crate::protocol::bitstream::vp9;
use bytes::Bytes;

/// The payload descriptor (4.2), as far as it matters here.
pub(super) struct Descriptor {
    /// Bytes that it takes.
    pub length: usize,
    /// A layer frame begins here.
    begins: bool,
    /// And ends here.
    ends: bool,
    spatial_layer: u8,
    temporal_layer: u8,
    /// U: later pictures refer to nothing of a higher temporal layer from before this one.
    switching_up: bool,
    /// Predicted from a lower layer of the same picture.
    inter_layer: bool,
    /// Z: no higher spatial layer refers to this frame.
    spare: bool,
    /// From the scalability structure.
    structure: Option<Structure>,
}

#[derive(Clone, Copy)]
struct Structure {
    layers: u8,
    sizes: Option<LayerSizes>,
}

/// Reads the descriptor; `None` where it is cut short or wrong.
pub(super) fn descriptor(payload: &[u8]) -> Option<Descriptor> {
    let flags = *payload.first()?;
    let mut at = 1;
    let mut next = || {
        let byte = payload.get(at).copied();
        at += 1;
        byte
    };
    let (has_id, predicted, has_layers, flexible) =
        (flags & 0x80 != 0, flags & 0x40 != 0, flags & 0x20 != 0, flags & 0x10 != 0);
    if has_id && next()? & 0x80 != 0 {
        next()?;
    }
    let mut layers = 0;
    if has_layers {
        layers = next()?;
        if !flexible {
            next()?;
        }
    }
    if flexible && predicted {
        let mut references = 1;
        while next()? & 1 != 0 {
            references += 1;
            if references > 3 {
                return None;
            }
        }
    }
    let structure = if flags & 0x02 != 0 { Some(scalability_structure(&mut next)?) } else { None };
    (at <= payload.len()).then_some(Descriptor {
        length: at,
        begins: flags & 0x08 != 0,
        ends: flags & 0x04 != 0,
        spatial_layer: (layers >> 1) & 7,
        temporal_layer: layers >> 5,
        switching_up: layers & 0x10 != 0,
        inter_layer: layers & 1 != 0,
        spare: flags & 0x01 != 0,
        structure,
    })
}

fn scalability_structure(next: &mut impl FnMut() -> Option<u8>) -> Option<Structure> {
    let head = next()?;
    let layers = (head >> 5) + 1;
    let mut sizes = None;
    if head & 0x10 != 0 {
        let sizes = sizes.insert([None; MAX_LAYERS]);
        for layer in 0..usize::from(layers) {
            let (width, height) = ([next()?, next()?], [next()?, next()?]);
            let size = (u16::from_be_bytes(width), u16::from_be_bytes(height));
            sizes[layer.min(MAX_LAYERS - 1)] = Some(size).filter(|&(width, height)| width > 0 && height > 0);
        }
    }
    if head & 0x08 != 0 {
        for _ in 0..next()? {
            for _ in 0..(next()? >> 2) & 3 {
                next()?;
            }
        }
    }
    Some(Structure { layers, sizes })
}

pub(super) fn inspect(payload: &[u8]) -> Facts {
    let Some(descriptor) = descriptor(payload) else {
        return Facts::default();
    };
    // The P bit is not to be trusted, some senders never set it; the frame itself tells.
    let header = if descriptor.begins { vp9::frame_header(&payload[descriptor.length..]) } else { None };
    let lowest = descriptor.spatial_layer == 0 && !descriptor.inter_layer;
    let keyframe = lowest && header.is_some_and(|header| header.keyframe);
    let one_layer = descriptor.structure.is_none_or(|structure| structure.layers == 1);
    let sizes = descriptor.structure.and_then(|structure| structure.sizes);
    // A structure counts wherever it comes: layers are added and taken away without a keyframe.
    let top = sizes.and_then(|sizes| sizes.into_iter().flatten().last());
    Facts {
        frame_start: descriptor.begins && lowest,
        keyframe_start: keyframe,
        keyframe,
        discardable: lowest && one_layer && header.is_some_and(|header| header.refreshes == 0),
        contains_parameter_sets: false,
        size: top.or(if keyframe { header.and_then(|header| header.size) } else { None }),
        sizes,
        layer: LayerId::new(descriptor.spatial_layer, descriptor.temporal_layer),
        layer_end: descriptor.ends,
        upward: if descriptor.switching_up { Upward::After } else { Upward::No },
        spare: descriptor.spare,
    }
}

/// RTP payloads of a frame, of one size: non-flexible mode with a 15-bit picture id and no layers.
pub(super) fn packetize(frame: &[u8], picture_id: u16, mtu: usize) -> Vec<Bytes> {
    const DESCRIPTOR: usize = 3;
    const STRUCTURE: usize = 5;
    let header = vp9::frame_header(frame);
    let keyframe = header.is_some_and(|header| header.keyframe);
    let size = header.and_then(|header| header.size);
    let parts = (frame.len() + STRUCTURE).div_ceil(mtu - DESCRIPTOR).max(1);
    let each = (frame.len() + size.map_or(0, |_| STRUCTURE)).div_ceil(parts).max(STRUCTURE + 1);
    let [high, low] = picture_id.to_be_bytes();
    let mut payloads = Vec::with_capacity(parts);
    let mut rest = frame;
    while !rest.is_empty() {
        let first = payloads.is_empty();
        let structure = size.filter(|_| first);
        let take = (each - structure.map_or(0, |_| STRUCTURE)).min(rest.len());
        let (part, after) = rest.split_at(take);
        rest = after;
        let mut flags = 0x80 | if keyframe { 0 } else { 0x40 };
        flags |= if first { 0x08 } else { 0 } | if rest.is_empty() { 0x04 } else { 0 };
        flags |= if structure.is_some() { 0x02 } else { 0 };
        let mut payload = Vec::with_capacity(DESCRIPTOR + STRUCTURE + part.len());
        payload.extend_from_slice(&[flags, 0x80 | high, low]);
        if let Some((width, height)) = structure {
            payload.push(0x10);
            payload.extend_from_slice(&width.to_be_bytes());
            payload.extend_from_slice(&height.to_be_bytes());
        }
        payload.extend_from_slice(part);
        payloads.push(payload.into());
    }
    payloads
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x00, 0x15, 0xf0, 0x11, 0xf6];
    const DELTA: [u8; 3] = [0x86, 0x00, 0x40];

    #[test]
    fn facts_of_packets() {
        let start = Facts { frame_start: true, layer_end: true, ..Facts::default() };
        let key = Facts { keyframe_start: true, keyframe: true, size: Some((352, 288)), ..start };
        let none = Facts::default();
        let upper = |spatial, temporal, upward| {
            let mut facts = none;
            (facts.layer, facts.upward) = (LayerId::new(spatial, temporal), upward);
            facts
        };
        let sizes = Some([Some((176, 144)), Some((352, 288)), None, None]);
        let told = Facts { sizes, size: Some((352, 288)), ..Facts::default() };
        let structure = [0x30, 0, 176, 0, 144, 1, 96, 1, 32];
        let rows: [(&str, &[u8], &[u8], Facts); 15] = [
            ("key", &[0x8c, 0x80, 1], &KEY, key),
            ("short id", &[0x8c, 1], &KEY, key),
            ("layers, not flexible", &[0xac, 1, 0x00, 9], &KEY, key),
            (
                "upper layer of a key picture",
                &[0xbc, 1, 0x03],
                &KEY,
                Facts { layer_end: true, ..upper(1, 0, Upward::No) },
            ),
            ("begins, and goes on", &[0xb8, 1, 0x53], &KEY, upper(1, 2, Upward::After)),
            ("middle of an upper layer", &[0xa0, 1, 0x45, 7], &KEY, upper(2, 2, Upward::No)),
            ("layers above all that are told apart", &[0xa0, 1, 0xee, 7], &KEY, upper(3, 3, Upward::No)),
            ("structure of two layers", &[&[0x8e, 1][..], &structure].concat(), &KEY, Facts { sizes, ..key }),
            ("structure within", &[&[0xc2, 1][..], &structure].concat(), &DELTA, told),
            ("delta", &[0xcc, 1], &DELTA, start),
            ("delta, flexible", &[0xdc, 1, 0x03, 0x04], &DELTA, start),
            ("delta, stores nothing", &[0xcc, 1], &[0x86, 0, 0], Facts { discardable: true, ..start }),
            ("middle", &[0x80, 1], &KEY, none),
            ("nothing above builds on it", &[0xcd, 1], &DELTA, Facts { spare: true, ..start }),
            ("too many references", &[0xdc, 1, 3, 3, 3, 2], &DELTA, none),
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
        assert_eq!(payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [838, 838, 838]);
        assert_eq!(payloads[0][..8], [0x8a, 0x92, 0x34, 0x10, 1, 96, 1, 32]);
        assert_eq!(inspect(&payloads[0]).size, Some((352, 288)));
        assert_eq!((payloads[1][0], payloads[2][0]), (0x80, 0x84));
        assert_eq!(packetize(&DELTA, 1, 1_200)[0][0], 0xcc);
    }
}
