//! H.265 NAL units (ITU-T H.265, 7.3): types, slice starts, picture size.

use super::{BitReader, PictureSize, picture_size};

/// Video parameter set.
pub const VPS: u8 = 32;
/// Sequence parameter set.
pub const SPS: u8 = 33;
/// Picture parameter set.
pub const PPS: u8 = 34;
/// Access unit delimiter.
pub const AUD: u8 = 35;
/// Filler data.
pub const FILLER: u8 = 38;
/// Supplemental enhancement information in front of its picture.
pub const SEI_PREFIX: u8 = 39;

/// Length of the NAL unit header in bytes.
pub const HEADER_LENGTH: usize = 2;

/// The type in the first byte of a NAL unit header.
pub fn nal_type(header: u8) -> u8 {
    (header >> 1) & 0x3f
}

/// Whether the type is a coded slice.
pub fn is_slice(nal_type: u8) -> bool {
    nal_type < 32
}

/// Whether the type is a slice of an intra random access point: decoding can start here.
pub fn is_irap(nal_type: u8) -> bool {
    (16..=23).contains(&nal_type)
}

/// Whether the type is a slice of a picture that no other of its temporal sub-layer refers to (table 7-1).
pub fn is_unreferenced(nal_type: u8) -> bool {
    nal_type <= 14 && nal_type.is_multiple_of(2)
}

/// Whether the type is VPS, SPS or PPS.
pub fn is_parameter_set(nal_type: u8) -> bool {
    matches!(nal_type, VPS | SPS | PPS)
}

/// Whether the body of a slice (without its NAL header) is the first of a picture.
pub fn starts_picture(slice_body: &[u8]) -> bool {
    slice_body.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// The id of a VPS, SPS or PPS (NAL header included).
pub fn parameter_set_id(nal: &[u8]) -> Option<u32> {
    let mut reader = BitReader::nal(nal.get(HEADER_LENGTH..)?);
    match nal_type(nal[0]) {
        VPS => reader.bits(4),
        SPS => {
            skip_to_sps_id(&mut reader)?;
            reader.ue().filter(|&id| id < 16)
        }
        PPS => reader.ue().filter(|&id| id < 64),
        _ => None,
    }
}

/// The size of the pictures inside their conformance window, from an SPS (NAL header included; 7.3.2.2.1).
pub fn sps_size(nal: &[u8]) -> Option<PictureSize> {
    size(&mut BitReader::nal(nal.get(HEADER_LENGTH..)?)).map(|(size, _)| size)
}

/// What an SPS tells a decoder to expect (7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    pub space: u8,
    pub high_tier: bool,
    pub idc: u8,
    pub compatibility: [u8; 4],
    pub constraints: [u8; 6],
    /// `general_level_idc`: 30 times the level.
    pub level: u8,
    /// Temporal layers, 1 to 7.
    pub sub_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub nested: bool,
    pub chroma_format: u8,
    /// 8 to 16.
    pub bit_depth_luma: u8,
    pub bit_depth_chroma: u8,
}

/// Reads an SPS (NAL header included) up to its bit depths.
pub fn sps_profile(nal: &[u8]) -> Option<Profile> {
    let body = nal.get(HEADER_LENGTH..)?;
    let mut reader = BitReader::nal(body);
    reader.skip(4)?;
    let sub_layers = reader.bits(3)? as u8 + 1;
    let nested = reader.flag()?;
    let (space, high_tier, idc) = (reader.bits(2)? as u8, reader.flag()?, reader.bits(5)? as u8);
    let (mut compatibility, mut constraints) = ([0; 4], [0; 6]);
    for byte in compatibility.iter_mut().chain(&mut constraints) {
        *byte = reader.bits(8)? as u8;
    }
    let level = reader.bits(8)? as u8;
    let mut reader = BitReader::nal(body);
    let (_, chroma_format) = size(&mut reader)?;
    let mut depth = || reader.ue().filter(|&more| more <= 8).map(|more| 8 + more as u8);
    let (bit_depth_luma, bit_depth_chroma) = (depth()?, depth()?);
    Some(Profile {
        space,
        high_tier,
        idc,
        compatibility,
        constraints,
        level,
        sub_layers,
        nested,
        chroma_format,
        bit_depth_luma,
        bit_depth_chroma,
    })
}

/// Reads an SPS behind its NAL header up to the conformance window: the size in it, and the chroma format.
fn size(reader: &mut BitReader<'_>) -> Option<(PictureSize, u8)> {
    skip_to_sps_id(reader)?;
    reader.ue()?;
    let chroma_format = reader.ue().filter(|&format| format <= 3)?;
    let separate_planes = chroma_format == 3 && reader.flag()?;
    let (width, height) = (reader.ue()?, reader.ue()?);
    if !reader.flag()? {
        return Some((picture_size(width, height)?, chroma_format as u8));
    }
    let (unit_x, unit_y) = match chroma_format {
        _ if separate_planes => (1, 1),
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut edges = || reader.ue()?.checked_add(reader.ue()?);
    let (across, down) = (edges()?.checked_mul(unit_x)?, edges()?.checked_mul(unit_y)?);
    Some((picture_size(width.checked_sub(across)?, height.checked_sub(down)?)?, chroma_format as u8))
}

/// Passes over the profile, tier and level in front of `sps_seq_parameter_set_id` (7.3.3).
fn skip_to_sps_id(reader: &mut BitReader<'_>) -> Option<()> {
    reader.skip(4)?;
    let sub_layers = reader.bits(3)?;
    reader.skip(1 + 88 + 8)?;
    let mut present = [(false, false); 7];
    for entry in present.iter_mut().take(sub_layers as usize) {
        *entry = (reader.flag()?, reader.flag()?);
    }
    if sub_layers > 0 {
        reader.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present.into_iter().take(sub_layers as usize) {
        reader.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_real_parameter_sets() {
        // 1080p main (x265): coded 1920x1088, cropped by the conformance window.
        let sps = [
            0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x78,
            0xa0, 0x03, 0xc0, 0x80, 0x10, 0xe5, 0x96, 0x66, 0x69, 0x24, 0xca, 0xe0, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
            0x00, 0x00, 0x03, 0x01, 0xe0, 0x80,
        ];
        assert_eq!(sps_size(&sps), Some((1920, 1080)));
        assert_eq!(parameter_set_id(&sps), Some(0));
        let profile = sps_profile(&sps).unwrap();
        assert_eq!((profile.idc, profile.level, profile.high_tier, profile.sub_layers), (1, 120, false, 1));
        assert_eq!((profile.compatibility, profile.constraints), ([0x60, 0, 0, 0], [0x90, 0, 0, 0, 0, 0]));
        assert_eq!((profile.chroma_format, profile.bit_depth_luma, profile.bit_depth_chroma), (1, 8, 8));
        for length in 0..20 {
            assert_eq!(sps_size(&sps[..length]), None, "{length}");
        }
    }

    #[test]
    fn types_are_told_apart() {
        assert!(is_irap(19) && is_irap(21) && !is_irap(1) && !is_irap(VPS));
        assert!(is_unreferenced(0) && is_unreferenced(8) && !is_unreferenced(1) && !is_unreferenced(20));
    }

    #[test]
    fn garbage_is_refused_quietly() {
        let mut state = 9u32;
        for length in 0..2_000usize {
            let nal: Vec<u8> = (0..length % 64)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            _ = (sps_size(&nal), sps_profile(&nal), parameter_set_id(&nal));
        }
    }
}
