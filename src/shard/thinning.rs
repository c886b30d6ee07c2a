//! Leaves out the layers of a picture that one viewer is not to get, without a gap in its sequence numbers.
//!
//! What a packet looks like for the viewer depends on the packet and on what was recorded for its index when that was given: so one SRTP
//! index never covers two different packets, whenever and however often it is sent again.

use crate::media::{LayerId, Packet, Upward};
use std::collections::VecDeque;

/// Indexes that are remembered, for retransmissions and for packets that come late: a second of 10 Mbit/s. 8 KiB a viewer.
const WINDOW: usize = 1_024;
/// Changes of the layers that are remembered, for packets that come late.
const CHANGES: usize = 8;
/// More frames a second come by a keyframe, where so many pictures gave no other occasion.
const PATIENCE: u32 = 45;

/// How a packet looks for this viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub marker: bool,
    /// It came late and is not for this viewer: its number, left free for it, goes out with padding alone.
    pub blank: bool,
    /// The layers that the viewer gets.
    pub layers: LayerId,
}

impl Look {
    /// As the source sent it.
    pub fn of(packet: &Packet) -> Look {
        Look { marker: packet.flags.marker, blank: false, layers: LayerId::ALL }
    }
}

/// What was given an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    /// The packet has not come yet.
    Missing = 0,
    Sent = 1,
    Blank = 2,
}

/// An index: the source's sequence number (48 bits), the layers at that moment, and what was given.
#[derive(Clone, Copy)]
struct Entry(u64);

impl Entry {
    fn new(source: u64, layers: LayerId, given: Given) -> Entry {
        Entry(source << 16 | u64::from(layers.spatial()) << 12 | u64::from(layers.temporal()) << 8 | given as u64)
    }

    fn source(self) -> u64 {
        self.0 >> 16
    }

    fn layers(self) -> LayerId {
        LayerId::new((self.0 >> 12) as u8 & 0x0f, (self.0 >> 8) as u8 & 0x0f)
    }

    fn given(self) -> Given {
        match self.0 as u8 {
            0 => Given::Missing,
            1 => Given::Sent,
            _ => Given::Blank,
        }
    }
}

/// The layers that a viewer gets of one track.
pub struct Thinning {
    wanted: LayerId,
    present: LayerId,
    /// The size changes at keyframes alone, to less as well.
    at_keyframes: bool,
    /// Index and source of the first packet that was placed here.
    first: (u64, u64),
    next_index: u64,
    next_source: u64,
    /// By index, the last `WINDOW`.
    entries: Box<[Entry]>,
    /// Timestamp of the picture at hand.
    picture: Option<u64>,
    /// Whether all that the viewer got of it says that more frames can follow; none before it got anything.
    open: Option<bool>,
    /// Since when it gets what, newest last.
    changes: VecDeque<(u64, LayerId)>,
    /// Pictures since more was wanted.
    waited: u32,
    /// Timestamp of the last keyframe, and the largest of its sizes that the viewer got.
    keyframe: Option<(u64, u8)>,
    /// Smaller sizes were left out since then, as no larger one builds on them: now they can not be decoded any more.
    lean: bool,
    /// Pictures in a row of which smaller sizes were left out and the viewer's own did not come.
    hollow: u8,
    /// Of the picture at hand smaller sizes were left out, and its own has not come.
    is_hollow: bool,
}

/// A publisher that stops its largest size is noticed after so many pictures without it; one may be lost on its way.
const HOLLOW: u8 = 3;

impl Thinning {
    /// `at_keyframes`: what the decoder shows is fixed by the keyframe, as with AV1, whose sequence header says which layers there are.
    pub fn new(wanted: LayerId, at_keyframes: bool) -> Self {
        Thinning {
            wanted,
            present: LayerId::ALL,
            at_keyframes,
            first: (0, 0),
            next_index: 0,
            next_source: 0,
            entries: vec![Entry(0); WINDOW].into(),
            picture: None,
            open: None,
            changes: VecDeque::with_capacity(CHANGES),
            waited: 0,
            keyframe: None,
            lean: false,
            hollow: 0,
            is_hollow: false,
        }
    }

    /// Places packets from `source` on, from this index on. Those before are not known here.
    pub fn begin(&mut self, index: u64, source: u64) {
        self.first = (index, source);
        (self.next_index, self.next_source) = self.first;
        self.picture = None;
        self.open = None;
        self.changes.clear();
        (self.keyframe, self.lean, self.hollow, self.is_hollow) = (None, false, 0, false);
    }

    /// Says what the viewer is to get: less from the next picture on, more when that can be decoded.
    pub fn want(&mut self, layers: LayerId) {
        if self.wanted != layers {
            self.wanted = layers;
            self.waited = 0;
        }
    }

    /// What the viewer gets now.
    pub fn present(&self) -> LayerId {
        self.present
    }

    /// Whether only a keyframe can bring what the viewer is to get.
    pub fn needs_keyframe(&self) -> bool {
        let spatial = (self.present.spatial(), self.wanted.spatial());
        spatial.0 < spatial.1
            || (self.keeps_size() && spatial.0 > spatial.1)
            || self.hollow >= HOLLOW
            || (self.present.temporal() < self.wanted.temporal() && self.waited > PATIENCE)
    }

    /// Whether the size can be changed at keyframes alone, to less as well.
    pub fn keeps_size(&self) -> bool {
        self.at_keyframes || self.lean
    }

    /// The source's first sequence number that is placed here.
    pub fn first_source(&self) -> u64 {
        self.first.1
    }

    /// The first index that is given here.
    pub fn first_index(&self) -> u64 {
        self.first.0
    }

    /// Index and look of a packet; the same each time. None: it is left out, or came too late.
    pub fn place(&mut self, packet: &Packet) -> Option<(u64, Look)> {
        if packet.seq < self.next_source {
            return self.place_late(packet);
        }
        self.follow(packet);
        // What is missing may still come: it keeps its numbers, as if all of it were for this viewer.
        let missing = packet.seq - self.next_source;
        let forgotten = missing.saturating_sub(WINDOW as u64);
        self.next_index += forgotten;
        self.next_source += forgotten;
        while self.next_source < packet.seq {
            self.push(Given::Missing);
        }
        if !self.present.includes(packet.flags.layer) || self.does_without(packet) {
            self.next_source += 1;
            return None;
        }
        self.is_hollow = false;
        self.open = Some(self.open.unwrap_or(true) && packet.flags.upward == Upward::After);
        let index = self.next_index;
        self.push(Given::Sent);
        Some((index, look(packet, self.present, Given::Sent)))
    }

    /// The source of what was sent under an index that was given here.
    pub fn source_of(&self, index: u64) -> Option<u64> {
        let known = index < self.next_index && index >= self.oldest();
        let entry = self.entries[slot(index)];
        (known && entry.given() != Given::Missing).then(|| entry.source())
    }

    /// Index and look of a packet that has its place already.
    pub fn placed(&self, packet: &Packet) -> Option<(u64, Look)> {
        let index = self.index_of(packet.seq)?;
        let entry = self.entries[slot(index)];
        (entry.given() != Given::Missing).then(|| (index, look(packet, entry.layers(), entry.given())))
    }

    /// Whether the viewer's size needs this smaller one only to begin with.
    fn does_without(&mut self, packet: &Packet) -> bool {
        let own = |(timestamp, largest)| {
            packet.timestamp != timestamp && packet.flags.layer.spatial() < self.present.spatial().min(largest)
        };
        let without = packet.flags.spare && self.keyframe.is_some_and(own);
        self.lean |= without;
        self.is_hollow |= without;
        without
    }

    fn place_late(&mut self, packet: &Packet) -> Option<(u64, Look)> {
        let index = self.index_of(packet.seq)?;
        let entry = &mut self.entries[slot(index)];
        if entry.given() == Given::Missing {
            let since = self.changes.iter().rev().find(|(timestamp, _)| *timestamp <= packet.timestamp);
            let layers = since.or(self.changes.front()).map_or(self.present, |(_, layers)| *layers);
            let given = if layers.includes(packet.flags.layer) { Given::Sent } else { Given::Blank };
            *entry = Entry::new(packet.seq, layers, given);
        }
        Some((index, look(packet, entry.layers(), entry.given())))
    }

    /// The index of a source, which both rise together.
    fn index_of(&self, source: u64) -> Option<u64> {
        let (mut low, mut high) = (self.oldest(), self.next_index);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.entries[slot(middle)].source();
            match found.cmp(&source) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn oldest(&self) -> u64 {
        self.first.0.max(self.next_index.saturating_sub(WINDOW as u64))
    }

    fn push(&mut self, given: Given) {
        self.entries[slot(self.next_index)] = Entry::new(self.next_source, self.present, given);
        self.next_index += 1;
        self.next_source += 1;
    }

    /// Decides what the viewer gets from this packet on, which is the newest.
    fn follow(&mut self, packet: &Packet) {
        let flags = &packet.flags;
        let mut present = self.present;
        // What begins in the midst of a picture goes on with it.
        let begins = self.picture.map_or(flags.frame_start, |picture| packet.timestamp > picture);
        self.picture = Some(self.picture.unwrap_or_default().max(packet.timestamp));
        if begins {
            self.hollow = if self.is_hollow { self.hollow.saturating_add(1) } else { 0 };
            self.is_hollow = false;
            let spatial =
                if self.keeps_size() { present.spatial() } else { present.spatial().min(self.wanted.spatial()) };
            let mut temporal = present.temporal().min(self.wanted.temporal());
            if self.open == Some(true) {
                temporal = self.wanted.temporal();
            } else if flags.upward == Upward::Here && flags.layer.temporal() == temporal + 1 {
                temporal = flags.layer.temporal().min(self.wanted.temporal());
            }
            present = LayerId::new(spatial, temporal);
            self.open = None;
            self.waited = if self.wanted.temporal() > temporal { self.waited.saturating_add(1) } else { 0 };
        }
        if flags.keyframe_start {
            present = self.wanted;
            (self.keyframe, self.lean, self.hollow) = (Some((packet.timestamp, 0)), false, 0);
        }
        if let Some((timestamp, largest)) = &mut self.keyframe
            && *timestamp == packet.timestamp
        {
            *largest = flags.layer.spatial().max(*largest);
        }
        if present != self.present || self.changes.is_empty() {
            self.present = present;
            if self.changes.len() == CHANGES {
                self.changes.pop_front();
            }
            self.changes.push_back((packet.timestamp, present));
        }
    }
}

fn look(packet: &Packet, layers: LayerId, given: Given) -> Look {
    let flags = &packet.flags;
    let last = flags.marker || (flags.layer_end && flags.layer.spatial() == layers.spatial());
    let blank = given == Given::Blank;
    Look { marker: last && !blank, blank, layers }
}

fn slot(index: u64) -> usize {
    (index % WINDOW as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{NtpTime, PacketFlags};
    use bytes::Bytes;
    use std::collections::{BTreeMap, BTreeSet};

    /// Temporal layers of four pictures, and which of the four each refers to: -1 is the last of the lowest layer before.
    const PATTERN: [u8; 4] = [0, 2, 1, 2];
    const REFERENCES: [i8; 4] = [-4, 0, 0, 2];

    /// How a codec says that more frames can follow.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Style {
        Vp8,
        Vp9,
    }

    struct Source {
        style: Style,
        spatial: u8,
        seq: u64,
        picture: u64,
        keyframe: u64,
    }

    impl Source {
        fn new(style: Style, spatial: u8) -> Source {
            Source { style, spatial, seq: 70_000, picture: 0, keyframe: 0 }
        }

        fn picture(&mut self, keyframe: bool, sizes: &mut impl FnMut() -> u64) -> Vec<Packet> {
            if keyframe {
                self.keyframe = self.picture;
            }
            let place = (self.picture - self.keyframe) % 4;
            let temporal = PATTERN[place as usize];
            let upward = match self.style {
                Style::Vp8 if temporal > 0 && place < 3 => Upward::Here,
                Style::Vp8 => Upward::No,
                Style::Vp9 => Upward::After,
            };
            let mut packets = Vec::new();
            for spatial in 0..self.spatial {
                let count = 1 + sizes() % 3;
                for part in 0..count {
                    let end = part + 1 == count;
                    packets.push(Packet {
                        track: 0,
                        flags: PacketFlags {
                            marker: end && spatial + 1 == self.spatial,
                            frame_start: spatial == 0 && part == 0,
                            keyframe_start: keyframe && spatial == 0 && part == 0,
                            keyframe,
                            layer: LayerId::new(spatial, temporal),
                            layer_end: self.style == Style::Vp9 && end,
                            upward,
                            ..PacketFlags::default()
                        },
                        padding: 0,
                        audio_level: None,
                        frame: self.picture as u32,
                        seq: self.seq,
                        timestamp: self.picture * 3_000,
                        capture: NtpTime(0),
                        arrival_ns: 0,
                        payload: Bytes::new(),
                        descriptor: None,
                    });
                    self.seq += 1;
                }
            }
            self.picture += 1;
            packets
        }
    }

    fn random(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 8
        }
    }

    /// Each picture that is sent is whole, ends with the only marker, and refers to none that was left out; numbers have no gap.
    #[test]
    fn what_is_left_can_be_decoded_and_has_no_gap() {
        for seed in 1..400 {
            let mut random = random(seed);
            let style = if seed % 2 == 0 { Style::Vp8 } else { Style::Vp9 };
            let mut source = Source::new(style, if style == Style::Vp8 { 1 } else { 3 });
            let mut thinning = Thinning::new(LayerId::new((random() % 3) as u8, (random() % 3) as u8), false);
            let mut next = 5_000;
            // The picture: the layers that were sent of it.
            let mut sent: BTreeMap<u64, u8> = BTreeMap::new();
            for number in 0..200u64 {
                let keyframe = number == 0 || random().is_multiple_of(40);
                let packets = source.picture(keyframe, &mut random);
                if number == 0 {
                    thinning.begin(next, packets[0].seq);
                }
                let mut of_picture = Vec::new();
                for packet in &packets {
                    // At any moment.
                    if random().is_multiple_of(60) {
                        thinning.want(LayerId::new((random() % 4) as u8, (random() % 4) as u8));
                    }
                    let placed = thinning.place(packet);
                    if let Some((index, look)) = placed {
                        assert_eq!(index, next, "seed {seed}: a gap");
                        assert_eq!(thinning.source_of(index), Some(packet.seq));
                        next += 1;
                        of_picture.push((packet, look));
                    }
                    assert_eq!(thinning.place(packet), placed, "seed {seed}: the same each time");
                }
                let Some((last, _)) = of_picture.last().copied() else { continue };
                let top = last.flags.layer.spatial();
                let whole = packets.iter().filter(|packet| packet.flags.layer.spatial() <= top).count();
                assert_eq!(of_picture.len(), whole, "seed {seed}: picture {number} is not whole");
                let markers: Vec<bool> = of_picture.iter().map(|(_, look)| look.marker).collect();
                let expected: Vec<bool> = (1..=whole).map(|part| part == whole).collect();
                assert_eq!(markers, expected, "seed {seed}: picture {number}");
                sent.insert(number, top);
                if keyframe {
                    continue;
                }
                let place = (number - source.keyframe) % 4;
                let reference = match REFERENCES[place as usize] {
                    -4 => number - 4,
                    other => number - place + other as u64,
                };
                let there = sent.get(&reference).is_some_and(|layers| *layers >= top);
                assert!(there, "seed {seed} {style:?}: {number} refers to {reference}, which was left out");
            }
        }
    }

    #[test]
    fn more_is_given_as_soon_as_it_can_be_decoded() {
        let none = &mut || 0;
        for style in [Style::Vp8, Style::Vp9] {
            let mut source = Source::new(style, 1);
            let mut thinning = Thinning::new(LayerId::new(3, 0), false);
            let mut temporal = |thinning: &mut Thinning, count: usize, keyframe: bool| -> Vec<Option<u8>> {
                let mut all = Vec::new();
                for number in 0..count {
                    let packets = source.picture(keyframe && number == 0, none);
                    if packets[0].seq == 70_000 {
                        thinning.begin(9, 70_000);
                    }
                    all.push(thinning.place(&packets[0]).map(|_| packets[0].flags.layer.temporal()));
                }
                all
            };
            let half = [Some(0), None, None, None];
            assert_eq!(temporal(&mut thinning, 8, true), [half, half].concat(), "{style:?}");
            thinning.want(LayerId::ALL);
            assert!(!thinning.needs_keyframe());
            let found = temporal(&mut thinning, 8, false);
            let all = [Some(0), Some(2), Some(1), Some(2)];
            // VP8 goes up layer by layer, each at a frame that refers to the lowest alone.
            let first = if style == Style::Vp8 { [Some(0), None, Some(1), None] } else { all };
            assert_eq!(found, [first, all].concat(), "{style:?}");
            thinning.want(LayerId::new(3, 1));
            assert_eq!(temporal(&mut thinning, 4, false), [Some(0), None, Some(1), None], "{style:?}");
        }
    }

    #[test]
    fn larger_pictures_wait_for_a_keyframe_and_smaller_ones_for_nothing() {
        for at_keyframes in [false, true] {
            let none = &mut || 0;
            let mut source = Source::new(Style::Vp9, 3);
            let mut thinning = Thinning::new(LayerId::new(2, 3), at_keyframes);
            let mut sent = |thinning: &mut Thinning, keyframe: bool| {
                let packets = source.picture(keyframe, none);
                if packets[0].seq == 70_000 {
                    thinning.begin(0, 70_000);
                }
                packets.iter().filter(|packet| thinning.place(packet).is_some()).count()
            };
            assert_eq!((sent(&mut thinning, true), sent(&mut thinning, false)), (3, 3));
            thinning.want(LayerId::new(0, 3));
            assert_eq!(thinning.needs_keyframe(), at_keyframes);
            // What an AV1 decoder shows is fixed by the keyframe.
            assert_eq!(sent(&mut thinning, false), if at_keyframes { 3 } else { 1 });
            assert_eq!((sent(&mut thinning, true), sent(&mut thinning, false)), (1, 1));
            thinning.want(LayerId::new(1, 3));
            assert_eq!(sent(&mut thinning, false), 1);
            assert!(thinning.needs_keyframe());
            assert_eq!((sent(&mut thinning, true), sent(&mut thinning, false)), (2, 2));
            assert!(!thinning.needs_keyframe());
        }
    }

    /// Larger sizes build on smaller ones at keyframes alone (K-SVC).
    #[test]
    fn sizes_that_stand_alone_come_alone() {
        let none = &mut || 0;
        let mut source = Source::new(Style::Vp9, 3);
        let mut thinning = Thinning::new(LayerId::ALL, false);
        thinning.begin(0, 70_000);
        let mut sent = |thinning: &mut Thinning, keyframe: bool, sizes: std::ops::Range<usize>| -> Vec<u8> {
            let mut packets = source.picture(keyframe, none);
            packets.iter_mut().for_each(|packet| packet.flags.spare = !keyframe);
            let top = sizes.end.min(3) - 1;
            packets[top].flags.marker = true;
            let placed =
                packets[sizes].iter().filter_map(|packet| thinning.place(packet).map(|(_, look)| (packet, look)));
            let placed: Vec<_> = placed.collect();
            assert!(placed.last().is_none_or(|(_, look)| look.marker), "the last of the picture says so");
            placed.iter().map(|(packet, _)| packet.flags.layer.spatial()).collect()
        };
        assert_eq!(sent(&mut thinning, true, 0..3), [0, 1, 2]);
        assert_eq!((sent(&mut thinning, false, 0..3), sent(&mut thinning, false, 0..3)), (vec![2], vec![2]));
        // Those below were not sent, so they come with a keyframe.
        thinning.want(LayerId::new(1, 3));
        assert!(thinning.needs_keyframe() && thinning.keeps_size());
        assert_eq!(sent(&mut thinning, false, 0..3), [2]);
        assert_eq!((sent(&mut thinning, true, 0..3), sent(&mut thinning, false, 0..3)), (vec![0, 1], vec![1]));
        thinning.want(LayerId::new(0, 3));
        assert_eq!((sent(&mut thinning, true, 0..3), sent(&mut thinning, false, 0..3)), (vec![0], vec![0]));
        assert!(!thinning.keeps_size(), "nothing was left out that it could need");
        // The publisher stops its largest size.
        thinning.want(LayerId::ALL);
        assert_eq!(sent(&mut thinning, true, 0..3), [0, 1, 2]);
        for _ in 0..=HOLLOW {
            assert!(!thinning.needs_keyframe());
            assert!(sent(&mut thinning, false, 0..2).is_empty());
        }
        assert!(thinning.needs_keyframe());
        assert_eq!((sent(&mut thinning, true, 0..2), sent(&mut thinning, false, 0..2)), (vec![0, 1], vec![1]));
        assert!(!thinning.needs_keyframe());
    }

    #[test]
    fn a_viewer_is_thinned_from_the_next_picture_on() {
        let none = &mut || 0;
        let mut source = Source::new(Style::Vp9, 3);
        let first = source.picture(true, none);
        let mut thinning = Thinning::new(LayerId::new(0, 3), false);
        thinning.begin(100, first[1].seq);
        let looks: Vec<_> = first[1..].iter().map(|packet| thinning.place(packet).map(|(index, _)| index)).collect();
        assert_eq!(looks, [Some(100), Some(101)], "the rest of the picture at hand");
        let second = source.picture(false, none);
        let looks: Vec<_> = second.iter().map(|packet| thinning.place(packet).map(|(index, _)| index)).collect();
        assert_eq!(looks, [Some(102), None, None]);
    }

    /// Packets are lost on their way here and come late, or never: each index is given once, rises with the source, and what came late
    /// and is not for the viewer fills its number.
    #[test]
    fn late_packets_find_the_number_that_was_left_for_them() {
        for seed in 1..300 {
            let mut random = random(seed);
            let style = if seed % 2 == 0 { Style::Vp8 } else { Style::Vp9 };
            let mut source = Source::new(style, if style == Style::Vp8 { 1 } else { 3 });
            let mut thinning = Thinning::new(LayerId::new(1, 1), false);
            let mut given: BTreeMap<u64, (u64, Look)> = BTreeMap::new();
            let mut late: Vec<Packet> = Vec::new();
            let mut left_out = BTreeSet::new();
            let mut place = |thinning: &mut Thinning, packet: &Packet| match thinning.place(packet) {
                Some((index, look)) => {
                    let before = given.insert(index, (packet.seq, look));
                    assert_eq!(before, None, "seed {seed}: {index} was given twice");
                }
                None => assert!(left_out.insert(packet.seq)),
            };
            for number in 0..150u64 {
                for packet in source.picture(number == 0 || random().is_multiple_of(30), &mut random) {
                    if packet.seq == 70_000 {
                        thinning.begin(3, 70_000);
                    }
                    if random().is_multiple_of(40) {
                        thinning.want(LayerId::new((random() % 3) as u8, (random() % 3) as u8));
                    }
                    if packet.seq > 70_000 && random().is_multiple_of(8) {
                        late.push(packet);
                        continue;
                    }
                    place(&mut thinning, &packet);
                    if random().is_multiple_of(3) && !late.is_empty() {
                        let packet = late.remove((random() % late.len() as u64) as usize);
                        place(&mut thinning, &packet);
                    }
                }
            }
            let sources: Vec<u64> = given.values().map(|(source, _)| *source).collect();
            assert!(sources.is_sorted(), "seed {seed}: out of order");
            for (index, (source, _)) in given.iter().rev().take(WINDOW / 2) {
                assert_eq!(thinning.source_of(*index), Some(*source), "seed {seed}");
            }
            // All that has no number was left out or never came.
            let never: BTreeSet<u64> = late.iter().map(|packet| packet.seq).collect();
            let gaps = (3..thinning.next_index).filter(|index| !given.contains_key(index)).count();
            assert!(gaps <= never.len(), "seed {seed}: {gaps} gaps, {} never came", never.len());
            assert!(left_out.iter().all(|source| !sources.contains(source)));
        }
    }

    #[test]
    fn what_is_not_remembered_is_not_sent_again() {
        let none = &mut || 0;
        let mut source = Source::new(Style::Vp9, 1);
        let mut thinning = Thinning::new(LayerId::new(0, 2), false);
        let first = source.picture(true, none).remove(0);
        thinning.begin(40, first.seq);
        assert!(thinning.place(&first).is_some());
        for _ in 0..WINDOW {
            let packet = source.picture(false, none).remove(0);
            thinning.place(&packet);
        }
        assert_eq!((thinning.place(&first), thinning.source_of(40)), (None, None));
        assert_eq!(thinning.source_of(40 + WINDOW as u64), Some(first.seq + WINDOW as u64));
        assert_eq!(thinning.source_of(41 + WINDOW as u64), None, "not given yet");
        // A hole larger than what is remembered costs no more than that.
        let mut packet = source.picture(false, none).remove(0);
        packet.seq += 1 << 40;
        let index = thinning.place(&packet).map(|(index, _)| index);
        assert_eq!(index, Some(40 + WINDOW as u64 + 1 + (1 << 40)));
    }
}
