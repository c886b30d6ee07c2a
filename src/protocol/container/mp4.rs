//! MP4 files (ISO/IEC 14496-12), plain and fragmented: H.264, H.265, VP9, AV1 and Opus tracks.

use super::mp4_fragments::fragment_samples;
use super::mp4_samples::{Sample, edit_offset, table_samples};
use super::{ContainerError, Form, MAX_FRAMES, MediaFile, Track, h264_fmtp, opus_fmtp};
use crate::media::{Codec, Frame, MediaKind, TrackInfo};
use crate::protocol::bitstream::{annexb, av1, h264, h265};
use bytes::Bytes;
use mp4_atom::{Codec as SampleEntry, Decode, Moof, Moov, Trak};

pub(super) const FORMAT: &str = "MP4";

/// Whether a file may start with a box of this kind.
pub(super) fn is_first_box(kind: &[u8]) -> bool {
    matches!(kind, b"ftyp" | b"styp" | b"moov" | b"mdat" | b"free" | b"skip" | b"wide")
}

pub(super) fn read(data: &Bytes) -> Result<MediaFile, ContainerError> {
    let boxes = top_boxes(data)?;
    let moov = boxes.iter().find(|found| &found.kind == b"moov");
    let moov = moov.ok_or_else(|| damaged("it has no `moov` box; was its recording cut off?"))?;
    let moov = Moov::decode(&mut &data[moov.start..moov.end]).map_err(|error| damaged(format!("moov: {error}")))?;
    let mut fragments = Vec::new();
    for found in boxes.iter().filter(|found| &found.kind == b"moof") {
        let moof =
            Moof::decode(&mut &data[found.start..found.end]).map_err(|error| damaged(format!("moof: {error}")))?;
        fragments.push((found.start as u64, moof));
    }

    let mut file = MediaFile { tracks: Vec::new(), samples: Vec::new(), left_out: Vec::new() };
    // Video first; one track of each kind, as a WHIP session carries.
    for kind in [MediaKind::Video, MediaKind::Audio] {
        for trak in &moov.trak {
            match track_of(trak) {
                Ok(track) if track.info.kind() == kind => {
                    if file.tracks.iter().any(|other| other.info.kind() == kind) {
                        file.left_out.push(format!("track {}: only the first of its kind is sent", trak.tkhd.track_id));
                        continue;
                    }
                    let samples = samples_of(trak, &moov, &fragments)?;
                    let index = file.tracks.len() as u8;
                    add_samples(&mut file.samples, (index, track.info.codec), trak, &moov, &samples, data)?;
                    file.tracks.push(track);
                }
                Err(what) if kind == MediaKind::Video => {
                    file.left_out.push(format!("track {}: {what}", trak.tkhd.track_id));
                }
                _ => {}
            }
        }
    }
    if file.samples.is_empty() {
        let what = if file.left_out.is_empty() { "no samples".to_owned() } else { file.left_out.join("; ") };
        return Err(ContainerError::Unsupported { format: FORMAT, what });
    }
    start_at_zero(&mut file.samples, &file.tracks);
    Ok(file)
}

pub(super) fn damaged(what: impl Into<String>) -> ContainerError {
    ContainerError::damaged(FORMAT, what)
}

struct TopBox {
    kind: [u8; 4],
    start: usize,
    end: usize,
}

/// The boxes of the file itself; what follows the last whole one is passed over.
fn top_boxes(data: &[u8]) -> Result<Vec<TopBox>, ContainerError> {
    let mut boxes = Vec::new();
    let mut at = 0;
    while let Some(head) = data.get(at..at + 8) {
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let size = match short {
            0 => (data.len() - at) as u64,
            1 => match data.get(at + 8..at + 16).and_then(|long| long.first_chunk::<8>()) {
                Some(long) => u64::from_be_bytes(*long),
                None => break,
            },
            short => u64::from(short),
        };
        let size = usize::try_from(size).ok().filter(|&size| size >= 8);
        let size = size.ok_or_else(|| damaged(format!("the box at byte {at} has an impossible size")))?;
        let Some(end) = at.checked_add(size).filter(|&end| end <= data.len()) else { break };
        boxes.push(TopBox { kind: [head[4], head[5], head[6], head[7]], start: at, end });
        at = end;
    }
    Ok(boxes)
}

/// What a track carries, or why it can not be sent.
fn track_of(trak: &Trak) -> Result<Track, String> {
    let entry = trak.mdia.minf.stbl.stsd.codecs.first().ok_or("it says nothing about its codec")?;
    let plain = |info| Ok(Track { info, form: Form::Same });
    match entry {
        SampleEntry::Avc1(entry) => {
            Ok(avc(&entry.avcc.sequence_parameter_sets, &entry.avcc.picture_parameter_sets, entry.avcc.length_size))
        }
        SampleEntry::Avc3(entry) => {
            Ok(avc(&entry.avcc.sequence_parameter_sets, &entry.avcc.picture_parameter_sets, entry.avcc.length_size))
        }
        SampleEntry::Hev1(entry) => Ok(hevc(&entry.hvcc)),
        SampleEntry::Hvc1(entry) => Ok(hevc(&entry.hvcc)),
        SampleEntry::Vp08(_) => plain(TrackInfo::new(Codec::Vp8)),
        SampleEntry::Vp09(_) => plain(TrackInfo::new(Codec::Vp9)),
        SampleEntry::Av01(entry) => Ok(Track {
            info: TrackInfo::new(Codec::Av1),
            form: Form::Obus { config: Bytes::copy_from_slice(&entry.av1c.config_obus) },
        }),
        SampleEntry::Opus(entry) if (1..=2).contains(&entry.dops.output_channel_count) => {
            plain(TrackInfo { fmtp: opus_fmtp(entry.dops.output_channel_count), ..TrackInfo::new(Codec::Opus) })
        }
        SampleEntry::Opus(_) => Err("Opus with more than two channels can not be sent".into()),
        SampleEntry::Mp4a(_) => Err("AAC can not be sent by WebRTC; convert it to Opus (ffmpeg: -c:a libopus)".into()),
        other => {
            let name = format!("{other:?}");
            let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
            Err(format!("{name} can not be sent; H.264, H.265, VP8, VP9, AV1 and Opus can"))
        }
    }
}

fn avc(sps: &[Vec<u8>], pps: &[Vec<u8>], length_size: u8) -> Track {
    let sets: Vec<Bytes> = sps.iter().chain(pps).map(|set| Bytes::copy_from_slice(set)).collect();
    let fmtp = h264_fmtp(sps.first().map(Vec::as_slice).unwrap_or_default());
    length_prefixed(TrackInfo { fmtp, ..TrackInfo::new(Codec::H264) }, sets, usize::from(length_size))
}

fn hevc(hvcc: &mp4_atom::Hvcc) -> Track {
    let units = hvcc.arrays.iter().flat_map(|array| &array.nalus);
    let sets = units
        .filter(|nal| nal.first().is_some_and(|&header| h265::is_parameter_set(h265::nal_type(header))))
        .map(|nal| Bytes::copy_from_slice(nal))
        .collect();
    length_prefixed(TrackInfo::new(Codec::H265), sets, usize::from(hvcc.length_size_minus_one) + 1)
}

fn length_prefixed(info: TrackInfo, parameter_sets: Vec<Bytes>, length_size: usize) -> Track {
    let mut sets = Vec::new();
    for set in &parameter_sets {
        annexb::push(&mut sets, set);
    }
    Track { info: TrackInfo { parameter_sets, ..info }, form: Form::LengthPrefixed { length_size, sets: sets.into() } }
}

fn samples_of(trak: &Trak, moov: &Moov, fragments: &[(u64, Moof)]) -> Result<Vec<Sample>, ContainerError> {
    let mut samples = table_samples(trak)?;
    let id = trak.tkhd.track_id;
    let defaults = moov.mvex.iter().flat_map(|mvex| &mvex.trex).find(|trex| trex.track_id == id);
    let mut decode_time = samples.last().map_or(0, |last| last.decode_time + u64::from(last.duration));
    for (start, moof) in fragments {
        for traf in moof.traf.iter().filter(|traf| traf.tfhd.track_id == id) {
            decode_time = fragment_samples(&mut samples, *start, traf, defaults, decode_time)?;
        }
    }
    if samples.len() > MAX_FRAMES {
        return Err(damaged(format!("track {id} has more than {MAX_FRAMES} samples")));
    }
    Ok(samples)
}

/// Adds the samples of a track as frames, in units of its RTP clock, shifted by [`EARLIEST`] so that no time is negative;
/// [`start_at_zero`] takes that back.
fn add_samples(
    frames: &mut Vec<Frame>,
    (track, codec): (u8, Codec),
    trak: &Trak,
    moov: &Moov,
    samples: &[Sample],
    data: &Bytes,
) -> Result<(), ContainerError> {
    let id = trak.tkhd.track_id;
    let timescale = trak.mdia.mdhd.timescale;
    if timescale == 0 {
        return Err(damaged(format!("track {id} has a timescale of 0")));
    }
    let offset = edit_offset(trak, moov.mvhd.timescale);
    let mut last = None;
    for (index, sample) in samples.iter().enumerate() {
        let end = sample.offset.checked_add(u64::from(sample.size));
        let end = end.filter(|&end| end <= data.len() as u64);
        let end = end.ok_or_else(|| damaged(format!("sample {index} of track {id} lies outside the file")))?;
        let shown = i128::from(sample.decode_time) + i128::from(sample.composition) + i128::from(offset);
        let scaled = |time: i128| (time * i128::from(codec.clock_rate())).div_euclid(i128::from(timescale)) + EARLIEST;
        let pts = u64::try_from(scaled(shown)).ok().filter(|&pts| pts < 1 << 60);
        let pts = pts.ok_or_else(|| damaged(format!("the time of sample {index} of track {id} is out of range")))?;
        if last.is_some_and(|last| pts <= last) && codec.kind() == MediaKind::Video {
            return Err(ContainerError::Reordered);
        }
        last = Some(pts);
        let until = scaled(shown + i128::from(sample.duration)) - scaled(shown);
        frames.push(Frame {
            track,
            codec,
            pts,
            duration: u32::try_from(until).unwrap_or(u32::MAX),
            keyframe: sample.sync || codec.kind() == MediaKind::Audio,
            capture_ns: None,
            data: data.slice(sample.offset as usize..end as usize),
        });
    }
    Ok(())
}

/// Room for times before zero, in ticks: edit lists may place the first samples there (an hour of the fastest clock).
const EARLIEST: i128 = 90_000 * 3_600;

/// Shifts all frames so that the earliest is shown at 0, and no time is lost between the tracks.
fn start_at_zero(frames: &mut [Frame], tracks: &[Track]) {
    // Nanoseconds from the common zero; EARLIEST ticks are another time in each clock.
    let time = |frame: &Frame| {
        let ticks = i128::from(frame.pts) - EARLIEST;
        ticks * 1_000_000_000 / i128::from(frame.codec.clock_rate())
    };
    let Some(first) = frames.iter().map(time).min() else { return };
    let shifts: Vec<i128> = tracks
        .iter()
        .map(|track| EARLIEST + (first * i128::from(track.info.codec.clock_rate())).div_euclid(1_000_000_000))
        .collect();
    for frame in frames {
        let pts = i128::from(frame.pts) - shifts[usize::from(frame.track)];
        frame.pts = u64::try_from(pts).unwrap_or(0);
    }
}

/// A sample of length-prefixed NAL units as an Annex B access unit.
pub(super) fn to_annexb(sample: &Frame, length_size: usize, sets: &Bytes) -> Result<Bytes, ContainerError> {
    let cut = || damaged(format!("a NAL unit of the frame at {} ms is cut short", sample.pts_ns() / 1_000_000));
    let has_sets = |header: u8| match sample.codec {
        Codec::H264 => h264::nal_type(header) == h264::SPS,
        _ => h265::nal_type(header) == h265::SPS,
    };
    let mut units = Vec::new();
    let mut carries_sets = false;
    let mut rest = &sample.data[..];
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_size).ok_or_else(cut)?;
        let length = length.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
        let (nal, after) = after.split_at_checked(length).ok_or_else(cut)?;
        carries_sets |= nal.first().is_some_and(|&header| has_sets(header));
        units.push(nal);
        rest = after;
    }
    let insert = sample.keyframe && !carries_sets;
    let mut unit = Vec::with_capacity(sample.data.len() + units.len() * 4 + if insert { sets.len() } else { 0 });
    if insert {
        unit.extend_from_slice(sets);
    }
    for nal in units {
        annexb::push(&mut unit, nal);
    }
    Ok(unit.into())
}

/// A temporal unit with its sequence header, where it is a keyframe.
pub(super) fn with_sequence_header(sample: &Frame, config: &Bytes) -> Bytes {
    let has_header = || av1::obus(&sample.data).any(|obu| av1::obu_type(obu.header) == av1::SEQUENCE_HEADER);
    if !sample.keyframe || has_header() {
        return sample.data.clone();
    }
    [&config[..], &sample.data[..]].concat().into()
}
