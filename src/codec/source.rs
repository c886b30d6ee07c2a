//! The test source: moving picture and tone, encoded, frame by frame in the order of time.

use super::CodecError;
use super::h264::{self, Content, EncoderOptions};
use super::opus;
use super::testcard::TestCard;
use super::tone::Tone;
use crate::media::{Codec, Frame, TrackInfo, TrackSet};
use std::time::Duration;

/// What the test source makes.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// Picture size in pixels, even.
    pub width: usize,
    pub height: usize,
    /// Pictures a second, 1 to 120.
    pub fps: u32,
    /// Bits a second.
    pub video_bitrate: u32,
    /// Bits a second.
    pub audio_bitrate: u32,
    /// Most seconds from one keyframe to the next; 0: keyframes on demand only.
    pub keyframe_seconds: u32,
    /// Title in the picture.
    pub name: String,
    pub video: bool,
    pub audio: bool,
}

impl Default for SourceOptions {
    /// 720p at 30 pictures a second and 1.5 Mbit/s, a keyframe each 2 s, and the tone at 64 kbit/s.
    fn default() -> Self {
        SourceOptions {
            width: 1_280,
            height: 720,
            fps: 30,
            video_bitrate: 1_500_000,
            audio_bitrate: 64_000,
            keyframe_seconds: 2,
            name: "testsrc".to_owned(),
            video: true,
            audio: true,
        }
    }
}

/// Makes frames of H.264 and Opus. It reads no clock: the caller paces it by [`TestSource::next_due`].
pub struct TestSource {
    options: SourceOptions,
    video: Option<Video>,
    audio: Option<Audio>,
}

struct Video {
    track: u8,
    card: TestCard,
    encoder: h264::Encoder,
    /// Index of the next picture.
    next: u64,
}

struct Audio {
    track: u8,
    tone: Tone,
    encoder: opus::Encoder,
    samples: Box<[i16; 2 * opus::FRAME_SAMPLES]>,
    /// Index of the next packet.
    next: u64,
}

impl TestSource {
    /// Opens the encoders that `options` asks for.
    pub fn new(options: SourceOptions) -> Result<Self, CodecError> {
        let SourceOptions { width, height, fps, .. } = options;
        let video = if options.video {
            let encoder = h264::Encoder::new(EncoderOptions {
                width,
                height,
                fps,
                bitrate: options.video_bitrate,
                keyframe_interval: options.keyframe_seconds.saturating_mul(fps),
                content: Content::Camera,
            })?;
            Some(Video { track: 0, card: TestCard::new(width, height, fps, &options.name), encoder, next: 0 })
        } else {
            None
        };
        let audio = if options.audio {
            let encoder = opus::Encoder::new(options.audio_bitrate)?;
            let samples = Box::new([0; 2 * opus::FRAME_SAMPLES]);
            Some(Audio { track: u8::from(options.video), tone: Tone::new(), encoder, samples, next: 0 })
        } else {
            None
        };
        Ok(TestSource { options, video, audio })
    }

    /// The tracks: picture first.
    pub fn tracks(&self) -> TrackSet {
        let track = |codec, fmtp: &[(&str, &str)]| TrackInfo {
            fmtp: fmtp.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            ..TrackInfo::new(codec)
        };
        let mut tracks = TrackSet::new();
        if self.video.is_some() {
            let level = h264::profile_level_id(self.options.width, self.options.height, self.options.fps);
            let fmtp = [("level-asymmetry-allowed", "1"), ("packetization-mode", "1"), ("profile-level-id", &level)];
            tracks.push(track(Codec::H264, &fmtp));
        }
        if self.audio.is_some() {
            let fmtp = [("minptime", "10"), ("useinbandfec", "1"), ("stereo", "1"), ("sprop-stereo", "1")];
            tracks.push(track(Codec::Opus, &fmtp));
        }
        tracks
    }

    /// When the next frame is due, from the start of the source. Without any track: never.
    pub fn next_due(&self) -> Duration {
        self.video_due().min(self.audio_due())
    }

    /// Makes the next frame; `wall_ns` is the wall clock (nanoseconds since 1970) when it is due, shown in the picture and
    /// carried as its capture time. `None` where there is no track, or the encoder left the picture out.
    pub fn next(&mut self, wall_ns: u64) -> Result<Option<Frame>, CodecError> {
        if self.video_due() <= self.audio_due() { self.next_video(wall_ns) } else { self.next_audio(wall_ns) }
    }

    /// Leaves out the frames that are due before `time`, for a caller that fell behind.
    pub fn skip_to(&mut self, time: Duration) {
        let fps = self.options.fps;
        if let Some(video) = &mut self.video {
            let index = (time.as_nanos() * u128::from(fps)).div_ceil(1_000_000_000) as u64;
            video.next = video.next.max(index);
        }
        if let Some(audio) = &mut self.audio {
            let index = time.as_nanos().div_ceil(PACKET_TIME.as_nanos()) as u64;
            let skipped = index.saturating_sub(audio.next);
            if skipped > 0 {
                audio.tone.skip(skipped * opus::FRAME_SAMPLES as u64);
                audio.next = index;
            }
        }
    }

    /// Makes the next picture a keyframe.
    pub fn force_keyframe(&mut self) {
        if let Some(video) = &mut self.video {
            video.encoder.force_keyframe();
        }
    }

    /// Aims at another bitrate of the picture, in bits a second; to be called after the first picture.
    pub fn set_video_bitrate(&mut self, bitrate: u32) -> Result<(), CodecError> {
        self.video.as_mut().map_or(Ok(()), |video| video.encoder.set_bitrate(bitrate))
    }

    fn video_due(&self) -> Duration {
        self.video.as_ref().map_or(Duration::MAX, |video| {
            Duration::from_nanos((u128::from(video.next) * 1_000_000_000 / u128::from(self.options.fps)) as u64)
        })
    }

    fn audio_due(&self) -> Duration {
        self.audio
            .as_ref()
            .map_or(Duration::MAX, |audio| Duration::from_nanos(audio.next * PACKET_TIME.as_nanos() as u64))
    }

    fn next_video(&mut self, wall_ns: u64) -> Result<Option<Frame>, CodecError> {
        let fps = u64::from(self.options.fps);
        let Some(video) = &mut self.video else { return Ok(None) };
        let index = video.next;
        video.next += 1;
        let pts = |index: u64| index * 90_000 / fps;
        let encoded = video.encoder.encode(video.card.draw(wall_ns, index))?;
        Ok(encoded.map(|encoded| Frame {
            track: video.track,
            codec: Codec::H264,
            pts: pts(index),
            duration: (pts(index + 1) - pts(index)) as u32,
            keyframe: encoded.keyframe,
            capture_ns: Some(wall_ns),
            data: encoded.data,
        }))
    }

    fn next_audio(&mut self, wall_ns: u64) -> Result<Option<Frame>, CodecError> {
        let Some(audio) = &mut self.audio else { return Ok(None) };
        let index = audio.next;
        audio.next += 1;
        audio.tone.fill(&mut audio.samples[..], wall_ns);
        Ok(Some(Frame {
            track: audio.track,
            codec: Codec::Opus,
            pts: index * opus::FRAME_SAMPLES as u64,
            duration: opus::FRAME_SAMPLES as u32,
            keyframe: true,
            capture_ns: Some(wall_ns),
            data: audio.encoder.encode(&audio.samples[..])?,
        }))
    }
}

const PACKET_TIME: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::pattern;

    const START: u64 = 1_795_354_597_100_000_000;

    fn small(fps: u32) -> SourceOptions {
        SourceOptions { width: 320, height: 180, fps, video_bitrate: 300_000, ..SourceOptions::default() }
    }

    /// Frames up to `end`, each at its due time.
    fn run(source: &mut TestSource, end: Duration) -> Vec<Frame> {
        let mut frames = Vec::new();
        while source.next_due() < end {
            let wall = START + source.next_due().as_nanos() as u64;
            frames.extend(source.next(wall).expect("it encodes"));
        }
        frames
    }

    #[test]
    fn frames_come_in_the_order_of_time() {
        let mut source = TestSource::new(small(30)).expect("it opens");
        let frames = run(&mut source, Duration::from_secs(1));
        assert_eq!(frames.iter().filter(|frame| frame.codec == Codec::H264).count(), 30);
        assert_eq!(frames.iter().filter(|frame| frame.codec == Codec::Opus).count(), 50);
        assert!(frames.windows(2).all(|pair| pair[0].pts_ns() <= pair[1].pts_ns()));
        assert!(frames.iter().all(|frame| frame.capture_ns.is_some_and(|wall| wall - START - frame.pts_ns() < 20)));
        let bits: usize = frames.iter().map(|frame| frame.data.len() * 8).sum();
        assert!((100_000..900_000).contains(&bits), "{bits}");
    }

    #[test]
    fn the_clock_is_read_back_from_decoded_pictures() {
        let mut source = TestSource::new(SourceOptions { audio: false, ..small(25) }).expect("it opens");
        let mut decoder = h264::Decoder::new().expect("it opens");
        for frame in run(&mut source, Duration::from_secs(2)) {
            let picture = decoder.decode(&frame.data).expect("it decodes").expect("a picture each");
            let read = pattern::read(picture.luma(), picture.width(), picture.width(), picture.height());
            assert_eq!(read.map(u64::from), frame.capture_ns.map(|wall| (wall / 1_000_000) & 0xffff_ffff));
        }
    }

    #[test]
    fn keyframes_are_regular_and_on_demand() {
        let options = SourceOptions { audio: false, keyframe_seconds: 1, ..small(10) };
        let mut source = TestSource::new(options).expect("it opens");
        let mut frames = run(&mut source, Duration::from_millis(1_500));
        source.force_keyframe();
        frames.extend(run(&mut source, Duration::from_secs(2)));
        let keyframes: Vec<_> = frames.iter().filter(|frame| frame.keyframe).map(|frame| frame.pts / 9_000).collect();
        assert_eq!(keyframes, [0, 10, 15]);
    }

    #[test]
    fn a_late_caller_skips() {
        let mut source = TestSource::new(small(30)).expect("it opens");
        run(&mut source, Duration::from_millis(100));
        source.skip_to(Duration::from_millis(1_010));
        assert_eq!(source.next_due(), Duration::from_millis(1_020));
        source.skip_to(Duration::from_millis(500));
        assert_eq!(source.next_due(), Duration::from_millis(1_020));
        let frames = run(&mut source, Duration::from_millis(1_100));
        assert_eq!(frames.iter().find(|frame| frame.codec == Codec::H264).map(|frame| frame.pts), Some(31 * 3_000));
    }

    #[test]
    fn one_kind_alone() {
        let source = TestSource::new(SourceOptions { video: false, ..small(30) }).expect("it opens");
        let tracks = source.tracks();
        assert_eq!((tracks.len(), tracks[0].codec, tracks[0].channels), (1, Codec::Opus, 2));
        let none = SourceOptions { video: false, audio: false, ..small(30) };
        let mut source = TestSource::new(none).expect("it opens");
        assert_eq!(source.next_due(), Duration::MAX);
        assert!(source.next(START).expect("nothing fails").is_none());
    }
}
