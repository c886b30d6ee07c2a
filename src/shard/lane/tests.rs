//! A lane on the wire: what a receiver sees of numbers, timestamps, retransmissions and moves.

use super::super::adaptation::Auto;
use super::*;
use crate::hub::RingLimits;
use crate::media::{Codec, NtpTime, PacketFlags, TrackInfo, Upward};
use crate::protocol::webrtc::Feedback;
use crate::protocol::webrtc::rtp::Header;
use crate::protocol::webrtc::srtp::{Profile, Role, SessionKeys, SrtpReceiver};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

pub fn media(rtx: bool) -> MediaParams {
    MediaParams {
        track: TrackInfo::new(Codec::H264),
        track_index: 0,
        mid: "video".to_owned(),
        payload_type: 102,
        rtx_payload_type: rtx.then_some(103),
        ssrc: Some(7),
        rtx_ssrc: rtx.then_some(8),
        extensions: ExtensionIds { mid: Some(4), abs_capture_time: Some(2), ..ExtensionIds::default() },
        feedback: Feedback { nack: true, ..Feedback::default() },
        rids: Vec::new(),
        layer_ssrcs: Vec::new(),
    }
}

pub fn keys() -> (SrtpSender, SrtpReceiver) {
    let profile = Profile::AeadAes128Gcm;
    let material: Vec<u8> = (0..profile.exporter_len() as u8).collect();
    let sender = SessionKeys::from_exporter(profile, &material).unwrap().contexts(Role::Server).0;
    let receiver = SessionKeys::from_exporter(profile, &material).unwrap().contexts(Role::Client).1;
    (sender, receiver)
}

pub fn packet(seq: u64, frame: u32, timestamp: u64) -> Packet {
    Packet {
        track: 0,
        flags: PacketFlags { marker: true, keyframe_start: frame == 1, ..PacketFlags::default() },
        padding: (seq % 5) as u8,
        audio_level: None,
        frame,
        seq,
        timestamp,
        capture: if frame % 30 == 1 { NtpTime(0x0102_0304_0506_0708) } else { NtpTime(0) },
        arrival_ns: u64::from(frame) * 33_000_000,
        payload: Bytes::from(seq.to_be_bytes().repeat(3)),
        descriptor: None,
    }
}

/// Opens a packet: its header, its payload, and the header extensions as they were.
pub fn open(receiver: &mut SrtpReceiver, sealed: &[u8]) -> (Header, Vec<u8>, Vec<(u8, Vec<u8>)>) {
    let mut plain = sealed.to_vec();
    let length = receiver.open_rtp(&mut plain).expect("it authenticates");
    plain.truncate(length);
    let header = Header::parse(&plain).unwrap();
    let payload = header.payload(&plain).unwrap().to_vec();
    let extensions = header.extensions(&plain).map(|(id, value)| (id, value.to_vec())).collect();
    (header, payload, extensions)
}

#[test]
fn sequence_numbers_and_timestamps_go_on_over_their_wraps() {
    let (sender, mut receiver) = keys();
    let mut lane = Lane::new(&media(true), 16);
    let mut room = [0u8; MAX_PACKET];
    // The source begins just before a wrap of its timestamp, and runs through two wraps of the sequence number.
    let (first_seq, first_timestamp) = (0x1_fff0, (1u64 << 32) - 30_000);
    let mut before: Option<Header> = None;
    for step in 0..140_000u64 {
        let length = lane.write(
            &mut room,
            &packet(first_seq + step, step as u32 + 1, first_timestamp + step * 3_000),
            &sender,
            None,
        );
        let (header, payload, _) = open(&mut receiver, &room[..length]);
        assert_eq!(payload, (first_seq + step).to_be_bytes().repeat(3));
        if let Some(before) = before {
            assert_eq!(header.sequence, before.sequence.wrapping_add(1));
            assert_eq!(header.timestamp, before.timestamp.wrapping_add(3_000));
        }
        assert_eq!(lane.source_of(header.sequence), Progress::Sent(first_seq + step));
        before = Some(header);
    }
}

#[test]
fn a_move_to_another_rendition_leaves_no_seam() {
    const START: u64 = 1_700_000_000_000_000_000;
    let clock = |timestamp: u64, wall_ns: u64| TrackClock { timestamp, wall_ns, rate: 90_000 };
    let unknown = TrackClock { rate: 90_000, ..TrackClock::default() };
    // Clocks of the old and the new rendition, and the ticks from the last frame of the one to the first of the other,
    // which arrives 40 ms later.
    let rows = [
        ("by the wall clock", clock(900_000, START), clock(5_000_000, START), 3_000),
        ("the new one runs ahead", clock(900_000, START), clock(5_000_000, START - 50_000_000), 90),
        ("no clock yet", unknown, clock(5_000_000, START), 3_600),
        ("a clock that can not be", clock(900_000, START), clock(5_000_000, START + 60_000_000_000), 3_600),
    ];
    for (name, from, to, expected) in rows {
        let (sender, mut receiver) = keys();
        let mut lane = Lane::new(&media(true), 16);
        let mut room = [0u8; MAX_PACKET];
        let length = lane.write(&mut room, &packet(500, 1, 897_000), &sender, None);
        let first = open(&mut receiver, &room[..length]).0;
        let length = lane.write(&mut room, &packet(501, 2, 900_000), &sender, None);
        let before = open(&mut receiver, &room[..length]).0;
        let moved = |seq: u64, frame: u32, timestamp: u64| {
            let arrival_ns = 66_000_000 + 40_000_000;
            Packet { arrival_ns, ..packet(seq, frame, timestamp) }
        };
        let keyframe = moved(90_000, 1, 5_003_000);
        lane.move_to(from, Some((900_000, 66_000_000)), to, &keyframe);
        assert!(!lane.admits(&moved(89_999, 2, 5_000_000)) && lane.admits(&keyframe), "{name}");
        assert_eq!(lane.write(&mut room, &moved(89_999, 2, 5_000_000), &sender, None), 0, "from before: {name}");
        let length = lane.write(&mut room, &keyframe, &sender, None);
        let after = open(&mut receiver, &room[..length]).0;
        assert_eq!(after.sequence, before.sequence.wrapping_add(1), "{name}");
        // Nanoseconds and back: a tick may be missing.
        let step = after.timestamp.wrapping_sub(before.timestamp);
        assert!(step.abs_diff(expected) <= 1, "{name}: {step}");
        assert_eq!(lane.source_of(after.sequence), Progress::Sent(90_000), "{name}");
        assert_eq!(lane.source_of(first.sequence), Progress::Unknown, "{name}");
        // Back again: what was late is made up for.
        let length = lane.write(&mut room, &moved(90_001, 2, 5_006_000), &sender, None);
        let last = open(&mut receiver, &room[..length]).0;
        let back = Packet { arrival_ns: 106_000_000 + 40_000_000, ..packet(510, 1, 912_000) };
        lane.move_to(to, Some((5_006_000, 106_000_000)), from, &back);
        let length = lane.write(&mut room, &back, &sender, None);
        let header = open(&mut receiver, &room[..length]).0;
        assert_eq!(header.sequence, last.sequence.wrapping_add(1), "{name}");
        let step = header.timestamp.wrapping_sub(last.timestamp);
        assert!((90..=9_000).contains(&step), "{name}: {step}");
    }
}

#[test]
fn packets_from_before_the_first_are_not_sent() {
    let (sender, _) = keys();
    let mut lane = Lane::new(&media(true), 16);
    let mut room = [0u8; MAX_PACKET];
    assert!(lane.write(&mut room, &packet(1_000, 1, 0), &sender, None) > 0);
    assert_eq!(lane.write(&mut room, &packet(999, 1, 0), &sender, None), 0);
    assert!(lane.write(&mut room, &packet(1_001, 2, 3_000), &sender, None) > 0);
}

#[test]
fn a_lost_packet_goes_again_as_rtx_or_as_the_same_bytes() {
    for rtx in [true, false] {
        let (sender, mut receiver) = keys();
        let mut lane = Lane::new(&media(rtx), 16);
        let mut sent = Vec::new();
        for step in 0..50u64 {
            let mut room = [0u8; MAX_PACKET];
            let length = lane.write(&mut room, &packet(500 + step, step as u32 + 1, step * 3_000), &sender, None);
            sent.push(room[..length].to_vec());
        }
        let lost = Header::parse(&sent[30]).unwrap().sequence;
        let Progress::Sent(source) = lane.source_of(lost) else { panic!("it was sent") };
        assert_eq!(source, 530);
        let mut room = [0u8; MAX_PACKET];
        let length = lane.write_again(&mut room, &packet(530, 31, 90_000), &sender, None);
        if rtx {
            let (header, payload, extensions) = open(&mut receiver, &room[..length]);
            assert_eq!((header.ssrc, header.payload_type), (8, 103));
            assert_eq!(payload[..2], lost.to_be_bytes());
            assert_eq!(payload[2..], 530u64.to_be_bytes().repeat(3));
            assert!(extensions.contains(&(4, b"video".to_vec())));
        } else {
            assert_eq!(room[..length], sent[30], "one sequence number must never cover two different packets");
        }
    }
}

/// One sequence number must never cover two different packets, whatever the viewer gets by the time of the resend.
#[test]
fn a_thinned_packet_goes_again_as_it_was() {
    for rtx in [true, false] {
        let (sender, mut receiver) = keys();
        let mut lane = Lane::new(&media(rtx), 16);
        // Two spatial layers; each second picture is of a higher temporal one.
        let layered = |step: u64| {
            let (spatial, temporal) = ((step % 2) as u8, (step / 2 % 2) as u8);
            let flags = PacketFlags {
                marker: spatial == 1,
                frame_start: spatial == 0,
                keyframe_start: step.is_multiple_of(80),
                layer: LayerId::new(spatial, temporal),
                layer_end: true,
                upward: Upward::After,
                ..PacketFlags::default()
            };
            Packet { flags, ..packet(500 + step, step as u32 / 2 + 1, step / 2 * 3_000) }
        };
        let mut sent: Vec<(Packet, Header, Vec<u8>)> = Vec::new();
        let mut room = [0u8; MAX_PACKET];
        for step in 0..240u64 {
            match step {
                20 => lane.thin(LayerId::new(0, 3), false),
                60 => lane.thin(LayerId::new(3, 0), false),
                100 => lane.thin(LayerId::new(0, 0), false),
                140 => lane.thin(LayerId::ALL, false),
                _ => {}
            }
            // Some come late.
            let late = step.checked_sub(6).filter(|step| step % 40 == 30);
            for step in [Some(step).filter(|step| step % 40 != 30), late].into_iter().flatten() {
                let packet = layered(step);
                let length = lane.write(&mut room, &packet, &sender, None);
                if length > 0 {
                    let header = open(&mut receiver, &room[..length]).0;
                    sent.push((packet, header, room[..length].to_vec()));
                }
            }
        }
        let mut numbers: Vec<u16> = sent.iter().map(|(_, header, _)| header.sequence).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
        assert!(sent.len() > 100 && sent.iter().any(|(packet, header, _)| header.marker && !packet.flags.marker));
        let blank = |(packet, _, bytes): &&(Packet, Header, Vec<u8>)| bytes.len() < packet.payload.len() + 12 + 16;
        assert!(sent.iter().filter(blank).count() > 0, "what was late and is not for this viewer fills its number");
        for (packet, header, bytes) in &sent {
            assert_eq!(lane.source_of(header.sequence), Progress::Sent(packet.seq));
            let length = lane.write_again(&mut room, packet, &sender, None);
            if rtx {
                let (again, payload, _) = open(&mut receiver, &room[..length]);
                assert_eq!(payload[..2], header.sequence.to_be_bytes());
                assert_eq!((again.marker, again.timestamp), (header.marker, header.timestamp));
            } else {
                assert_eq!(room[..length], *bytes, "{}", packet.seq);
            }
        }
    }
}

#[test]
fn a_joiner_runs_through_what_was_before_it() {
    let (sender, mut receiver) = keys();
    let mut ring = Ring::new(RingLimits::default());
    for frame in 1..=60u32 {
        ring.push(packet(u64::from(frame), frame, u64::from(frame) * 3_000));
    }
    let mut lane = Lane::new(&media(true), 16);
    lane.start_at(ring.keyframe().unwrap(), &ring);
    let mut timestamps = Vec::new();
    let mut room = [0u8; MAX_PACKET];
    while let Some(packet) = lane.behind().and_then(|position| ring.get(position)) {
        let length = lane.write(&mut room, packet, &sender, None);
        timestamps.push(open(&mut receiver, &room[..length]).0.timestamp);
        lane.advance();
    }
    let live = lane.timestamp(60 * 3_000);
    assert_eq!(timestamps.len(), 60);
    assert_eq!(timestamps[59], live, "the newest is where it belongs");
    assert!(timestamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == CATCH_UP_TICKS as u32));
    lane.up_to_date();
    let length = lane.write(&mut room, &packet(61, 61, 61 * 3_000), &sender, None);
    assert_eq!(open(&mut receiver, &room[..length]).0.timestamp, live.wrapping_add(3_000));
}

#[test]
fn packets_that_fit_into_no_datagram_are_left_out_and_counted() {
    let (sender, mut receiver) = keys();
    let mut lane = Lane::new(&media(true), 16);
    let mut room = [0u8; MAX_PACKET];
    let sized = |seq: u64, size: usize| Packet { payload: vec![7; size].into(), padding: 0, ..packet(seq, 2, 0) };
    let rows = [(1, 1_200, true), (2, 1_500, true), (3, 1_600, false), (4, 65_000, false), (5, 1_200, true)];
    for (seq, size, fits) in rows {
        let length = lane.write(&mut room, &sized(seq, size), &sender, None);
        assert_eq!(length > 0, fits, "{size}");
        if fits {
            assert_eq!(open(&mut receiver, &room[..length]).1.len(), size);
        }
    }
    assert_eq!(lane.oversize, 2);
    assert_eq!(lane.write_again(&mut room, &sized(3, 1_600), &sender, None), 0);
    assert_eq!(lane.oversize, 3);
}

#[test]
fn large_extension_ids_make_two_byte_headers() {
    for (id, profile) in [(4, [0xbe, 0xde]), (14, [0xbe, 0xde]), (15, [0x10, 0x00]), (200, [0x10, 0x00])] {
        let (sender, mut receiver) = keys();
        let mut media = media(false);
        media.extensions.mid = Some(id);
        let mut room = [0u8; MAX_PACKET];
        let length = Lane::new(&media, 16).write(&mut room, &packet(1, 1, 0), &sender, None);
        assert_eq!(room[12..14], profile, "{id}");
        let (_, _, extensions) = open(&mut receiver, &room[..length]);
        assert_eq!(extensions, [(id, b"video".to_vec()), (2, 0x0102_0304_0506_0708u64.to_be_bytes().to_vec())], "{id}");
    }
}

/// A keyframe's is longer than the one-byte form allows: that packet has the two-byte form.
#[test]
fn a_dependency_descriptor_goes_with_its_packet() {
    let (sender, mut receiver) = keys();
    let mut media = media(true);
    media.extensions.dependencies = Some(12);
    let mut lane = Lane::new(&media, 16);
    let mut room = [0u8; MAX_PACKET];
    let rows = [(3, 0xbede), (16, 0xbede), (17, 0x1000), (200, 0x1000), (0, 0xbede), (256, 0xbede), (3, 0xbede)];
    for (seq, (length, profile)) in (1..).zip(rows) {
        let descriptor: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let packet = Packet { descriptor: Some(Arc::new(descriptor.clone().into())), ..packet(seq, 2, 0) };
        for again in [false, true] {
            let length = match again {
                false => lane.write(&mut room, &packet, &sender, None),
                true => lane.write_again(&mut room, &packet, &sender, None),
            };
            assert_eq!(u16::from_be_bytes([room[12], room[13]]), profile, "{seq}");
            let (_, payload, extensions) = open(&mut receiver, &room[..length]);
            assert!(payload.ends_with(&packet.payload), "{seq}");
            let found = extensions.iter().find(|(id, _)| *id == 12).map(|(_, value)| value.clone());
            assert_eq!(found, Some(descriptor.clone()).filter(|value| (1..256).contains(&value.len())), "{seq}");
            assert!(extensions.contains(&(4, b"video".to_vec())), "{seq}");
        }
    }
}

#[test]
fn video_waits_for_a_keyframe_and_sound_does_not() {
    let mut lane = Lane::new(&media(true), 16);
    assert!(!lane.admits(&packet(5, 2, 0)));
    assert!(lane.admits(&packet(6, 1, 0)));
    assert!(lane.admits(&packet(7, 3, 0)));
    let mut sound = media(false);
    sound.track = TrackInfo::new(Codec::Opus);
    assert!(Lane::new(&sound, 16).admits(&packet(5, 2, 0)));
}

/// A lane whose packets are numbered, and what numbers them.
fn measured(id: u8) -> (Lane, Auto, Instant) {
    let mut media = media(true);
    media.extensions.transport_cc = Some(id);
    media.feedback.transport_cc = true;
    let now = Instant::now();
    (Lane::new(&media, 16), Auto::new(now, 0), now)
}

fn number(id: u8, extensions: &[(u8, Vec<u8>)]) -> u16 {
    let value = extensions.iter().find(|(found, _)| *found == id).map(|(_, value)| value.clone());
    u16::from_be_bytes(value.and_then(|value| value.try_into().ok()).expect("each packet has a number"))
}

#[test]
fn packets_of_a_measured_viewer_are_numbered_in_the_order_of_sending() {
    for id in [3, 20] {
        let (sender, mut receiver) = keys();
        let (mut lane, mut auto, now) = measured(id);
        assert!(lane.is_numbered());
        let mut room = [0u8; MAX_PACKET];
        for step in 0..300u64 {
            let source = packet(500 + step, step as u32 + 1, step * 3_000);
            let length = lane.write(&mut room, &source, &sender, Some(Way { auto: &mut auto, now }));
            let (_, payload, extensions) = open(&mut receiver, &room[..length]);
            assert_eq!(number(id, &extensions), (step * 3) as u16);
            assert_eq!(payload, source.payload);
            assert!(extensions.contains(&(4, b"video".to_vec())));
            // Sent again it is a packet of the other stream, with a number of its own.
            let length = lane.write_again(&mut room, &source, &sender, Some(Way { auto: &mut auto, now }));
            let (header, payload, extensions) = open(&mut receiver, &room[..length]);
            assert_eq!((header.ssrc, header.payload_type, &payload[2..]), (8, 103, &*source.payload));
            assert_eq!(number(id, &extensions), (step * 3 + 1) as u16);
            let length = lane.write_padding(&mut room, &source, 200, &sender, Some(Way { auto: &mut auto, now }));
            let (header, payload, extensions) = open(&mut receiver, &room[..length]);
            assert_eq!((header.ssrc, header.payload_type, header.marker, payload.len()), (8, 103, false, 0));
            assert_eq!(number(id, &extensions), (step * 3 + 2) as u16);
        }
    }
}

#[test]
fn one_srtp_index_covers_one_packet_where_packets_are_numbered() {
    let (sender, _) = keys();
    let (mut lane, mut auto, now) = measured(3);
    let mut room = [0u8; MAX_PACKET];
    let mut write = |lane: &mut Lane, seq| {
        lane.write(&mut room, &packet(seq, 2, seq * 3_000), &sender, Some(Way { auto: &mut auto, now }))
    };
    assert!(write(&mut lane, 500) > 0 && write(&mut lane, 503) > 0 && write(&mut lane, 501) > 0);
    assert_eq!((write(&mut lane, 501), write(&mut lane, 503), write(&mut lane, 500)), (0, 0, 0));
    assert!(write(&mut lane, 502) > 0 && write(&mut lane, 5_000) > 0);
    assert_eq!(write(&mut lane, 504), 0, "too old to tell");
}

#[test]
fn lanes_without_retransmissions_or_consent_are_not_numbered() {
    for (rtx, agreed, numbered) in [(true, true, true), (false, true, false), (true, false, false)] {
        let mut media = media(rtx);
        media.extensions.transport_cc = Some(3);
        media.feedback.transport_cc = agreed;
        let (sender, mut receiver) = keys();
        let mut lane = Lane::new(&media, 16);
        let mut room = [0u8; MAX_PACKET];
        let length = lane.write(&mut room, &packet(1, 1, 0), &sender, None);
        let (_, _, extensions) = open(&mut receiver, &room[..length]);
        assert_eq!((lane.is_numbered(), extensions.iter().any(|(id, _)| *id == 3)), (numbered, numbered));
    }
}

#[test]
fn what_is_held_goes_on_at_a_keyframe_without_a_gap() {
    let (sender, mut receiver) = keys();
    let mut lane = Lane::new(&media(true), 16);
    let mut room = [0u8; MAX_PACKET];
    assert!(lane.admits(&packet(500, 1, 0)));
    let length = lane.write(&mut room, &packet(500, 1, 0), &sender, None);
    let before = open(&mut receiver, &room[..length]).0;
    assert!(!lane.release(), "nothing was held");
    lane.hold();
    assert!(!lane.admits(&packet(501, 1, 3_000)), "not even a keyframe");
    assert_eq!(lane.source_of(before.sequence), Progress::Unknown, "nothing is sent again meanwhile");
    assert!(!lane.has_sent(&packet(500, 1, 0)));
    assert!(lane.release());
    assert!(!lane.admits(&packet(530, 2, 90_000)) && lane.admits(&packet(531, 1, 93_000)));
    let length = lane.write(&mut room, &packet(531, 1, 93_000), &sender, None);
    let after = open(&mut receiver, &room[..length]).0;
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp, before.timestamp.wrapping_add(93_000));
    assert_eq!(lane.source_of(after.sequence), Progress::Sent(531));
    assert!(lane.has_sent(&packet(531, 1, 93_000)) && !lane.has_sent(&packet(532, 2, 96_000)));
}

#[test]
fn picture_ids_go_on_over_a_move_and_in_what_is_sent_again() {
    let payload = |id: u16, lowest: u8| {
        let [high, low] = id.to_be_bytes();
        Bytes::from(vec![0x90, 0xe0, 0x80 | high, low, lowest, 0x20, 1, 2, 3])
    };
    let vp8 = |seq: u64, id: u16, lowest: u8| Packet {
        payload: payload(id, lowest),
        padding: 0,
        ..packet(seq, 1, seq * 3_000)
    };
    let (sender, mut receiver) = keys();
    let mut media = media(true);
    media.track = TrackInfo::new(Codec::Vp8);
    let mut lane = Lane::new(&media, 16);
    let mut room = [0u8; MAX_PACKET];
    let mut ring = Ring::new(RingLimits::default());
    for source in [vp8(500, 0x7ffe, 254), vp8(501, 0x7fff, 255)] {
        let length = lane.write(&mut room, &source, &sender, None);
        assert_eq!(open(&mut receiver, &room[..length]).1, source.payload, "untouched before the first move");
        ring.push(source);
    }
    // It was held back before the move: what it did not get does not count.
    ring.push(vp8(502, 0, 0));
    let first = vp8(90_000, 0x1234, 77);
    lane.carry_on_pictures(&ring, &first);
    lane.move_to(TrackClock::default(), Some((1_506_000, 0)), TrackClock::default(), &first);
    for (step, expected) in [(0, payload(0, 0)), (1, payload(1, 1))] {
        let source = vp8(90_000 + step, 0x1234 + step as u16, 77 + step as u8);
        let length = lane.write(&mut room, &source, &sender, None);
        assert_eq!(open(&mut receiver, &room[..length]).1, expected);
        let length = lane.write_again(&mut room, &source, &sender, None);
        assert_eq!(open(&mut receiver, &room[..length]).1[2..], expected);
    }
}
