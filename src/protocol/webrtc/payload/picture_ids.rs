//! Picture ids of VP8 and VP9 (RFC 7741, 4.2; RFC 9628, 4.2): what must go on without a gap where a receiver is moved from one
//! encoder's stream to another's.

use crate::media::Codec;

/// Where the numbers stand in a payload, and what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    /// Position and value of the picture id, and whether it has 15 bits; else it has 7.
    picture: Option<(usize, u16, bool)>,
    /// Position and value of TL0PICIDX, which counts the pictures of the lowest temporal layer.
    lowest: Option<(usize, u8)>,
}

/// What is added to the numbers of a stream, so that they follow those of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureShift {
    codec: Codec,
    /// Modulo 2^15; modulo 2^7 where the stream's ids have 7 bits.
    picture: u16,
    lowest: u8,
}

impl PictureShift {
    /// Makes the pictures that begin with the payload `first` follow the picture that `last` is of, which was sent with `before`.
    /// None for codecs without such numbers, and where `first` has none.
    pub fn following(
        codec: Codec,
        last: Option<&[u8]>,
        before: Option<PictureShift>,
        first: &[u8],
    ) -> Option<PictureShift> {
        let first = find(codec, first)?;
        let mut sent = last.and_then(|payload| find(codec, payload)).unwrap_or_default();
        if let Some(before) = before {
            sent = before.shifted(sent);
        }
        let next = |first: u16, last: Option<u16>| last.map_or(0, |last| last.wrapping_add(1).wrapping_sub(first));
        let picture = first.picture.map_or(0, |(_, id, _)| next(id, sent.picture.map(|(_, id, _)| id)));
        let lowest = first.lowest.map_or(0, |(_, id)| next(id.into(), sent.lowest.map(|(_, id)| id.into())) as u8);
        Some(PictureShift { codec, picture: picture & 0x7fff, lowest })
    }

    /// Changes the numbers in a payload, in place. What is no payload of the codec stays as it is.
    #[inline]
    pub fn apply(&self, payload: &mut [u8]) {
        let Some(found) = find(self.codec, payload) else { return };
        let shifted = self.shifted(found);
        match shifted.picture {
            Some((at, id, true)) => payload[at..at + 2].copy_from_slice(&(0x8000 | id).to_be_bytes()),
            Some((at, id, false)) => payload[at] = id as u8,
            None => {}
        }
        if let Some((at, id)) = shifted.lowest {
            payload[at] = id;
        }
    }

    fn shifted(&self, found: Found) -> Found {
        let mask = |long: bool| if long { 0x7fff } else { 0x7f };
        Found {
            picture: found.picture.map(|(at, id, long)| (at, id.wrapping_add(self.picture) & mask(long), long)),
            lowest: found.lowest.map(|(at, id)| (at, id.wrapping_add(self.lowest))),
        }
    }
}

/// None where the codec has no such numbers, or the descriptor is cut short.
fn find(codec: Codec, payload: &[u8]) -> Option<Found> {
    match codec {
        Codec::Vp8 => find_vp8(payload),
        Codec::Vp9 => find_vp9(payload),
        _ => None,
    }
}

fn find_vp8(payload: &[u8]) -> Option<Found> {
    if payload.first()? & 0x80 == 0 {
        return Some(Found::default());
    }
    let flags = *payload.get(1)?;
    let (picture, next) = if flags & 0x80 != 0 { picture_at(payload, 2)? } else { (None, 2) };
    let lowest = if flags & 0x40 != 0 { Some((next, *payload.get(next)?)) } else { None };
    Some(Found { picture, lowest })
}

fn find_vp9(payload: &[u8]) -> Option<Found> {
    let flags = *payload.first()?;
    let (picture, next) = if flags & 0x80 != 0 { picture_at(payload, 1)? } else { (None, 1) };
    // After the layer's indices, in non-flexible mode alone.
    let counted = flags & 0x20 != 0 && flags & 0x10 == 0;
    let lowest = if counted { Some((next + 1, *payload.get(next + 1)?)) } else { None };
    Some(Found { picture, lowest })
}

/// The picture id at a position, and the position after it.
fn picture_at(payload: &[u8], at: usize) -> Option<(Option<(usize, u16, bool)>, usize)> {
    let first = *payload.get(at)?;
    if first & 0x80 == 0 {
        return Some((Some((at, first.into(), false)), at + 1));
    }
    let id = u16::from_be_bytes([first & 0x7f, *payload.get(at + 1)?]);
    Some((Some((at, id, true)), at + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VP8 payload with both numbers.
    fn vp8(picture: u16, lowest: u8) -> Vec<u8> {
        let [high, low] = picture.to_be_bytes();
        vec![0x90, 0xe0, 0x80 | high, low, lowest, 0x20, 9, 8, 7]
    }

    /// A VP9 payload with both numbers: layers, not flexible.
    fn vp9(picture: u16, lowest: u8) -> Vec<u8> {
        let [high, low] = picture.to_be_bytes();
        vec![0xa8, 0x80 | high, low, 0x00, lowest, 9, 8, 7]
    }

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.0 >> 33
        }
    }

    #[test]
    fn numbers_go_on_over_any_moves() {
        for (codec, make) in [(Codec::Vp8, vp8 as fn(u16, u8) -> Vec<u8>), (Codec::Vp9, vp9)] {
            let mut random = Random(7);
            let (mut shift, mut last) = (None::<PictureShift>, None::<Vec<u8>>);
            let mut sent: Option<(u16, u8)> = None;
            for _ in 0..2_000 {
                let (mut picture, mut lowest) = (random.next() as u16 & 0x7fff, random.next() as u8);
                if last.is_some() {
                    shift = PictureShift::following(codec, last.as_deref(), shift, &make(picture, lowest));
                }
                for _ in 0..1 + random.next() % 40 {
                    let payload = make(picture, lowest);
                    let mut copy = payload.clone();
                    shift.inspect(|shift| shift.apply(&mut copy));
                    let found = find(codec, &copy).unwrap();
                    let now = (found.picture.unwrap().1, found.lowest.unwrap().1);
                    if let Some((picture, lowest)) = sent {
                        assert_eq!(now, ((picture + 1) & 0x7fff, lowest.wrapping_add(1)));
                    }
                    // Nothing but the numbers has changed, and the same packet gets the same numbers again.
                    let mut again = payload.clone();
                    shift.inspect(|shift| shift.apply(&mut again));
                    assert_eq!(again, copy);
                    let changed = payload.iter().zip(&copy).filter(|(before, after)| before != after).count();
                    assert!(changed <= 3 && copy.len() == payload.len());
                    (sent, last) = (Some(now), Some(payload));
                    (picture, lowest) = ((picture + 1) & 0x7fff, lowest.wrapping_add(1));
                }
            }
        }
    }

    #[test]
    fn each_form_of_descriptor_is_found() {
        let long = |at, id| Some((at, id, true));
        let short = |at, id| Some((at, id, false));
        let rows: [(&str, Codec, &[u8], Option<Found>); 12] = [
            ("VP8, no extension", Codec::Vp8, &[0x10, 1], Some(Found::default())),
            ("VP8, short", Codec::Vp8, &[0x90, 0x80, 0x11, 1], Some(Found { picture: short(2, 0x11), lowest: None })),
            (
                "VP8, long",
                Codec::Vp8,
                &[0x90, 0x80, 0x92, 0x34],
                Some(Found { picture: long(2, 0x1234), lowest: None }),
            ),
            ("VP8, index alone", Codec::Vp8, &[0x90, 0x40, 5], Some(Found { picture: None, lowest: Some((2, 5)) })),
            ("VP8, cut short", Codec::Vp8, &[0x90, 0x80, 0x92], None),
            ("VP8, index cut off", Codec::Vp8, &[0x90, 0xc0, 0x12], None),
            ("VP9, no id", Codec::Vp9, &[0x08, 1], Some(Found::default())),
            ("VP9, short", Codec::Vp9, &[0x88, 0x12], Some(Found { picture: short(1, 0x12), lowest: None })),
            (
                "VP9, flexible",
                Codec::Vp9,
                &[0xb8, 0x92, 0x34, 0],
                Some(Found { picture: long(1, 0x1234), lowest: None }),
            ),
            (
                "VP9, layers",
                Codec::Vp9,
                &[0xa8, 0x12, 0, 3],
                Some(Found { picture: short(1, 0x12), lowest: Some((3, 3)) }),
            ),
            ("VP9, cut short", Codec::Vp9, &[0xa8, 0x12, 0], None),
            ("H.264", Codec::H264, &[0x65, 1, 2], None),
        ];
        for (name, codec, payload, expected) in rows {
            assert_eq!(find(codec, payload), expected, "{name}");
        }
    }

    #[test]
    fn ids_of_seven_bits_wrap_in_seven() {
        let payload = |id: u8| vec![0x90, 0x80, id, 1];
        let shift = PictureShift::following(Codec::Vp8, Some(&payload(0x7f)), None, &payload(0x20)).unwrap();
        let mut copy = payload(0x20);
        shift.apply(&mut copy);
        assert_eq!(copy, payload(0));
        // From 15 bits to 7: as far as they go.
        let shift = PictureShift::following(Codec::Vp8, Some(&vp8(0x1ff, 0)), None, &payload(0x20)).unwrap();
        let mut copy = payload(0x21);
        shift.apply(&mut copy);
        assert_eq!(copy, payload(1));
    }

    #[test]
    fn streams_without_numbers_are_left_alone() {
        assert_eq!(PictureShift::following(Codec::H264, Some(&[1]), None, &[2]), None);
        let shift = PictureShift::following(Codec::Vp8, None, None, &vp8(77, 5)).unwrap();
        let mut copy = vp8(77, 5);
        shift.apply(&mut copy);
        assert_eq!(copy, vp8(77, 5), "nothing is known of what was sent before");
        let mut random = Random(3);
        for round in 0..20_000 {
            let mut payload: Vec<u8> = (0..round % 12).map(|_| random.next() as u8).collect();
            for codec in Codec::ALL {
                if let Some(shift) = PictureShift::following(codec, Some(&payload), Some(shift), &vp8(1, 2)) {
                    shift.apply(&mut payload);
                }
            }
        }
    }
}
