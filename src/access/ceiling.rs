//! Whether a bitrate stays below what a grant allows: with some room for bursts, and some patience.

use std::time::{Duration, Instant};

/// Above this share of the ceiling a bitrate is too high. An encoder hits its target only on average.
const ROOM: f64 = 1.25;
/// So long a bitrate may be too high: a keyframe, or a sender that has just been told to send less.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a bitrate, in bits a second, is clearly above a ceiling in kbit/s.
pub fn exceeds(bits_per_second: u64, ceiling_kbps: u32) -> bool {
    bits_per_second as f64 > f64::from(ceiling_kbps) * 1_000.0 * ROOM
}

/// Watches one session's bitrate. Fed the time.
#[derive(Debug, Default)]
pub struct Ceiling {
    counted: Option<(Instant, u64)>,
    over_since: Option<Instant>,
}

impl Ceiling {
    /// The rate since the last call in bits a second, from a counter of bytes; 0 at the first.
    pub fn rate(&mut self, now: Instant, bytes: u64) -> u64 {
        let Some((before, counted)) = self.counted.replace((now, bytes)) else { return 0 };
        let seconds = now.saturating_duration_since(before).as_secs_f64();
        if seconds > 0.0 { (bytes.saturating_sub(counted) as f64 * 8.0 / seconds) as u64 } else { 0 }
    }

    /// Judges the rate of the time since the last call. True when it has been too high for too long.
    pub fn is_broken(&mut self, now: Instant, bits_per_second: u64, ceiling_kbps: Option<u32>) -> bool {
        if !ceiling_kbps.is_some_and(|ceiling| exceeds(bits_per_second, ceiling)) {
            self.over_since = None;
            return false;
        }
        now.saturating_duration_since(*self.over_since.get_or_insert(now)) >= PATIENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_breaks_the_ceiling() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let rows: [(&[u64], Option<u32>, Option<usize>); 6] = [
            (&[1_000_000; 20], Some(1_000), None),
            (&[1_250_000; 20], Some(1_000), None),
            (&[1_260_000; 20], Some(1_000), Some(5)),
            (&[9_000_000, 9_000_000, 9_000_000, 9_000_000, 9_000_000, 1_000_000, 9_000_000], Some(1_000), None),
            (&[9_000_000; 20], None, None),
            (&[1; 20], Some(0), Some(5)),
        ];
        for (rates, ceiling, expected) in rows {
            let mut watched = Ceiling::default();
            let mut judge = |(second, rate): (usize, &u64)| watched.is_broken(at(second as u64), *rate, ceiling);
            assert_eq!(rates.iter().enumerate().position(&mut judge), expected, "{rates:?} {ceiling:?}");
        }
    }

    #[test]
    fn rates_come_from_a_counter() {
        let start = Instant::now();
        let mut watched = Ceiling::default();
        let rows = [
            (0, 5_000, 0),
            (1_000, 130_000, 1_000_000),
            (1_500, 192_500, 1_000_000),
            (1_500, 200_000, 0),
            (2_500, 0, 0),
        ];
        for (ms, bytes, expected) in rows {
            assert_eq!(watched.rate(start + Duration::from_millis(ms), bytes), expected, "{ms}");
        }
    }
}
