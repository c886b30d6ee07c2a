//! Walks through a compound packet.

use super::feedback::{FirEntries, LostSequences, Ssrcs, read_remb};
use super::report::{ReportBlocks, SenderInfo};
use super::{Error, word};

/// One packet of a compound packet.
#[derive(Clone, Debug)]
pub enum Packet<'a> {
    /// RFC 3550, 6.4.1.
    SenderReport { ssrc: u32, info: SenderInfo, reports: ReportBlocks<'a> },
    /// RFC 3550, 6.4.2.
    ReceiverReport { ssrc: u32, reports: ReportBlocks<'a> },
    /// RFC 3550, 6.6.
    Bye { ssrcs: Ssrcs<'a> },
    /// Generic NACK (RFC 4585, 6.2.1).
    Nack { sender: u32, media: u32, lost: LostSequences<'a> },
    /// Picture loss indication (RFC 4585, 6.3.1).
    Pli { sender: u32, media: u32 },
    /// Full intra request (RFC 5104, 4.3.1).
    Fir { sender: u32, entries: FirEntries<'a> },
    /// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb).
    Remb { sender: u32, bits_per_second: u64, ssrcs: Ssrcs<'a> },
    /// Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions); `raw` is the whole packet with its header.
    TransportCc { sender: u32, media: u32, raw: &'a [u8] },
    /// Anything else; `format` is the count or format field of the header.
    Other { kind: u8, format: u8 },
}

/// Reads a compound packet, of full or reduced size (RFC 5506).
///
/// Its first error is its last item: the rest of the datagram is dropped.
pub fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { rest: datagram }
}

/// Iterates over a compound packet.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = split(self.rest).and_then(|(raw, rest)| {
            self.rest = rest;
            read(raw)
        });
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

/// Cuts the first packet off.
fn split(datagram: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let kind = datagram.get(1).copied().unwrap_or_default();
    let header = datagram.first_chunk::<4>().ok_or(Error::Truncated { kind })?;
    if header[0] >> 6 != 2 {
        return Err(Error::Version(header[0] >> 6));
    }
    let len = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
    datagram.split_at_checked(len).ok_or(Error::Truncated { kind })
}

/// Reads one packet; `raw` has its header at least.
fn read(raw: &[u8]) -> Result<Packet<'_>, Error> {
    let (format, kind) = (raw[0] & 0x1f, raw[1]);
    let malformed = Error::Malformed { kind };
    let mut body = &raw[4..];
    if raw[0] & 0x20 != 0 {
        let padding = usize::from(*body.last().ok_or(malformed)?);
        if padding == 0 || padding > body.len() {
            return Err(malformed);
        }
        body = &body[..body.len() - padding];
    }
    read_body(kind, format, body, raw).ok_or(malformed)
}

/// Reads the body of a packet, without its padding. `None`: too short.
fn read_body<'a>(kind: u8, format: u8, body: &'a [u8], raw: &'a [u8]) -> Option<Packet<'a>> {
    let packet = match (kind, format) {
        (super::SENDER_REPORT, count) => Packet::SenderReport {
            ssrc: word(body, 0)?,
            info: SenderInfo::read(body.get(4..)?)?,
            reports: ReportBlocks::new(body.get(24..)?, count)?,
        },
        (super::RECEIVER_REPORT, count) => {
            Packet::ReceiverReport { ssrc: word(body, 0)?, reports: ReportBlocks::new(body.get(4..)?, count)? }
        }
        (super::BYE, count) => Packet::Bye { ssrcs: Ssrcs::new(body.get(..4 * usize::from(count))?) },
        (super::TRANSPORT_FEEDBACK, super::NACK) => {
            Packet::Nack { sender: word(body, 0)?, media: word(body, 4)?, lost: LostSequences::new(body.get(8..)?) }
        }
        (super::TRANSPORT_FEEDBACK, super::TRANSPORT_CC) => {
            Packet::TransportCc { sender: word(body, 0)?, media: word(body, 4)?, raw }
        }
        (super::PAYLOAD_FEEDBACK, super::PLI) => Packet::Pli { sender: word(body, 0)?, media: word(body, 4)? },
        (super::PAYLOAD_FEEDBACK, super::FIR) => {
            Packet::Fir { sender: word(body, 0)?, entries: FirEntries::new(body.get(8..)?) }
        }
        (super::PAYLOAD_FEEDBACK, super::APPLICATION) if body.get(8..12) == Some(b"REMB") => {
            let (bits_per_second, ssrcs) = read_remb(&body[12..])?;
            Packet::Remb { sender: word(body, 0)?, bits_per_second, ssrcs }
        }
        _ => Packet::Other { kind, format },
    };
    Some(packet)
}
