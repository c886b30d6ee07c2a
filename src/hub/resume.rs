//! Who publishes a stream, and how its numbers go on when that is another than before.

use super::stream::TrackClock;
use crate::media::{Codec, MediaKind, Packet, TrackSet};
use std::sync::Arc;

/// Names one publisher of this process.
pub type Ticket = u64;

/// Nobody publishes: the stream waits for somebody to come back.
pub(super) const NOBODY: Ticket = 0;
/// The stream is over; nobody may publish it any more.
const OVER: Ticket = Ticket::MAX;

/// Whom a publisher may send away when it takes a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The publisher of the moment; others that came meanwhile are not meant.
    pub ticket: Ticket,
    /// Only while nothing is heard of it.
    pub while_away: bool,
}

/// The publisher's place at a stream. What it pushes goes on where the one before left off: sequence numbers, timestamps and
/// frames of a stream are continuous for its life, so that its viewers notice nothing but a gap in time.
#[derive(Debug)]
pub(super) struct Seat {
    owner: Ticket,
    tracks: Vec<Track>,
    /// The clocks that were shifted last, and what came of them: they change seldom.
    clocks: Option<(Arc<[TrackClock]>, Arc<[TrackClock]>)>,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    codec: Codec,
    /// The newest that was published.
    tail: Option<Tail>,
    shift: Shift,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    seq: u64,
    timestamp: u64,
    frame: u32,
    arrival_ns: u64,
}

/// What the numbers of the publisher become.
#[derive(Clone, Copy, Debug)]
enum Shift {
    /// What they are: it is the first that sends on this track.
    None,
    /// Not known before its first packet.
    Due,
    /// Added, wrapping. Packets from before `first` have no number: those of the one before end there.
    By { first: u64, seq: u64, timestamp: u64, frame: u32 },
}

/// Timestamps go on by at least so many parts of a second: two frames never share one.
const LEAST_STEP: u64 = 200;

impl Seat {
    pub(super) fn new(owner: Ticket, tracks: &TrackSet) -> Self {
        let track = |codec| Track { codec, tail: None, shift: Shift::None };
        Seat { owner, tracks: tracks.iter().map(|info| track(info.codec)).collect(), clocks: None }
    }

    pub(super) fn owner(&self) -> Ticket {
        self.owner
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.owner == NOBODY
    }

    pub(super) fn is_over(&self) -> bool {
        self.owner == OVER
    }

    /// The owner goes, and somebody may come.
    pub(super) fn vacate(&mut self) {
        self.owner = NOBODY;
    }

    /// Nobody may come any more.
    pub(super) fn close(&mut self) {
        self.owner = OVER;
    }

    /// Another publisher takes it.
    pub(super) fn take(&mut self, ticket: Ticket) {
        self.owner = ticket;
        self.clocks = None;
        for track in &mut self.tracks {
            track.shift = if track.tail.is_some() { Shift::Due } else { Shift::None };
        }
    }

    /// Gives packets of the owner their numbers in the stream, and the clocks that belong to them. Those that can have none are
    /// taken out: pictures before the first keyframe, which no viewer could decode, and packets that were overtaken by the
    /// first.
    pub(super) fn admit(&mut self, packets: &mut Vec<Packet>, clocks: &Arc<[TrackClock]>) -> Arc<[TrackClock]> {
        if self.tracks.iter().all(|track| matches!(track.shift, Shift::None)) {
            self.note(packets);
            return clocks.clone();
        }
        packets.retain_mut(|packet| match self.tracks.get_mut(usize::from(packet.track)) {
            Some(track) => track.admit(packet),
            None => false,
        });
        self.note(packets);
        self.shifted(clocks)
    }

    fn note(&mut self, packets: &[Packet]) {
        for packet in packets {
            let Some(track) = self.tracks.get_mut(usize::from(packet.track)) else { continue };
            if track.tail.is_none_or(|tail| packet.seq > tail.seq) {
                let &Packet { seq, timestamp, frame, arrival_ns, .. } = packet;
                let timestamp = track.tail.map_or(timestamp, |tail| tail.timestamp.max(timestamp));
                track.tail = Some(Tail { seq, timestamp, frame, arrival_ns });
            }
        }
    }

    fn shifted(&mut self, clocks: &Arc<[TrackClock]>) -> Arc<[TrackClock]> {
        if let Some((before, after)) = &self.clocks
            && Arc::ptr_eq(before, clocks)
        {
            return after.clone();
        }
        let shift = |(clock, track): (&TrackClock, &Track)| match track.shift {
            Shift::By { timestamp, .. } => TrackClock { timestamp: clock.timestamp.wrapping_add(timestamp), ..*clock },
            Shift::None => *clock,
            // Nothing of the track goes out before its first packet has come.
            Shift::Due => TrackClock { wall_ns: 0, ..*clock },
        };
        let after: Arc<[TrackClock]> = clocks.iter().zip(&self.tracks).map(shift).collect();
        if !self.tracks.iter().any(|track| matches!(track.shift, Shift::Due)) {
            self.clocks = Some((clocks.clone(), after.clone()));
        }
        after
    }
}

impl Track {
    fn admit(&mut self, packet: &mut Packet) -> bool {
        if let (Shift::Due, Some(tail)) = (self.shift, self.tail) {
            if self.codec.kind() == MediaKind::Video && !packet.flags.keyframe_start {
                return false;
            }
            self.shift = tail.shift_to(packet, u64::from(self.codec.clock_rate()));
        }
        match self.shift {
            Shift::By { first, seq, timestamp, frame } => {
                if packet.seq < first {
                    return false;
                }
                packet.seq = packet.seq.wrapping_add(seq);
                packet.timestamp = packet.timestamp.wrapping_add(timestamp);
                packet.frame = packet.frame.wrapping_add(frame);
                true
            }
            Shift::None | Shift::Due => true,
        }
    }
}

impl Tail {
    /// What makes `packet` follow: the next sequence number and frame, and a timestamp that is as much later as it arrived later.
    fn shift_to(self, packet: &Packet, rate: u64) -> Shift {
        let passed_ns = packet.arrival_ns.saturating_sub(self.arrival_ns);
        let ticks = (u128::from(passed_ns) * u128::from(rate) / 1_000_000_000) as u64;
        let timestamp = self.timestamp.wrapping_add(ticks.max(rate / LEAST_STEP));
        Shift::By {
            first: packet.seq,
            seq: self.seq.wrapping_add(1).wrapping_sub(packet.seq),
            timestamp: timestamp.wrapping_sub(packet.timestamp),
            frame: self.frame.wrapping_add(1).wrapping_sub(packet.frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{NtpTime, PacketFlags, TrackInfo};
    use bytes::Bytes;

    const MS: u64 = 1_000_000;

    fn packet(track: u8, seq: u64, timestamp: u64, frame: u32, ms: u64, keyframe: bool) -> Packet {
        Packet {
            track,
            flags: PacketFlags { keyframe_start: keyframe, ..PacketFlags::default() },
            padding: 0,
            audio_level: None,
            frame,
            seq,
            timestamp,
            capture: NtpTime(0),
            arrival_ns: ms * MS,
            payload: Bytes::from_static(b"x"),
            descriptor: None,
        }
    }

    fn numbers(packets: &[Packet]) -> Vec<(u8, u64, u64, u32)> {
        packets.iter().map(|packet| (packet.track, packet.seq, packet.timestamp, packet.frame)).collect()
    }

    #[test]
    fn the_next_publisher_goes_on_where_the_last_one_left_off() {
        let tracks = vec![TrackInfo::new(Codec::H264), TrackInfo::new(Codec::Opus)];
        let clock = |timestamp, wall_ns, rate| TrackClock { timestamp, wall_ns, rate };
        let mut seat = Seat::new(1, &tracks);
        let clocks: Arc<[TrackClock]> = Arc::from([clock(0, 7, 90_000), clock(0, 7, 48_000)]);
        let mut packets = vec![
            packet(0, 100, 900_000, 5, 1_000, true),
            packet(0, 102, 903_000, 6, 1_033, false),
            packet(0, 101, 900_000, 5, 1_034, false),
            packet(1, 50, 480_000, 1, 1_040, false),
        ];
        let before = numbers(&packets);
        let told = seat.admit(&mut packets, &clocks);
        assert!(numbers(&packets) == before && Arc::ptr_eq(&told, &clocks), "the first one's numbers are left alone");

        seat.vacate();
        assert!(seat.is_vacant());
        seat.take(2);
        // Two seconds later, with numbers of its own. The picture before the keyframe can not be decoded; what the first packet
        // overtook would get a number that was used before.
        let mut packets = vec![
            packet(0, 9_000, 77, 1, 3_000, false),
            packet(1, 65_536, 1_000, 1, 3_040, false),
            packet(0, 9_002, 3_077, 2, 3_033, true),
            packet(0, 9_001, 77, 1, 3_034, false),
            packet(1, 65_535, 40, 0, 3_041, false),
            packet(0, 9_004, 6_077, 3, 3_066, false),
            packet(1, 65_537, 1_960, 2, 3_060, false),
        ];
        let told = seat.admit(&mut packets, &clocks);
        let expected = [
            (1, 51, 480_000 + 96_000, 2),
            (0, 103, 903_000 + 180_000, 7),
            (0, 105, 903_000 + 183_000, 8),
            (1, 52, 480_000 + 96_960, 3),
        ];
        assert_eq!(numbers(&packets), expected);
        // The clocks belong to the numbers that go out: an instant of the publisher stays the instant that it was.
        assert_eq!(told[0].wall_at(expected[1].2), clocks[0].wall_at(3_077));
        assert_eq!(told[1].wall_at(expected[0].2), clocks[1].wall_at(1_000));
        assert!(Arc::ptr_eq(&told, &seat.admit(&mut Vec::new(), &clocks)), "unchanged clocks are not made anew");

        // A third, whose timestamps are higher and whose first packets come in the same instant.
        seat.take(3);
        let mut packets = vec![packet(0, 3, 1 << 40, 900, 3_066, true)];
        seat.admit(&mut packets, &clocks);
        assert_eq!(numbers(&packets), [(0, 106, 903_000 + 183_000 + 450, 9)]);
    }

    #[test]
    fn a_track_that_never_sent_begins_as_it_likes_and_one_that_is_silent_has_no_clock() {
        let tracks = vec![TrackInfo::new(Codec::Vp8), TrackInfo::new(Codec::Opus)];
        let clocks: Arc<[TrackClock]> =
            Arc::from([90_000, 48_000].map(|rate| TrackClock { timestamp: 10, wall_ns: 7, rate }));
        let mut seat = Seat::new(1, &tracks);
        seat.admit(&mut vec![packet(1, 50, 480_000, 1, 0, false)], &clocks);
        seat.take(2);
        let mut packets = vec![packet(0, 7, 8, 9, 100, false)];
        let told = seat.admit(&mut packets, &clocks);
        assert_eq!(numbers(&packets), [(0, 7, 8, 9)]);
        assert_eq!((told[0], told[1].wall_ns), (clocks[0], 0));
        assert!(seat.admit(&mut vec![packet(1, 1, 1, 1, 200, false)], &clocks)[1].wall_ns > 0);
        seat.close();
        assert!(seat.is_over() && !seat.is_vacant());
    }
}
