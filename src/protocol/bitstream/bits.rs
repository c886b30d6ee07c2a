//! Reads bits, most significant first, from a raw byte sequence payload or a plain header.

/// A reader over untrusted bytes: past the end every read is `None`.
pub(in crate::protocol) struct BitReader<'a> {
    data: &'a [u8],
    byte: usize,
    bit: u8,
    /// Zero bytes just passed; counted only where emulation prevention is removed.
    zeros: u8,
    emulation: bool,
}

impl<'a> BitReader<'a> {
    /// Over plain bytes (VP9, AV1).
    pub(in crate::protocol) fn plain(data: &'a [u8]) -> Self {
        BitReader { data, byte: 0, bit: 0, zeros: 0, emulation: false }
    }

    /// Over the body of a NAL unit; skips emulation prevention bytes (H.264, 7.3.1; H.265, 7.3.1.1).
    pub(in crate::protocol) fn nal(data: &'a [u8]) -> Self {
        BitReader { emulation: true, ..BitReader::plain(data) }
    }

    /// One bit.
    pub(in crate::protocol) fn flag(&mut self) -> Option<bool> {
        if self.bit == 0 && self.emulation && self.zeros >= 2 && self.data.get(self.byte) == Some(&3) {
            self.byte += 1;
            self.zeros = 0;
        }
        let value = *self.data.get(self.byte)?;
        let flag = value & (0x80 >> self.bit) != 0;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.byte += 1;
            self.zeros = if value == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        Some(flag)
    }

    /// Bits that were read of plain bytes.
    pub(in crate::protocol) fn position(&self) -> usize {
        self.byte * 8 + usize::from(self.bit)
    }

    /// An unsigned number of `count` bits, at most 32.
    pub(in crate::protocol) fn bits(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32);
        let mut value = 0u32;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// Passes over `count` bits.
    pub(in crate::protocol) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.flag()?;
        }
        Some(())
    }

    /// An unsigned Exp-Golomb number (H.264, 9.1); `None` above 2^32 - 2.
    pub(in crate::protocol) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb number (H.264, 9.1.1).
    pub(in crate::protocol) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        // 1 | 010 | 011 | 00100 | 0000 (cut short)
        let mut reader = BitReader::plain(&[0b1010_0110, 0b0100_0000]);
        assert_eq!((reader.ue(), reader.ue(), reader.ue(), reader.ue()), (Some(0), Some(1), Some(2), Some(3)));
        assert_eq!(reader.ue(), None);
        let mut reader = BitReader::plain(&[0b0100_1100, 0b1000_0101]);
        assert_eq!((reader.se(), reader.se(), reader.se(), reader.se()), (Some(1), Some(-1), Some(2), Some(-2)));
    }

    #[test]
    fn emulation_prevention_is_removed_only_in_nal_units() {
        let data = [0, 0, 3, 1, 0, 0, 3];
        let mut nal = BitReader::nal(&data);
        assert_eq!((nal.bits(24), nal.bits(16), nal.bits(1)), (Some(1), Some(0), None));
        assert_eq!(BitReader::plain(&data).bits(32), Some(0x0301));
    }
}
