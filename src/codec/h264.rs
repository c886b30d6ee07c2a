//! H.264 by openh264: constrained baseline for real-time streams, and a decoder.
#![allow(unsafe_code)]

use super::{CodecError, Picture};
use bytes::Bytes;
use openh264::OpenH264API;
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile, RateControlMode, UsageType,
    VuiConfig,
};
use openh264::formats::YUVSource;
use openh264_sys2::{
    ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo, SPATIAL_LAYER_0,
    WELS_LOG_QUIET,
};
use std::ffi::c_void;
use std::sync::Once;

/// What the pictures show; the encoder looks for different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Camera,
    /// Text and flat areas that mostly stand still. Takes three times the CPU; quality is kept where bits run short.
    Screen,
}

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// Pixels, even, 32 to 3840.
    pub width: usize,
    /// Pixels, even, 32 to 2160.
    pub height: usize,
    /// Pictures a second, 1 to 120.
    pub fps: u32,
    /// Bits a second that it aims at.
    pub bitrate: u32,
    /// Pictures from one keyframe to the next at most; 0: only where forced.
    pub keyframe_interval: u32,
    pub content: Content,
}

/// An encoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// An Annex B access unit; keyframes start with their parameter sets.
    pub data: Bytes,
    pub keyframe: bool,
}

/// Encodes pictures of one size.
pub struct Encoder {
    encoder: openh264::encoder::Encoder,
    size: (usize, usize),
    bitrate: u32,
}

impl Encoder {
    /// An encoder in one thread, without B-frames and without skipped pictures.
    pub fn new(options: EncoderOptions) -> Result<Self, CodecError> {
        let EncoderOptions { width, height, fps, bitrate, keyframe_interval, content } = options;
        let fits = |side: usize, most| side.is_multiple_of(2) && (32..=most).contains(&side);
        if !(fits(width, 3_840) && fits(height, 2_160)) {
            return Err(CodecError::Size { width, height });
        }
        if !(1..=120).contains(&fps) {
            return Err(CodecError::FrameRate { value: fps });
        }
        let config = EncoderConfig::new()
            .bitrate(BitRate::from_bps(bitrate))
            .max_frame_rate(FrameRate::from_hz(fps as f32))
            .rate_control_mode(RateControlMode::Bitrate)
            .skip_frames(false)
            .scene_change_detect(false)
            .profile(Profile::Baseline)
            .complexity(Complexity::Low)
            .num_threads(1)
            .usage_type(match content {
                Content::Camera => UsageType::CameraVideoRealTime,
                Content::Screen => UsageType::ScreenContentRealTime,
            })
            .vui(VuiConfig::bt709())
            .intra_frame_period(IntraFramePeriod::from_num_frames(keyframe_interval));
        report_build();
        let mut encoder = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(CodecError::Encode)?;
        quieten(&mut encoder);
        Ok(Encoder { encoder, size: (width, height), bitrate })
    }

    /// Encodes a picture of the size given at the start. `None` where the encoder left it out.
    pub fn encode(&mut self, picture: &Picture) -> Result<Option<Encoded>, CodecError> {
        if picture.dimensions() != self.size {
            return Err(CodecError::Size { width: picture.width(), height: picture.height() });
        }
        let stream = self.encoder.encode(picture).map_err(CodecError::Encode)?;
        let keyframe = matches!(stream.frame_type(), FrameType::IDR | FrameType::I);
        let data = Bytes::from(stream.to_vec());
        Ok((!data.is_empty()).then_some(Encoded { data, keyframe }))
    }

    /// Makes the next picture a keyframe.
    pub fn force_keyframe(&mut self) {
        self.encoder.force_intra_frame();
    }

    /// Aims at another bitrate, in bits a second, from the next picture on. To be called after the first picture.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<(), CodecError> {
        // The most may never be below what is aimed at, so the order depends on the direction.
        let (first, second) = if bitrate > self.bitrate {
            (ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_BITRATE)
        } else {
            (ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE)
        };
        let failed = CodecError::Bitrate { bits_per_second: bitrate };
        let Ok(value) = i32::try_from(bitrate) else { return Err(failed) };
        for option in [first, second] {
            let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: value };
            // SAFETY: both options take a pointer to an SBitrateInfo, read during the call only; before the first picture
            // openh264 refuses options, it does not crash.
            let result = unsafe { self.encoder.raw_api().set_option(option, (&raw mut info).cast::<c_void>()) };
            if result != 0 {
                return Err(failed);
            }
        }
        self.bitrate = bitrate;
        Ok(())
    }
}

/// Decodes access units.
pub struct Decoder {
    decoder: openh264::decoder::Decoder,
}

impl Decoder {
    /// A decoder that waits for a keyframe.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Decoder { decoder: openh264::decoder::Decoder::new().map_err(CodecError::Decode)? })
    }

    /// Decodes an Annex B access unit. `None` where it gives no picture (yet).
    pub fn decode(&mut self, access_unit: &[u8]) -> Result<Option<Picture>, CodecError> {
        let decoded = self.decoder.decode(access_unit).map_err(CodecError::Decode)?;
        Ok(decoded.and_then(|yuv| {
            let (luma, chroma, _) = yuv.strides();
            Picture::from_planes(yuv.dimensions(), [yuv.y(), yuv.u(), yuv.v()], (luma, chroma))
        }))
    }
}

/// Whether openh264 was built with its assembly. Without (no nasm at build time) it takes 2 to 3.5 times the CPU.
pub fn has_assembly() -> bool {
    // SAFETY: as declared in openh264's `cpu.h`.
    unsafe extern "C" {
        fn WelsCPUFeatureDetect(processors: *mut i32) -> u32;
    }
    let mut processors = 0;
    // SAFETY: a plain function of the linked openh264 that reads CPUID and writes one integer. Built without assembly it
    // finds no feature at all.
    unsafe { WelsCPUFeatureDetect(&raw mut processors) != 0 }
}

/// Keeps openh264 from writing to standard error, past the log, while it opens; later it is quiet by itself.
fn quieten(encoder: &mut openh264::encoder::Encoder) {
    let mut level = WELS_LOG_QUIET;
    // SAFETY: the option takes a pointer to an integer, read during the call only, and may be set before initialisation.
    unsafe { encoder.raw_api().set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast::<c_void>()) };
}

/// Logs once how openh264 was built.
fn report_build() {
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        if has_assembly() {
            tracing::info!(assembly = true, "openh264 was built with assembly");
        } else {
            tracing::warn!(
                assembly = false,
                "openh264 was built without assembly and takes 2 to 3.5 times the CPU: install nasm and build again"
            );
        }
    });
}

/// `profile-level-id` (RFC 6184, 8.1) of what [`Encoder`] makes: constrained baseline, at the lowest level that holds the
/// stream, but at least 3.1, which is what browsers name.
pub fn profile_level_id(width: usize, height: usize, fps: u32) -> String {
    // Level, most macroblocks a picture and a second (H.264, table A-1).
    const LEVELS: [(u8, usize, usize); 6] = [
        (31, 3_600, 108_000),
        (32, 5_120, 216_000),
        (40, 8_192, 245_760),
        (42, 8_704, 522_240),
        (51, 36_864, 983_040),
        (52, 36_864, 2_073_600),
    ];
    let blocks = width.div_ceil(16) * height.div_ceil(16);
    let fits = |&&(_, most, rate): &&(u8, usize, usize)| blocks <= most && blocks * fps as usize <= rate;
    let level = LEVELS.iter().find(fits).map_or(52, |level| level.0);
    format!("42e0{level:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::picture::{Area, Color};

    const GREY: Color = Color { y: 100, u: 128, v: 128 };
    const OPTIONS: EncoderOptions = EncoderOptions {
        width: 320,
        height: 180,
        fps: 30,
        bitrate: 300_000,
        keyframe_interval: 10,
        content: Content::Screen,
    };

    /// A calm picture with some moving blocks, or one of noise, which needs as many bits as it can get.
    fn picture(step: usize, noise: bool) -> Picture {
        let mut picture = Picture::new(320, 180, GREY);
        let mut state = (step as u32).wrapping_mul(0x9e37_79b9);
        for block in 0..if noise { 0 } else { 40 } {
            let area = Area { x: (block * 37 + step * 4) % 300, y: (block * 23 + step) % 170, width: 14, height: 10 };
            picture.fill(area, Color::rgb((block * 6) as u8, 200, (step * 3) as u8));
        }
        for block in 0..if noise { 80 * 45 } else { 0 } {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let area = Area { x: block % 80 * 4, y: block / 80 * 4, width: 4, height: 4 };
            picture.fill(area, Color { y: 90 + (state >> 24) as u8 / 8, ..GREY });
        }
        picture
    }

    #[test]
    fn keyframes_come_as_asked_and_decode() {
        let mut encoder = Encoder::new(OPTIONS).expect("it opens");
        let mut decoder = Decoder::new().expect("it opens");
        let mut keyframes = Vec::new();
        for step in 0..25 {
            if step == 14 {
                encoder.force_keyframe();
            }
            let original = picture(step, false);
            let encoded = encoder.encode(&original).expect("it encodes").expect("no picture is left out");
            if encoded.keyframe {
                keyframes.push(step);
                assert_eq!(encoded.data[4] & 0x1f, 7, "a keyframe starts with its parameter sets");
            }
            let decoded = decoder.decode(&encoded.data).expect("it decodes").expect("there is a picture");
            let difference: u64 =
                original.luma().iter().zip(decoded.luma()).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
            assert!(difference / (320 * 180) < 12, "{step}: {difference}");
        }
        assert_eq!(keyframes[..3], [0, 10, 14]);
    }

    #[test]
    fn the_bitrate_follows() {
        let options = EncoderOptions { keyframe_interval: 0, bitrate: 1_500_000, content: Content::Camera, ..OPTIONS };
        let mut encoder = Encoder::new(options).expect("it opens");
        let size = |encoder: &mut Encoder, steps: std::ops::Range<usize>| -> usize {
            let encode =
                |step| encoder.encode(&picture(step, true)).expect("it encodes").map_or(0, |frame| frame.data.len());
            steps.map(encode).sum()
        };
        size(&mut encoder, 0..30);
        let high = size(&mut encoder, 30..90);
        encoder.set_bitrate(300_000).expect("it takes it");
        size(&mut encoder, 90..120);
        let low = size(&mut encoder, 120..180);
        encoder.set_bitrate(1_600_000).expect("it takes it");
        size(&mut encoder, 180..210);
        let again = size(&mut encoder, 210..270);
        assert!(low * 2 < high && low * 2 < again, "{high} {low} {again}");
    }

    #[test]
    fn the_stream_says_its_level() {
        let mut encoder = Encoder::new(EncoderOptions { width: 1280, height: 720, ..OPTIONS }).expect("it opens");
        let frame = encoder.encode(&Picture::new(1280, 720, GREY)).expect("it encodes").expect("one picture");
        // Constrained baseline: both constraint flags 0 and 1.
        assert_eq!((frame.data[5], frame.data[6] & 0xc0), (66, 0xc0));
        assert!(frame.data[7] <= 31, "level {}", frame.data[7]);
        assert_eq!(profile_level_id(1280, 720, 30), "42e01f");
        assert_eq!(profile_level_id(1920, 1080, 30), "42e028");
        assert_eq!(profile_level_id(320, 180, 30), "42e01f");
    }

    #[test]
    fn what_can_not_be_encoded_is_refused() {
        for (width, height, fps) in [(321, 180, 30), (16, 16, 30), (7_680, 4_320, 30), (320, 180, 0)] {
            assert!(Encoder::new(EncoderOptions { width, height, fps, ..OPTIONS }).is_err());
        }
        let mut encoder = Encoder::new(OPTIONS).expect("it opens");
        assert!(encoder.encode(&Picture::new(64, 64, GREY)).is_err());
    }

    #[test]
    fn garbage_gives_no_picture() {
        let mut decoder = Decoder::new().expect("it opens");
        for length in 0..60 {
            let garbage: Vec<u8> = (0..length).map(|at: usize| (at * 73 + length * 11) as u8).collect();
            assert!(!matches!(decoder.decode(&garbage), Ok(Some(_))));
        }
    }
}
