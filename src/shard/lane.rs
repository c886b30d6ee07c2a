//! One track on its way to one viewer: continuous sequence numbers and timestamps, and the RTP header on the wire.

use super::socket::MAX_PACKET;
use super::thinning::{Look, Thinning};
use crate::hub::{Ring, TrackClock};
use crate::media::{Codec, LayerId, MediaKind, Packet};
use crate::protocol::webrtc::payload;
use crate::protocol::webrtc::srtp::SrtpSender;
use crate::protocol::webrtc::{ExtensionIds, MediaParams};

/// Frames before the one that was newest at the join are shown this far apart, in ticks of 90 kHz: a player runs through
/// them in a moment and stands at live, instead of showing them at their own pace and staying behind.
const CATCH_UP_TICKS: u64 = 90;

/// Frames of two renditions are at least so far apart where a viewer changes over: a part of a second.
const LEAST_STEP: u64 = 1_000;

/// Where a lane is in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// Waits for a first packet that can be played.
    Waiting,
    /// Behind: the next packet is the ring's at this position.
    Behind(u64),
    /// Gets each packet as it comes.
    Live,
}

/// What became of a packet of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was sent; its extended sequence number at the source.
    Sent(u64),
    /// It never was.
    Unknown,
}

/// One track of one viewer.
pub struct Lane {
    pub track: u8,
    pub kind: MediaKind,
    pub ssrc: u32,
    payload_type: u8,
    rtx: Option<(u8, u32)>,
    nack: bool,
    position: Position,
    /// The source's sequence number that was sent as index `first_index`; none before the first packet.
    base: Option<u64>,
    /// SRTP index (RFC 3711, 3.3.1) of the first packet: below 2^15, so that a few before it do not wrap below zero.
    first_index: u64,
    highest_index: u64,
    rtx_index: u64,
    timestamp_offset: u32,
    /// Ticks by which it is later than the wall clock says, since timestamps must not go back.
    late: u64,
    /// Frame and timestamp that were newest at the join; frames before are moved close to it.
    head: Option<(u32, u64)>,
    extensions: ExtensionIds,
    two_byte: bool,
    /// The extensions that each packet has, encoded in the one-byte and in the two-byte form.
    fixed_extensions: [Vec<u8>; 2],
    /// Bytes that SRTP adds.
    overhead: usize,
    pub packets: u64,
    /// Payload bytes, as sender reports count them.
    pub octets: u64,
    pub retransmitted: u64,
    /// Packets left out because they do not fit into a datagram here.
    pub oversize: u64,
    codec: Codec,
    /// What it leaves out; none for a viewer who gets all layers, which then costs nothing.
    thinning: Option<Box<Thinning>>,
}

impl Lane {
    pub fn new(media: &MediaParams, overhead: usize) -> Self {
        let mut random = [0u8; 12];
        getrandom::fill(&mut random).expect("the system's random source works");
        let number = |at: usize| u32::from_be_bytes([random[at], random[at + 1], random[at + 2], random[at + 3]]);
        let ids = media.extensions;
        // One-byte headers hold ids up to 14 (RFC 8285, 4.2); one larger id makes all of them two-byte.
        let two_byte =
            [ids.mid, ids.audio_level, ids.abs_capture_time, ids.dependencies].into_iter().flatten().any(|id| id > 14);
        let fixed_extensions = [false, true].map(|two_byte| {
            let Some(id) = ids.mid.filter(|_| (1..=MAX_MID).contains(&media.mid.len())) else { return Vec::new() };
            let mut element = [0; 2 + MAX_MID];
            let length = write_element(&mut element, two_byte, id, media.mid.as_bytes());
            element[..length].to_vec()
        });
        Lane {
            track: media.track_index,
            kind: media.track.kind(),
            ssrc: media.ssrc.unwrap_or_default(),
            payload_type: media.payload_type,
            rtx: media.rtx_payload_type.zip(media.rtx_ssrc),
            nack: media.feedback.nack,
            position: Position::Waiting,
            base: None,
            first_index: u64::from(number(0) & 0x3fff) + 0x1000,
            highest_index: 0,
            rtx_index: u64::from(number(4) & 0x3fff),
            timestamp_offset: number(8),
            late: 0,
            head: None,
            extensions: ids,
            two_byte,
            fixed_extensions,
            overhead,
            packets: 0,
            octets: 0,
            retransmitted: 0,
            oversize: 0,
            codec: media.track.codec,
            thinning: None,
        }
    }

    /// Says which layers of its picture it is to send: less from the next picture on, more when that can be decoded.
    pub fn thin(&mut self, layers: LayerId) {
        if self.kind != MediaKind::Video || (self.thinning.is_none() && layers == LayerId::ALL) {
            return;
        }
        let thinning = self.thinning.get_or_insert_with(|| {
            let mut thinning = Thinning::new(layers, self.codec == Codec::Av1);
            if let Some(base) = self.base {
                let next = (self.highest_index + 1).max(self.first_index);
                thinning.begin(next, base + (next - self.first_index));
            }
            Box::new(thinning)
        });
        thinning.want(layers);
    }

    /// The layers that it leaves nothing out of, and whether others need a keyframe; none where it sends all.
    pub fn thinned(&self) -> Option<(LayerId, bool)> {
        self.thinning.as_ref().map(|thinning| (thinning.present(), self.base.is_some() && thinning.needs_keyframe()))
    }

    /// Index and look of a packet. None: it is not for this viewer.
    #[inline]
    fn place(&mut self, packet: &Packet) -> Option<(u64, Look)> {
        let first = self.base.is_none();
        let base = *self.base.get_or_insert(packet.seq);
        if let Some(thinning) = &mut self.thinning {
            if first {
                thinning.begin(self.first_index, packet.seq);
            }
            if packet.seq >= thinning.first_source() {
                return thinning.place(packet);
            }
        }
        // Packets from before the first one were never this viewer's.
        let index = packet.seq.checked_sub(base)? + self.first_index;
        Some((index, Look { marker: packet.flags.marker, blank: false, layers: LayerId::ALL }))
    }

    /// Copies the payload, as it looks for this viewer. Returns its length.
    #[inline]
    fn payload(&self, room: &mut [u8], packet: &Packet, look: Look) -> usize {
        if look.blank {
            return 0;
        }
        let payload = &mut room[..packet.payload.len()];
        payload.copy_from_slice(&packet.payload);
        if look.layers != LayerId::ALL && packet.flags.keyframe_start && self.codec == Codec::Av1 {
            payload::narrow_av1(payload, look.layers);
        }
        payload.len()
    }

    /// Starts at a keyframe in the ring and runs up to live.
    pub fn start_at(&mut self, position: u64, ring: &Ring) {
        self.position = Position::Behind(position);
        let newest =
            (position..ring.end()).rev().filter_map(|at| ring.get(at)).find(|packet| packet.track == self.track);
        self.head = newest.map(|packet| (packet.frame, packet.timestamp));
    }

    /// Goes over to another rendition, whose keyframe starts with `first`: sequence numbers go on, and timestamps by the wall
    /// clocks of both. `newest`: timestamp and arrival of the newest packet of the stream that it leaves. What was sent
    /// before is not sent again: the keyframe makes up for it.
    pub fn move_to(&mut self, from: TrackClock, newest: Option<(u64, u64)>, to: TrackClock, first: &Packet) {
        self.position = Position::Waiting;
        self.head = None;
        if self.base.is_none() {
            return;
        }
        let (newest, arrival_ns) = newest.unwrap_or((first.timestamp, first.arrival_ns));
        let rate = u64::from(to.rate.max(1));
        let least = newest + rate / LEAST_STEP;
        let elapsed = first.arrival_ns.saturating_sub(arrival_ns) * rate / 1_000_000_000;
        let by_arrival = (newest + elapsed).wrapping_sub(self.late);
        let by_clocks = from.timestamp_at(to.wall_at(first.timestamp)).wrapping_sub(self.late);
        let credible = from.wall_ns != 0 && to.wall_ns != 0 && by_clocks.abs_diff(by_arrival) < rate / 2;
        let wanted = if credible { by_clocks } else { by_arrival };
        let at = wanted.max(least);
        self.late = at - wanted;
        self.timestamp_offset = self.timestamp(at).wrapping_sub(first.timestamp as u32);
        self.first_index = self.highest_index + 1;
        self.base = Some(first.seq);
        if let Some(thinning) = &mut self.thinning {
            thinning.begin(self.first_index, first.seq);
        }
    }

    /// The ring's position of the next packet, for a lane that is behind.
    pub fn behind(&self) -> Option<u64> {
        match self.position {
            Position::Behind(position) => Some(position),
            _ => None,
        }
    }

    pub fn is_behind(&self) -> bool {
        self.behind().is_some()
    }

    pub fn advance(&mut self) {
        if let Position::Behind(position) = &mut self.position {
            *position += 1;
        }
    }

    pub fn up_to_date(&mut self) {
        self.position = Position::Live;
    }

    pub fn wait_for_keyframe(&mut self) {
        self.position = Position::Waiting;
    }

    /// Whether it takes a packet that has just come.
    pub fn admits(&mut self, packet: &Packet) -> bool {
        match self.position {
            Position::Live => true,
            Position::Behind(_) => false,
            Position::Waiting => {
                let starts = self.kind == MediaKind::Audio || packet.flags.keyframe_start;
                if starts {
                    self.position = Position::Live;
                }
                starts
            }
        }
    }

    /// Whether anything was sent.
    pub fn has_started(&self) -> bool {
        self.base.is_some()
    }

    /// The RTP timestamp on the wire of a source timestamp.
    pub fn timestamp(&self, source: u64) -> u32 {
        (source as u32).wrapping_add(self.timestamp_offset)
    }

    /// Writes and seals a packet. Returns its length; 0 when it can not be sent.
    #[inline]
    pub fn write(&mut self, room: &mut [u8], packet: &Packet, sender: &SrtpSender) -> usize {
        let Some((index, look)) = self.place(packet) else { return 0 };
        let header = self.header(room, packet, look, self.payload_type, index as u16, self.ssrc);
        let padding = if look.blank { BLANK } else { packet.padding };
        if header + packet.payload.len() + usize::from(padding) + self.overhead > MAX_PACKET {
            self.oversize += 1;
            return 0;
        }
        let payload = self.payload(&mut room[header..], packet, look);
        let end = header + payload + usize::from(padding);
        if padding > 0 {
            room[0] |= 0x20;
            room[header + payload..end].fill(0);
            room[end - 1] = padding;
        }
        self.packets += 1;
        self.octets += payload as u64;
        self.highest_index = self.highest_index.max(index);
        sender.seal_rtp(room, header, end, self.ssrc, index)
    }

    /// Writes a packet that was lost: as RTX (RFC 4588) where negotiated, else the very same bytes as before. Their
    /// content depends only on the packet and on what is fixed for the lane, so one sequence number never covers two
    /// different packets, which would break AES-GCM.
    pub fn write_again(&mut self, room: &mut [u8], packet: &Packet, sender: &SrtpSender) -> usize {
        let Some((index, look)) = self.base.and_then(|_| self.place(packet)) else { return 0 };
        self.retransmitted += 1;
        let Some((payload_type, ssrc)) = self.rtx else {
            let (packets, octets) = (self.packets, self.octets);
            let length = self.write(room, packet, sender);
            (self.packets, self.octets) = (packets, octets);
            return length;
        };
        let rtx_index = self.rtx_index;
        self.rtx_index += 1;
        let header = self.header(room, packet, look, payload_type, rtx_index as u16, ssrc);
        if header + 2 + packet.payload.len() + self.overhead > MAX_PACKET {
            self.oversize += 1;
            return 0;
        }
        room[header..header + 2].copy_from_slice(&(index as u16).to_be_bytes());
        let end = header + 2 + self.payload(&mut room[header + 2..], packet, look);
        sender.seal_rtp(room, header, end, ssrc, rtx_index)
    }

    /// Which packet of the source has gone out under a sequence number.
    pub fn source_of(&self, sequence: u16) -> Progress {
        let Some(base) = self.base.filter(|_| self.nack || self.rtx.is_some()) else { return Progress::Unknown };
        let behind = u64::from((self.highest_index as u16).wrapping_sub(sequence));
        let Some(index) = self.highest_index.checked_sub(behind) else { return Progress::Unknown };
        let source = match &self.thinning {
            Some(thinning) if index >= thinning.first_index() => thinning.source_of(index),
            _ => index.checked_sub(self.first_index).map(|delta| base + delta),
        };
        match source {
            Some(source) => Progress::Sent(source),
            None => Progress::Unknown,
        }
    }

    #[inline]
    fn header(
        &self,
        room: &mut [u8],
        packet: &Packet,
        look: Look,
        payload_type: u8,
        sequence: u16,
        ssrc: u32,
    ) -> usize {
        let source = match self.head {
            Some((frame, timestamp)) if packet.frame < frame => {
                timestamp.saturating_sub(u64::from(frame - packet.frame) * CATCH_UP_TICKS)
            }
            _ => packet.timestamp,
        };
        room[0] = 0x80;
        room[1] = u8::from(look.marker) << 7 | payload_type;
        room[2..4].copy_from_slice(&sequence.to_be_bytes());
        room[4..8].copy_from_slice(&self.timestamp(source).to_be_bytes());
        room[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let mut end = 16;
        let descriptor = self.extensions.dependencies.zip(packet.descriptor.as_deref()).filter(|_| !look.blank);
        let descriptor = descriptor.filter(|(_, value)| (1..=255).contains(&value.len()));
        let two_byte = self.two_byte || descriptor.is_some_and(|(_, value)| value.len() > MAX_ONE_BYTE);
        let fixed = &self.fixed_extensions[usize::from(two_byte)];
        room[end..end + fixed.len()].copy_from_slice(fixed);
        end += fixed.len();
        if let Some((id, level)) = self.extensions.audio_level.zip(packet.audio_level) {
            end += write_element(&mut room[end..], two_byte, id, &[level]);
        }
        if let Some(id) = self.extensions.abs_capture_time.filter(|_| packet.capture.0 != 0) {
            end += write_element(&mut room[end..], two_byte, id, &packet.capture.0.to_be_bytes());
        }
        if let Some((id, value)) = descriptor {
            end += write_element(&mut room[end..], two_byte, id, value);
        }
        if end == 16 {
            return 12;
        }
        let padded = end.next_multiple_of(4);
        room[end..padded].fill(0);
        room[0] |= 0x10;
        room[12..14].copy_from_slice(if two_byte { &[0x10, 0x00] } else { &[0xbe, 0xde] });
        room[14..16].copy_from_slice(&(((padded - 16) / 4) as u16).to_be_bytes());
        padded
    }
}

/// The longest value of an extension in the one-byte form (RFC 8285, 4.2).
const MAX_ONE_BYTE: usize = 16;

/// Bytes of padding of a packet that has nothing else.
const BLANK: u8 = 1;

/// The longest mid that the header carries; a longer one is left to the SSRC.
const MAX_MID: usize = 16;

/// Writes one header extension element (RFC 8285, 4.2 and 4.3) and returns its length.
fn write_element(room: &mut [u8], two_byte: bool, id: u8, value: &[u8]) -> usize {
    let head = if two_byte {
        room[..2].copy_from_slice(&[id, value.len() as u8]);
        2
    } else {
        room[0] = id << 4 | (value.len() - 1) as u8;
        1
    };
    room[head..head + value.len()].copy_from_slice(value);
    head + value.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::RingLimits;
    use crate::media::{Codec, NtpTime, PacketFlags, TrackInfo, Upward};
    use crate::protocol::webrtc::Feedback;
    use crate::protocol::webrtc::rtp::Header;
    use crate::protocol::webrtc::srtp::{Profile, Role, SessionKeys, SrtpReceiver};
    use bytes::Bytes;

    fn media(rtx: bool) -> MediaParams {
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

    fn keys() -> (SrtpSender, SrtpReceiver) {
        let profile = Profile::AeadAes128Gcm;
        let material: Vec<u8> = (0..profile.exporter_len() as u8).collect();
        let sender = SessionKeys::from_exporter(profile, &material).unwrap().contexts(Role::Server).0;
        let receiver = SessionKeys::from_exporter(profile, &material).unwrap().contexts(Role::Client).1;
        (sender, receiver)
    }

    fn packet(seq: u64, frame: u32, timestamp: u64) -> Packet {
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
    fn open(receiver: &mut SrtpReceiver, sealed: &[u8]) -> (Header, Vec<u8>, Vec<(u8, Vec<u8>)>) {
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
            let length = lane.write(&mut room, &packet(500, 1, 897_000), &sender);
            let first = open(&mut receiver, &room[..length]).0;
            let length = lane.write(&mut room, &packet(501, 2, 900_000), &sender);
            let before = open(&mut receiver, &room[..length]).0;
            let moved = |seq: u64, frame: u32, timestamp: u64| {
                let arrival_ns = 66_000_000 + 40_000_000;
                Packet { arrival_ns, ..packet(seq, frame, timestamp) }
            };
            let keyframe = moved(90_000, 1, 5_003_000);
            lane.move_to(from, Some((900_000, 66_000_000)), to, &keyframe);
            assert!(!lane.admits(&moved(89_999, 2, 5_000_000)) && lane.admits(&keyframe), "{name}");
            assert_eq!(lane.write(&mut room, &moved(89_999, 2, 5_000_000), &sender), 0, "from before: {name}");
            let length = lane.write(&mut room, &keyframe, &sender);
            let after = open(&mut receiver, &room[..length]).0;
            assert_eq!(after.sequence, before.sequence.wrapping_add(1), "{name}");
            // Nanoseconds and back: a tick may be missing.
            let step = after.timestamp.wrapping_sub(before.timestamp);
            assert!(step.abs_diff(expected) <= 1, "{name}: {step}");
            assert_eq!(lane.source_of(after.sequence), Progress::Sent(90_000), "{name}");
            assert_eq!(lane.source_of(first.sequence), Progress::Unknown, "{name}");
            // Back again: what was late is made up for.
            let length = lane.write(&mut room, &moved(90_001, 2, 5_006_000), &sender);
            let last = open(&mut receiver, &room[..length]).0;
            let back = Packet { arrival_ns: 106_000_000 + 40_000_000, ..packet(510, 1, 912_000) };
            lane.move_to(to, Some((5_006_000, 106_000_000)), from, &back);
            let length = lane.write(&mut room, &back, &sender);
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
        assert!(lane.write(&mut room, &packet(1_000, 1, 0), &sender) > 0);
        assert_eq!(lane.write(&mut room, &packet(999, 1, 0), &sender), 0);
        assert!(lane.write(&mut room, &packet(1_001, 2, 3_000), &sender) > 0);
    }

    #[test]
    fn a_lost_packet_goes_again_as_rtx_or_as_the_same_bytes() {
        for rtx in [true, false] {
            let (sender, mut receiver) = keys();
            let mut lane = Lane::new(&media(rtx), 16);
            let mut sent = Vec::new();
            for step in 0..50u64 {
                let mut room = [0u8; MAX_PACKET];
                let length = lane.write(&mut room, &packet(500 + step, step as u32 + 1, step * 3_000), &sender);
                sent.push(room[..length].to_vec());
            }
            let lost = Header::parse(&sent[30]).unwrap().sequence;
            let Progress::Sent(source) = lane.source_of(lost) else { panic!("it was sent") };
            assert_eq!(source, 530);
            let mut room = [0u8; MAX_PACKET];
            let length = lane.write_again(&mut room, &packet(530, 31, 90_000), &sender);
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
                    keyframe_start: step % 80 == 0,
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
                    20 => lane.thin(LayerId::new(0, 3)),
                    60 => lane.thin(LayerId::new(3, 0)),
                    100 => lane.thin(LayerId::new(0, 0)),
                    140 => lane.thin(LayerId::ALL),
                    _ => {}
                }
                // Some come late.
                let late = step.checked_sub(6).filter(|step| step % 40 == 30);
                for step in [Some(step).filter(|step| step % 40 != 30), late].into_iter().flatten() {
                    let packet = layered(step);
                    let length = lane.write(&mut room, &packet, &sender);
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
                let length = lane.write_again(&mut room, packet, &sender);
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
            let length = lane.write(&mut room, packet, &sender);
            timestamps.push(open(&mut receiver, &room[..length]).0.timestamp);
            lane.advance();
        }
        let live = lane.timestamp(60 * 3_000);
        assert_eq!(timestamps.len(), 60);
        assert_eq!(timestamps[59], live, "the newest is where it belongs");
        assert!(timestamps.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == CATCH_UP_TICKS as u32));
        lane.up_to_date();
        let length = lane.write(&mut room, &packet(61, 61, 61 * 3_000), &sender);
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
            let length = lane.write(&mut room, &sized(seq, size), &sender);
            assert_eq!(length > 0, fits, "{size}");
            if fits {
                assert_eq!(open(&mut receiver, &room[..length]).1.len(), size);
            }
        }
        assert_eq!(lane.oversize, 2);
        assert_eq!(lane.write_again(&mut room, &sized(3, 1_600), &sender), 0);
        assert_eq!(lane.oversize, 3);
    }

    #[test]
    fn large_extension_ids_make_two_byte_headers() {
        for (id, profile) in [(4, [0xbe, 0xde]), (14, [0xbe, 0xde]), (15, [0x10, 0x00]), (200, [0x10, 0x00])] {
            let (sender, mut receiver) = keys();
            let mut media = media(false);
            media.extensions.mid = Some(id);
            let mut room = [0u8; MAX_PACKET];
            let length = Lane::new(&media, 16).write(&mut room, &packet(1, 1, 0), &sender);
            assert_eq!(room[12..14], profile, "{id}");
            let (_, _, extensions) = open(&mut receiver, &room[..length]);
            assert_eq!(
                extensions,
                [(id, b"video".to_vec()), (2, 0x0102_0304_0506_0708u64.to_be_bytes().to_vec())],
                "{id}"
            );
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
}
