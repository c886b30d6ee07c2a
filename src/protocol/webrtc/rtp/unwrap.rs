//! Extends wrapping 16-bit sequence numbers and 32-bit timestamps to 64 bits.

/// Extends RTP sequence numbers. The lower 16 bits of a result are the number itself.
///
/// The first number `n` becomes `65536 + n`, so that late packets from before it stay positive. Do not use the results as
/// SRTP index of packets to send: a receiver takes the first packet for rollover count 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
}

impl SequenceUnwrapper {
    /// Extends `number`: of all candidates the one nearest to the highest so far. A step of exactly half the range is
    /// taken as backward.
    pub fn unwrap(&mut self, number: u16) -> u64 {
        let Some(highest) = self.highest else {
            let first = (1 << 16) + u64::from(number);
            self.highest = Some(first);
            return first;
        };
        let step = number.wrapping_sub(highest as u16) as i16;
        let extended = highest.wrapping_add_signed(i64::from(step));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest result so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

/// Extends RTP timestamps. The lower 32 bits of a result are the timestamp itself.
///
/// The first timestamp `t` becomes `2^32 + t`, so that earlier ones stay positive.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimestampUnwrapper {
    highest: Option<u64>,
}

impl TimestampUnwrapper {
    /// Extends `timestamp`: of all candidates the one nearest to the highest so far. A step of exactly half the range is
    /// taken as backward.
    pub fn unwrap(&mut self, timestamp: u32) -> u64 {
        let Some(highest) = self.highest else {
            let first = (1 << 32) + u64::from(timestamp);
            self.highest = Some(first);
            return first;
        };
        let step = timestamp.wrapping_sub(highest as u32) as i32;
        let extended = highest.wrapping_add_signed(i64::from(step));
        self.highest = Some(highest.max(extended));
        extended
    }

    /// The highest result so far.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small deterministic generator (xorshift).
    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    #[test]
    fn sequence_numbers_follow_the_truth_over_wraps_and_reordering() {
        for seed in 1..50u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let first = (1 << 16) + (random(&mut state) & 0xffff);
            let mut unwrapper = SequenceUnwrapper::default();
            assert_eq!(unwrapper.unwrap(first as u16), first);
            let mut highest = first;
            for _ in 0..2_000 {
                // Steps from -32767 to 32767 around the highest.
                let step = (random(&mut state) % 65_535) as i64 - 32_767;
                let Some(truth) = highest.checked_add_signed(step) else { continue };
                assert_eq!(unwrapper.unwrap(truth as u16), truth, "seed {seed}");
                highest = highest.max(truth);
                assert_eq!(unwrapper.highest(), Some(highest));
            }
        }
    }

    #[test]
    fn timestamps_follow_the_truth_over_wraps() {
        for seed in 1..50u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let first = (1 << 32) + (random(&mut state) & 0xffff_ffff);
            let mut unwrapper = TimestampUnwrapper::default();
            assert_eq!(unwrapper.unwrap(first as u32), first);
            let mut highest = first;
            for _ in 0..2_000 {
                let step = (random(&mut state) % 0xffff_ffff) as i64 - 0x7fff_ffff;
                let Some(truth) = highest.checked_add_signed(step) else { continue };
                assert_eq!(unwrapper.unwrap(truth as u32), truth, "seed {seed}");
                highest = highest.max(truth);
            }
        }
    }

    #[test]
    fn late_packets_before_the_first_stay_positive() {
        let mut unwrapper = SequenceUnwrapper::default();
        assert_eq!(unwrapper.unwrap(0), 65_536);
        assert_eq!(unwrapper.unwrap(65_535), 65_535);
        assert_eq!(unwrapper.unwrap(32_769), 32_769);
        assert_eq!(unwrapper.unwrap(1), 65_537);
    }
}
