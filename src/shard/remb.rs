//! How much a publisher is told to send (REMB): by loss where it has no congestion control of its own, and never above
//! the ceiling of its grant.

use std::time::{Duration, Instant};

/// How often it is told.
const INTERVAL: Duration = Duration::from_millis(500);
/// The least and the most that is told, in bits a second.
const LEAST: f64 = 100_000.0;
const MOST: f64 = 20_000_000.0;
/// A ceiling that was lifted is told so often, since a report may be lost.
const LIFTED_TIMES: u8 = 3;

/// The teller of one publisher.
pub struct Remb {
    /// Whether the estimate counts: publishers with transport-wide congestion control only hear of ceilings, which they
    /// heed beside their own estimate.
    adaptive: bool,
    due: Instant,
    estimate: f64,
    lost_before: u64,
    packets_before: u64,
    lifted: u8,
}

/// What was seen of a publisher since its session began.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub packets: u64,
    pub lost: u64,
    /// Bits a second.
    pub bitrate: u64,
}

impl Remb {
    pub fn new(adaptive: bool, now: Instant) -> Self {
        Remb { adaptive, due: now, estimate: 1_000_000.0, lost_before: 0, packets_before: 0, lifted: 0 }
    }

    /// What to tell now, in bits a second, if it is time to. The ceiling is in kbit/s.
    pub fn step(&mut self, now: Instant, seen: Seen, ceiling_kbps: Option<u32>) -> Option<u64> {
        if now < self.due {
            return None;
        }
        self.due = now + INTERVAL;
        let ceiling = ceiling_kbps.map(|kbps| f64::from(kbps) * 1_000.0);
        if !self.adaptive {
            return self.told_ceiling(ceiling);
        }
        let received = seen.packets - self.packets_before;
        let lost = seen.lost.saturating_sub(self.lost_before);
        (self.packets_before, self.lost_before) = (seen.packets, seen.lost);
        let loss = lost as f64 / (received + lost).max(1) as f64;
        // As the loss-based half of Google's congestion control: up by 8 % below 2 % loss, down above 10 %.
        if loss > 0.1 {
            self.estimate *= 1.0 - 0.5 * loss;
        } else if loss < 0.02 {
            self.estimate = (self.estimate * 1.08).min(seen.bitrate as f64 * 2.0 + 1_000_000.0);
        }
        self.estimate = self.estimate.clamp(LEAST, MOST);
        Some(ceiling.map_or(self.estimate, |ceiling| ceiling.min(self.estimate)) as u64)
    }

    fn told_ceiling(&mut self, ceiling: Option<f64>) -> Option<u64> {
        match ceiling {
            Some(ceiling) => {
                self.lifted = LIFTED_TIMES;
                Some(ceiling as u64)
            }
            None if self.lifted > 0 => {
                self.lifted -= 1;
                Some(MOST as u64)
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(remb: &mut Remb, start: Instant, half_seconds: u32, seen: Seen, ceiling: Option<u32>) -> Option<u64> {
        remb.step(start + INTERVAL * half_seconds, seen, ceiling)
    }

    #[test]
    fn the_estimate_follows_loss_and_stays_below_the_ceiling() {
        let start = Instant::now();
        let mut remb = Remb::new(true, start);
        let seen = |packets, lost| Seen { packets, lost, bitrate: 5_000_000 };
        assert_eq!(told(&mut remb, start, 0, seen(100, 0), None), Some(1_080_000));
        assert_eq!(remb.step(start, seen(100, 0), None), None, "not before it is due");
        assert_eq!(told(&mut remb, start, 1, seen(180, 20), None), Some(972_000));
        assert_eq!(told(&mut remb, start, 2, seen(280, 20), Some(500)), Some(500_000));
        for half_seconds in 3..200 {
            let most = told(&mut remb, start, half_seconds, seen(280, 20), None).unwrap();
            assert!(most <= 11_000_000, "{most}");
        }
        assert_eq!(told(&mut remb, start, 200, seen(280, 20), Some(4_000)), Some(4_000_000));
    }

    #[test]
    fn who_has_its_own_control_hears_of_ceilings_only() {
        let start = Instant::now();
        let mut remb = Remb::new(false, start);
        let seen = Seen { packets: 1, lost: 0, bitrate: 1 };
        let rows = [
            (None, None),
            (Some(800), Some(800_000)),
            (Some(800), Some(800_000)),
            (None, Some(20_000_000)),
            (None, Some(20_000_000)),
            (None, Some(20_000_000)),
            (None, None),
        ];
        for (half_seconds, (ceiling, expected)) in rows.into_iter().enumerate() {
            assert_eq!(told(&mut remb, start, half_seconds as u32, seen, ceiling), expected, "{half_seconds}");
        }
    }
}
