//! IVF files: VP8, VP9 and AV1 as libvpx, libaom and FFmpeg write them.

use super::{ContainerError, Form, MediaFile, Track, set_durations};
use crate::media::{Codec, Frame, TrackInfo};
use crate::protocol::bitstream::{av1, vp8, vp9};
use bytes::Bytes;

const FORMAT: &str = "IVF";
const FRAME_HEADER: usize = 12;

pub(super) fn read(data: &Bytes) -> Result<MediaFile, ContainerError> {
    let damaged = |what: &str| ContainerError::damaged(FORMAT, what);
    let header: &[u8; 32] = data.first_chunk().ok_or_else(|| damaged("its header is cut short"))?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let codec = match &header[8..12] {
        b"VP80" => Codec::Vp8,
        b"VP90" => Codec::Vp9,
        b"AV01" => Codec::Av1,
        other => {
            let what = format!("its codec is `{}`, not VP80, VP90 or AV01", other.escape_ascii());
            return Err(ContainerError::Unsupported { format: FORMAT, what });
        }
    };
    // Seconds of a tick are numerator / denominator.
    let (denominator, numerator) = (number(16), number(20));
    if denominator == 0 || numerator == 0 {
        return Err(damaged("its time base is 0"));
    }
    let mut at = usize::from(u16::from_le_bytes([header[6], header[7]])).max(header.len());
    let mut samples: Vec<Frame> = Vec::new();
    let mut first = None;
    while let Some(head) = data.get(at..at + FRAME_HEADER) {
        let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let ticks = u64::from_le_bytes([head[4], head[5], head[6], head[7], head[8], head[9], head[10], head[11]]);
        let start = at + FRAME_HEADER;
        let end = start.checked_add(size).filter(|&end| end <= data.len());
        let end = end.ok_or_else(|| damaged(&format!("frame {} is cut short", samples.len())))?;
        at = end;
        if size == 0 {
            continue;
        }
        let ticks = ticks
            .checked_sub(*first.get_or_insert(ticks))
            .ok_or_else(|| damaged(&format!("the time of frame {} goes backwards", samples.len())))?;
        let pts = u128::from(ticks) * u128::from(numerator) * 90_000 / u128::from(denominator);
        let pts = u64::try_from(pts).ok().filter(|&pts| pts < 1 << 60);
        let pts = pts.ok_or_else(|| damaged(&format!("the time of frame {} is out of range", samples.len())))?;
        if samples.last().is_some_and(|last| pts < last.pts) {
            return Err(damaged(&format!("the time of frame {} goes backwards", samples.len())));
        }
        let frame = data.slice(start..end);
        let keyframe = match codec {
            Codec::Vp8 => vp8::is_keyframe(&frame),
            Codec::Vp9 => vp9::frame_header(&frame).is_some_and(|header| header.keyframe),
            _ => av1::is_keyframe(&frame),
        };
        samples.push(Frame { track: 0, codec, pts, duration: 0, keyframe, capture_ns: None, data: frame });
    }
    if samples.is_empty() {
        return Err(ContainerError::Unsupported { format: FORMAT, what: "it has no frame".into() });
    }
    set_durations(&mut samples);
    let info = TrackInfo::new(codec);
    Ok(MediaFile { tracks: vec![Track { info, form: Form::Same }], samples, left_out: Vec::new() })
}
