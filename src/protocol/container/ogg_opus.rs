//! Ogg files with one Opus stream (RFC 7845).

use super::{ContainerError, Form, MediaFile, Track, opus_fmtp};
use crate::media::{Codec, Frame, TrackInfo};
use crate::protocol::bitstream::opus;
use bytes::Bytes;
use std::io::Cursor;

const FORMAT: &str = "Ogg";

pub(super) fn read(data: &Bytes) -> Result<MediaFile, ContainerError> {
    let damaged = |what: String| ContainerError::damaged(FORMAT, what);
    let mut reader = ogg::PacketReader::new(Cursor::new(data));
    let mut next = || reader.read_packet().map_err(|error| damaged(error.to_string()));
    // Other streams in the file, if any, are passed over.
    let (serial, channels) = loop {
        let packet = next()?.ok_or_else(|| ContainerError::Unsupported {
            format: FORMAT,
            what: "it has no Opus stream (Vorbis and others can not be sent)".into(),
        })?;
        if packet.data.starts_with(b"OpusHead") {
            let channels = packet.data.get(9).copied().unwrap_or(0);
            if !(1..=2).contains(&channels) {
                let what = format!("it has {channels} channels, and only mono and stereo can be sent");
                return Err(ContainerError::Unsupported { format: FORMAT, what });
            }
            break (packet.stream_serial(), channels);
        }
    };
    let mut samples = Vec::new();
    let mut pts = 0u64;
    while let Some(packet) = next()? {
        if packet.stream_serial() != serial || packet.data.starts_with(b"OpusTags") {
            continue;
        }
        let Some(duration) = opus::duration(&packet.data) else {
            return Err(damaged(format!("packet {} is no Opus", samples.len())));
        };
        let frame = Frame {
            track: 0,
            codec: Codec::Opus,
            pts,
            duration,
            keyframe: true,
            capture_ns: None,
            data: packet.data.into(),
        };
        samples.push(frame);
        pts += u64::from(duration);
    }
    if samples.is_empty() {
        return Err(ContainerError::Unsupported { format: FORMAT, what: "it has no sound".into() });
    }
    let info = TrackInfo { fmtp: opus_fmtp(channels), ..TrackInfo::new(Codec::Opus) };
    Ok(MediaFile { tracks: vec![Track { info, form: Form::Same }], samples, left_out: Vec::new() })
}
