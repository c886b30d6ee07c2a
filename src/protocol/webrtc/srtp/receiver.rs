//! Opens incoming packets: rollover estimate, replay protection, decryption.

use super::cipher::{Cipher, ENCRYPTED};
use super::replay::ReplayWindow;
use super::{Error, Profile};
use crate::protocol::webrtc::rtp::Header;

/// Sources (SSRCs) of one peer, for RTP and RTCP each. A publisher of three simulcast layers with retransmissions and sound
/// uses 8; a packet of one source more is refused.
const MAX_SOURCES: usize = 32;

/// A packet comes at most so many after the last one of its source, when those between were lost.
const NEXT_RTP: u64 = 2_000;
const NEXT_RTCP: u64 = 32;

/// The context of packets that the peer sends. Memory for a source (about 150 bytes) is taken only after one of its packets
/// was authentic.
pub struct SrtpReceiver {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    rtp_sources: Vec<Source>,
    rtcp_sources: Vec<Source>,
}

/// What was received from an SSRC.
struct Source {
    ssrc: u32,
    window: ReplayWindow,
}

impl SrtpReceiver {
    pub(super) fn new(profile: Profile, rtp: Cipher, rtcp: Cipher) -> Self {
        SrtpReceiver { profile, rtp, rtcp, rtp_sources: Vec::new(), rtcp_sources: Vec::new() }
    }

    /// The profile in use.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Whether a packet looks like the next of a source that is known, which costs next to nothing to see; that it is, only opening it
    /// shows.
    pub fn expects(&self, packet: &[u8], rtcp: bool) -> bool {
        let next = |sources: &[Source], ssrc: u32, most: u64, index: &dyn Fn(u64) -> Option<u64>| {
            let highest = sources.iter().find(|source| source.ssrc == ssrc).map(|source| source.window.highest());
            highest.is_some_and(|highest| index(highest).is_some_and(|at| at > highest && at - highest <= most))
        };
        if rtcp {
            let ssrc = packet.get(4..8).and_then(|ssrc| ssrc.first_chunk()).map(|ssrc| u32::from_be_bytes(*ssrc));
            let word = self.rtcp.rtcp_index_word(packet);
            let index = |_: u64| word.map(|word| u64::from(word & !ENCRYPTED));
            return ssrc.is_some_and(|ssrc| next(&self.rtcp_sources, ssrc, NEXT_RTCP, &index));
        }
        let Ok(header) = Header::parse(packet) else { return false };
        let index = |highest: u64| estimate_index(highest, header.sequence).ok();
        next(&self.rtp_sources, header.ssrc, NEXT_RTP, &index)
    }

    /// Opens an SRTP packet in place and returns the length of the plain packet, which starts where it started.
    ///
    /// After an error the bytes behind the header are undefined.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Error> {
        let header = Header::parse(packet)?;
        let known = self.rtp_sources.iter().position(|source| source.ssrc == header.ssrc);
        let index = match known {
            Some(known) => estimate_index(self.rtp_sources[known].window.highest(), header.sequence)?,
            None => u64::from(header.sequence),
        };
        check(&self.rtp_sources, known, index)?;
        let len = self.rtp.open_rtp(packet, header.header_len, header.ssrc, index)?;
        record(&mut self.rtp_sources, known, header.ssrc, index);
        Ok(len)
    }

    /// Opens an SRTCP packet in place and returns the length of the plain compound packet.
    ///
    /// After an error the bytes behind the first 8 are undefined.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Error> {
        let too_short = Error::TooShort { len: packet.len() };
        let word = self.rtcp.rtcp_index_word(packet).ok_or(too_short)?;
        if word & ENCRYPTED == 0 {
            return Err(Error::NotEncrypted);
        }
        let index = word & !ENCRYPTED;
        let ssrc = packet.get(4..8).and_then(|ssrc| ssrc.first_chunk()).ok_or(too_short)?;
        let ssrc = u32::from_be_bytes(*ssrc);
        let known = self.rtcp_sources.iter().position(|source| source.ssrc == ssrc);
        check(&self.rtcp_sources, known, u64::from(index))?;
        let len = self.rtcp.open_rtcp(packet, ssrc, index)?;
        record(&mut self.rtcp_sources, known, ssrc, u64::from(index));
        Ok(len)
    }
}

/// Refuses replays and too many sources before any work is done.
fn check(sources: &[Source], known: Option<usize>, index: u64) -> Result<(), Error> {
    match known {
        Some(known) if !sources[known].window.is_new(index) => Err(Error::Replayed),
        None if sources.len() >= MAX_SOURCES => Err(Error::TooManySources),
        _ => Ok(()),
    }
}

/// Remembers an authentic packet.
fn record(sources: &mut Vec<Source>, known: Option<usize>, ssrc: u32, index: u64) {
    match known {
        Some(known) => sources[known].window.accept(index),
        None => sources.push(Source { ssrc, window: ReplayWindow::starting_with(index) }),
    }
}

/// The index of a sequence number: of the candidates the nearest to the highest so far (RFC 3711, 3.3.1 and appendix A).
fn estimate_index(highest: u64, sequence: u16) -> Result<u64, Error> {
    let step = i64::from(sequence) - i64::from(highest as u16);
    let same_roc = (highest & !0xffff) | u64::from(sequence);
    let index = match step {
        32_769.. if same_roc >= 1 << 16 => same_roc - (1 << 16),
        ..=-32_769 => same_roc + (1 << 16),
        _ => same_roc,
    };
    if index >= 1 << 48 { Err(Error::KeyExhausted) } else { Ok(index) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollover_is_estimated_as_the_rfc_says() {
        let roc = 1u64 << 16;
        let rows = [
            (0, 1, 1),
            (0, 32_768, 32_768),
            (0, 65_535, 65_535), // no rollover counter below 0
            (65_535, 0, roc),
            (65_535, 32_767, 32_767),
            (65_535, 32_766, roc + 32_766),
            (roc, 65_535, 65_535),
            (roc + 5, 32_773, roc + 32_773),
            (roc + 5, 32_774, 32_774),
            (7 * roc + 40_000, 1_000, 8 * roc + 1_000),
            (7 * roc + 40_000, 39_999, 7 * roc + 39_999),
        ];
        for (highest, sequence, expected) in rows {
            assert_eq!(estimate_index(highest, sequence), Ok(expected), "{highest} {sequence}");
        }
        assert_eq!(estimate_index((1 << 48) - 1, 0), Err(Error::KeyExhausted));
    }
}
