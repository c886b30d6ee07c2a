//! The last packets of a stream: what a joiner starts from and what retransmissions are taken from.

use super::memory::{Account, RingMemory};
use crate::media::{MediaKind, Packet, TrackSet};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Bounds of a ring. Whatever exceeds one is forgotten, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    pub span: Duration,
    pub bytes: usize,
}

impl Default for RingLimits {
    /// Half a second above the usual longest keyframe interval of 4 s, so that its keyframe is still there when the next
    /// one is due.
    fn default() -> Self {
        RingLimits { span: Duration::from_millis(4_500), bytes: 4 << 20 }
    }
}

/// What a packet costs beside its payload, counted against the limit of bytes.
const PACKET_OVERHEAD: usize = size_of::<Packet>() + 64;

/// Packets in order of arrival. Positions count from the stream's start and stay valid until evicted.
#[derive(Clone, Debug)]
pub struct Ring {
    limits: RingLimits,
    packets: VecDeque<Packet>,
    /// Position of `packets[0]`.
    first: u64,
    bytes: usize,
    /// Position of the newest keyframe's first packet.
    keyframe: Option<u64>,
    account: Account,
}

impl Ring {
    /// A ring with memory of its own.
    pub fn new(limits: RingLimits) -> Self {
        Ring::within(limits, RingMemory::new(usize::MAX))
    }

    /// A ring that shares memory with others. Its clones hold the same payloads, and as much of them as it does.
    pub(super) fn within(limits: RingLimits, memory: Arc<RingMemory>) -> Self {
        Ring { limits, packets: VecDeque::new(), first: 0, bytes: 0, keyframe: None, account: Account::new(memory) }
    }

    /// Its bounds.
    pub fn limits(&self) -> RingLimits {
        self.limits
    }

    /// Adds the newest packets and forgets what is beyond the limits, or more than its share where memory is short.
    pub fn extend(&mut self, packets: &[Packet]) {
        for packet in packets {
            self.add(packet.clone());
        }
        self.settle();
    }

    /// As [`Ring::extend`], of one.
    pub fn push(&mut self, packet: Packet) {
        self.add(packet);
        self.settle();
    }

    fn settle(&mut self) {
        self.note();
        let share = self.account.share();
        if self.bytes > share {
            self.evict(|ring, _| ring.bytes > share);
            if let Some(oldest) = self.packets.front() {
                self.account.set_cut(oldest.arrival_ns);
            }
            self.note();
        }
    }

    fn note(&mut self) {
        self.account.note(self.bytes, self.packets.len() * PACKET_OVERHEAD);
    }

    fn add(&mut self, packet: Packet) {
        if packet.flags.keyframe_start {
            self.keyframe = Some(self.end());
        }
        let now = packet.arrival_ns;
        self.bytes += packet.payload.len() + PACKET_OVERHEAD;
        self.packets.push_back(packet);
        let span = self.limits.span.as_nanos() as u64;
        let (bytes, from) = (self.limits.bytes, self.account.kept_from());
        self.evict(|ring, oldest| {
            ring.bytes > bytes || now.saturating_sub(oldest.arrival_ns) > span || oldest.arrival_ns < from
        });
    }

    /// Forgets the oldest packets while that is wanted.
    fn evict(&mut self, wanted: impl Fn(&Ring, &Packet) -> bool) {
        while let Some(oldest) = self.packets.front() {
            if !wanted(self, oldest) {
                break;
            }
            self.bytes -= oldest.payload.len() + PACKET_OVERHEAD;
            self.packets.pop_front();
            self.first += 1;
        }
        if self.keyframe.is_some_and(|position| position < self.first) {
            self.keyframe = None;
        }
    }

    /// Forgets all packets; positions go on.
    pub fn clear(&mut self) {
        self.first = self.end();
        self.packets.clear();
        self.bytes = 0;
        self.keyframe = None;
        self.note();
    }

    /// Position after the newest packet.
    pub fn end(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    /// Position of the oldest packet.
    pub fn start(&self) -> u64 {
        self.first
    }

    /// Where a joiner starts: the newest keyframe, if it is still here.
    pub fn keyframe(&self) -> Option<u64> {
        self.keyframe
    }

    /// The packet at a position.
    pub fn get(&self, position: u64) -> Option<&Packet> {
        let index = position.checked_sub(self.first)?;
        self.packets.get(usize::try_from(index).ok()?)
    }

    /// The packet of a track with an extended sequence number. Looks near where it should be first: packets come in
    /// order but for a few.
    pub fn find(&self, track: u8, seq: u64) -> Option<&Packet> {
        self.packets.iter().rev().find(|packet| packet.track == track && packet.seq == seq)
    }

    /// Bytes held, overhead included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a joiner of such a stream can start without waiting for a keyframe.
    pub fn can_start(&self, tracks: &TrackSet) -> bool {
        self.keyframe.is_some() || tracks.iter().all(|track| track.kind() == MediaKind::Audio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{NtpTime, PacketFlags};
    use bytes::Bytes;

    fn packet(seq: u64, ms: u64, keyframe: bool, size: usize) -> Packet {
        Packet {
            track: 0,
            flags: PacketFlags { keyframe_start: keyframe, ..PacketFlags::default() },
            padding: 0,
            audio_level: None,
            frame: 0,
            seq,
            timestamp: 0,
            capture: NtpTime(0),
            arrival_ns: ms * 1_000_000,
            payload: Bytes::from(vec![0; size]),
            descriptor: None,
        }
    }

    #[test]
    fn the_newest_keyframe_is_where_a_joiner_starts_until_it_is_too_old() {
        let mut ring = Ring::new(RingLimits { span: Duration::from_secs(4), bytes: 1 << 20 });
        for seq in 0..30 {
            ring.push(packet(seq, seq * 100, seq == 10 || seq == 20, 10));
        }
        assert_eq!(ring.keyframe(), Some(20));
        for seq in 30..80 {
            ring.push(packet(seq, seq * 100, false, 10));
        }
        assert_eq!(ring.keyframe(), None);
        assert_eq!(ring.start(), 39);
        assert_eq!(ring.end(), 80);
        assert!(ring.get(38).is_none());
        assert_eq!(ring.get(39).map(|packet| packet.seq), Some(39));
        assert_eq!(ring.find(0, 60).map(|packet| packet.seq), Some(60));
        assert!(ring.find(0, 20).is_none());
    }

    #[test]
    fn a_cleared_ring_starts_nobody_and_counts_on() {
        let mut ring = Ring::new(RingLimits { span: Duration::from_secs(4), bytes: 1 << 20 });
        (0..10).for_each(|seq| ring.push(packet(seq, seq, seq == 5, 10)));
        ring.clear();
        assert_eq!((ring.start(), ring.end(), ring.keyframe(), ring.bytes()), (10, 10, None, 0));
        assert!(ring.get(9).is_none() && ring.find(0, 9).is_none());
        ring.push(packet(10, 10, true, 10));
        assert_eq!((ring.keyframe(), ring.get(10).map(|packet| packet.seq)), (Some(10), Some(10)));
    }

    #[test]
    fn rings_share_their_memory_and_large_ones_give_way() {
        let memory = RingMemory::new(3_000_000);
        let limits = RingLimits::default();
        let mut rings: Vec<Ring> = (0..3).map(|_| Ring::within(limits, memory.clone())).collect();
        let mut copy = rings[0].clone();
        let most = |memory: &RingMemory| assert!(memory.held() <= 3_010_000, "{}", memory.held());
        for seq in 0..3_000 {
            let (large, small) = (packet(seq, seq, seq.is_multiple_of(100), 1_200), packet(seq, seq, seq == 0, 20));
            rings[0].extend(std::slice::from_ref(&large));
            copy.extend(std::slice::from_ref(&large));
            rings[1].extend(std::slice::from_ref(&large));
            rings[2].extend(std::slice::from_ref(&small));
            most(&memory);
        }
        assert!(rings[0].bytes() > 500_000 && rings[1].bytes() > 500_000, "{rings:?}");
        assert!(memory.cuts() > 0 && rings[0].keyframe().is_some(), "joiners start at what is left");
        assert_eq!((rings[2].start(), copy.start() >= rings[0].start()), (0, true), "the small one keeps all");
        assert!(copy.bytes() <= rings[0].bytes() + 2 * (1_200 + PACKET_OVERHEAD), "a copy holds no payloads longer");
        // Less is left for them, and then enough again.
        memory.set_most(600_000);
        let more: Vec<Packet> = (3_000..3_010).map(|seq| packet(seq, seq, false, 1_200)).collect();
        rings.iter_mut().for_each(|ring| ring.extend(&more));
        copy.extend(&more);
        assert!(rings.iter().all(|ring| ring.bytes() <= 200_000) && copy.bytes() <= 200_000 && memory.held() < 700_000);
        memory.set_most(4_000_000);
        for ring in &mut rings {
            (0..1_000).for_each(|seq| ring.push(packet(4_000 + seq, 4_000 + seq, false, 1_000)));
            assert!(ring.bytes() > 1_000_000);
        }
        assert!(memory.has_room());
        memory.set_most(3 * (256 << 10));
        assert!(!memory.has_room());
        rings[0].clear();
        rings.pop();
        assert!(memory.has_room());
        drop((rings, copy));
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn bytes_are_bounded() {
        let mut ring = Ring::new(RingLimits { span: Duration::from_secs(4), bytes: 100_000 });
        for seq in 0..1_000 {
            ring.push(packet(seq, 0, false, 1_200));
            assert!(ring.bytes() <= 100_000);
        }
        assert_eq!(ring.end(), 1_000);
    }
}
