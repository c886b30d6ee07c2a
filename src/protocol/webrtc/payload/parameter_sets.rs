//! Remembers the parameter sets of an H.264 or H.265 stream, to insert where a keyframe comes without them.

use super::{DEFAULT_MTU, h264, h265};
use crate::media::Codec;
use crate::protocol::bitstream;
use bytes::Bytes;

/// Sets remembered: encoders use one of each kind, hardware sometimes a few PPS. Further ones are not remembered.
const MAX_SETS: usize = 16;
/// Largest set remembered in bytes; real ones take 10 to 100. All that is inserted fits single packets so.
const MAX_SET_LENGTH: usize = 1_000;

/// What kind of set a NAL unit is; the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Vps,
    Sps,
    Pps,
}

struct Set {
    kind: Kind,
    id: u32,
    nal: Bytes,
}

/// The newest parameter sets of a stream, and which of them the access unit at hand has carried.
pub struct ParameterSets {
    codec: Codec,
    /// Sorted by kind and id.
    sets: Vec<Set>,
    seen: [bool; 3],
}

impl ParameterSets {
    /// For a stream whose SDP gave `initial` (NAL units without start codes). Codecs without parameter sets have none.
    pub fn new(codec: Codec, initial: &[Bytes]) -> Self {
        let mut sets = ParameterSets { codec, sets: Vec::new(), seen: [false; 3] };
        for nal in initial {
            sets.remember(nal);
        }
        sets
    }

    /// A new access unit begins.
    pub fn begin_access_unit(&mut self) {
        self.seen = [false; 3];
    }

    /// Takes note of the sets in a payload of the current access unit.
    pub fn observe(&mut self, payload: &Bytes) {
        match self.codec {
            Codec::H264 => {
                for nal in h264::pieces(payload).filter_map(|piece| piece.whole) {
                    self.observe_unit(payload, nal);
                }
            }
            Codec::H265 => {
                for nal in h265::pieces(payload).filter_map(|piece| piece.whole) {
                    self.observe_unit(payload, nal);
                }
            }
            _ => {}
        }
    }

    /// RTP payloads to send in front of the first slice of a keyframe: the sets that its access unit did not carry so far.
    /// Empty where nothing is missing, or nothing is known.
    pub fn needed(&self) -> Vec<Bytes> {
        let missing = |set: &&Set| !self.seen[set.kind as usize];
        let nals: Vec<Bytes> = self.sets.iter().filter(missing).map(|set| set.nal.clone()).collect();
        if nals.len() < 2 {
            return nals;
        }
        let size = 2 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>();
        match self.codec {
            _ if size > DEFAULT_MTU => nals,
            Codec::H264 => vec![h264::aggregate(&nals)],
            _ => vec![h265::aggregate(&nals)],
        }
    }

    fn observe_unit(&mut self, payload: &Bytes, nal: &[u8]) {
        let Some((kind, id)) = self.identify(nal) else { return };
        self.seen[kind as usize] = true;
        match self.find(kind, id) {
            Ok(index) if self.sets[index].nal == nal => {}
            _ => self.remember(&payload.slice_ref(nal)),
        }
    }

    fn remember(&mut self, nal: &Bytes) {
        let Some((kind, id)) = self.identify(nal) else { return };
        if nal.len() > MAX_SET_LENGTH {
            return;
        }
        // A copy, so that a few bytes do not hold a whole receive buffer for the life of the stream.
        let nal = Bytes::copy_from_slice(nal);
        match self.find(kind, id) {
            Ok(index) => self.sets[index].nal = nal,
            Err(index) if self.sets.len() < MAX_SETS => self.sets.insert(index, Set { kind, id, nal }),
            Err(_) => {}
        }
    }

    fn find(&self, kind: Kind, id: u32) -> Result<usize, usize> {
        self.sets.binary_search_by_key(&(kind, id), |set| (set.kind, set.id))
    }

    fn identify(&self, nal: &[u8]) -> Option<(Kind, u32)> {
        use bitstream::{h264, h265};
        let header = *nal.first()?;
        match self.codec {
            Codec::H264 => match h264::nal_type(header) {
                h264::SPS => Some((Kind::Sps, h264::sps_id(nal)?)),
                h264::PPS => Some((Kind::Pps, h264::pps_id(nal)?)),
                _ => None,
            },
            Codec::H265 => {
                let kind = match h265::nal_type(header) {
                    h265::VPS => Kind::Vps,
                    h265::SPS => Kind::Sps,
                    h265::PPS => Kind::Pps,
                    _ => return None,
                };
                Some((kind, h265::parameter_set_id(nal)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x8c];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

    fn stap(nals: &[&'static [u8]]) -> Bytes {
        h264::aggregate(&nals.iter().map(|nal| Bytes::from_static(nal)).collect::<Vec<_>>())
    }

    #[test]
    fn what_was_not_carried_is_needed() {
        let mut sets = ParameterSets::new(Codec::H264, &[]);
        assert!(sets.needed().is_empty());
        sets.observe(&stap(&[SPS, PPS]));
        assert!(sets.needed().is_empty());
        sets.begin_access_unit();
        assert_eq!(sets.needed(), [stap(&[SPS, PPS])]);
        sets.observe(&Bytes::from_static(SPS));
        assert_eq!(sets.needed(), [PPS]);
    }

    #[test]
    fn sets_of_the_sdp_are_known_and_replaced() {
        let mut sets = ParameterSets::new(Codec::H264, &[Bytes::from_static(PPS), Bytes::from_static(SPS)]);
        assert_eq!(sets.needed(), [stap(&[SPS, PPS])]);
        let newer: &[u8] = &[0x67, 0x42, 0xc0, 0x28, 0x8c];
        sets.observe(&Bytes::from_static(newer));
        sets.begin_access_unit();
        assert_eq!(sets.needed(), [stap(&[newer, PPS])]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut sets = ParameterSets::new(Codec::H264, &[]);
        let mut large = PPS.to_vec();
        large.resize(1_100, 1);
        sets.observe(&large.into());
        assert!(sets.sets.is_empty());
        for id in 0..200u16 {
            // Nine bits: seven zeros and a number of eight bits, as Exp-Golomb.
            let code = (id + 1) << 1;
            sets.observe(&vec![0x68, (code >> 8) as u8, code as u8, 1].into());
        }
        assert!(sets.sets.len() <= MAX_SETS);
    }

    #[test]
    fn sets_too_large_for_one_packet_go_alone() {
        let long = |id_byte: u8| {
            let mut pps = vec![0x68, id_byte];
            pps.resize(900, 0x55);
            Bytes::from(pps)
        };
        let sets = ParameterSets::new(Codec::H264, &[long(0x80), long(0x40)]);
        assert_eq!(sets.needed().len(), 2);
    }
}
