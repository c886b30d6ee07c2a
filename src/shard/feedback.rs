//! What a publisher is told about its packets: NACK, transport-wide congestion control and receiver reports, by
//! `rtc-interceptor`.

use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::rtp::Header;
use bytes::Bytes;
use rtc_interceptor::{
    AttributedPacket, BoxedInterceptor, Interceptor, NackGeneratorBuilder, Packet, RTCPFeedback, RTPHeaderExtension,
    ReceiverReportBuilder, Registry, Slot, StreamInfo, TaggedPacket, TwccReceiverBuilder,
};
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtp::header::Extension;
use rtc_shared::TransportContext;
use sansio::Protocol;
use std::time::{Duration, Instant};

const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// A gap is asked for within this time, and again after it; shorter would ask for what is only late.
const NACK_INTERVAL: Duration = Duration::from_millis(30);
/// Asked for so often at most, over three quarters of a second: browsers answer for each packet once in a round trip, and at
/// 5 % loss and 100 ms some need a third answer.
const NACK_TRIES: u16 = 25;
const TRANSPORT_CC_INTERVAL: Duration = Duration::from_millis(50);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The chain of one publisher.
pub struct Feedback {
    chain: BoxedInterceptor,
}

impl Default for Feedback {
    fn default() -> Self {
        let nack = NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).with_max_nacks_per_packet(NACK_TRIES);
        let chain = Registry::new()
            .with(Slot::NackGenerator, nack.build())
            .with(Slot::TwccReceiver, TwccReceiverBuilder::new().with_interval(TRANSPORT_CC_INTERVAL).build())
            .with(Slot::ReceiverReport, ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL).build())
            .build();
        Feedback { chain: Box::new(chain) }
    }
}

impl Feedback {
    /// Starts to watch a source. `rtx`: it carries retransmissions of `media`, which count for congestion control only.
    pub fn bind(&mut self, ssrc: u32, media: &MediaParams, rtx: bool) {
        let feedback =
            |wanted: bool, typ: &str| wanted.then(|| RTCPFeedback { typ: typ.to_owned(), parameter: String::new() });
        self.chain.bind_remote_stream(&StreamInfo {
            ssrc,
            payload_type: media.payload_type,
            mime_type: format!("{:?}/{}", media.track.kind(), media.track.codec.sdp_name()).to_lowercase(),
            clock_rate: media.track.codec.clock_rate(),
            channels: u16::from(media.track.channels),
            rtp_header_extensions: media
                .extensions
                .transport_cc
                .map(|id| RTPHeaderExtension { uri: TRANSPORT_CC.to_owned(), id: u16::from(id) })
                .into_iter()
                .collect(),
            rtcp_feedback: feedback(media.feedback.nack && !rtx, "nack")
                .into_iter()
                .chain(feedback(media.feedback.transport_cc, "transport-cc"))
                .collect(),
            ..StreamInfo::default()
        });
    }

    /// A packet came; `packet` is decrypted, `payload` its payload. `ssrc` and `sequence` are the original's where it was
    /// retransmitted.
    pub fn packet(&mut self, now: Instant, header: &Header, packet: &[u8], payload: &Bytes, ssrc: u32, sequence: u16) {
        let extensions = header
            .extensions(packet)
            .map(|(id, value)| Extension { id, payload: Bytes::copy_from_slice(value) })
            .collect();
        let header = rtc_rtp::header::Header {
            version: 2,
            marker: header.marker,
            payload_type: header.payload_type,
            sequence_number: sequence,
            timestamp: header.timestamp,
            ssrc,
            extension: true,
            extension_profile: rtc_rtp::header::EXTENSION_PROFILE_TWO_BYTE,
            extensions,
            ..rtc_rtp::header::Header::default()
        };
        self.read(now, Packet::Rtp(rtc_rtp::Packet { header, payload: payload.clone() }));
    }

    /// The publisher sent a sender report.
    pub fn report(&mut self, now: Instant, ssrc: u32, ntp_time: u64, rtp_time: u32) {
        let report = SenderReport { ssrc, ntp_time, rtp_time, ..SenderReport::default() };
        self.read(now, Packet::Rtcp(vec![Box::new(report)]));
    }

    fn read(&mut self, now: Instant, packet: Packet) {
        let message = AttributedPacket::new(packet);
        // The chain only observes: an error there must not cost the packet.
        let _ = self.chain.handle_read(TaggedPacket { now, transport: TransportContext::default(), message });
        while self.chain.poll_read().is_some() {}
    }

    /// Runs the timers and hands each compound RTCP packet that is due to `send`.
    pub fn due(&mut self, now: Instant, mut send: impl FnMut(Vec<u8>)) {
        let _ = self.chain.handle_timeout(now);
        while let Some(tagged) = self.chain.poll_write() {
            let Packet::Rtcp(packets) = tagged.message.packet else { continue };
            let mut compound = Vec::new();
            for packet in packets {
                if let Ok(bytes) = packet.marshal() {
                    compound.extend_from_slice(&bytes);
                }
            }
            if !compound.is_empty() {
                send(compound);
            }
        }
    }
}
