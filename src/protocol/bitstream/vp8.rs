//! The frame tag of VP8 (RFC 6386, 9.1).

use super::{PictureSize, picture_size};

/// Whether a frame is a keyframe.
pub fn is_keyframe(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 1 == 0)
}

/// The size in a keyframe; `None` for other frames and where the start code is wrong.
pub fn keyframe_size(frame: &[u8]) -> Option<PictureSize> {
    let header: &[u8; 10] = frame.first_chunk()?;
    if !is_keyframe(frame) || header[3..6] != [0x9d, 0x01, 0x2a] {
        return None;
    }
    // The upper two bits of each are the scaling that a player should apply.
    let side = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]) & 0x3fff);
    picture_size(side(6), side(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read() {
        let key = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x41];
        assert!(is_keyframe(&key) && !is_keyframe(&[0x11]) && !is_keyframe(&[]));
        assert_eq!(keyframe_size(&key), Some((640, 480)));
        assert_eq!(keyframe_size(&key[..9]), None);
        assert_eq!(keyframe_size(&[0x10, 0, 0, 1, 2, 3, 0x80, 2, 0xe0, 1]), None);
    }
}
