//! Headers of elementary video streams: just enough to find frames, keyframes, parameter sets and picture sizes.
//!
//! Everything here reads untrusted bytes: it is bounded, and a header that makes no sense is `None`, never a panic.

pub mod annexb;
pub mod av1;
mod bits;
pub mod h264;
pub mod h265;
pub mod opus;
pub mod vp8;
pub mod vp9;

pub(super) use bits::BitReader;

/// Width and height of a picture in pixels; neither is 0.
pub type PictureSize = (u16, u16);

/// A size of at least one and at most 65535 pixels a side.
fn picture_size(width: u32, height: u32) -> Option<PictureSize> {
    let side = |value: u32| u16::try_from(value).ok().filter(|&value| value > 0);
    Some((side(width)?, side(height)?))
}
