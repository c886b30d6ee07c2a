//! Media files as frames: H.264 Annex B, IVF, MP4 and Ogg Opus, read from bytes in memory.
//!
//! Files are untrusted: what does not fit is an error in words, and the work is bounded by the size of the file.

mod annexb;
mod ivf;
mod mp4;
mod mp4_fragments;
mod mp4_samples;
mod ogg_opus;

use crate::media::{Frame, TrackInfo, TrackSet};
use bytes::Bytes;
use std::time::Duration;

/// Most frames of a file: days of video. It bounds what a small file with a large count can claim.
const MAX_FRAMES: usize = 20_000_000;

/// Why a file can not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    #[error("this is no H.264 (Annex B), IVF, MP4 or Ogg Opus file: it starts with {start}")]
    UnknownFormat {
        /// The first bytes in hexadecimal.
        start: String,
    },
    #[error("the {format} file is damaged: {what}")]
    Damaged { format: &'static str, what: String },
    #[error(
        "the video has B-frames: they are sent in another order than they are shown, which real-time viewers can not \
         play. Encode it again without them (ffmpeg: -bf 0)"
    )]
    Reordered,
    #[error("the {format} file has nothing that can be sent: {what}")]
    Unsupported { format: &'static str, what: String },
    #[error("{value} frames a second make no sense: give a number above 0 and up to 240")]
    FrameRate { value: String },
}

impl ContainerError {
    fn damaged(format: &'static str, what: impl Into<String>) -> Self {
        ContainerError::Damaged { format, what: what.into() }
    }
}

/// An opened file. Its frames can be read any number of times.
#[derive(Debug)]
pub struct MediaFile {
    tracks: Vec<Track>,
    /// In the order of time, all tracks together.
    samples: Vec<Frame>,
    left_out: Vec<String>,
}

#[derive(Debug)]
struct Track {
    info: TrackInfo,
    form: Form,
}

/// How the samples of a track differ from [`Frame::data`].
#[derive(Debug)]
enum Form {
    Same,
    /// NAL units behind their length; `sets` (Annex B) belong in front of keyframes without their own.
    LengthPrefixed {
        length_size: usize,
        sets: Bytes,
    },
    /// A sequence header that belongs in front of keyframes without one.
    Obus {
        config: Bytes,
    },
}

impl MediaFile {
    /// Opens a file by what it contains. `fps` is the frame rate of an Annex B stream, which has no timestamps.
    pub fn open(data: &Bytes, fps: f64) -> Result<Self, ContainerError> {
        let mut file = match data.get(..12) {
            Some([b'D', b'K', b'I', b'F', ..]) => ivf::read(data)?,
            Some([b'O', b'g', b'g', b'S', ..]) => ogg_opus::read(data)?,
            Some([_, _, _, _, kind @ ..]) if mp4::is_first_box(&kind[..4]) => mp4::read(data)?,
            Some([0, 0, 1, ..] | [0, 0, 0, 1, ..]) => annexb::read(data, fps)?,
            _ => {
                let start = data.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
                return Err(ContainerError::UnknownFormat {
                    start: if data.is_empty() { "nothing".into() } else { start },
                });
            }
        };
        file.samples.sort_by_key(Frame::pts_ns);
        Ok(file)
    }

    /// The tracks; [`Frame::track`] is an index into them.
    pub fn tracks(&self) -> TrackSet {
        self.tracks.iter().map(|track| track.info.clone()).collect()
    }

    /// What the file has besides and can not be sent, one line each.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are no frames. A file that opened has some.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// When the last frame ends: where a loop begins again.
    pub fn duration(&self) -> Duration {
        let end =
            |frame: &Frame| Frame { pts: frame.pts + u64::from(frame.duration), data: Bytes::new(), ..*frame }.pts_ns();
        Duration::from_nanos(self.samples.iter().map(end).max().unwrap_or(0))
    }

    /// The frames in the order of time, ready to be sent.
    pub fn frames(&self) -> impl Iterator<Item = Result<Frame, ContainerError>> + '_ {
        self.samples.iter().map(|sample| {
            let data = match &self.tracks[usize::from(sample.track)].form {
                Form::Same => sample.data.clone(),
                Form::LengthPrefixed { length_size, sets } => mp4::to_annexb(sample, *length_size, sets)?,
                Form::Obus { config } => mp4::with_sequence_header(sample, config),
            };
            Ok(Frame { data, ..sample.clone() })
        })
    }
}

/// Gives each frame of one track the time until the next as its duration; the last one gets that of the one before.
fn set_durations(frames: &mut [Frame]) {
    for index in 1..frames.len() {
        frames[index - 1].duration = u32::try_from(frames[index].pts - frames[index - 1].pts).unwrap_or(u32::MAX);
    }
    if let [.., before, last] = frames {
        last.duration = before.duration;
    }
}

/// The parameters of an H.264 track whose SPS is known.
fn h264_fmtp(sps: &[u8]) -> Vec<(String, String)> {
    let mut fmtp = vec![("packetization-mode".to_owned(), "1".to_owned())];
    if let Some(level) = sps.get(1..4) {
        let id = level.iter().map(|byte| format!("{byte:02x}")).collect();
        fmtp.push(("profile-level-id".to_owned(), id));
    }
    fmtp
}

/// The parameters of an Opus track.
fn opus_fmtp(channels: u8) -> Vec<(String, String)> {
    let stereo = if channels > 1 { "1" } else { "0" };
    vec![("stereo".to_owned(), stereo.to_owned()), ("sprop-stereo".to_owned(), stereo.to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;
    use crate::protocol::bitstream;

    macro_rules! media {
        ($name:literal) => {
            Bytes::from_static(include_bytes!(concat!("../../../tests/data/media/", $name)))
        };
    }

    fn open(data: &Bytes) -> MediaFile {
        MediaFile::open(data, 10.0).expect("it opens")
    }

    fn frames(file: &MediaFile) -> Vec<Frame> {
        file.frames().collect::<Result<_, _>>().expect("every frame can be read")
    }

    #[test]
    fn videos_of_ffmpeg_are_read() {
        // All: 10 frames of 96x64 at 10 fps, a keyframe at 0 and 5.
        let rows = [
            ("clip.h264", media!("clip.h264"), Codec::H264),
            ("vp8.ivf", media!("vp8.ivf"), Codec::Vp8),
            ("vp9.ivf", media!("vp9.ivf"), Codec::Vp9),
            ("av1.ivf", media!("av1.ivf"), Codec::Av1),
            ("h264_opus.mp4", media!("h264_opus.mp4"), Codec::H264),
            ("h264_opus_fragmented.mp4", media!("h264_opus_fragmented.mp4"), Codec::H264),
            ("h265.mp4", media!("h265.mp4"), Codec::H265),
            ("vp9.mp4", media!("vp9.mp4"), Codec::Vp9),
            ("av1.mp4", media!("av1.mp4"), Codec::Av1),
        ];
        for (name, data, codec) in rows {
            let file = open(&data);
            assert_eq!(file.tracks()[0].codec, codec, "{name}");
            let all = frames(&file);
            let video: Vec<_> = all.iter().filter(|frame| frame.track == 0).collect();
            // Where Opus is in the file, its pre-skip of 6.5 ms comes first.
            let start = video[0].pts;
            assert!(start <= 600, "{name}: {start}");
            let times: Vec<_> = video.iter().map(|frame| frame.pts - start).collect();
            assert_eq!(times, (0..10).map(|index| index * 9_000).collect::<Vec<_>>(), "{name}");
            let keyframes: Vec<_> = (0..10).filter(|&index: &usize| video[index].keyframe).collect();
            assert_eq!(keyframes, [0, 5], "{name}");
            assert!(video.iter().all(|frame| frame.duration == 9_000 && frame.codec == codec), "{name}");
            assert_eq!(size(codec, &video[0].data), Some((96, 64)), "{name}");
            assert_eq!(size(codec, &video[5].data), Some((96, 64)), "{name}");
            assert!((1_000..1_050).contains(&file.duration().as_millis()), "{name} {:?}", file.duration());
        }
    }

    /// The picture size that a keyframe tells by itself.
    fn size(codec: Codec, data: &[u8]) -> Option<bitstream::PictureSize> {
        use bitstream::{annexb, av1, h264, h265, vp8, vp9};
        match codec {
            Codec::H264 => annexb::nal_units(data)
                .map(|unit| &data[unit])
                .find(|nal| h264::nal_type(nal[0]) == h264::SPS)
                .and_then(h264::sps_size),
            Codec::H265 => annexb::nal_units(data)
                .map(|unit| &data[unit])
                .find(|nal| h265::nal_type(nal[0]) == h265::SPS)
                .and_then(h265::sps_size),
            Codec::Vp8 => vp8::keyframe_size(data),
            Codec::Vp9 => vp9::frame_header(data).and_then(|header| header.size),
            _ => av1::obus(data)
                .find(|obu| av1::obu_type(obu.header) == av1::SEQUENCE_HEADER)
                .and_then(|obu| av1::sequence_size(&data[obu.body])),
        }
    }

    #[test]
    fn sound_is_read_and_interleaved() {
        for (data, track) in
            [(media!("tone.opus"), 0), (media!("h264_opus.mp4"), 1), (media!("h264_opus_fragmented.mp4"), 1)]
        {
            let file = open(&data);
            assert_eq!(file.tracks()[track].codec, Codec::Opus);
            let all = frames(&file);
            let sound: Vec<_> = all.iter().filter(|frame| usize::from(frame.track) == track).collect();
            assert!((50..=52).contains(&sound.len()), "{}", sound.len());
            assert!(sound.iter().all(|frame| frame.keyframe && bitstream::opus::duration(&frame.data) == Some(960)));
            assert!(sound.windows(2).all(|pair| pair[1].pts - pair[0].pts == 960));
            assert!(all.windows(2).all(|pair| pair[0].pts_ns() <= pair[1].pts_ns()));
        }
    }

    #[test]
    fn parameter_sets_are_known_for_the_offer() {
        let h264 = open(&media!("h264_opus.mp4")).tracks();
        assert_eq!((h264[0].parameter_sets.len(), h264[0].parameter("packetization-mode")), (2, Some("1")));
        assert_eq!(h264[0].parameter("profile-level-id").map(|id| &id[..2]), Some("42"));
        assert_eq!(open(&media!("h265.mp4")).tracks()[0].parameter_sets.len(), 3);
        assert_eq!(open(&media!("clip.h264")).tracks()[0].parameter_sets.len(), 2);
    }

    #[test]
    fn b_frames_are_refused() {
        for data in [media!("bframes.h264"), media!("bframes.mp4")] {
            assert_eq!(MediaFile::open(&data, 10.0).err(), Some(ContainerError::Reordered));
        }
    }

    #[test]
    fn other_files_are_named() {
        let error =
            MediaFile::open(&Bytes::from_static(b"RIFF\0\0\0\0AVI LIST"), 30.0).expect_err("it is no known file");
        assert!(error.to_string().ends_with("it starts with 52 49 46 46 00 00 00 00"), "{error}");
        assert!(MediaFile::open(&Bytes::new(), 30.0).is_err());
        for fps in [0.0, -1.0, f64::NAN, 1e9] {
            let error = MediaFile::open(&media!("clip.h264"), fps).expect_err("no such rate");
            assert!(matches!(error, ContainerError::FrameRate { .. }));
        }
    }

    /// Files cut short and files with bytes changed are refused or read in part, but nothing panics or runs away.
    #[test]
    fn damaged_files_are_survived() {
        let files = [
            media!("clip.h264"),
            media!("vp8.ivf"),
            media!("av1.ivf"),
            media!("h264_opus.mp4"),
            media!("h264_opus_fragmented.mp4"),
            media!("h265.mp4"),
            media!("av1.mp4"),
            media!("tone.opus"),
        ];
        let mut state = 1u32;
        let mut random = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for data in files {
            for round in 0..120 {
                let mut bytes = data.to_vec();
                if round % 3 == 0 {
                    bytes.truncate(random(bytes.len()));
                }
                for _ in 0..round % 5 {
                    // Mostly where the boxes and headers are: the start and the end.
                    let at = random(700.min(bytes.len().max(1)));
                    let at = if random(2) == 0 { at } else { bytes.len().saturating_sub(at + 1) };
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = [0, 1, 0xff, 0x7f, random(256) as u8][random(5)];
                    }
                }
                if let Ok(file) = MediaFile::open(&bytes.into(), 10.0) {
                    _ = file.frames().filter(Result::is_ok).count();
                    _ = file.duration();
                }
            }
        }
    }
}
