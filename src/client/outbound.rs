//! One sent track: RTP headers, a history for retransmissions, and what sender reports tell.

use super::transport::Transport;
use crate::media::{Codec, NtpTime};
use crate::protocol::webrtc::rtp::{self, ExtensionValue, HeaderFields};
use std::collections::VecDeque;

/// Packets kept for retransmission: 4 s of 2.5 Mbit/s; at 1300 bytes 1.3 MB.
const HISTORY: usize = 1024;
/// Retransmissions of one packet; a peer that asks on and on gets no more.
const MAX_RESENDS: u8 = 8;

/// What was negotiated for a track.
#[derive(Clone, Debug)]
pub struct OutboundParams {
    pub codec: Codec,
    pub ssrc: u32,
    pub payload_type: u8,
    /// Payload type and SSRC of retransmissions (RFC 4588).
    pub rtx: Option<(u8, u32)>,
    pub capture_time_extension: Option<u8>,
}

/// A track while it is sent.
pub struct Outbound {
    params: OutboundParams,
    /// Rollover counter and sequence number of the next packet.
    index: u64,
    rtx_index: u64,
    timestamp_base: u32,
    history: VecDeque<Kept>,
    pub packets: u64,
    /// Bytes of payload, without headers.
    pub octets: u64,
    pub resent: u64,
}

/// A sent packet before encryption.
struct Kept {
    index: u64,
    header_len: usize,
    packet: Vec<u8>,
    resends: u8,
}

impl Outbound {
    /// A track that starts at a random sequence number and timestamp (RFC 3550, 5.1).
    pub fn new(params: OutboundParams) -> Self {
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).expect("the system's random source works");
        let [a, b, c, d, e, f, g, h] = random;
        // In the lower half, so that a first packet lost does not hide a rollover (RFC 3711, 3.3.1).
        let start = |high: u8, low: u8| u64::from(u16::from_be_bytes([high, low]) & 0x7fff);
        Outbound {
            params,
            index: start(a, b),
            rtx_index: start(c, d),
            timestamp_base: u32::from_be_bytes([e, f, g, h]),
            history: VecDeque::new(),
            packets: 0,
            octets: 0,
            resent: 0,
        }
    }

    /// The SSRC of the media.
    pub fn ssrc(&self) -> u32 {
        self.params.ssrc
    }

    /// The RTP timestamp of a media time, in units of the codec's clock.
    pub fn timestamp(&self, pts: u64) -> u32 {
        self.timestamp_base.wrapping_add(pts as u32)
    }

    /// Ticks of the RTP clock a second.
    pub fn clock_rate(&self) -> u32 {
        self.params.codec.clock_rate()
    }

    /// Makes a protected packet and keeps it for retransmission; `None` before the transport is connected.
    pub fn packet(
        &mut self,
        transport: &Transport,
        pts: u64,
        marker: bool,
        captured: Option<NtpTime>,
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let fields = HeaderFields {
            marker,
            payload_type: self.params.payload_type,
            sequence: self.index as u16,
            timestamp: self.timestamp(pts),
            ssrc: self.params.ssrc,
            padding: false,
        };
        let capture = self.params.capture_time_extension.zip(captured);
        let capture = capture.map(|(id, time)| (id, ExtensionValue::AbsCaptureTime { time, clock_offset: None }));
        let (header_len, packet) = write(&fields, capture.as_slice(), payload);
        let mut sealed = packet.clone();
        if !transport.seal_rtp(&mut sealed, header_len, self.params.ssrc, self.index) {
            return None;
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(Kept { index: self.index, header_len, packet, resends: 0 });
        self.index += 1;
        self.packets += 1;
        self.octets += payload.len() as u64;
        Some(sealed)
    }

    /// Answers a NACK: the packet again, on its own source where that was negotiated, else exactly as it was. `None`: too old.
    pub fn resend(&mut self, transport: &Transport, sequence: u16) -> Option<Vec<u8>> {
        let behind = (self.index as u16).wrapping_sub(sequence);
        let position = self.history.len().checked_sub(usize::from(behind))?;
        let kept = self.history.get_mut(position)?;
        if kept.resends == MAX_RESENDS {
            return None;
        }
        kept.resends += 1;
        let mut packet = kept.packet.clone();
        let sealed = match self.params.rtx {
            // The same bytes under the same index give the same ciphertext: nothing is used twice (RFC 3711, 9.1).
            None => transport.seal_rtp(&mut packet, kept.header_len, self.params.ssrc, kept.index),
            Some((payload_type, ssrc)) => {
                let sequence = self.rtx_index as u16;
                packet[1] = (packet[1] & 0x80) | payload_type;
                packet[2..4].copy_from_slice(&sequence.to_be_bytes());
                packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
                let original = (kept.index as u16).to_be_bytes();
                packet.splice(kept.header_len..kept.header_len, original);
                let index = self.rtx_index;
                self.rtx_index += 1;
                transport.seal_rtp(&mut packet, kept.header_len, ssrc, index)
            }
        };
        self.resent += 1;
        sealed.then_some(packet)
    }
}

fn write(fields: &HeaderFields, extensions: &[(u8, ExtensionValue<'_>)], payload: &[u8]) -> (usize, Vec<u8>) {
    let header_len = rtp::header_len(extensions);
    let mut packet = vec![0; header_len + payload.len()];
    rtp::write_header(&mut packet, fields, extensions).expect("the buffer was made for this header");
    packet[header_len..].copy_from_slice(payload);
    (header_len, packet)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::dtls::Identity;
    use crate::client::transport::connected_pair;
    use crate::protocol::webrtc::rtp::Header;

    fn params(rtx: Option<(u8, u32)>) -> OutboundParams {
        OutboundParams { codec: Codec::H264, ssrc: 77, payload_type: 102, rtx, capture_time_extension: Some(1) }
    }

    #[test]
    fn packets_go_out_and_come_again() {
        for rtx in [None, Some((103, 78))] {
            let (sender, mut receiver) = connected_pair(&Identity::generate().unwrap());
            let mut track = Outbound::new(params(rtx));
            let captured = NtpTime::from_unix_ns(1_700_000_000_000_000_000);
            let mut sent: Vec<Vec<u8>> = (0..3u8)
                .map(|byte| track.packet(&sender, 3000, byte == 2, Some(captured), &[byte; 5]).unwrap())
                .collect();
            let again = sent[1].clone();
            let first = receiver.open_rtp(&mut sent[0]).unwrap();
            let header = Header::parse(first).unwrap();
            assert_eq!(header.extension(first, 1), Some(&captured.0.to_be_bytes()[..]));
            assert_eq!((header.payload(first).unwrap(), header.marker, header.ssrc), (&[0u8; 5][..], false, 77));
            let lost = header.sequence.wrapping_add(1);
            let mut resent = track.resend(&sender, lost).unwrap();
            match rtx {
                None => assert_eq!(resent, again, "the same packet, bit by bit"),
                Some(_) => {
                    let plain = receiver.open_rtp(&mut resent).unwrap();
                    let header = Header::parse(plain).unwrap();
                    assert_eq!((header.payload_type, header.ssrc), (103, 78));
                    let original = rtp::rtx_original(header.payload(plain).unwrap());
                    assert_eq!(original, Some((lost, &[1u8; 5][..])));
                }
            }
            assert_eq!((track.packets, track.octets, track.resent), (3, 15, 1));
        }
    }

    #[test]
    fn only_what_is_remembered_comes_again_and_not_for_ever() {
        let (sender, _) = connected_pair(&Identity::generate().unwrap());
        let mut track = Outbound::new(params(None));
        let first = track.index as u16;
        assert!(track.resend(&sender, first).is_none(), "nothing was sent yet");
        for _ in 0..HISTORY + 2 {
            track.packet(&sender, 0, false, None, &[1]).unwrap();
        }
        assert!(track.resend(&sender, first).is_none() && track.resend(&sender, first.wrapping_add(1)).is_none());
        let oldest = first.wrapping_add(2);
        let answers = (0..100).filter(|_| track.resend(&sender, oldest).is_some()).count();
        assert_eq!(answers, usize::from(MAX_RESENDS));
        assert!(track.resend(&sender, track.index as u16).is_none(), "not sent yet");
    }
}
