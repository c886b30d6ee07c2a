//! Finds the NAL units of an Annex B byte stream (H.264 and H.265, Annex B).

use std::ops::Range;

/// The NAL units of `data`, as ranges without start codes and trailing zeros. Bytes before the first start code are no NAL
/// unit.
pub fn nal_units(data: &[u8]) -> NalUnits<'_> {
    let position = start_code(data, 0).map_or(data.len(), |at| at + 3);
    NalUnits { data, position }
}

/// Iterator of [`nal_units`].
pub struct NalUnits<'a> {
    data: &'a [u8],
    position: usize,
}

impl Iterator for NalUnits<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.position < self.data.len() {
            let start = self.position;
            let next = start_code(self.data, start);
            let mut end = next.unwrap_or(self.data.len());
            self.position = next.map_or(self.data.len(), |at| at + 3);
            while end > start && self.data[end - 1] == 0 {
                end -= 1;
            }
            if end > start {
                return Some(start..end);
            }
        }
        None
    }
}

/// Where the next `00 00 01` begins.
fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    // The third byte decides how far the window may jump.
    while let Some(&third) = data.get(at + 2) {
        match third {
            0 => at += 1,
            1 if data[at] == 0 && data[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// Adds a NAL unit with its start code.
pub fn push(stream: &mut Vec<u8>, nal: &[u8]) {
    stream.extend_from_slice(&[0, 0, 0, 1]);
    stream.extend_from_slice(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found() {
        let rows: [(&[u8], &[&[u8]]); 8] = [
            (&[], &[]),
            (&[1, 2, 3], &[]),
            (&[0, 0, 1], &[]),
            (&[0, 0, 1, 9], &[&[9]]),
            (&[0, 0, 0, 1, 9, 8, 0, 0, 0, 1, 7], &[&[9, 8], &[7]]),
            (&[5, 0, 0, 1, 9, 0, 0, 1, 0, 0, 1, 7, 0, 0], &[&[9], &[7]]),
            (&[0, 0, 1, 0, 1, 0, 0, 2], &[&[0, 1, 0, 0, 2]]),
            (&[0, 0, 0, 0, 1, 6, 1, 0, 1, 0, 0, 1, 4], &[&[6, 1, 0, 1], &[4]]),
        ];
        for (data, expected) in rows {
            let found: Vec<&[u8]> = nal_units(data).map(|range| &data[range]).collect();
            assert_eq!(found, expected, "{data:?}");
        }
    }

    #[test]
    fn pushed_units_are_found_again() {
        let mut stream = Vec::new();
        for nal in [&[0x67, 1][..], &[0x68], &[0x65, 0, 3]] {
            push(&mut stream, nal);
        }
        assert_eq!(nal_units(&stream).count(), 3);
    }
}
