//! Facts of the packets of one track, with what the packets before told.

use super::facts::{Facts, inspect};
use super::parameter_sets::ParameterSets;
use crate::media::{Codec, LayerId, TrackInfo};
use crate::protocol::bitstream::PictureSize;
use bytes::Bytes;

/// Facts of a packet, and what to send in front of it.
#[derive(Debug, Default)]
pub struct Inspected {
    /// As [`inspect`], mended: `frame_start` is true for exactly one packet of a frame and `keyframe_start` for at most one;
    /// `keyframe` and `discardable` hold for the rest of the frame.
    pub facts: Facts,
    /// RTP payloads to insert before this packet, with its timestamp and no marker: parameter sets that the keyframe lacks.
    /// Usually empty (and then without allocation).
    pub insert_before: Vec<Bytes>,
    /// Facts of the first inserted packet, which takes over what starts here from the packet itself. Those of further ones
    /// are the same without `frame_start` and `keyframe_start`.
    pub inserted: Facts,
}

/// Follows one track. Feed it the packets in the order in which they are forwarded.
pub struct Inspector {
    codec: Codec,
    sets: ParameterSets,
    size: Option<PictureSize>,
    timestamp: Option<u64>,
    /// Of the frame at hand.
    keyframe: bool,
    keyframe_started: bool,
    discardable: bool,
    layer: LayerId,
}

impl Inspector {
    /// For a track as negotiated; knows the parameter sets of its SDP.
    pub fn new(track: &TrackInfo) -> Self {
        Inspector {
            codec: track.codec,
            sets: ParameterSets::new(track.codec, &track.parameter_sets),
            size: None,
            timestamp: None,
            keyframe: false,
            keyframe_started: false,
            discardable: false,
            layer: LayerId::default(),
        }
    }

    /// The size of the pictures, once known.
    pub fn size(&self) -> Option<PictureSize> {
        self.size
    }

    /// Inspects the next packet. `timestamp` is the RTP timestamp, extended so that it does not wrap; a packet older than
    /// the current frame (it came late) keeps its own facts but starts nothing.
    pub fn inspect(&mut self, timestamp: u64, payload: &Bytes) -> Inspected {
        let mut facts = inspect(self.codec, payload);
        // Padding-only packets belong to no frame.
        if payload.is_empty() {
            return Inspected::default();
        }
        let late = self.timestamp.is_some_and(|current| timestamp < current);
        if late {
            facts.frame_start = false;
            facts.keyframe_start = false;
            return Inspected { facts, ..Inspected::default() };
        }
        let new_frame = self.timestamp != Some(timestamp);
        if new_frame {
            self.timestamp = Some(timestamp);
            self.keyframe = false;
            self.keyframe_started = false;
            self.discardable = false;
            self.layer = facts.layer;
            self.sets.begin_access_unit();
        }
        if facts.contains_parameter_sets {
            self.sets.observe(payload);
        }
        self.size = facts.size.or(self.size);
        self.keyframe |= facts.keyframe;
        self.discardable |= facts.discardable;
        let slices_start = facts.keyframe_start && !facts.contains_parameter_sets;
        let keyframe_start = facts.keyframe_start && !self.keyframe_started;
        self.keyframe_started |= facts.keyframe_start;
        facts.frame_start = new_frame;
        facts.keyframe_start = keyframe_start;
        facts.keyframe = self.keyframe;
        facts.discardable = self.discardable;
        if self.codec == Codec::Av1 {
            // A packet that goes on with a part of the one before does not tell; all of one moment are of one temporal layer.
            facts.layer = self.layer;
        }
        let insert_before = if slices_start { self.sets.needed() } else { Vec::new() };
        if insert_before.is_empty() {
            return Inspected { facts, ..Inspected::default() };
        }
        let inserted = Facts { contains_parameter_sets: true, size: None, ..facts };
        facts.frame_start = false;
        facts.keyframe_start = false;
        Inspected { facts, insert_before, inserted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::webrtc::payload::rtpdump;

    const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x8c];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
    const SEI: &[u8] = &[0x06, 5, 1, 2];
    const IDR: &[u8] = &[0x7c, 0x85, 0x88];
    const IDR_END: &[u8] = &[0x7c, 0x45, 0x88];
    const SLICE: &[u8] = &[0x41, 0x9a];

    /// Per packet: frame_start, keyframe_start, keyframe, and how many packets are inserted in front.
    fn run(inspector: &mut Inspector, packets: &[(u64, &'static [u8])]) -> Vec<(bool, bool, bool, usize)> {
        let inspect = |&(timestamp, payload): &(u64, &'static [u8])| {
            let found = inspector.inspect(timestamp, &Bytes::from_static(payload));
            let facts = found.facts;
            (facts.frame_start, facts.keyframe_start, facts.keyframe, found.insert_before.len())
        };
        packets.iter().map(inspect).collect()
    }

    #[test]
    fn a_frame_starts_once_and_a_keyframe_at_its_sets() {
        let mut inspector = Inspector::new(&TrackInfo::new(Codec::H264));
        let found = run(
            &mut inspector,
            &[(0, SEI), (0, SPS), (0, PPS), (0, IDR), (0, IDR_END), (9, SLICE), (0, IDR_END), (10, &[]), (18, SLICE)],
        );
        let expected = [
            (true, false, false, 0),
            (false, true, true, 0),
            (false, false, true, 0),
            (false, false, true, 0),
            (false, false, true, 0),
            (true, false, false, 0),
            (false, false, true, 0),
            (false, false, false, 0),
            (true, false, false, 0),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn missing_sets_are_inserted_and_take_over_the_start() {
        let mut track = TrackInfo::new(Codec::H264);
        track.parameter_sets = vec![Bytes::from_static(SPS), Bytes::from_static(PPS)];
        let mut inspector = Inspector::new(&track);
        let found = inspector.inspect(5, &Bytes::from_static(IDR));
        assert_eq!(found.insert_before.len(), 1);
        assert!(found.inserted.frame_start && found.inserted.keyframe_start && found.inserted.keyframe);
        assert!(!found.facts.frame_start && !found.facts.keyframe_start && found.facts.keyframe);
        // Only the PPS is missing, and the SPS has started the keyframe.
        _ = inspector.inspect(6, &Bytes::from_static(SPS));
        let found = inspector.inspect(6, &Bytes::from_static(IDR));
        assert_eq!(found.insert_before, [PPS]);
        assert!(!found.inserted.frame_start && !found.inserted.keyframe_start && found.inserted.keyframe);
    }

    #[test]
    fn nothing_is_inserted_twice_in_a_frame_of_many_slices() {
        let mut inspector = Inspector::new(&TrackInfo::new(Codec::H264));
        run(&mut inspector, &[(0, SPS), (0, PPS)]);
        let found = run(&mut inspector, &[(9, &[0x65, 0x88]), (9, &[0x65, 0x40]), (9, &[0x65, 0x20])]);
        assert_eq!(found.iter().map(|row| row.3).collect::<Vec<_>>(), [1, 0, 0]);
    }

    #[test]
    fn packets_of_ffmpeg() {
        // Ten frames, keyframes 0 and 5 (libvpx and libaom, too), 96x64.
        for (codec, dump) in rtpdump::ALL {
            let mut inspector = Inspector::new(&TrackInfo::new(codec));
            let (mut frames, mut keyframes, mut ended) = (0, Vec::new(), true);
            for packet in rtpdump::read(dump) {
                let found = inspector.inspect(packet.timestamp, &packet.payload);
                assert!(found.insert_before.is_empty(), "{codec}");
                assert_eq!(found.facts.frame_start, ended, "{codec}");
                frames += usize::from(found.facts.frame_start);
                if found.facts.keyframe_start {
                    keyframes.push(frames - 1);
                }
                let in_keyframe = keyframes.last() == Some(&(frames - 1));
                assert_eq!(found.facts.keyframe, in_keyframe, "{codec} {frames}");
                ended = packet.marker;
            }
            assert_eq!(frames, 10, "{codec}");
            assert_eq!(keyframes, [0, 5], "{codec}");
            assert_eq!(inspector.size(), Some((96, 64)), "{codec}");
        }
    }
}
