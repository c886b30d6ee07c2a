//! Tests of RTCP: round trips, the independent `rtc-rtcp`, and malformed input.

use super::*;
use crate::media::NtpTime;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription};
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

const INFO: SenderInfo =
    SenderInfo { ntp: NtpTime(0x0102_0304_0506_0708), rtp_timestamp: 9, packets: 0xffff_ffff, octets: 11 };
const BLOCK: ReportBlock = ReportBlock {
    ssrc: 0xdead_beef,
    fraction_lost: 128,
    total_lost: -2,
    highest_sequence: 0x0001_ffff,
    jitter: 7,
    last_sender_report: 0x0304_0506,
    delay: 65_536,
};

fn only(buf: &[u8]) -> Packet<'_> {
    let mut all = packets(buf);
    let packet = all.next().unwrap().unwrap();
    assert!(all.next().is_none());
    packet
}

#[test]
fn a_compound_packet_round_trips() {
    let mut buf = Vec::new();
    write_sender_report(&mut buf, 1, &INFO, &[BLOCK, BLOCK]);
    write_source_description(&mut buf, 1, "wasmcast");
    write_receiver_report(&mut buf, 2, &[BLOCK]);
    write_bye(&mut buf, &[1, 2]);
    write_pli(&mut buf, 3, 4);
    write_fir(&mut buf, 5, 6, 7);
    write_remb(&mut buf, 8, 2_500_000, &[9, 10]);
    write_nack(&mut buf, 11, 12, [65_535, 0, 15, 16, 500]);
    let mut all = packets(&buf).map(|packet| packet.unwrap());
    let Some(Packet::SenderReport { ssrc: 1, info: INFO, reports }) = all.next() else { panic!("no sender report") };
    assert_eq!(reports.collect::<Vec<_>>(), [BLOCK, BLOCK]);
    assert!(matches!(all.next(), Some(Packet::Other { kind: 202, format: 1 })));
    let Some(Packet::ReceiverReport { ssrc: 2, reports }) = all.next() else { panic!("no receiver report") };
    assert_eq!(reports.collect::<Vec<_>>(), [BLOCK]);
    let Some(Packet::Bye { ssrcs }) = all.next() else { panic!("no bye") };
    assert_eq!(ssrcs.collect::<Vec<_>>(), [1, 2]);
    assert!(matches!(all.next(), Some(Packet::Pli { sender: 3, media: 4 })));
    let Some(Packet::Fir { sender: 5, entries }) = all.next() else { panic!("no fir") };
    assert_eq!(entries.collect::<Vec<_>>(), [(6, 7)]);
    let Some(Packet::Remb { sender: 8, bits_per_second, ssrcs }) = all.next() else { panic!("no remb") };
    assert_eq!((bits_per_second, ssrcs.collect::<Vec<_>>()), (2_500_000, vec![9, 10]));
    let Some(Packet::Nack { sender: 11, media: 12, lost }) = all.next() else { panic!("no nack") };
    assert_eq!(lost.collect::<Vec<_>>(), [65_535, 0, 15, 16, 500]);
    assert!(all.next().is_none());
}

/// What we write is what an independent implementation reads, and what it writes we read.
#[test]
fn agrees_with_rtc_rtcp() {
    use rtc_shared::marshal::{Marshal, Unmarshal};
    let mut buf = Vec::new();

    write_sender_report(&mut buf, 1, &INFO, &[BLOCK]);
    let report = SenderReport::unmarshal(&mut &buf[..]).unwrap();
    assert_eq!((report.ssrc, report.ntp_time, report.rtp_time), (1, INFO.ntp.0, 9));
    assert_eq!((report.packet_count, report.octet_count), (u32::MAX, 11));
    assert_eq!((report.reports[0].ssrc, report.reports[0].total_lost), (BLOCK.ssrc, 0xff_fffe));
    assert_eq!(report.marshal().unwrap(), buf);

    buf.clear();
    write_receiver_report(&mut buf, 2, &[BLOCK, BLOCK]);
    let report = ReceiverReport::unmarshal(&mut &buf[..]).unwrap();
    assert_eq!((report.ssrc, report.reports.len(), report.reports[1].delay), (2, 2, 65_536));
    assert_eq!(report.marshal().unwrap(), buf);

    for cname in ["", "a", "ab", "abc", "abcd"] {
        buf.clear();
        write_source_description(&mut buf, 3, cname);
        let description = SourceDescription::unmarshal(&mut &buf[..]).unwrap();
        assert_eq!(description.chunks[0].source, 3);
        let item = &description.chunks[0].items[0];
        assert_eq!((item.sdes_type, &item.text[..]), (SdesType::SdesCname, cname.as_bytes()));
    }

    buf.clear();
    write_bye(&mut buf, &[4, 5]);
    assert_eq!(Goodbye::unmarshal(&mut &buf[..]).unwrap().sources, [4, 5]);

    buf.clear();
    write_pli(&mut buf, 6, 7);
    assert_eq!(buf, PictureLossIndication { sender_ssrc: 6, media_ssrc: 7 }.marshal().unwrap());

    buf.clear();
    write_fir(&mut buf, 6, 7, 8);
    let request = FullIntraRequest::unmarshal(&mut &buf[..]).unwrap();
    assert_eq!((request.sender_ssrc, request.fir[0].ssrc, request.fir[0].sequence_number), (6, 7, 8));

    buf.clear();
    let lost = [1u16, 2, 17, 18, 40, 65_530];
    write_nack(&mut buf, 9, 10, lost);
    let nack = TransportLayerNack::unmarshal(&mut &buf[..]).unwrap();
    assert_eq!(nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect::<Vec<_>>(), lost);
    assert_eq!(nack.marshal().unwrap(), buf);

    for bitrate in [0u64, 1, 262_143, 262_144, 1_000_000, 8_927_168, 30_000_000_000] {
        let theirs = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate: bitrate as f32, ssrcs: vec![2] };
        let theirs = theirs.marshal().unwrap();
        let Packet::Remb { bits_per_second, .. } = only(&theirs) else { panic!("no remb") };
        buf.clear();
        write_remb(&mut buf, 1, bitrate, &[2]);
        let Packet::Remb { bits_per_second: ours, .. } = only(&buf) else { panic!("no remb") };
        for read in [bits_per_second, ours] {
            assert!(read <= bitrate + bitrate / 100_000 && read >= bitrate - bitrate / 100_000, "{bitrate} {read}");
        }
    }
}

#[test]
fn lost_numbers_survive_any_pattern() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..500 {
        let mut at = state as u16;
        let mut lost = Vec::new();
        for _ in 0..(state >> 20) % 60 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            at = at.wrapping_add(1 + (state % 25) as u16);
            lost.push(at);
        }
        state = state.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
        let mut buf = Vec::new();
        write_nack(&mut buf, 1, 2, lost.iter().copied());
        if lost.is_empty() {
            assert!(buf.is_empty());
            continue;
        }
        let Packet::Nack { lost: read, .. } = only(&buf) else { panic!("no nack") };
        assert_eq!(read.collect::<Vec<_>>(), lost);
    }
}

#[test]
fn extremes_are_clamped() {
    let mut buf = Vec::new();
    write_receiver_report(&mut buf, 1, &[ReportBlock { total_lost: i32::MAX, ..BLOCK }; 40]);
    let Packet::ReceiverReport { mut reports, .. } = only(&buf) else { panic!("no report") };
    assert_eq!(reports.next().map(|block| block.total_lost), Some(0x7f_ffff));
    assert_eq!(reports.count(), 30);
    buf.clear();
    write_remb(&mut buf, 1, u64::MAX, &[]);
    let Packet::Remb { bits_per_second, .. } = only(&buf) else { panic!("no remb") };
    assert!(bits_per_second > u64::MAX - (1 << 47));
    buf.clear();
    write_nack(&mut buf, 1, 2, (0..2_000u16).map(|index| index.wrapping_mul(20)));
    let Packet::Nack { lost, .. } = only(&buf) else { panic!("no nack") };
    assert_eq!(lost.count(), 256);
    buf.clear();
    write_source_description(&mut buf, 1, &"x".repeat(400));
    assert!(matches!(only(&buf), Packet::Other { kind: 202, format: 1 }));
    // A REMB whose exponent lifts its mantissa out of 64 bits.
    let huge = [0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 0, 0xff, 0xff, 0xff];
    assert!(matches!(only(&huge), Packet::Remb { bits_per_second: u64::MAX, .. }));
}

#[test]
fn the_round_trip_is_computed_as_the_rfc_shows() {
    // RFC 3550, 6.4.1, figure 2.
    let block = ReportBlock { last_sender_report: 0xb705_2000, delay: 0x0005_4000, ..BLOCK };
    assert_eq!(block.round_trip(NtpTime(0xb710_8000 << 16)), Some(0x0006_2000));
    assert_eq!(ReportBlock { delay: u32::MAX / 2, ..block }.round_trip(NtpTime(0xb710_8000 << 16)), None);
    assert_eq!(ReportBlock { last_sender_report: 0, ..block }.round_trip(NtpTime(0xb710_8000 << 16)), None);
}

#[test]
fn malformed_packets_end_the_reading() {
    let mut sound = Vec::new();
    write_pli(&mut sound, 1, 2);
    let rows: [(&str, &[u8], Error); 11] = [
        ("3 bytes", &[0x80, 200, 0], Error::Truncated { kind: 200 }),
        ("1 byte", &[0x80], Error::Truncated { kind: 0 }),
        ("version 0", &[0, 200, 0, 0], Error::Version(0)),
        ("longer than the datagram", &[0x80, 201, 0, 2, 0, 0, 0, 1], Error::Truncated { kind: 201 }),
        ("report without ssrc", &[0x80, 201, 0, 0], Error::Malformed { kind: 201 }),
        ("block missing", &[0x81, 201, 0, 1, 0, 0, 0, 1], Error::Malformed { kind: 201 }),
        ("sender info missing", &[0x80, 200, 0, 1, 0, 0, 0, 1], Error::Malformed { kind: 200 }),
        ("bye without source", &[0x81, 203, 0, 0], Error::Malformed { kind: 203 }),
        ("no media ssrc", &[0x81, 206, 0, 1, 0, 0, 0, 1], Error::Malformed { kind: 206 }),
        ("padding too long", &[0xa0, 201, 0, 1, 0, 0, 0, 9], Error::Malformed { kind: 201 }),
        (
            "remb with a source missing",
            &[0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, 0, 0, 1],
            Error::Malformed { kind: 206 },
        ),
    ];
    for (name, bytes, expected) in rows {
        let datagram = [&sound, bytes].concat();
        let mut all = packets(&datagram);
        assert!(matches!(all.next(), Some(Ok(Packet::Pli { sender: 1, media: 2 }))), "{name}");
        assert_eq!(all.next().map(|packet| packet.err()), Some(Some(expected)), "{name}");
        assert!(all.next().is_none(), "{name}");
    }
}

#[test]
fn padding_and_profile_extensions_are_skipped() {
    let padded = [0xa0, 201, 0, 2, 0, 0, 0, 7, 0, 0, 0, 4];
    let Packet::ReceiverReport { ssrc: 7, reports } = only(&padded) else { panic!("no report") };
    assert_eq!(reports.count(), 0);
    let extended = [0x80, 201, 0, 2, 0, 0, 0, 7, 1, 2, 3, 4];
    assert!(matches!(only(&extended), Packet::ReceiverReport { ssrc: 7, .. }));
    let twcc = [0x8f, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9];
    assert!(matches!(only(&twcc), Packet::TransportCc { sender: 1, media: 2, raw } if raw == twcc));
}

/// Any bytes, and any change of sound ones: no panic, and no endless list.
#[test]
fn arbitrary_bytes_are_survived() {
    let mut sound = Vec::new();
    write_sender_report(&mut sound, 1, &INFO, &[BLOCK]);
    write_source_description(&mut sound, 1, "wasmcast");
    write_remb(&mut sound, 8, 2_500_000, &[9, 10]);
    write_nack(&mut sound, 11, 12, [1, 2, 3, 500]);
    let mut state = 77u64;
    for _ in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..1 + state % 4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = (state >> 8) as usize % bytes.len();
            bytes[at] = state as u8;
        }
        bytes.truncate((state >> 40) as usize % (bytes.len() + 1));
        for packet in packets(&bytes).flatten() {
            match packet {
                Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. } => {
                    assert!(reports.count() <= 31);
                }
                Packet::Nack { lost, .. } => assert!(lost.count() <= bytes.len() / 4 * 17),
                Packet::Fir { entries, .. } => assert!(entries.count() <= bytes.len() / 8),
                Packet::Bye { ssrcs } | Packet::Remb { ssrcs, .. } => assert!(ssrcs.count() <= bytes.len() / 4),
                _ => {}
            }
        }
    }
}
