//! Sender information and report blocks (RFC 3550, 6.4).

use super::word;
use crate::media::NtpTime;

const BLOCK_LEN: usize = 24;

/// What a sender says of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// Wall clock of the sender.
    pub ntp: NtpTime,
    /// The RTP timestamp of the same instant.
    pub rtp_timestamp: u32,
    /// Packets sent so far, wrapping.
    pub packets: u32,
    /// Payload bytes sent so far, without headers and padding, wrapping.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Some(SenderInfo {
            ntp: NtpTime((u64::from(word(bytes, 0)?) << 32) | u64::from(word(bytes, 4)?)),
            rtp_timestamp: word(bytes, 8)?,
            packets: word(bytes, 12)?,
            octets: word(bytes, 16)?,
        })
    }

    pub(super) fn write(&self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(&self.ntp.0.to_be_bytes());
        buf.extend_from_slice(&self.rtp_timestamp.to_be_bytes());
        buf.extend_from_slice(&self.packets.to_be_bytes());
        buf.extend_from_slice(&self.octets.to_be_bytes());
    }
}

/// How a source is received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that this is about.
    pub ssrc: u32,
    /// Lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Lost since the beginning, 24 bits and signed: duplicates count against it.
    pub total_lost: i32,
    /// The highest sequence number received, its cycles in the upper half.
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// [`NtpTime::middle`] of the last sender report; 0: none came.
    pub last_sender_report: u32,
    /// From that report's arrival to this one's sending, in 1/65536 s.
    pub delay: u32,
}

impl ReportBlock {
    /// The round trip in 1/65536 s, for a block that arrived at `now` (RFC 3550, 6.4.1). `None` before the first sender
    /// report, or where the peer's figures are impossible (a negative result, or more than a minute).
    pub fn round_trip(&self, now: NtpTime) -> Option<u32> {
        if self.last_sender_report == 0 {
            return None;
        }
        let round_trip = now.middle().wrapping_sub(self.last_sender_report).wrapping_sub(self.delay);
        (round_trip < 60 << 16).then_some(round_trip)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let loss = word(bytes, 4)?;
        Some(ReportBlock {
            ssrc: word(bytes, 0)?,
            fraction_lost: (loss >> 24) as u8,
            // Shifting up and down again extends the sign of 24 bits.
            total_lost: (loss << 8) as i32 >> 8,
            highest_sequence: word(bytes, 8)?,
            jitter: word(bytes, 12)?,
            last_sender_report: word(bytes, 16)?,
            delay: word(bytes, 20)?,
        })
    }

    pub(super) fn write(&self, buf: &mut Vec<u8>) {
        let total_lost = self.total_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        buf.extend_from_slice(&self.ssrc.to_be_bytes());
        buf.extend_from_slice(&((u32::from(self.fraction_lost) << 24) | total_lost).to_be_bytes());
        buf.extend_from_slice(&self.highest_sequence.to_be_bytes());
        buf.extend_from_slice(&self.jitter.to_be_bytes());
        buf.extend_from_slice(&self.last_sender_report.to_be_bytes());
        buf.extend_from_slice(&self.delay.to_be_bytes());
    }
}

/// Iterates over the report blocks of a report, at most 31.
#[derive(Clone, Debug)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    /// `None`: fewer blocks than the header says. Profile-specific extensions behind them are skipped.
    pub(super) fn new(bytes: &'a [u8], count: u8) -> Option<Self> {
        Some(ReportBlocks { bytes: bytes.get(..BLOCK_LEN * usize::from(count))? })
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<Self::Item> {
        let (block, rest) = self.bytes.split_at_checked(BLOCK_LEN)?;
        self.bytes = rest;
        ReportBlock::read(block)
    }
}
