//! Reads from a keyframe what decoders must know before it, and turns frames into samples.

use super::{DescribeError, Description};
use crate::media::{Codec, Frame};
use crate::protocol::bitstream::{PictureSize, annexb, av1, h264, h265, vp9};
use bytes::{BufMut, Bytes, BytesMut};
use mp4_atom::{
    Audio, Av01, Av1c, Avc1, Avcc, AvccExt, Codec as SampleEntry, Dops, Hvc1, HvcCArray, Hvcc, Opus, Visual, Vp09, VpcC,
};

/// Boxes have 16 bits for a parameter set's length, and few bits for how many there are.
const MAX_SET: usize = 4_096;
const MAX_SETS: usize = 16;

pub(super) fn video(frame: &Frame) -> Result<Description, DescribeError> {
    let (name, size, entry) = match frame.codec {
        Codec::H264 => avc(&frame.data)?,
        Codec::H265 => hevc(&frame.data)?,
        Codec::Vp9 => vp9(&frame.data)?,
        Codec::Av1 => av1(&frame.data)?,
        other => return Err(DescribeError::Codec(other.sdp_name())),
    };
    Ok(Description { codec: frame.codec, name, size, entry })
}

pub(super) fn opus(channels: u8) -> Description {
    let audio = Audio {
        data_reference_index: 1,
        channel_count: u16::from(channels),
        sample_size: 16,
        sample_rate: 48_000.into(),
    };
    // What comes live has no start of its own to pass over.
    let dops = Dops {
        output_channel_count: channels,
        pre_skip: 0,
        input_sample_rate: 48_000,
        output_gain: 0,
        channel_mapping: None,
    };
    let entry = SampleEntry::Opus(Opus { audio, dops, btrt: None });
    Description { codec: Codec::Opus, name: "opus".to_owned(), size: (0, 0), entry }
}

/// A frame as MP4 has it: NAL units behind their lengths, without what is in the description and without what only separates.
pub(super) fn sample(frame: &Frame) -> Bytes {
    match frame.codec {
        Codec::H264 => {
            behind_lengths(&frame.data, |header| !matches!(h264::nal_type(header), h264::SPS | h264::PPS | h264::AUD))
        }
        Codec::H265 => behind_lengths(&frame.data, |header| {
            let kind = h265::nal_type(header);
            !h265::is_parameter_set(kind) && kind != h265::AUD
        }),
        Codec::Av1 => {
            let obus = av1::obus(&frame.data).filter(|obu| av1::obu_type(obu.header) != av1::TEMPORAL_DELIMITER);
            let mut out = BytesMut::with_capacity(frame.data.len());
            obus.for_each(|obu| out.put_slice(&frame.data[obu.head.start..obu.body.end]));
            out.freeze()
        }
        _ => frame.data.clone(),
    }
}

fn behind_lengths(stream: &[u8], wanted: impl Fn(u8) -> bool) -> Bytes {
    // Three-byte start codes become four bytes of length.
    let mut out = BytesMut::with_capacity(stream.len() + 64);
    for nal in annexb::nal_units(stream)
        .map(|unit| &stream[unit])
        .filter(|nal| nal.first().is_some_and(|&first| wanted(first)))
    {
        out.put_u32(nal.len() as u32);
        out.put_slice(nal);
    }
    out.freeze()
}

/// The parameter sets of one kind.
fn sets(stream: &[u8], is_kind: impl Fn(u8) -> bool) -> Vec<Vec<u8>> {
    annexb::nal_units(stream)
        .map(|unit| &stream[unit])
        .filter(|nal| nal.len() <= MAX_SET && nal.first().is_some_and(|&first| is_kind(first)))
        .take(MAX_SETS)
        .map(<[u8]>::to_vec)
        .collect()
}

fn visual((width, height): PictureSize) -> Visual {
    Visual { data_reference_index: 1, width, height, ..Visual::default() }
}

type Parts = (String, PictureSize, SampleEntry);

fn avc(data: &[u8]) -> Result<Parts, DescribeError> {
    let of = |kind| sets(data, move |header| h264::nal_type(header) == kind);
    let (sps, pps) = (of(h264::SPS), of(h264::PPS));
    let first = sps.first().filter(|sps| sps.len() >= 4).ok_or(DescribeError::Missing("sequence parameter set"))?;
    if pps.is_empty() {
        return Err(DescribeError::Missing("picture parameter set"));
    }
    let size = h264::sps_size(first).ok_or(DescribeError::Unreadable("sequence parameter set"))?;
    let name = format!("avc1.{:02x}{:02x}{:02x}", first[1], first[2], first[3]);
    // Of the profiles with that extension real-time encoders use High, which is 8 bits of 4:2:0.
    let ext = matches!(first[1], 100).then(AvccExt::default);
    let avcc = Avcc {
        configuration_version: 1,
        avc_profile_indication: first[1],
        profile_compatibility: first[2],
        avc_level_indication: first[3],
        length_size: 4,
        sequence_parameter_sets: sps,
        picture_parameter_sets: pps,
        ext,
    };
    Ok((name, size, SampleEntry::Avc1(Avc1 { visual: visual(size), avcc, ..Avc1::default() })))
}

fn hevc(data: &[u8]) -> Result<Parts, DescribeError> {
    let of = |kind| sets(data, move |header| h265::nal_type(header) == kind);
    let (vps, sps, pps) = (of(h265::VPS), of(h265::SPS), of(h265::PPS));
    for (sets, what) in
        [(&vps, "video parameter set"), (&sps, "sequence parameter set"), (&pps, "picture parameter set")]
    {
        if sets.is_empty() {
            return Err(DescribeError::Missing(what));
        }
    }
    const SPS: DescribeError = DescribeError::Unreadable("sequence parameter set");
    let size = h265::sps_size(&sps[0]).ok_or(SPS)?;
    let profile = h265::sps_profile(&sps[0]).ok_or(SPS)?;
    let arrays = [(h265::VPS, vps), (h265::SPS, sps), (h265::PPS, pps)];
    let hvcc = Hvcc {
        general_profile_space: profile.space,
        general_tier_flag: profile.high_tier,
        general_profile_idc: profile.idc,
        general_profile_compatibility_flags: profile.compatibility,
        general_constraint_indicator_flags: profile.constraints,
        general_level_idc: profile.level,
        chroma_format_idc: profile.chroma_format,
        bit_depth_luma_minus8: profile.bit_depth_luma - 8,
        bit_depth_chroma_minus8: profile.bit_depth_chroma - 8,
        num_temporal_layers: profile.sub_layers,
        temporal_id_nested: profile.nested,
        length_size_minus_one: 3,
        arrays: arrays.map(|(nal_unit_type, nalus)| HvcCArray { completeness: true, nal_unit_type, nalus }).to_vec(),
        ..Hvcc::new()
    };
    Ok((hevc_name(&profile), size, SampleEntry::Hvc1(Hvc1 { visual: visual(size), hvcc, ..Hvc1::default() })))
}

/// ISO/IEC 14496-15, E.3.
fn hevc_name(profile: &h265::Profile) -> String {
    let space = ["", "A", "B", "C"][usize::from(profile.space & 3)];
    let compatibility = u32::from_be_bytes(profile.compatibility).reverse_bits();
    let tier = if profile.high_tier { 'H' } else { 'L' };
    let mut name = format!("hvc1.{space}{}.{compatibility:x}.{tier}{}", profile.idc, profile.level);
    let told = profile.constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for byte in &profile.constraints[..told] {
        name.push_str(&format!(".{byte:x}"));
    }
    name
}

fn vp9(data: &[u8]) -> Result<Parts, DescribeError> {
    let header = vp9::frame_header(data).ok_or(DescribeError::Unreadable("frame header"))?;
    let size = header.size.ok_or(DescribeError::Missing("size"))?;
    // Profile 0 is 8 bits of 4:2:0, which is what is sent to browsers; 1 is 4:4:4, 2 and 3 have more bits.
    let profile = vp9::profile(data).ok_or(DescribeError::Unreadable("frame header"))?;
    let (bit_depth, chroma_subsampling) = (if profile >= 2 { 10 } else { 8 }, if profile % 2 == 1 { 3 } else { 1 });
    let level = vp9_level(size);
    let vpcc = VpcC { profile, level, bit_depth, chroma_subsampling, ..VpcC::default() };
    let name = format!("vp09.{profile:02}.{level:02}.{bit_depth:02}");
    Ok((name, size, SampleEntry::Vp09(Vp09 { visual: visual(size), vpcc, ..Vp09::default() })))
}

/// The level whose pictures are as large, at up to 60 a second (VP9 levels, 2017): a decoder is told more than it needs rather than less.
fn vp9_level((width, height): PictureSize) -> u8 {
    const LEVELS: [(u32, u8); 6] =
        [(122_880, 21), (245_760, 30), (983_040, 40), (2_228_224, 41), (8_912_896, 51), (35_651_584, 61)];
    let pixels = u32::from(width) * u32::from(height);
    LEVELS.iter().find(|(most, _)| pixels <= *most).map_or(62, |&(_, level)| level)
}

fn av1(data: &[u8]) -> Result<Parts, DescribeError> {
    let obu = av1::obus(data).find(|obu| av1::obu_type(obu.header) == av1::SEQUENCE_HEADER);
    let obu = obu.ok_or(DescribeError::Missing("sequence header"))?;
    const HEADER: DescribeError = DescribeError::Unreadable("sequence header");
    let sequence = av1::sequence(&data[obu.body.clone()]).ok_or(HEADER)?;
    let size = sequence.size;
    let av1c = Av1c {
        seq_profile: sequence.profile,
        seq_level_idx_0: sequence.level,
        seq_tier_0: sequence.high_tier,
        high_bitdepth: sequence.bit_depth > 8,
        twelve_bit: sequence.bit_depth == 12,
        monochrome: sequence.monochrome,
        chroma_subsampling_x: sequence.subsampling.0,
        chroma_subsampling_y: sequence.subsampling.1,
        chroma_sample_position: sequence.chroma_position,
        initial_presentation_delay: None,
        config_obus: data[obu.head.start..obu.body.end].to_vec(),
    };
    let tier = if sequence.high_tier { 'H' } else { 'M' };
    let name = format!("av01.{}.{:02}{tier}.{:02}", sequence.profile, sequence.level, sequence.bit_depth);
    let entry =
        Av01 { visual: visual(size), av1c, btrt: None, ccst: None, colr: None, pasp: None, taic: None, spatial: None };
    Ok((name, size, SampleEntry::Av01(entry)))
}
