//! RTCP (RFC 3550, 6; RFC 4585; RFC 5104): reads compound packets without allocation and writes those that we send.

mod feedback;
mod packet;
mod report;
mod transport_cc;
mod write;

#[cfg(test)]
mod tests;

pub use feedback::{FirEntries, LostSequences, Ssrcs};
pub use packet::{Packet, Packets, packets};
pub use report::{ReportBlock, ReportBlocks, SenderInfo};
pub use transport_cc::{Arrivals, TransportFeedback, write_transport_feedback};
pub use write::{
    write_bye, write_fir, write_nack, write_pli, write_receiver_report, write_remb, write_sender_report,
    write_source_description,
};

/// Why the rest of a compound packet could not be read. What came before it is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("RTCP version {0}, expected 2")]
    Version(u8),
    #[error("an RTCP packet of type {kind} ends behind the datagram")]
    Truncated { kind: u8 },
    #[error("an RTCP packet of type {kind} is too short for what it says to contain")]
    Malformed { kind: u8 },
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;

/// Formats of [`TRANSPORT_FEEDBACK`].
const NACK: u8 = 1;
const TRANSPORT_CC: u8 = 15;
/// Formats of [`PAYLOAD_FEEDBACK`].
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;

/// Reads a big-endian word; `None` behind the end.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word))
}
