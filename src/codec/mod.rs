//! Encoders, decoders and generated pictures and sound: samples in, coded frames out, and back.

pub mod font;
pub mod h264;
pub mod opus;
pub mod pattern;
pub mod picture;
pub mod source;
pub mod testcard;
pub mod tone;

pub use picture::Picture;
pub use source::{SourceOptions, TestSource};

/// What an encoder or decoder could not do.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    #[error("a picture of {width}x{height} can not be encoded: width and height must be even, from 32x32 to 3840x2160")]
    Size { width: usize, height: usize },
    #[error("{value} frames a second can not be encoded: choose 1 to 120")]
    FrameRate { value: u32 },
    #[error("the H.264 encoder failed: {0}")]
    Encode(openh264::Error),
    #[error("this is no H.264 that can be decoded: {0}")]
    Decode(openh264::Error),
    #[error("the H.264 encoder did not take {bits_per_second} bit/s")]
    Bitrate { bits_per_second: u32 },
    #[error("the Opus codec failed: {0}")]
    Opus(#[from] ::opus::Error),
}
