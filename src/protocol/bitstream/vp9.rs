//! The uncompressed header of VP9 (VP9 bitstream specification, 6.2).

use super::{BitReader, PictureSize, picture_size};

/// What the start of a frame tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    pub keyframe: bool,
    /// Frame buffers that this frame replaces, one bit each; 0: no later frame refers to it.
    pub refreshes: u8,
    /// Keyframes only.
    pub size: Option<PictureSize>,
}

/// The profile, 0 to 3; `None` where it is no VP9.
pub fn profile(frame: &[u8]) -> Option<u8> {
    let mut reader = BitReader::plain(frame);
    (reader.bits(2)? == 2).then_some(())?;
    Some(u8::from(reader.flag()?) | (u8::from(reader.flag()?) << 1))
}

/// Reads the start of a frame; `None` where it is no VP9.
pub fn frame_header(frame: &[u8]) -> Option<FrameHeader> {
    let profile = u32::from(profile(frame)?);
    let mut reader = BitReader::plain(frame);
    reader.skip(4)?;
    if profile == 3 {
        reader.flag()?;
    }
    if reader.flag()? {
        // A frame that was decoded before is shown: nothing is stored.
        return Some(FrameHeader { keyframe: false, refreshes: 0, size: None });
    }
    let keyframe = !reader.flag()?;
    let shown = reader.flag()?;
    let error_resilient = reader.flag()?;
    if keyframe {
        let size = keyframe_size(&mut reader, profile)?;
        return Some(FrameHeader { keyframe, refreshes: 0xff, size });
    }
    let intra_only = !shown && reader.flag()?;
    if !error_resilient {
        reader.skip(2)?;
    }
    if intra_only {
        sync_code(&mut reader)?;
        if profile > 0 {
            color_config(&mut reader, profile)?;
        }
    }
    Some(FrameHeader { keyframe, refreshes: reader.bits(8)? as u8, size: None })
}

fn keyframe_size(reader: &mut BitReader<'_>, profile: u32) -> Option<Option<PictureSize>> {
    sync_code(reader)?;
    color_config(reader, profile)?;
    let (width, height) = (reader.bits(16)? + 1, reader.bits(16)? + 1);
    Some(picture_size(width, height))
}

fn sync_code(reader: &mut BitReader<'_>) -> Option<()> {
    (reader.bits(24)? == 0x49_83_42).then_some(())
}

fn color_config(reader: &mut BitReader<'_>, profile: u32) -> Option<()> {
    const SRGB: u32 = 7;
    if profile >= 2 {
        reader.flag()?;
    }
    let subsampling_given = profile % 2 == 1;
    if reader.bits(3)? == SRGB {
        return reader.skip(u32::from(subsampling_given));
    }
    reader.skip(if subsampling_given { 4 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read() {
        // A 352x288 keyframe of libvpx; a frame that stores nothing.
        let key = [0x82, 0x49, 0x83, 0x42, 0x00, 0x15, 0xf0, 0x11, 0xf6];
        let expected = FrameHeader { keyframe: true, refreshes: 0xff, size: Some((352, 288)) };
        assert_eq!(frame_header(&key), Some(expected));
        assert_eq!(frame_header(&[0x86, 0x00, 0x40]).map(|header| header.refreshes), Some(1));
        assert_eq!(frame_header(&[0x86, 0x00, 0x00]).map(|header| header.refreshes), Some(0));
        assert_eq!(frame_header(&[0x88]).map(|header| header.keyframe), Some(false));
        for bad in [&[][..], &[0x00], &[0x82, 1, 2, 3], &key[..6]] {
            assert_eq!(frame_header(bad), None, "{bad:02x?}");
        }
    }
}
