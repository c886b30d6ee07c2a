//! Open bitstream units of AV1 (AV1 bitstream specification, 5.3 to 5.9).

use super::{BitReader, PictureSize, picture_size};
use crate::media::LayerId;
use std::ops::Range;

pub const SEQUENCE_HEADER: u8 = 1;
pub const TEMPORAL_DELIMITER: u8 = 2;
pub const FRAME_HEADER: u8 = 3;
pub const TILE_GROUP: u8 = 4;
pub const FRAME: u8 = 6;
pub const TILE_LIST: u8 = 8;
pub const PADDING: u8 = 15;

/// Set in an OBU header where a size follows it.
pub const HAS_SIZE: u8 = 0x02;
const HAS_EXTENSION: u8 = 0x04;

/// The type in an OBU header.
pub fn obu_type(header: u8) -> u8 {
    (header >> 3) & 0x0f
}

/// Bytes of an OBU header with its extension, without its size.
pub fn header_length(header: u8) -> usize {
    if header & HAS_EXTENSION != 0 { 2 } else { 1 }
}

/// The temporal layer in the header of an OBU, where it has an extension (5.3.3).
pub fn temporal_layer(obu: &[u8]) -> Option<u8> {
    let [header, extension, ..] = obu else { return None };
    (header & HAS_EXTENSION != 0).then_some(extension >> 5)
}

/// An unsigned LEB128 number and its length in bytes; `None` above 2^32 - 1 or where it is cut short (4.10.5).
pub fn leb128(data: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u64;
    for (index, &byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// Adds a LEB128 number.
pub fn push_leb128(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// One OBU inside a temporal unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obu {
    pub header: u8,
    /// Header and extension.
    pub head: Range<usize>,
    /// What follows the size.
    pub body: Range<usize>,
}

/// The OBUs of a temporal unit in the low-overhead format; ends at the first that does not fit its data. An OBU without a
/// size is the last one.
pub fn obus(unit: &[u8]) -> impl Iterator<Item = Obu> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let header = *unit.get(at)?;
        let head = at..at + header_length(header);
        let rest = unit.get(head.end..)?;
        let body = if header & HAS_SIZE == 0 {
            head.end..unit.len()
        } else {
            let (size, length) = leb128(rest)?;
            let start = head.end + length;
            start..start.checked_add(size as usize).filter(|&end| end <= unit.len())?
        };
        at = body.end;
        Some(Obu { header, head, body })
    })
}

/// Whether the body of a frame or frame header OBU is a shown or hidden key frame (5.9.2); not for still pictures.
pub fn is_key_frame(frame_body: &[u8]) -> bool {
    // show_existing_frame 0, frame_type 0.
    frame_body.first().is_some_and(|byte| byte & 0xe0 == 0)
}

/// Whether decoding can start at a temporal unit: it has a sequence header, and a key frame.
pub fn is_keyframe(unit: &[u8]) -> bool {
    let mut sequence = false;
    obus(unit).any(|obu| match obu_type(obu.header) {
        SEQUENCE_HEADER => {
            sequence = true;
            false
        }
        FRAME | FRAME_HEADER => sequence && is_key_frame(&unit[obu.body]),
        _ => false,
    })
}

/// The largest size of the pictures, from the body of a sequence header (5.5.1).
pub fn sequence_size(body: &[u8]) -> Option<PictureSize> {
    Head::read(&mut BitReader::plain(body)).map(|head| head.size)
}

/// What a sequence header tells a decoder to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub profile: u8,
    /// `seq_level_idx` of the first operating point.
    pub level: u8,
    pub high_tier: bool,
    /// The largest.
    pub size: PictureSize,
    /// 8, 10 or 12.
    pub bit_depth: u8,
    pub monochrome: bool,
    /// Across and down: 4:2:0 has both.
    pub subsampling: (bool, bool),
    /// `chroma_sample_position`.
    pub chroma_position: u8,
}

/// Reads the body of a sequence header (5.5.1) up to its colours.
pub fn sequence(body: &[u8]) -> Option<Sequence> {
    const CHOSEN_BY_FRAMES: u32 = 2;
    let mut reader = BitReader::plain(body);
    let Head { profile, reduced, level, high_tier, size } = Head::read(&mut reader)?;
    if !reduced && reader.flag()? {
        reader.skip(4 + 3)?;
    }
    // Superblocks of 128, filter intra, intra edge filter.
    reader.skip(3)?;
    if !reduced {
        // Interintra, masked and warped motion, dual filter.
        reader.skip(4)?;
        let has_order_hint = reader.flag()?;
        if has_order_hint {
            reader.skip(2)?;
        }
        let screen_tools = if reader.flag()? { CHOSEN_BY_FRAMES } else { reader.bits(1)? };
        if screen_tools > 0 && !reader.flag()? {
            reader.skip(1)?;
        }
        if has_order_hint {
            reader.skip(3)?;
        }
    }
    // Superres, CDEF, loop restoration.
    reader.skip(3)?;
    let high = reader.flag()?;
    let bit_depth = match (profile, high) {
        (2, true) => {
            if reader.flag()? {
                12
            } else {
                10
            }
        }
        (_, true) => 10,
        (_, false) => 8,
    };
    let monochrome = profile != 1 && reader.flag()?;
    let is_srgb = reader.flag()? && (reader.bits(8)?, reader.bits(8)?, reader.bits(8)?) == (1, 13, 0);
    let plain = Sequence {
        profile,
        level,
        high_tier,
        size,
        bit_depth,
        monochrome,
        subsampling: (true, true),
        chroma_position: 0,
    };
    if monochrome {
        return Some(plain);
    }
    if is_srgb {
        return Some(Sequence { subsampling: (false, false), ..plain });
    }
    // Colour range.
    reader.skip(1)?;
    let subsampling = match (profile, bit_depth) {
        (0, _) => (true, true),
        (1, _) => (false, false),
        (_, 12) => {
            let across = reader.flag()?;
            (across, across && reader.flag()?)
        }
        _ => (true, false),
    };
    let chroma_position = if subsampling == (true, true) { reader.bits(2)? as u8 } else { 0 };
    Some(Sequence { subsampling, chroma_position, ..plain })
}

/// A sequence header up to the size of the pictures.
struct Head {
    profile: u8,
    /// For still pictures: most that follows is left out.
    reduced: bool,
    level: u8,
    high_tier: bool,
    size: PictureSize,
}

impl Head {
    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let profile = reader.bits(3)? as u8;
        reader.skip(1)?;
        let reduced = reader.flag()?;
        let mut first = None;
        if reduced {
            first = Some((reader.bits(5)? as u8, false));
        } else {
            operating_points(reader, |point| {
                first.get_or_insert((point.level, point.high_tier));
            })?;
        }
        let (level, high_tier) = first?;
        let (width_bits, height_bits) = (reader.bits(4)? + 1, reader.bits(4)? + 1);
        let (width, height) = (reader.bits(width_bits)? + 1, reader.bits(height_bits)? + 1);
        Some(Head { profile, reduced, level, high_tier, size: picture_size(width, height)? })
    }
}

/// Makes `layers` the first operating point in the body of a sequence header, which is the one that decoders choose. Points are
/// exchanged where one of the others has just these layers, since all must differ (6.4.1).
pub fn narrow_sequence(body: &mut [u8], layers: LayerId) -> Option<()> {
    let mut reader = BitReader::plain(body);
    reader.skip(4)?;
    if reader.flag()? {
        return None;
    }
    let mut points = [(0, 0u16); 32];
    let mut count = 0;
    operating_points(&mut reader, |point| {
        points[count] = (point.at, point.layers);
        count += 1;
    })?;
    let below = |layer: u8| (2u16 << layer) - 1;
    let (first_at, first) = points[0];
    let wanted = first & (below(layers.spatial()) << 8 | below(layers.temporal()));
    if wanted & 0xff == 0 || wanted >> 8 == 0 {
        return None;
    }
    if let Some((at, _)) = points[..count].iter().find(|(_, layers)| *layers == wanted) {
        write_layers(body, *at, first);
    }
    write_layers(body, first_at, wanted);
    Some(())
}

/// Writes the twelve bits of an operating point's layers.
fn write_layers(body: &mut [u8], at: usize, layers: u16) {
    for bit in 0..12 {
        let (byte, mask) = ((at + bit) / 8, 0x80 >> ((at + bit) % 8));
        if layers >> (11 - bit) & 1 == 1 {
            body[byte] |= mask;
        } else {
            body[byte] &= !mask;
        }
    }
}

struct OperatingPoint {
    /// Where its layers are, in bits from the start.
    at: usize,
    /// A bit for each spatial layer above one for each temporal layer.
    layers: u16,
    level: u8,
    high_tier: bool,
}

/// Reads the operating points of a sequence header.
fn operating_points(reader: &mut BitReader<'_>, mut each: impl FnMut(OperatingPoint)) -> Option<()> {
    let mut delay_bits = None;
    if reader.flag()? {
        reader.skip(64)?;
        if reader.flag()? {
            reader.ue()?;
        }
        if reader.flag()? {
            delay_bits = Some(reader.bits(5)? + 1);
            reader.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = reader.flag()?;
    for _ in 0..=reader.bits(5)? {
        let at = reader.position();
        let layers = reader.bits(12)? as u16;
        let level = reader.bits(5)? as u8;
        let high_tier = level > 7 && reader.flag()?;
        each(OperatingPoint { at, layers, level, high_tier });
        if let Some(bits) = delay_bits
            && reader.flag()?
        {
            reader.skip(2 * bits + 1)?;
        }
        if display_delay && reader.flag()? {
            reader.skip(4)?;
        }
    }
    Some(())
}

#[cfg(test)]
pub(in crate::protocol) mod tests {
    use super::*;

    /// The body of a sequence header of 96x64 with these operating points.
    pub(in crate::protocol) fn sequence(points: &[u16]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        let mut put = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        // Profile, still pictures, reduced; timing; display delay; the points.
        put(0, 7);
        put(points.len() as u32 - 1, 5);
        for (index, layers) in points.iter().enumerate() {
            put(u32::from(*layers), 12);
            // A level above 7 brings a tier.
            let high = index % 2 == 1;
            put(if high { 8 } else { 1 }, 5);
            put(0, u32::from(high));
        }
        for (value, count) in [(6, 4), (5, 4), (95, 7), (63, 6), (0, 32)] {
            put(value, count);
        }
        bits.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, bit)| u8::from(*bit) << (7 - at)).sum()).collect()
    }

    /// The operating points of a sequence header.
    pub(in crate::protocol) fn points(body: &[u8]) -> Vec<u16> {
        let mut reader = BitReader::plain(body);
        reader.skip(5).unwrap();
        let mut points = Vec::new();
        operating_points(&mut reader, |point| points.push(point.layers)).unwrap();
        points
    }

    #[test]
    fn the_points_of_a_sequence_header_are_found() {
        let body = sequence(&[0x307, 0x107]);
        assert_eq!(points(&body), [0x307, 0x107]);
        assert_eq!(sequence_size(&body), Some((96, 64)));
        let told = super::sequence(&[&body[..], &[0; 4]].concat()).unwrap();
        assert_eq!((told.profile, told.level, told.high_tier, told.bit_depth), (0, 1, false, 8));
        assert_eq!((told.size, told.subsampling, told.monochrome), ((96, 64), (true, true), false));
        for length in 0..body.len() {
            let mut cut = body[..length].to_vec();
            narrow_sequence(&mut cut, LayerId::new(0, 0));
        }
    }

    #[test]
    fn numbers_round_trip() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u32::MAX] {
            let mut out = Vec::new();
            push_leb128(&mut out, value);
            assert_eq!(leb128(&out), Some((value, out.len())));
            assert_eq!(leb128(&out[..out.len() - 1]), None);
        }
        assert_eq!(leb128(&[0xff; 8]), None);
    }

    #[test]
    fn units_are_listed() {
        // Delimiter, a sequence header with a size, a frame without.
        let unit = [0x12, 0x00, 0x0a, 0x02, 7, 8, 0x30, 0x10, 1, 2];
        let found: Vec<_> = obus(&unit).map(|obu| (obu_type(obu.header), obu.body)).collect();
        assert_eq!(found, [(TEMPORAL_DELIMITER, 2..2), (SEQUENCE_HEADER, 4..6), (FRAME, 7..10)]);
        assert!(is_keyframe(&unit));
        assert_eq!(obus(&[0x0a, 0x05, 1]).count(), 0);
        assert_eq!(obus(&[0x0a]).count(), 0);
    }

    #[test]
    fn sizes_of_real_sequence_headers() {
        let file = include_bytes!("../../../tests/data/media/av1.ivf");
        // The first frame follows the file header (32 bytes) and its own (12).
        let unit = &file[44..];
        let sequence = obus(unit).find(|obu| obu_type(obu.header) == SEQUENCE_HEADER).expect("libaom starts with one");
        assert_eq!(sequence_size(&unit[sequence.body.clone()]), Some((96, 64)));
        assert_eq!(sequence_size(&unit[sequence.body.start..sequence.body.end - 4]), None);
    }

    #[test]
    fn garbage_is_refused_quietly() {
        let mut state = 3u32;
        for length in 0..500usize {
            let data: Vec<u8> = (0..length % 40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            _ = (sequence_size(&data), obus(&data).count(), is_keyframe(&data));
        }
    }
}
