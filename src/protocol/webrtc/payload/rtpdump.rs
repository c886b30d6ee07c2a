//! Packets of FFmpeg's RTP muxer, recorded for tests: ten frames of 96x64 at 10 fps for each codec.

use crate::media::Codec;
use bytes::Bytes;

pub(super) const ALL: [(Codec, &[u8]); 5] = [
    (Codec::H264, include_bytes!("../../../../tests/data/media/ffmpeg_h264.rtpdump")),
    (Codec::H265, include_bytes!("../../../../tests/data/media/ffmpeg_h265.rtpdump")),
    (Codec::Vp8, include_bytes!("../../../../tests/data/media/ffmpeg_vp8.rtpdump")),
    (Codec::Vp9, include_bytes!("../../../../tests/data/media/ffmpeg_vp9.rtpdump")),
    (Codec::Av1, include_bytes!("../../../../tests/data/media/ffmpeg_av1.rtpdump")),
];

pub(super) struct Recorded {
    /// Unwrapped.
    pub timestamp: u64,
    pub marker: bool,
    pub payload: Bytes,
}

/// Each record is a length (2 bytes), the timestamp (4), the marker (1) and the payload.
pub(super) fn read(mut dump: &'static [u8]) -> Vec<Recorded> {
    let mut packets = Vec::new();
    let mut first = None;
    while let Some((head, rest)) = dump.split_first_chunk::<7>() {
        let length = usize::from(u16::from_be_bytes([head[0], head[1]]));
        let timestamp = u32::from_be_bytes([head[2], head[3], head[4], head[5]]);
        let first = *first.get_or_insert(timestamp);
        packets.push(Recorded {
            timestamp: u64::from(timestamp.wrapping_sub(first)),
            marker: head[6] != 0,
            payload: Bytes::from_static(&rest[..length]),
        });
        dump = &rest[length..];
    }
    packets
}
