//! The RTP payload format of H.265 (RFC 7798), without decoding order numbers (`sprop-max-don-diff` 0).

use super::facts::Facts;
use super::sei;
use crate::protocol::bitstream::{annexb, h265};
use bytes::Bytes;

const AP: u8 = 48;
const FU: u8 = 49;

/// A NAL unit, or a fragment of one, inside a payload.
pub(super) struct Piece<'a> {
    /// The header of the NAL unit.
    pub header: [u8; 2],
    /// What follows the header, or the fragment's part of it.
    pub body: &'a [u8],
    /// The NAL unit begins here.
    pub first: bool,
    /// The NAL unit with its header, where it is not fragmented.
    pub whole: Option<&'a [u8]>,
}

/// The pieces of a payload; PACI packets have none.
pub(super) fn pieces(payload: &[u8]) -> Pieces<'_> {
    let Some(&header) = payload.first() else {
        return Pieces { rest: &[], single: None };
    };
    match h265::nal_type(header) {
        0..AP => Pieces { rest: &[], single: whole(payload) },
        AP => Pieces { rest: payload.get(2..).unwrap_or_default(), single: None },
        FU => Pieces { rest: &[], single: fragment(payload) },
        _ => Pieces { rest: &[], single: None },
    }
}

fn whole(nal: &[u8]) -> Option<Piece<'_>> {
    let (header, body) = nal.split_first_chunk()?;
    Some(Piece { header: *header, body, first: true, whole: Some(nal) })
}

fn fragment(payload: &[u8]) -> Option<Piece<'_>> {
    let [first, second, header, body @ ..] = payload else { return None };
    let nal_header = [(first & 0x81) | ((header & 0x3f) << 1), *second];
    Some(Piece { header: nal_header, body, first: header & 0x80 != 0, whole: None })
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
        if length > rest.len() {
            self.rest = &[];
            return None;
        }
        let (nal, rest) = rest.split_at(length);
        self.rest = rest;
        let piece = whole(nal);
        if piece.is_none() {
            self.rest = &[];
        }
        piece
    }
}

pub(super) fn inspect(payload: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let (mut slices, mut referenced) = (false, false);
    for piece in pieces(payload) {
        match h265::nal_type(piece.header[0]) {
            kind if h265::is_slice(kind) => {
                slices = true;
                referenced |= !h265::is_unreferenced(kind);
                let start = piece.first && h265::starts_picture(piece.body);
                facts.frame_start |= start;
                facts.keyframe |= h265::is_irap(kind);
                facts.keyframe_start |= start && h265::is_irap(kind);
            }
            kind @ (h265::VPS | h265::SPS) if piece.first => {
                facts.frame_start = true;
                facts.keyframe_start = true;
                facts.keyframe = true;
                facts.contains_parameter_sets = true;
                if kind == h265::SPS {
                    facts.size = piece.whole.and_then(h265::sps_size).or(facts.size);
                }
            }
            h265::PPS if piece.first => {
                facts.frame_start = true;
                facts.contains_parameter_sets = true;
            }
            h265::AUD | h265::SEI_PREFIX if piece.first => facts.frame_start = true,
            _ => {}
        }
    }
    facts.discardable = slices && !referenced;
    facts
}

/// RTP payloads of an access unit: small NAL units share an aggregation packet, large ones become fragments of one size.
pub(super) fn packetize(access_unit: &Bytes, capture_ns: Option<u64>, mtu: usize) -> Vec<Bytes> {
    let mut out = Aggregator { mtu, waiting: Vec::new(), size: 2, payloads: Vec::new() };
    let mut capture = capture_ns.map(|ns| Bytes::from(sei::write_h265(ns)));
    for range in annexb::nal_units(access_unit) {
        let kind = h265::nal_type(access_unit[range.start]);
        if range.len() < h265::HEADER_LENGTH || matches!(kind, h265::AUD | h265::FILLER) {
            continue;
        }
        if h265::is_slice(kind)
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
    let mut payload = Vec::with_capacity(2 + nals.iter().map(|nal| nal.len() + 2).sum::<usize>());
    // The lowest layer and temporal ids inside (RFC 7798, 4.4.2).
    let layer = |nal: &Bytes| ((nal[0] & 1) << 5) | (nal[1] >> 3);
    let lowest_layer = nals.iter().map(layer).min().unwrap_or(0);
    let lowest_temporal = nals.iter().map(|nal| nal[1] & 7).min().unwrap_or(1);
    payload.push((AP << 1) | (lowest_layer >> 5));
    payload.push((lowest_layer << 3) | lowest_temporal);
    for nal in nals {
        payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload.into()
}

struct Aggregator {
    mtu: usize,
    waiting: Vec<Bytes>,
    /// Size of an aggregation packet of what waits.
    size: usize,
    payloads: Vec<Bytes>,
}

impl Aggregator {
    fn add(&mut self, nal: Bytes) {
        if self.size + 2 + nal.len() > self.mtu {
            self.flush();
        }
        if 2 + 2 + nal.len() <= self.mtu {
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
        self.size = 2;
    }

    fn fragment(&mut self, nal: &Bytes) {
        let body = &nal[h265::HEADER_LENGTH..];
        let parts = body.len().div_ceil(self.mtu - 3);
        // One size for all but the last, so that they leave in one segmented send.
        let each = body.len().div_ceil(parts);
        let last = body.len().div_ceil(each) - 1;
        for (index, part) in body.chunks(each).enumerate() {
            let start = if index == 0 { 0x80 } else { 0 };
            let end = if index == last { 0x40 } else { 0 };
            let mut payload = Vec::with_capacity(3 + part.len());
            payload.extend_from_slice(&[(nal[0] & 0x81) | (FU << 1), nal[1], start | end | h265::nal_type(nal[0])]);
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
        let rows: [(&str, &[u8], Facts); 12] = [
            ("vps", &[0x40, 1, 0x0c], sets),
            ("pps", &[0x44, 1, 0xc0], Facts { contains_parameter_sets: true, ..start }),
            ("ap vps sps pps", &[0x60, 1, 0, 2, 0x40, 1, 0, 2, 0x42, 1, 0, 2, 0x44, 1], sets),
            ("idr", &[0x26, 1, 0xaf], key),
            ("cra", &[0x2a, 1, 0x80], key),
            ("second slice", &[0x26, 1, 0x20], Facts { keyframe: true, ..Facts::default() }),
            ("trailing", &[0x02, 1, 0xd0], start),
            ("trailing, unreferenced", &[0x00, 1, 0xd0], Facts { discardable: true, ..start }),
            ("fu idr start", &[0x62, 1, 0x93, 0xaf], key),
            ("fu idr end", &[0x62, 1, 0x53, 0xaf], Facts { keyframe: true, ..Facts::default() }),
            ("ap cut short", &[0x60, 1, 0, 9, 0x40], Facts::default()),
            ("one byte", &[0x26], Facts::default()),
        ];
        for (name, payload, expected) in rows {
            assert_eq!(inspect(payload), expected, "{name}");
        }
    }

    #[test]
    fn fragments_have_one_size() {
        let mut unit = vec![0, 0, 0, 1, 0x26, 1];
        unit.extend(std::iter::repeat_n(0x88, 2_900));
        let payloads = packetize(&unit.into(), None, 1_200);
        assert_eq!(payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [970, 970, 969]);
        let headers: Vec<_> = payloads.iter().map(|payload| payload[..3].to_vec()).collect();
        assert_eq!(headers, [[0x62, 1, 0x93], [0x62, 1, 0x13], [0x62, 1, 0x53]]);
    }
}
