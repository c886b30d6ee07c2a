//! The RTP payload format of AV1 (Alliance for Open Media, RTP Payload Format For AV1, 1.0).

use super::facts::Facts;
use crate::media::LayerId;
use crate::protocol::bitstream::av1;
use bytes::Bytes;

/// An OBU, or a part of one, inside a payload.
pub(super) struct Element<'a> {
    pub data: &'a [u8],
    /// Continues the OBU that the packet before left open.
    pub continues: bool,
    /// Goes on in the next packet.
    pub unfinished: bool,
}

/// The elements of a payload (4.3, 4.4); ends at the first that does not fit.
pub(super) fn elements(payload: &[u8]) -> Elements<'_> {
    let (header, rest) = payload.split_first().map_or((0, &[][..]), |(&header, rest)| (header, rest));
    Elements { header, rest, index: 0 }
}

/// Iterator of [`elements`].
pub(super) struct Elements<'a> {
    header: u8,
    rest: &'a [u8],
    index: u8,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let count = (self.header >> 4) & 3;
        self.index = self.index.saturating_add(1);
        let data;
        if count != 0 && self.index >= count {
            (data, self.rest) = (self.rest, &[]);
        } else {
            let split = av1::leb128(self.rest).and_then(|(size, length)| {
                let rest = &self.rest[length..];
                rest.split_at_checked(size as usize)
            });
            let Some((element, rest)) = split else {
                self.rest = &[];
                return None;
            };
            (data, self.rest) = (element, rest);
        }
        let continues = self.index == 1 && self.header & 0x80 != 0;
        let unfinished = self.rest.is_empty() && self.header & 0x40 != 0;
        Some(Element { data, continues, unfinished })
    }
}

pub(super) fn inspect(payload: &[u8]) -> Facts {
    let continues = payload[0] & 0x80 != 0;
    let mut facts = Facts { keyframe_start: payload[0] & 0x08 != 0 && !continues, ..Facts::default() };
    for element in elements(payload).filter(|element| !element.continues && !element.data.is_empty()) {
        if let Some(temporal) = av1::temporal_layer(element.data) {
            facts.layer = LayerId::new(0, temporal);
        }
        match av1::obu_type(element.data[0]) {
            av1::SEQUENCE_HEADER => {
                facts.contains_parameter_sets = true;
                facts.keyframe_start = true;
                facts.frame_start = true;
                facts.size = sequence_body(element.data).and_then(av1::sequence_size).or(facts.size);
            }
            av1::TEMPORAL_DELIMITER | av1::FRAME | av1::FRAME_HEADER => facts.frame_start = true,
            _ => {}
        }
    }
    facts.frame_start |= facts.keyframe_start;
    facts.keyframe = facts.keyframe_start;
    facts
}

/// The body of an OBU that is an element: a size field inside is allowed, though it should not be there.
fn sequence_body(element: &[u8]) -> Option<&[u8]> {
    let body = element.get(av1::header_length(element[0])..)?;
    if element[0] & av1::HAS_SIZE == 0 {
        return Some(body);
    }
    let (size, length) = av1::leb128(body)?;
    body[length..].get(..size as usize)
}

/// Makes `layers` the first operating point of a sequence header, as if the others did not exist: decoders wait for the layers of the
/// first one before they show a picture. The payload keeps its length; one without a sequence header, or without layers, stays as it is.
pub fn narrow(payload: &mut [u8], layers: LayerId) {
    let is_sequence = |element: &Element<'_>| {
        !element.continues && element.data.first().is_some_and(|header| av1::obu_type(*header) == av1::SEQUENCE_HEADER)
    };
    let found = elements(payload).find(is_sequence).and_then(|element| sequence_body(element.data));
    let Some(body) = found else { return };
    let start = body.as_ptr().addr() - payload.as_ptr().addr();
    let end = start + body.len();
    av1::narrow_sequence(&mut payload[start..end], layers);
}

/// RTP payloads of a temporal unit, nearly of one size.
pub(super) fn packetize(unit: &[u8], keyframe: bool, mtu: usize) -> Vec<Bytes> {
    let obus: Vec<Vec<u8>> = av1::obus(unit)
        .filter(|obu| !matches!(av1::obu_type(obu.header), av1::TEMPORAL_DELIMITER | av1::TILE_LIST | av1::PADDING))
        .map(|obu| {
            let mut element = unit[obu.head].to_vec();
            element[0] &= !av1::HAS_SIZE;
            element.extend_from_slice(&unit[obu.body]);
            element
        })
        .collect();
    // Room for the size in front of an element: two bytes are enough for 16383.
    const SIZE: usize = 2;
    let total: usize = obus.iter().map(|obu| obu.len() + SIZE).sum();
    let room = mtu.min(16_000) - 1;
    // A packet that goes on with an OBU has one more size than counted above.
    let parts = total.div_ceil(room - SIZE).max(1);
    let each = (total.div_ceil(parts) + SIZE).clamp(SIZE + 1, room);

    let mut payloads = Vec::new();
    let mut packet = Packet::default();
    for obu in &obus {
        let mut rest = &obu[..];
        let mut continues = false;
        while !rest.is_empty() {
            if packet.size + SIZE >= each {
                payloads.push(packet.finish(false));
            }
            let (part, after) = rest.split_at(rest.len().min(each - packet.size - SIZE));
            packet.continues |= packet.parts.is_empty() && continues;
            packet.size += SIZE + part.len();
            packet.parts.push(part);
            rest = after;
            continues = true;
            if !rest.is_empty() {
                payloads.push(packet.finish(true));
            }
        }
    }
    if !packet.parts.is_empty() {
        payloads.push(packet.finish(false));
    }
    if keyframe && let Some(first) = payloads.first_mut() {
        first[0] |= 0x08;
    }
    payloads.into_iter().map(Bytes::from).collect()
}

/// A payload in the making.
#[derive(Default)]
struct Packet<'a> {
    parts: Vec<&'a [u8]>,
    continues: bool,
    size: usize,
}

impl Packet<'_> {
    /// The payload; the next one starts empty.
    fn finish(&mut self, unfinished: bool) -> Vec<u8> {
        let parts = std::mem::take(&mut self.parts);
        let count = if parts.len() <= 3 { parts.len() as u8 } else { 0 };
        let mut payload = Vec::with_capacity(1 + self.size);
        payload.push(u8::from(self.continues) << 7 | u8::from(unfinished) << 6 | count << 4);
        let last = parts.len() - 1;
        for (index, part) in parts.into_iter().enumerate() {
            if count == 0 || index < last {
                av1::push_leb128(&mut payload, part.len() as u32);
            }
            payload.extend_from_slice(part);
        }
        self.continues = false;
        self.size = 0;
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_packets() {
        let start = Facts { frame_start: true, ..Facts::default() };
        let key = Facts { keyframe_start: true, keyframe: true, ..start };
        let sequence = Facts { contains_parameter_sets: true, ..key };
        let layered = Facts { layer: LayerId::new(0, 2), ..start };
        let rows: [(&str, &[u8], Facts); 9] = [
            ("frame with layers", &[0x10, 0x34, 0x48, 0x10], layered),
            ("new sequence bit", &[0x18, 0x30, 0x10], key),
            ("sequence header", &[0x28, 0x02, 0x08, 1, 0x30, 0x10], sequence),
            ("sequence header, no bit", &[0x20, 0x02, 0x08, 1, 0x30, 0x10], sequence),
            ("frame", &[0x10, 0x30, 0x40], start),
            ("continues", &[0x90, 0x30, 0x40], Facts::default()),
            ("tile group", &[0x10, 0x20, 0x40], Facts::default()),
            ("sizes given, cut short", &[0x00, 0x09, 0x30], Facts::default()),
            ("header only", &[0x10], Facts::default()),
        ];
        for (name, payload, expected) in rows {
            assert_eq!(inspect(payload), expected, "{name}");
        }
    }

    #[test]
    fn the_first_operating_point_becomes_what_a_viewer_gets() {
        // Aggregation header (N, two elements), a sequence header of two spatial and two temporal layers, the start of a frame.
        let mut bits = crate::protocol::bitstream::av1::tests::sequence(&[0x303, 0x301, 0x103, 0x101]);
        let mut payload = vec![0x28, bits.len() as u8 + 1, 0x08];
        payload.append(&mut bits);
        payload.extend([0x34, 0x00, 0x10]);
        let points = |payload: &[u8]| -> Vec<u16> {
            let element = elements(payload).next().unwrap();
            crate::protocol::bitstream::av1::tests::points(sequence_body(element.data).unwrap())
        };
        assert_eq!(points(&payload), [0x303, 0x301, 0x103, 0x101]);
        for (layers, expected) in [
            (LayerId::ALL, [0x303, 0x301, 0x103, 0x101]),
            (LayerId::new(1, 0), [0x301, 0x303, 0x103, 0x101]),
            (LayerId::new(0, 3), [0x103, 0x301, 0x303, 0x101]),
            (LayerId::new(0, 0), [0x101, 0x301, 0x103, 0x303]),
        ] {
            let mut narrowed = payload.clone();
            narrow(&mut narrowed, layers);
            assert_eq!(points(&narrowed), expected, "{layers}");
            assert_eq!(inspect(&narrowed), inspect(&payload), "nothing else changes");
        }
        // What is no such header stays as it is.
        for other in [
            &[0x10, 0x30, 0x40][..],
            &[0x28, 0x02, 0x08, 1, 0x30, 0x10],
            &[0x90, 0x08, 0x40],
            &[],
            &[0x10],
            &payload[..7],
        ] {
            let mut same = other.to_vec();
            narrow(&mut same, LayerId::new(0, 0));
            assert_eq!(same, other);
        }
    }

    #[test]
    fn a_unit_is_split_and_marked() {
        let mut unit = vec![0x12, 0x00, 0x0a, 0x03, 1, 2, 3, 0x32];
        av1::push_leb128(&mut unit, 2_600);
        unit.extend(std::iter::repeat_n(0x10, 2_600));
        let payloads = packetize(&unit, true, 1_200);
        assert_eq!(payloads.len(), 3);
        assert!(payloads.iter().all(|payload| payload.len() <= 1_200 && payload.len() > 860));
        // Z, Y, W, N: two elements and open; continued and open; continued.
        assert_eq!(payloads.iter().map(|payload| payload[0]).collect::<Vec<_>>(), [0x68, 0xd0, 0x90]);
        let parts: usize =
            payloads.iter().flat_map(|payload| elements(payload)).map(|element| element.data.len()).sum();
        assert_eq!(parts, 4 + 2_601);
    }

    #[test]
    fn many_small_units_share_a_packet() {
        let unit = [0x32, 0x01, 0x10].repeat(5);
        let payloads = packetize(&unit, false, 1_200);
        assert_eq!(payloads.len(), 1);
        assert_eq!(payloads[0][0], 0);
        assert_eq!(elements(&payloads[0]).count(), 5);
    }
}
