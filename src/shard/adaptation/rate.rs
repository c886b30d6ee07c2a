//! How much arrives: bits a second over the last moments of the viewer's clock.

/// Length of a slot.
const SLOT_US: i64 = 50_000;
/// Slots that are remembered; jitter up to half of it still finds its slot.
const SLOTS: usize = 20;
/// Slots that are averaged: half a second, some frames of a video.
pub const STEADY: i64 = 10;
/// For a way that is full, and so carries all that it can.
pub const BRIEF: i64 = 5;

/// Bytes by the time at which they came.
#[derive(Clone, Debug)]
pub struct Rate {
    bytes: [u32; SLOTS],
    /// Number of the newest slot.
    newest: i64,
    /// Number of the first slot ever; none before the first packet.
    first: Option<i64>,
}

impl Default for Rate {
    fn default() -> Self {
        Rate { bytes: [0; SLOTS], newest: 0, first: None }
    }
}

impl Rate {
    /// Adds a packet. `at_us` is the time of its arrival, of any zero.
    pub fn add(&mut self, at_us: i64, bytes: u32) {
        let slot = at_us.div_euclid(SLOT_US);
        if self.first.is_none() {
            (self.first, self.newest) = (Some(slot), slot);
        }
        // A clock that was set is a new clock.
        if (slot - self.newest).unsigned_abs() > 20 * SLOTS as u64 {
            *self = Rate { first: Some(slot), newest: slot, ..Rate::default() };
        }
        while self.newest < slot {
            self.newest += 1;
            self.bytes[self.newest.rem_euclid(SLOTS as i64) as usize] = 0;
        }
        if self.newest - slot < SLOTS as i64 {
            let sum = &mut self.bytes[slot.rem_euclid(SLOTS as i64) as usize];
            *sum = sum.saturating_add(bytes);
        }
    }

    /// Bits a second, over that many slots before the newest; none until there were four.
    pub fn bits_per_second(&self, slots: i64) -> Option<u64> {
        let span = (self.newest - self.first?).min(slots);
        if span < 4 {
            return None;
        }
        let slots = self.newest - span..self.newest;
        let bytes: u64 = slots.map(|slot| u64::from(self.bytes[slot.rem_euclid(SLOTS as i64) as usize])).sum();
        Some(bytes * 8 * 1_000_000 / (span * SLOT_US) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_and_stepped_streams_are_measured() {
        let mut rate = Rate::default();
        let mut now_us = -1_000_000;
        let run = |rate: &mut Rate, now_us: &mut i64, ms: i64, every_us: i64| {
            let end = *now_us + ms * 1_000;
            while *now_us < end {
                rate.add(*now_us, 1_250);
                *now_us += every_us;
            }
            rate.bits_per_second(STEADY).unwrap_or_default()
        };
        assert_eq!(run(&mut rate, &mut now_us, 150, 10_000), 0, "too short to say");
        assert_eq!(run(&mut rate, &mut now_us, 1_000, 10_000), 1_000_000);
        assert_eq!(run(&mut rate, &mut now_us, 1_000, 5_000), 2_000_000);
        // Silence counts, too.
        now_us += 250_000;
        let after = run(&mut rate, &mut now_us, 60, 5_000);
        assert!((800_000..1_300_000).contains(&after), "{after}");
    }

    #[test]
    fn late_packets_find_their_time_and_a_set_clock_starts_anew() {
        let mut rate = Rate::default();
        for step in 0..100 {
            // Every other packet comes 40 ms late.
            rate.add(step * 10_000 + step % 2 * 40_000, 1_250);
            rate.add(step * 10_000 - 2_000_000, 1_250);
        }
        let measured = rate.bits_per_second(STEADY).unwrap();
        assert!((900_000..1_100_000).contains(&measured), "{measured}");
        rate.add(i64::MAX / 2, 100);
        assert_eq!(rate.bits_per_second(STEADY), None);
        rate.add(i64::MIN / 2, 100);
        assert_eq!(rate.bits_per_second(STEADY), None);
    }
}
