//! The RTCP messages of a client, each a complete compound packet.

use crate::protocol::webrtc::rtcp::{self, ReportBlock, SenderInfo};

/// Our canonical name: one for all tracks of a session, so that a receiver may synchronise them.
const CNAME: &str = "wasmcast";

/// How we receive.
pub fn receiver_report(ssrc: u32, blocks: &[ReportBlock]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(128);
    rtcp::write_receiver_report(&mut packet, ssrc, blocks);
    rtcp::write_source_description(&mut packet, ssrc, CNAME);
    packet
}

/// What we send.
pub fn sender_report(ssrc: u32, info: &SenderInfo) -> Vec<u8> {
    let mut packet = Vec::with_capacity(64);
    rtcp::write_sender_report(&mut packet, ssrc, info, &[]);
    rtcp::write_source_description(&mut packet, ssrc, CNAME);
    packet
}

/// Asks for a keyframe. Of reduced size (RFC 5506), which every offer of ours allows.
pub fn picture_loss(sender: u32, media: u32) -> Vec<u8> {
    let mut packet = Vec::with_capacity(32);
    rtcp::write_pli(&mut packet, sender, media);
    packet
}

/// Asks for packets again, ascending sequence numbers.
pub fn lost_packets(sender: u32, media: u32, lost: &[u16]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(32);
    rtcp::write_nack(&mut packet, sender, media, lost.iter().copied());
    packet
}
