//! H.264 byte streams (Annex B): access units, timed by a given frame rate.

use super::{ContainerError, Form, MAX_FRAMES, MediaFile, Track, h264_fmtp};
use crate::media::{Codec, Frame, TrackInfo};
use crate::protocol::bitstream::{annexb, h264};
use bytes::Bytes;

const FORMAT: &str = "H.264";

pub(super) fn read(data: &Bytes, fps: f64) -> Result<MediaFile, ContainerError> {
    if !(fps > 0.0 && fps <= 240.0) {
        return Err(ContainerError::FrameRate { value: fps.to_string() });
    }
    let mut reader = Reader { frames: Vec::new(), start: 0, slices: false, keyframe: false };
    let (mut sps, mut pps) = (None, None);
    for unit in annexb::nal_units(data) {
        let nal = &data[unit.clone()];
        let kind = h264::nal_type(nal[0]);
        let body = &nal[1..];
        let is_slice = matches!(kind, h264::SLICE..=h264::IDR);
        if kind == h264::SLICE && h264::is_b_slice(body) {
            return Err(ContainerError::Reordered);
        }
        // What may only stand in front of a picture ends the one before (H.264, 7.4.1.2.3).
        let begins = match kind {
            h264::SEI..=h264::AUD | 14..=18 => true,
            _ => is_slice && h264::starts_picture(body),
        };
        if begins && reader.slices {
            reader.end(data, unit.start - 3)?;
        }
        reader.slices |= is_slice;
        reader.keyframe |= kind == h264::IDR;
        match kind {
            h264::SPS if sps.is_none() => sps = Some(data.slice(unit)),
            h264::PPS if pps.is_none() => pps = Some(data.slice(unit)),
            _ => {}
        }
    }
    if reader.slices {
        reader.end(data, data.len())?;
    }
    if reader.frames.is_empty() {
        return Err(ContainerError::Unsupported { format: FORMAT, what: "it has no picture".into() });
    }
    let time = |index: usize| (index as f64 * 90_000.0 / fps).round() as u64;
    for (index, frame) in reader.frames.iter_mut().enumerate() {
        frame.pts = time(index);
        frame.duration = (time(index + 1) - time(index)) as u32;
    }
    let info = TrackInfo {
        fmtp: h264_fmtp(sps.as_deref().unwrap_or_default()),
        parameter_sets: sps.into_iter().chain(pps).collect(),
        ..TrackInfo::new(Codec::H264)
    };
    Ok(MediaFile { tracks: vec![Track { info, form: Form::Same }], samples: reader.frames, left_out: Vec::new() })
}

struct Reader {
    frames: Vec<Frame>,
    /// Where the access unit at hand begins.
    start: usize,
    slices: bool,
    keyframe: bool,
}

impl Reader {
    /// The access unit ends at `end`.
    fn end(&mut self, data: &Bytes, end: usize) -> Result<(), ContainerError> {
        if self.frames.len() == MAX_FRAMES {
            return Err(ContainerError::damaged(FORMAT, format!("it has more than {MAX_FRAMES} frames")));
        }
        self.frames.push(Frame {
            track: 0,
            codec: Codec::H264,
            pts: 0,
            duration: 0,
            keyframe: self.keyframe,
            capture_ns: None,
            data: data.slice(self.start..end),
        });
        self.start = end;
        self.slices = false;
        self.keyframe = false;
        Ok(())
    }
}
