//! Packets on a TCP connection: each has its length before it, in two bytes (RFC 4571, 2; RFC 6544, 10.1).

use std::ops::Range;

/// Bytes of the length.
pub const HEAD: usize = 2;
/// Longest packet that is taken: above any of STUN, DTLS, RTP and RTCP, which are made for datagrams. A peer that announces a
/// longer one speaks another protocol.
pub const MAX_PACKET: usize = 2_048;

/// A length that no packet has here. What follows it can not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is announced; {MAX_PACKET} are the most")]
pub struct TooLong(pub usize);

/// Where the first packet of a stream's bytes is; none when its end has not come yet. The next frame begins behind it. An empty
/// packet is allowed and means nothing.
pub fn next(bytes: &[u8]) -> Result<Option<Range<usize>>, TooLong> {
    let Some(head) = bytes.first_chunk::<HEAD>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*head));
    if length > MAX_PACKET {
        return Err(TooLong(length));
    }
    Ok((bytes.len() >= HEAD + length).then_some(HEAD..HEAD + length))
}

/// What comes before a packet of this length, which is below 65,536.
pub fn head(length: usize) -> [u8; HEAD] {
    (length as u16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_wherever_the_stream_was_cut() {
        let packets: [&[u8]; 4] = [&[7; 300], &[], &[1], &[9; MAX_PACKET]];
        let stream: Vec<u8> = packets.iter().flat_map(|packet| [&head(packet.len())[..], packet].concat()).collect();
        for cut in [1, 2, 3, 7, 301, 1_000, stream.len()] {
            let (mut seen, mut bytes) = (Vec::new(), Vec::new());
            for piece in stream.chunks(cut) {
                bytes.extend_from_slice(piece);
                while let Some(range) = next(&bytes).unwrap() {
                    seen.push(bytes[range.clone()].to_vec());
                    bytes.drain(..range.end);
                }
            }
            assert!(bytes.is_empty() && seen == packets, "cut every {cut} bytes");
        }
    }

    #[test]
    fn what_is_no_frame_of_ours_is_refused_by_its_first_two_bytes() {
        for (bytes, length) in [(&b"GET / HTTP/1.1\r\n"[..], 0x4745), (&[0x16, 3, 1, 2, 0], 0x1603), (&[8, 1], 2_049)] {
            assert_eq!(next(bytes), Err(TooLong(length)));
        }
        assert_eq!((next(&[]), next(&[0xff]), next(&[8, 0])), (Ok(None), Ok(None), Ok(None)));
    }
}
