//! Protects outgoing RTP and RTCP packets in place.

use super::cipher::{Cipher, RTCP_CLEAR};
use super::{Error, Profile};

/// One past the last SRTCP index (RFC 3711, 9.2).
const RTCP_INDEX_END: u32 = 1 << 31;

/// The context of packets that we send.
pub struct SrtpSender {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    /// One index serves all sources: it only has to grow for each.
    rtcp_index: u32,
}

impl SrtpSender {
    pub(super) fn new(profile: Profile, rtp: Cipher, rtcp: Cipher) -> Self {
        SrtpSender { profile, rtp, rtcp, rtcp_index: 1 }
    }

    /// The profile in use.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Protects an RTP packet in place and returns its new length, [`Profile::tag_len`] more.
    ///
    /// `buf` starts with the packet, `packet_len` bytes of which the first `header_len` are the header with its extensions,
    /// and has room for the tag. `index` is rollover counter and sequence number, `roc << 16 | seq`, less than 2^48; the
    /// first packet of an SSRC has rollover counter 0. An index must never be used for two different packets of an SSRC.
    ///
    /// # Panics
    ///
    /// If `buf` has no room for the tag, or `header_len` exceeds `packet_len`.
    #[inline]
    pub fn seal_rtp(&self, buf: &mut [u8], header_len: usize, packet_len: usize, ssrc: u32, index: u64) -> usize {
        debug_assert!(index < 1 << 48, "48 bits of index");
        self.rtp.seal_rtp(buf, header_len, packet_len, ssrc, index)
    }

    /// Protects a compound RTCP packet in place; it grows by [`Profile::rtcp_overhead`].
    pub fn seal_rtcp(&mut self, buf: &mut Vec<u8>) -> Result<(), Error> {
        let Some(ssrc) = buf[..].get(4..RTCP_CLEAR).and_then(|ssrc| ssrc.first_chunk()) else {
            return Err(Error::TooShort { len: buf.len() });
        };
        if self.rtcp_index == RTCP_INDEX_END {
            return Err(Error::KeyExhausted);
        }
        self.rtcp.seal_rtcp(buf, u32::from_be_bytes(*ssrc), self.rtcp_index);
        self.rtcp_index += 1;
        Ok(())
    }
}
