//! The RTP payload format of H.264 (RFC 6184), packetization modes 0 and 1.

use super::facts::Facts;
use super::sei;
use crate::protocol::bitstream::{annexb, h264};
use bytes::Bytes;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// A NAL unit, or a fragment of one, inside a payload.
pub(super) struct Piece<'a> {
    /// The header of the NAL unit.
    pub header: u8,
    /// What follows the header, or the fragment's part of it.
    pub body: &'a [u8],
    /// The NAL unit begins here.
    pub first: bool,
    /// The NAL unit with its header, where it is not fragmented.
    pub whole: Option<&'a [u8]>,
}

/// The pieces of a payload. Interleaved packets (STAP-B, MTAP, FU-B) have none: they are never negotiated.
pub(super) fn pieces(payload: &[u8]) -> Pieces<'_> {
    let Some(&header) = payload.first() else {
        return Pieces { rest: &[], single: None };
    };
    match h264::nal_type(header) {
        1..=23 => Pieces { rest: &[], single: Some(whole(payload)) },
        STAP_A => Pieces { rest: &payload[1..], single: None },
        FU_A => Pieces { rest: &[], single: fragment(payload) },
        _ => Pieces { rest: &[], single: None },
    }
}

fn whole(nal: &[u8]) -> Piece<'_> {
    Piece { header: nal[0], body: &nal[1..], first: true, whole: Some(nal) }
}

fn fragment(payload: &[u8]) -> Option<Piece<'_>> {
    let [indicator, header, body @ ..] = payload else { return None };
    Some(Piece { header: (indicator & 0xe0) | (header & 0x1f), body, first: header & 0x80 != 0, whole: None })
}

/// Iterator of [`pieces`].
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
    single: Option<Piece<'a>>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(piece) = self.single.take() {
            return Some(piece);
        }
        let (length, rest) = self.rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > rest.len() {
            self.rest = &[];
            return None;
        }
        let (nal, rest) = rest.split_at(length);
        self.rest = rest;
        Some(whole(nal))
    }
}

pub(super) fn inspect(payload: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut slices, mut referenced) = (false, false);
    for piece in pieces(payload) {
        match h264::nal_type(piece.header) {
            kind @ (h264::SLICE..=h264::IDR) => {
                slices = true;
                referenced |= !h264::is_unreferenced(piece.header);
                // Data partitions B and C (3, 4) have no first_mb_in_slice; nobody sends them.
                let start = piece.first && h264::starts_picture(piece.body);
                facts.frame_start |= start;
                facts.keyframe |= kind == h264::IDR;
                facts.keyframe_start |= start && kind == h264::IDR;
            }
            h264::SPS if piece.first => {
                facts.frame_start = true;
                facts.keyframe_start = true;
                facts.keyframe = true;
                facts.contains_parameter_sets = true;
                facts.size = piece.whole.and_then(h264::sps_size).or(facts.size);
            }
            h264::PPS if piece.first => {
                facts.frame_start = true;
                facts.contains_parameter_sets = true;
            }
            h264::SEI | h264::AUD if piece.first => facts.frame_start = true,
            _ => {}
        }
    }
    facts.discardable = slices && !referenced;
    facts
}

/// RTP payloads of an access unit: small NAL units share a STAP-A, large ones become FU-A fragments of one size.
pub(super) fn packetize(access_unit: &Bytes, capture_ns: Option<u64>, mtu: usize) -> Vec<Bytes> {
    let mut out = Aggregator { mtu, waiting: Vec::new(), size: 1, payloads: Vec::new() };
    let mut capture = capture_ns.map(|ns| Bytes::from(sei::write_h264(ns)));
    for range in annexb::nal_units(access_unit) {
        let kind = h264::nal_type(access_unit[range.start]);
        if matches!(kind, h264::AUD | h264::FILLER) {
            continue;
        }
        if (h264::SLICE..=h264::IDR).contains(&kind)
            && let Some(sei) = capture.take()
        {
            out.add(sei);
        }
        out.add(access_unit.slice(range));
    }
    out.flush();
    out.payloads
}

/// The payload that carries several NAL units; they must fit together.
pub(super) fn aggregate(nals: &[Bytes]) -> Bytes {
    let mut payload = Vec::with_capacity(1 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>());
    // The header has the highest nal_ref_idc inside (RFC 6184, 5.7.1).
    let importance = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
    payload.push(importance | STAP_A);
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload.into()
}

struct Aggregator {
    mtu: usize,
    waiting: Vec<Bytes>,
    /// Size of a STAP-A of what waits.
    size: usize,
    payloads: Vec<Bytes>,
}

impl Aggregator {
    fn add(&mut self, nal: Bytes) {
        if self.size + 2 + nal.len() > self.mtu {
            self.flush();
        }
        if 1 + 2 + nal.len() <= self.mtu {
            self.size += 2 + nal.len();
            self.waiting.push(nal);
        } else if nal.len() <= self.mtu {
            self.payloads.push(nal);
        } else {
            self.fragment(&nal);
        }
    }

    fn flush(&mut self) {
        match self.waiting.len() {
            0 => {}
            1 => self.payloads.append(&mut self.waiting),
            _ => self.payloads.push(aggregate(&self.waiting)),
        }
        self.waiting.clear();
        self.size = 1;
    }

    fn fragment(&mut self, nal: &Bytes) {
        let (header, body) = (nal[0], &nal[1..]);
        let parts = body.len().div_ceil(self.mtu - 2);
        // One size for all but the last, so that they leave in one segmented send.
        let each = body.len().div_ceil(parts);
        let last = body.len().div_ceil(each) - 1;
        for (index, part) in body.chunks(each).enumerate() {
            let mut payload = Vec::with_capacity(2 + part.len());
            payload.push((header & 0xe0) | FU_A);
            let start = if index == 0 { 0x80 } else { 0 };
            let end = if index == last { 0x40 } else { 0 };
            payload.push(start | end | h264::nal_type(header));
            payload.extend_from_slice(part);
            self.payloads.push(payload.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_packets() {
        let start = Facts { frame_start: true, ..Facts::default() };
        let key = Facts { keyframe_start: true, keyframe: true, ..start };
        let sets = Facts { contains_parameter_sets: true, ..key };
        let rows: [(&str, &[u8], Facts); 15] = [
            ("sps", &[0x67, 0x42], sets),
            ("pps", &[0x68, 0xce], Facts { contains_parameter_sets: true, ..start }),
            ("stap-a sps pps", &[0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce], sets),
            ("stap-a sps pps idr", &[0x78, 0, 1, 0x67, 0, 1, 0x68, 0, 2, 0x65, 0x88], sets),
            ("sei", &[0x06, 5, 0], start),
            ("delimiter", &[0x09, 0xf0], start),
            ("idr", &[0x65, 0x88], key),
            ("second idr slice", &[0x65, 0x40], Facts { keyframe: true, ..Facts::default() }),
            ("slice", &[0x41, 0x9a], start),
            ("slice, unreferenced", &[0x01, 0x9a], Facts { discardable: true, ..start }),
            ("fu-a idr start", &[0x7c, 0x85, 0x88], key),
            ("fu-a idr middle", &[0x7c, 0x05, 0x88], Facts { keyframe: true, ..Facts::default() }),
            ("fu-a slice, unreferenced", &[0x1c, 0x41, 0x88], Facts { discardable: true, ..Facts::default() }),
            ("stap-a cut short", &[0x78, 0, 9, 0x67], Facts::default()),
            ("mtap16", &[0x1a, 0, 0, 0, 1, 0x65], Facts::default()),
        ];
        for (name, payload, expected) in rows {
            assert_eq!(inspect(payload), expected, "{name}");
        }
    }

    #[test]
    fn fragments_have_one_size() {
        let mut unit = vec![0, 0, 0, 1, 0x65];
        unit.extend(std::iter::repeat_n(0x88, 2_900));
        let payloads = packetize(&unit.into(), None, 1_200);
        assert_eq!(payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [969, 969, 968]);
        let headers: Vec<_> = payloads.iter().map(|payload| (payload[0], payload[1])).collect();
        assert_eq!(headers, [(0x7c, 0x85), (0x7c, 0x05), (0x7c, 0x45)]);
    }

    #[test]
    fn small_units_share_a_payload() {
        let unit = Bytes::from_static(&[0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88]);
        let payloads = packetize(&unit, Some(7), 1_200);
        assert_eq!(payloads.len(), 1);
        let kinds: Vec<_> = pieces(&payloads[0]).map(|piece| h264::nal_type(piece.header)).collect();
        assert_eq!(kinds, [h264::SPS, h264::PPS, h264::SEI, h264::IDR]);
        assert!(inspect(&payloads[0]).keyframe_start);
    }
}
