//! RTCP: no list is longer than its packet allows, and lost numbers survive being written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;
use wasmcast::media::NtpTime;
use wasmcast::protocol::webrtc::rtcp::{self, Packet, TransportFeedback};

fuzz_target!(|data: &[u8]| {
    let mut failed = false;
    for packet in rtcp::packets(data) {
        assert!(!failed, "an error is the last item");
        let Ok(packet) = packet else {
            failed = true;
            continue;
        };
        match packet {
            Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => {
                assert!(reports.clone().count() <= 31);
                assert!(reports.filter_map(|block| block.round_trip(NtpTime(1 << 50))).all(|trip| trip < 60 << 16));
            }
            Packet::Nack { sender, media, lost } => written_again(sender, media, &lost.collect::<Vec<_>>()),
            Packet::Fir { entries, .. } => assert!(entries.count() <= data.len() / 8),
            Packet::Bye { ssrcs } | Packet::Remb { ssrcs, .. } => assert!(ssrcs.count() <= 255),
            Packet::TransportCc { raw, .. } => {
                assert!(raw.len() <= data.len());
                if let Some(feedback) = TransportFeedback::read(raw) {
                    assert_eq!(feedback.arrivals().count(), usize::from(feedback.count));
                }
            }
            Packet::Pli { .. } | Packet::Other { .. } => {}
        }
    }
});

fn written_again(sender: u32, media: u32, lost: &[u16]) {
    let mut buf = Vec::new();
    rtcp::write_nack(&mut buf, sender, media, lost.iter().copied());
    // A packet holds 256 entries at least.
    if lost.is_empty() || lost.len() > 256 {
        return;
    }
    let Some(Ok(Packet::Nack { lost: again, .. })) = rtcp::packets(&buf).next() else {
        panic!("what we write, we read")
    };
    assert_eq!(again.collect::<BTreeSet<_>>(), lost.iter().copied().collect::<BTreeSet<_>>());
}
