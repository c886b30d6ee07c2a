//! One received track: puts packets in order, asks for lost ones, and makes frames of them.

use super::playout::Playout;
use super::reception::Reception;
use super::samples::Samples;
use crate::media::{Codec, MediaKind, NtpTime};
use crate::protocol::bitstream::PictureSize;
use crate::protocol::webrtc::payload::{self, Assembled, Assembler};
use crate::protocol::webrtc::rtp::TimestampUnwrapper;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Packets that wait for a lost one; at 1200 bytes 2.4 MB. When full, the lost one is given up.
const MAX_WAITING: usize = 2048;
/// How long a packet may be late where retransmissions can be asked for.
const PATIENCE_WITH_NACK: Duration = Duration::from_millis(800);
/// Likewise where packets can only be out of order.
const PATIENCE: Duration = Duration::from_millis(50);
/// Between two requests for the same packet.
const NACK_INTERVAL: Duration = Duration::from_millis(40);
/// Requests for one packet.
const MAX_NACKS: u8 = 20;
/// A keyframe is asked for when none began this long after the first packet, and again after `PLI_INTERVAL`.
const FIRST_PLI: Duration = Duration::from_millis(100);
const PLI_INTERVAL: Duration = Duration::from_secs(1);

/// A packet as it came.
pub struct Arrival<'a> {
    pub now: Instant,
    /// The kernel's time of it, nanoseconds since 1970.
    pub wall_ns: u64,
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub payload: &'a [u8],
}

/// What is known of a received track.
pub struct Inbound {
    pub codec: Codec,
    pub reception: Reception,
    pub playout: Playout,
    /// Capture, by the time inside the picture, to arrival of the frame's last packet, in milliseconds.
    pub latency: Samples,
    /// Arrival less the sender's time of the packet, by its reports, in milliseconds.
    pub transit: Samples,
    pub bytes: u64,
    /// Packets that came in time because they were asked for.
    pub recovered: u64,
    pub nacks: u64,
    pub plis: u64,
    /// Frames that were not complete, or could not be decoded for want of an earlier one.
    pub broken_frames: u64,
    pub size: Option<PictureSize>,
    /// The kernel's time of the first packet, and of the last packet of the first frame.
    pub first_packet_ns: u64,
    pub first_frame_ns: Option<u64>,
    nack: bool,
    assembler: Assembler,
    timestamps: TimestampUnwrapper,
    waiting: BTreeMap<u64, Waiting>,
    missing: BTreeMap<u64, Missing>,
    /// The next packet to hand on.
    next: u64,
    /// Whether a decoder would have nothing to start from.
    needs_keyframe: bool,
    next_pli: Instant,
    report: Option<(NtpTime, u32)>,
    /// What was captured before came to catch up, and tells nothing of the latency; nanoseconds since 1970.
    live_from_ns: u64,
    /// Lost from sources before the present one.
    lost_before: u64,
    /// Recovered from a source of retransmissions, which `reception` does not see.
    recovered_elsewhere: u64,
}

struct Waiting {
    wall_ns: u64,
    now: Instant,
    timestamp: u64,
    marker: bool,
    payload: Bytes,
}

struct Missing {
    since: Instant,
    next: Instant,
    asked: u8,
}

impl Inbound {
    /// A track that begins with this packet. What was captured before `live_from_ns` does not count for the latency.
    pub fn new(codec: Codec, ssrc: u32, nack: bool, live_from_ns: u64, first: &Arrival<'_>) -> Self {
        Inbound {
            codec,
            reception: Reception::new(ssrc, codec.clock_rate(), first.sequence),
            playout: Playout::default(),
            latency: Samples::default(),
            transit: Samples::default(),
            bytes: 0,
            recovered: 0,
            nacks: 0,
            plis: 0,
            broken_frames: 0,
            size: None,
            first_packet_ns: first.wall_ns,
            first_frame_ns: None,
            nack,
            assembler: Assembler::new(codec),
            timestamps: TimestampUnwrapper::default(),
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            next: 0,
            needs_keyframe: codec.kind() == MediaKind::Video,
            next_pli: first.now + FIRST_PLI,
            report: None,
            live_from_ns,
            lost_before: 0,
            recovered_elsewhere: 0,
        }
    }

    /// Goes on with another source: a decoder has to start afresh, what was measured stays.
    pub fn switch(&mut self, ssrc: u32, first: &Arrival<'_>) {
        self.lost_before = self.lost();
        self.recovered_elsewhere = 0;
        self.reception = Reception::new(ssrc, self.codec.clock_rate(), first.sequence);
        self.assembler = Assembler::new(self.codec);
        self.timestamps = TimestampUnwrapper::default();
        self.report = None;
        self.lose_reference(first.now);
    }

    /// Packets that never came, neither first nor again.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.reception.lost().saturating_sub(self.recovered_elsewhere)
    }

    /// Takes a packet of the track.
    pub fn packet(&mut self, arrival: &Arrival<'_>) {
        let sequence = self.reception.packet(arrival.sequence);
        self.reception.timing(arrival.wall_ns, arrival.timestamp);
        if let Some((ntp, timestamp)) = self.report {
            let ahead =
                f64::from(arrival.timestamp.wrapping_sub(timestamp) as i32) / f64::from(self.codec.clock_rate());
            let sent = ntp.unix_ns().saturating_add_signed((ahead * 1e9) as i64);
            if sent >= self.live_from_ns {
                self.transit.add((arrival.wall_ns as f64 - sent as f64) / 1e6);
            }
        }
        self.insert(sequence, arrival, false);
    }

    /// Takes a packet that was sent again on a source of its own (RFC 4588).
    pub fn retransmitted(&mut self, arrival: &Arrival<'_>) {
        let highest = self.reception.highest();
        let behind = (highest as u16).wrapping_sub(arrival.sequence);
        if u64::from(behind) < highest {
            self.insert(highest - u64::from(behind), arrival, true);
        }
    }

    /// Remembers a sender report of the track.
    pub fn sender_report(&mut self, now: Instant, ntp: NtpTime, timestamp: u32) {
        self.reception.sender_report(ntp.middle(), now);
        self.report = Some((ntp, timestamp));
    }

    fn insert(&mut self, sequence: u64, arrival: &Arrival<'_>, retransmitted: bool) {
        self.bytes += arrival.payload.len() as u64;
        if let Some(size) = payload::inspect(self.codec, arrival.payload).size {
            self.size = Some(size);
        }
        if self.reception.received == 1 && !retransmitted {
            // The first packet, or a source that started afresh.
            self.next = sequence;
            self.waiting.clear();
            self.missing.clear();
        }
        if let Some(missing) = self.missing.remove(&sequence) {
            self.recovered += u64::from(missing.asked > 0 || retransmitted);
            self.recovered_elsewhere += u64::from(retransmitted);
        }
        if sequence < self.next {
            return;
        }
        let waiting = Waiting {
            wall_ns: arrival.wall_ns,
            now: arrival.now,
            timestamp: self.timestamps.unwrap(arrival.timestamp),
            marker: arrival.marker,
            payload: Bytes::copy_from_slice(arrival.payload),
        };
        let before = self.waiting.last_key_value().map_or(self.next, |(last, _)| last + 1);
        for lost in before..sequence {
            self.missing.insert(lost, Missing { since: arrival.now, next: arrival.now, asked: 0 });
        }
        self.waiting.insert(sequence, waiting);
        self.hand_on(arrival);
    }

    /// Gives the assembler what is in order; `arrival` is what made it so.
    fn hand_on(&mut self, arrival: &Arrival<'_>) {
        while self.waiting.len() > MAX_WAITING {
            self.skip(arrival.now);
        }
        while let Some(packet) = self.waiting.remove(&self.next) {
            let sequence = self.next;
            self.next += 1;
            self.assemble(sequence, &packet, arrival.wall_ns, arrival.now);
        }
    }

    fn assemble(&mut self, sequence: u64, packet: &Waiting, wall_ns: u64, now: Instant) {
        self.assembler.push(sequence, packet.timestamp, packet.marker, &packet.payload);
        while let Some(frame) = self.assembler.poll() {
            self.frame(&frame, wall_ns, now);
        }
    }

    fn frame(&mut self, frame: &Assembled, wall_ns: u64, now: Instant) {
        if frame.keyframe && frame.complete {
            self.needs_keyframe = false;
        }
        if self.codec.kind() == MediaKind::Video && !frame.complete {
            self.broken_frames += 1;
            self.lose_reference(now);
            return;
        }
        if self.needs_keyframe {
            self.broken_frames += u64::from(self.first_frame_ns.is_some());
            return;
        }
        self.first_frame_ns.get_or_insert(wall_ns);
        self.playout.frame(now, frame.keyframe);
        if let Some(captured) = frame.capture_ns.filter(|captured| *captured >= self.live_from_ns) {
            self.latency.add((wall_ns as f64 - captured as f64) / 1e6);
        }
    }

    fn lose_reference(&mut self, now: Instant) {
        if !self.needs_keyframe && self.codec.kind() == MediaKind::Video {
            self.needs_keyframe = true;
            self.next_pli = now;
        }
    }

    /// Gives up the packets before the first that waits.
    fn skip(&mut self, now: Instant) {
        let Some((first, _)) = self.waiting.first_key_value() else { return };
        self.next = *first;
        self.missing = self.missing.split_off(&self.next);
        self.lose_reference(now);
        while let Some(packet) = self.waiting.remove(&self.next) {
            let sequence = self.next;
            self.next += 1;
            self.assemble(sequence, &packet, packet.wall_ns, packet.now);
        }
    }

    /// Gives up what is too late, and returns the sequence numbers to ask for now.
    pub fn poll_nacks(&mut self, now: Instant) -> Vec<u16> {
        let patience = if self.nack { PATIENCE_WITH_NACK } else { PATIENCE };
        while let Some((sequence, missing)) = self.missing.first_key_value() {
            if now.saturating_duration_since(missing.since) < patience {
                break;
            }
            if *sequence < self.next {
                self.missing.pop_first();
            } else {
                self.skip(now);
            }
        }
        if !self.nack {
            return Vec::new();
        }
        let due = self.missing.iter_mut().filter(|(_, missing)| missing.next <= now && missing.asked < MAX_NACKS);
        let asked: Vec<u16> = due
            .map(|(sequence, missing)| {
                missing.next = now + NACK_INTERVAL;
                missing.asked += 1;
                *sequence as u16
            })
            .collect();
        self.nacks += asked.len() as u64;
        asked
    }

    /// Whether a keyframe should be asked for now.
    pub fn poll_pli(&mut self, now: Instant) -> bool {
        let due = self.needs_keyframe && now >= self.next_pli;
        if due {
            self.next_pli = now + PLI_INTERVAL;
            self.plis += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A track and the moment of the next packet.
    struct Bench {
        track: Option<Inbound>,
        nack: bool,
        now: Instant,
    }

    impl Bench {
        fn new(nack: bool) -> Self {
            Bench { track: None, nack, now: Instant::now() }
        }

        fn track(&mut self) -> &mut Inbound {
            self.track.as_mut().unwrap()
        }

        /// Packet `sequence` of a stream of two packets a frame, each tenth frame a keyframe, 33 ms a frame.
        fn packet(&mut self, sequence: u16) {
            self.deliver(sequence, false);
        }

        fn deliver(&mut self, sequence: u16, retransmission: bool) {
            let frame = u32::from(sequence / 2);
            let payload = if frame.is_multiple_of(10) { [0x65, 0x88, 1, 2] } else { [0x41, 0x9a, 1, 2] };
            let arrival = Arrival {
                now: self.now,
                wall_ns: u64::from(sequence) * 16_000_000,
                sequence,
                timestamp: frame * 3000,
                marker: sequence % 2 == 1,
                payload: &payload,
            };
            if self.track.is_none() {
                self.track = Some(Inbound::new(Codec::H264, 7, self.nack, 0, &arrival));
            }
            if retransmission { self.track().retransmitted(&arrival) } else { self.track().packet(&arrival) }
        }
    }

    #[test]
    fn packets_in_any_order_make_frames() {
        let mut bench = Bench::new(false);
        for sequence in [0, 2, 1, 3, 5, 4, 6, 7] {
            bench.packet(sequence);
            bench.now += MS;
        }
        let now = bench.now;
        let track = bench.track();
        assert_eq!((track.playout.frames, track.playout.keyframes, track.broken_frames), (4, 1, 0));
        assert!(track.poll_nacks(now).is_empty() && !track.poll_pli(now) && track.lost() == 0);
    }

    #[test]
    fn a_lost_packet_is_asked_for_and_found() {
        for retransmission in [false, true] {
            let mut bench = Bench::new(true);
            for sequence in [0, 1, 2, 4, 5] {
                bench.packet(sequence);
            }
            let now = bench.now;
            assert_eq!(bench.track().poll_nacks(now), [3]);
            assert!(bench.track().poll_nacks(now + MS).is_empty(), "not again at once");
            assert_eq!(bench.track().poll_nacks(now + NACK_INTERVAL), [3]);
            assert_eq!((bench.track().playout.frames, bench.track().lost()), (1, 1));
            bench.now += NACK_INTERVAL + MS;
            bench.deliver(3, retransmission);
            let track = bench.track();
            assert_eq!((track.playout.frames, track.lost(), track.recovered, track.nacks), (3, 0, 1, 2));
        }
    }

    #[test]
    fn what_stays_lost_breaks_frames_until_the_next_keyframe() {
        let mut bench = Bench::new(true);
        for sequence in (0..40).filter(|sequence| *sequence != 5) {
            bench.packet(sequence);
        }
        let now = bench.now + PATIENCE_WITH_NACK;
        assert_eq!(bench.track().playout.frames, 2);
        bench.track().poll_nacks(now);
        let track = bench.track();
        // Frames 0 and 1, then those from the keyframe 10 on.
        assert_eq!((track.playout.frames, track.playout.keyframes, track.lost()), (12, 2, 1));
        assert_eq!(track.broken_frames, 8);
    }

    #[test]
    fn a_keyframe_is_asked_for_while_none_comes() {
        let mut bench = Bench::new(false);
        let start = bench.now;
        for sequence in 2..20 {
            bench.packet(sequence);
        }
        let track = bench.track();
        for (after, asks) in [(0, false), (99, false), (100, true), (101, false), (1099, false), (1100, true)] {
            assert_eq!(track.poll_pli(start + MS * after), asks, "{after}");
        }
        assert_eq!(track.playout.frames, 0);
        bench.packet(20);
        bench.packet(21);
        assert!(!bench.track().poll_pli(start + MS * 9999));
        assert_eq!(bench.track().playout.frames, 1);
    }

    #[test]
    fn another_source_goes_on() {
        let mut bench = Bench::new(true);
        for sequence in [0, 1, 3] {
            bench.packet(sequence);
        }
        let payload = [0x65, 1, 2];
        let first = Arrival {
            now: bench.now,
            wall_ns: 1,
            sequence: 40_000,
            timestamp: 1_000_000_000,
            marker: true,
            payload: &payload,
        };
        bench.track().switch(8, &first);
        bench.track().packet(&first);
        let track = bench.track();
        assert_eq!((track.playout.frames, track.lost(), track.reception.ssrc), (1, 1, 8));
        // Its first packet may have been its frame's last: the next keyframe is taken.
        let second = Arrival { sequence: 40_001, timestamp: 1_000_003_000, ..first };
        track.packet(&second);
        assert!(track.playout.frames >= 2);
    }
}
