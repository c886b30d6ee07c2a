//! H.264 NAL units (ITU-T H.264, 7.3): types, slice starts, picture size.

use super::{BitReader, PictureSize, picture_size};

/// Coded slice of a picture that is no IDR picture.
pub const SLICE: u8 = 1;
/// Coded slice of an IDR picture: decoding can start here.
pub const IDR: u8 = 5;
/// Supplemental enhancement information.
pub const SEI: u8 = 6;
/// Sequence parameter set.
pub const SPS: u8 = 7;
/// Picture parameter set.
pub const PPS: u8 = 8;
/// Access unit delimiter.
pub const AUD: u8 = 9;
/// Filler data.
pub const FILLER: u8 = 12;

/// The type in a NAL unit header.
pub fn nal_type(header: u8) -> u8 {
    header & 0x1f
}

/// Whether the header says that no other picture refers to this one (`nal_ref_idc` 0).
pub fn is_unreferenced(header: u8) -> bool {
    header & 0x60 == 0
}

/// Whether the body of a slice (without its NAL header) is the first of a picture: `first_mb_in_slice` is 0.
pub fn starts_picture(slice_body: &[u8]) -> bool {
    slice_body.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// Whether a slice is a B slice, and so may be shown in another order than it is sent.
pub fn is_b_slice(slice_body: &[u8]) -> bool {
    let mut reader = BitReader::nal(slice_body);
    reader.ue().and_then(|_first_mb| reader.ue()).is_some_and(|slice_type| slice_type % 5 == 1)
}

/// `seq_parameter_set_id` of an SPS (NAL header included).
pub fn sps_id(nal: &[u8]) -> Option<u32> {
    BitReader::nal(nal.get(4..)?).ue().filter(|&id| id < 32)
}

/// `pic_parameter_set_id` of a PPS (NAL header included).
pub fn pps_id(nal: &[u8]) -> Option<u32> {
    BitReader::nal(nal.get(1..)?).ue().filter(|&id| id < 256)
}

/// The size of the pictures, cropped, from an SPS (NAL header included; 7.3.2.1.1).
pub fn sps_size(nal: &[u8]) -> Option<PictureSize> {
    let mut reader = BitReader::nal(nal.get(1..)?);
    let profile = reader.bits(8)?;
    reader.skip(16)?;
    reader.ue()?;
    let mut chroma_format = 1;
    let mut separate_planes = false;
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format = reader.ue()?;
        separate_planes = chroma_format == 3 && reader.flag()?;
        reader.ue()?;
        reader.ue()?;
        reader.flag()?;
        if reader.flag()? {
            for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                if reader.flag()? {
                    skip_scaling_list(&mut reader, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    reader.ue()?;
    match reader.ue()? {
        0 => _ = reader.ue()?,
        1 => {
            reader.flag()?;
            reader.se()?;
            reader.se()?;
            for _ in 0..reader.ue().filter(|&count| count < 256)? {
                reader.se()?;
            }
        }
        _ => {}
    }
    reader.ue()?;
    reader.flag()?;
    let width = reader.ue()?.checked_add(1)?.checked_mul(16)?;
    let height_units = reader.ue()?.checked_add(1)?;
    let frames_only = reader.flag()?;
    if !frames_only {
        reader.flag()?;
    }
    let rows = if frames_only { 1 } else { 2 };
    let height = height_units.checked_mul(16 * rows)?;
    reader.flag()?;
    if !reader.flag()? {
        return picture_size(width, height);
    }
    let (unit_x, unit_y) = match chroma_format {
        _ if separate_planes => (1, 1),
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let mut edges = || reader.ue()?.checked_add(reader.ue()?);
    let (across, down) = (edges()?.checked_mul(unit_x)?, edges()?.checked_mul(unit_y * rows)?);
    picture_size(width.checked_sub(across)?, height.checked_sub(down)?)
}

fn skip_scaling_list(reader: &mut BitReader<'_>, size: u32) -> Option<()> {
    let mut next = 8;
    let mut last = 8;
    for _ in 0..size {
        if next != 0 {
            next = (last + reader.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::bitstream::annexb;

    const CLIP: &[u8] = include_bytes!("../../../tests/data/media/clip.h264");

    #[test]
    fn sizes_of_real_parameter_sets() {
        // x264: 1080p high with cropping; the same as fields; 4:4:4 with an odd crop.
        let rows: [(&[u8], Option<PictureSize>); 6] = [
            (
                &[
                    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03,
                    0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc6, 0x58,
                ],
                Some((1920, 1080)),
            ),
            (
                &[
                    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x04, 0x4f, 0xde, 0x02, 0x20, 0x00, 0x00, 0x03,
                    0x00, 0x20, 0x00, 0x00, 0x06, 0x43, 0xe2, 0xc5, 0xb2, 0xc0,
                ],
                Some((1920, 1080)),
            ),
            (
                &[
                    0x67, 0xf4, 0x00, 0x1e, 0x91, 0x9b, 0x28, 0x14, 0x85, 0xfc, 0x7c, 0xf8, 0x08, 0x80, 0x00, 0x00,
                    0x03, 0x00, 0x80, 0x00, 0x00, 0x19, 0x07, 0x8b, 0x16, 0xcb,
                ],
                Some((642, 362)),
            ),
            (&[0x67], None),
            (&[], None),
            (&[0x67, 0x42, 0xc0, 0x1f, 0xff], None),
        ];
        for (nal, size) in rows {
            assert_eq!(sps_size(nal), size, "{nal:02x?}");
        }
    }

    #[test]
    fn a_stream_of_x264() {
        let units: Vec<&[u8]> = annexb::nal_units(CLIP).map(|range| &CLIP[range]).collect();
        let of_type = |wanted| units.iter().filter(move |nal| nal_type(nal[0]) == wanted);
        assert_eq!(of_type(SPS).map(|nal| (sps_size(nal), sps_id(nal))).next(), Some((Some((96, 64)), Some(0))));
        assert_eq!(of_type(PPS).map(|nal| pps_id(nal)).next(), Some(Some(0)));
        assert_eq!(of_type(IDR).filter(|nal| starts_picture(&nal[1..])).count(), 2);
        assert!(!of_type(SLICE).any(|nal| is_b_slice(&nal[1..])));
    }

    #[test]
    fn b_slices_are_seen() {
        let data = include_bytes!("../../../tests/data/media/bframes.h264");
        let b = annexb::nal_units(data).filter(|unit| {
            let nal = &data[unit.clone()];
            nal_type(nal[0]) == SLICE && is_b_slice(&nal[1..])
        });
        assert!(b.count() > 0);
    }

    #[test]
    fn garbage_is_refused_quietly() {
        let mut state = 7u32;
        for length in 0..2_000usize {
            let mut nal: Vec<u8> = (0..length % 64)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            _ = (sps_size(&nal), sps_id(&nal), pps_id(&nal), is_b_slice(&nal));
            if let Some(profile) = nal.get_mut(1) {
                *profile = 100;
            }
            _ = sps_size(&nal);
        }
    }
}
