//! The lists inside feedback packets.

use super::word;

/// Iterates over the sequence numbers that a NACK lists: at most 17 for each 4 bytes of it.
#[derive(Clone, Debug)]
pub struct LostSequences<'a> {
    bytes: &'a [u8],
    /// The next number to look at, and the bits of those from there on.
    next: u16,
    mask: u32,
}

impl<'a> LostSequences<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        LostSequences { bytes, next: 0, mask: 0 }
    }
}

impl Iterator for LostSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<Self::Item> {
        if self.mask == 0 {
            let (entry, rest) = self.bytes.split_first_chunk::<4>()?;
            self.bytes = rest;
            self.next = u16::from_be_bytes([entry[0], entry[1]]);
            self.mask = (u32::from(u16::from_be_bytes([entry[2], entry[3]])) << 1) | 1;
        }
        let skip = self.mask.trailing_zeros();
        let lost = self.next.wrapping_add(skip as u16);
        self.mask >>= skip + 1;
        self.next = lost.wrapping_add(1);
        Some(lost)
    }
}

/// Iterates over `(media ssrc, command sequence number)` of a FIR; a repeated number is the same request.
#[derive(Clone, Debug)]
pub struct FirEntries<'a> {
    bytes: &'a [u8],
}

impl<'a> FirEntries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        FirEntries { bytes }
    }
}

impl Iterator for FirEntries<'_> {
    type Item = (u32, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some((word(entry, 0)?, entry[4]))
    }
}

/// Iterates over a list of SSRCs.
#[derive(Clone, Debug)]
pub struct Ssrcs<'a> {
    bytes: &'a [u8],
}

impl<'a> Ssrcs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Ssrcs { bytes }
    }
}

impl Iterator for Ssrcs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<Self::Item> {
        let (ssrc, rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        Some(u32::from_be_bytes(*ssrc))
    }
}

/// Bitrate and sources of a REMB, behind its identifier. A bitrate beyond 64 bits is given as the greatest number.
pub(super) fn read_remb(bytes: &[u8]) -> Option<(u64, Ssrcs<'_>)> {
    let head = word(bytes, 0)?;
    let count = (head >> 24) as usize;
    let (exponent, mantissa) = ((head >> 18) & 0x3f, u64::from(head & 0x3_ffff));
    let bits_per_second = if mantissa.leading_zeros() >= exponent { mantissa << exponent } else { u64::MAX };
    Some((bits_per_second, Ssrcs::new(bytes.get(4..4 + 4 * count)?)))
}
