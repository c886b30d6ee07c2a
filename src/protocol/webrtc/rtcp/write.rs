//! Writes RTCP packets, each appended to what the buffer holds, so that calls in a row make a compound packet.
//!
//! A compound packet starts with a report and has a source description with the CNAME (RFC 3550, 6.1).

use super::report::{ReportBlock, SenderInfo};

/// Blocks that fit the 5-bit count of a report; what is beyond is left out.
const MAX_BLOCKS: usize = 31;
/// Bytes of a CNAME that fit its 8-bit length; what is beyond is left out.
const MAX_CNAME: usize = 255;

/// Appends a packet whose body is what `body` appends, in whole words.
pub(super) fn packet(buf: &mut Vec<u8>, kind: u8, format: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = buf.len();
    buf.extend_from_slice(&[0x80 | format, kind, 0, 0]);
    body(buf);
    let words = ((buf.len() - start) / 4 - 1) as u16;
    buf[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn put(buf: &mut Vec<u8>, word: u32) {
    buf.extend_from_slice(&word.to_be_bytes());
}

/// Appends a sender report of `ssrc` (RFC 3550, 6.4.1), with at most 31 report blocks.
pub fn write_sender_report(buf: &mut Vec<u8>, ssrc: u32, info: &SenderInfo, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    packet(buf, super::SENDER_REPORT, blocks.len() as u8, |buf| {
        put(buf, ssrc);
        info.write(buf);
        blocks.iter().for_each(|block| block.write(buf));
    });
}

/// Appends a receiver report from `ssrc` (RFC 3550, 6.4.2), with at most 31 report blocks.
pub fn write_receiver_report(buf: &mut Vec<u8>, ssrc: u32, blocks: &[ReportBlock]) {
    let blocks = &blocks[..blocks.len().min(MAX_BLOCKS)];
    packet(buf, super::RECEIVER_REPORT, blocks.len() as u8, |buf| {
        put(buf, ssrc);
        blocks.iter().for_each(|block| block.write(buf));
    });
}

/// Appends a source description with the CNAME of `ssrc` (RFC 3550, 6.5), cut to 255 bytes.
pub fn write_source_description(buf: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let cname = &cname.as_bytes()[..cname.len().min(MAX_CNAME)];
    packet(buf, super::SOURCE_DESCRIPTION, 1, |buf| {
        let chunk = buf.len();
        put(buf, ssrc);
        buf.extend_from_slice(&[1, cname.len() as u8]);
        buf.extend_from_slice(cname);
        // One to four zero bytes end the list of items.
        let len = (buf.len() - chunk + 1).next_multiple_of(4);
        buf.resize(chunk + len, 0);
    });
}

/// Appends a goodbye of at most 31 sources (RFC 3550, 6.6).
pub fn write_bye(buf: &mut Vec<u8>, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(MAX_BLOCKS)];
    packet(buf, super::BYE, ssrcs.len() as u8, |buf| ssrcs.iter().for_each(|ssrc| put(buf, *ssrc)));
}

/// Appends a request for a keyframe of `media` (RFC 4585, 6.3.1).
pub fn write_pli(buf: &mut Vec<u8>, sender: u32, media: u32) {
    packet(buf, super::PAYLOAD_FEEDBACK, super::PLI, |buf| {
        put(buf, sender);
        put(buf, media);
    });
}

/// Appends a full intra request (RFC 5104, 4.3.1); `command` counts requests, a repetition keeps its number.
pub fn write_fir(buf: &mut Vec<u8>, sender: u32, media: u32, command: u8) {
    packet(buf, super::PAYLOAD_FEEDBACK, super::FIR, |buf| {
        put(buf, sender);
        put(buf, 0);
        put(buf, media);
        put(buf, u32::from(command) << 24);
    });
}

/// Appends a bitrate limit for at most 255 sources together (draft-alvestrand-rmcat-remb, 2.2); rounded down to 18
/// significant bits.
pub fn write_remb(buf: &mut Vec<u8>, sender: u32, bits_per_second: u64, ssrcs: &[u32]) {
    let ssrcs = &ssrcs[..ssrcs.len().min(255)];
    packet(buf, super::PAYLOAD_FEEDBACK, super::APPLICATION, |buf| {
        put(buf, sender);
        put(buf, 0);
        buf.extend_from_slice(b"REMB");
        let exponent = (64 - bits_per_second.leading_zeros()).saturating_sub(18);
        let mantissa = (bits_per_second >> exponent) as u32;
        put(buf, ((ssrcs.len() as u32) << 24) | (exponent << 18) | mantissa);
        ssrcs.iter().for_each(|ssrc| put(buf, *ssrc));
    });
}

/// Appends a generic NACK for sequence numbers in ascending order, wrapping included (RFC 4585, 6.2.1). Any order is right,
/// but ascending runs share entries. At most 256 entries are written, 1 KiB; nothing where there is no number.
pub fn write_nack(buf: &mut Vec<u8>, sender: u32, media: u32, lost: impl IntoIterator<Item = u16>) {
    let mut lost = lost.into_iter().peekable();
    if lost.peek().is_none() {
        return;
    }
    packet(buf, super::TRANSPORT_FEEDBACK, super::NACK, |buf| {
        put(buf, sender);
        put(buf, media);
        for _ in 0..256 {
            let Some(first) = lost.next() else { break };
            let mut mask = 0;
            while let Some(distance @ 1..=16) = lost.peek().map(|next| next.wrapping_sub(first)) {
                mask |= 1 << (distance - 1);
                lost.next();
            }
            put(buf, (u32::from(first) << 16) | mask);
        }
    });
}
