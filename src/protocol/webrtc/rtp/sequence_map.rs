//! Maps a source's sequence numbers to continuous outgoing ones while packets are inserted or left out.

/// Points of change that are remembered. Late packets from before the oldest get no number; 16 points reach back further
/// than a jitter buffer waits, even where every second packet is left out.
const POINTS: usize = 16;

/// From this source number on, this offset holds.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    from: u64,
    /// Outgoing number less source number, wrapping.
    offset: u64,
    /// Source packets from before this point must get outgoing numbers below this one: they were left out otherwise.
    limit: u64,
}

/// Maps extended source numbers to extended outgoing numbers, each outgoing number given at most once.
#[derive(Clone, Debug)]
pub struct SequenceMap {
    /// The first `len` are in use, ordered by `from`.
    points: [Point; POINTS],
    len: usize,
    /// One more than the highest source number mapped or left out.
    next_source: u64,
    /// One more than the highest outgoing number given or kept for late packets.
    next_output: u64,
}

impl SequenceMap {
    /// Source number `source` will become `output`. Packets from before it (reordered at the start) map as long as their
    /// outgoing number is not negative.
    pub fn new(source: u64, output: u64) -> Self {
        let mut points = [Point::default(); POINTS];
        points[0] = Point { from: source.saturating_sub(output), offset: output.wrapping_sub(source), limit: 0 };
        SequenceMap { points, len: 1, next_source: source, next_output: output }
    }

    /// The outgoing number of a source packet, in any order; the same each time.
    ///
    /// `None` for a packet that was left out, or so late that its point of change is forgotten: do not send it.
    pub fn map(&mut self, source: u64) -> Option<u64> {
        let index = self.points[..self.len].iter().rposition(|point| point.from <= source)?;
        let output = source.wrapping_add(self.points[index].offset);
        if self.points[..self.len].get(index + 1).is_some_and(|next| output >= next.limit) {
            return None;
        }
        if source >= self.next_source {
            self.next_source = source + 1;
            self.next_output = output + 1;
        }
        Some(output)
    }

    /// Makes room for `count` packets right before `source` and returns the number of the first of them.
    ///
    /// `None` when `source` or a later packet was mapped already, so that there is no room.
    pub fn insert_before(&mut self, source: u64, count: u64) -> Option<u64> {
        if source < self.next_source {
            return None;
        }
        let offset = self.points[self.len - 1].offset;
        let first = source.wrapping_add(offset);
        self.push(source, Point { from: source, offset: offset.wrapping_add(count), limit: first });
        self.next_source = source;
        self.next_output = first + count;
        Some(first)
    }

    /// Leaves `source` out: later packets move up. `false` when it or a later packet was mapped already: a gap stays,
    /// which the receiver takes for a loss.
    pub fn skip(&mut self, source: u64) -> bool {
        if source < self.next_source {
            return false;
        }
        let offset = self.points[self.len - 1].offset;
        let unused = source.wrapping_add(offset);
        self.push(source, Point { from: source + 1, offset: offset.wrapping_sub(1), limit: unused });
        self.next_source = source + 1;
        self.next_output = unused;
        true
    }

    /// The source starts anew, numbered from `source` in no relation to before (another publisher, layer or rendition); it
    /// continues the outgoing numbers without a gap. Packets of the old source must not be mapped any more, and those of
    /// the new one from before `source` get no number.
    pub fn restart(&mut self, source: u64) {
        self.points[0] = Point { from: source, offset: self.next_output.wrapping_sub(source), limit: 0 };
        self.len = 1;
        self.next_source = source;
    }

    /// One more than the highest outgoing number given or kept for late packets.
    pub fn next_output(&self) -> u64 {
        self.next_output
    }

    /// Adds the point of a change at `source`, which is not before the latest point.
    fn push(&mut self, source: u64, mut point: Point) {
        let latest = self.points[self.len - 1];
        if self.len > 1 && latest.from == source {
            // No packet that has a number lies between the two changes (a run of packets left out, two insertions at one
            // place): one point serves for both.
            point.limit = latest.limit;
            self.points[self.len - 1] = point;
            return;
        }
        if self.len == POINTS {
            self.points.copy_within(1.., 0);
            self.len -= 1;
        }
        self.points[self.len] = point;
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn late_packets_keep_the_number_from_before_a_change() {
        let mut map = SequenceMap::new(100, 5);
        assert_eq!(map.map(100), Some(5));
        assert_eq!(map.map(99), Some(4), "reordered at the start");
        assert_eq!(map.map(95), Some(0));
        assert_eq!(map.map(94), None, "would be negative");
        assert_eq!(map.map(101), Some(6));
        // 102 is late; two packets are inserted before 103.
        assert_eq!(map.insert_before(103, 2), Some(8));
        assert_eq!(map.map(103), Some(10));
        assert_eq!(map.map(102), Some(7));
        assert!(map.skip(104));
        assert!(map.skip(105));
        assert_eq!(map.map(106), Some(11));
        assert_eq!((map.map(104), map.map(105), map.map(102), map.map(103)), (None, None, Some(7), Some(10)));
        assert_eq!(map.insert_before(106, 1), None, "106 is out already");
        assert!(!map.skip(106));
        map.restart(7);
        assert_eq!((map.map(6), map.map(7), map.map(9)), (None, Some(12), Some(14)));
        assert_eq!(map.next_output(), 15);
    }

    #[test]
    fn a_packet_left_out_stays_out_where_an_insertion_follows() {
        let mut map = SequenceMap::new(10, 0);
        assert_eq!(map.map(10), Some(0));
        assert!(map.skip(11));
        assert_eq!(map.insert_before(12, 3), Some(1));
        assert!(map.skip(12));
        assert_eq!(map.insert_before(13, 1), Some(4));
        assert_eq!((map.map(11), map.map(12), map.map(13), map.map(10)), (None, None, Some(5), Some(0)));
    }

    /// Every outgoing number is given once, in the order of the source, without gaps but for source packets that never came.
    #[test]
    fn numbers_are_unique_ordered_and_without_gaps() {
        for seed in 1..300u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut random = move |below: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % below
            };
            let first_source = 1_000 + random(1 << 40);
            let first_output = random(1 << 16);
            let mut map = SequenceMap::new(first_source, first_output);
            let mut given: BTreeMap<u64, u64> = BTreeMap::new();
            let mut inserted: BTreeSet<u64> = BTreeSet::new();
            let mut skipped: BTreeSet<u64> = BTreeSet::new();
            let mut late: Vec<u64> = Vec::new();
            let mut source = first_source;
            for _ in 0..120 {
                match random(10) {
                    0 => late.push(source),
                    1 | 2 => {
                        assert!(map.skip(source));
                        skipped.insert(source);
                    }
                    3 => {
                        let count = 1 + random(3);
                        let first = map.insert_before(source, count).expect("nothing later was mapped");
                        for number in first..first + count {
                            assert!(inserted.insert(number), "seed {seed}: {number} given twice");
                        }
                        given.insert(source, map.map(source).expect("the newest packet has a number"));
                    }
                    _ => {
                        given.insert(source, map.map(source).expect("the newest packet has a number"));
                    }
                }
                source += 1;
                // Late packets come after at most some changes, or never.
                if random(4) == 0
                    && let Some(packet) = late.pop()
                    && let Some(output) = map.map(packet)
                {
                    given.insert(packet, output);
                }
            }
            given.insert(source, map.map(source).expect("the newest packet has a number"));
            source += 1;
            for (source, output) in &given {
                assert!(map.map(*source).is_none_or(|again| again == *output), "seed {seed}: {source} changed");
            }
            for source in &skipped {
                assert_eq!(map.map(*source), None, "seed {seed}: {source} was left out");
            }
            let outputs: Vec<u64> = given.values().copied().collect();
            assert!(outputs.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: out of order");
            let mut all: BTreeSet<u64> = inserted.clone();
            for output in outputs {
                assert!(all.insert(output), "seed {seed}: {output} given twice");
            }
            let never_came = (source - first_source) - given.len() as u64 - skipped.len() as u64;
            assert_eq!(map.next_output() - first_output, all.len() as u64 + never_came, "seed {seed}: a gap");
        }
    }
}
