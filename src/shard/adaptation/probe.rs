//! Tries whether the way to a viewer carries more: how much padding to send when, and what came of it.

use std::time::{Duration, Instant};

/// The rate rises this long, by the same factor in each moment, so that a way that is full shows before much is lost.
const RISE: Duration = Duration::from_millis(1_000);
/// Then it stays for this long.
const HOLD: Duration = Duration::from_millis(700);
/// Reports on the last of it may take this long.
const VERDICT: Duration = Duration::from_millis(600);
/// A rise from nothing would take for ever.
const LEAST: u64 = 50_000;
/// What must arrive of the goal: packets come in bursts, and their mean wavers.
const CARRIED: f64 = 0.92;
/// Padding that may be due at once: after a stall the rest is left out, it would be a burst that no way carries.
const MOST_AT_ONCE: f64 = 0.03;
/// And so much in any case, in bytes: one packet of a low rate.
const ONE_PACKET: f64 = 300.0;

/// One try.
#[derive(Clone, Debug)]
pub struct Probe {
    started: Instant,
    from: f64,
    to: f64,
    updated: Instant,
    /// Bytes that may be sent more than were.
    credit: f64,
}

/// Where a try stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Open,
    /// The way carried so many bits a second.
    Carried(u64),
    Failed,
}

impl Probe {
    /// Begins at the rate that is sent now, and rises to `to` bits a second.
    pub fn new(now: Instant, from: u64, to: u64) -> Self {
        Probe { started: now, from: (from.max(LEAST) as f64).min(to as f64), to: to as f64, updated: now, credit: 0.0 }
    }

    /// So many bytes have left: media, retransmissions and padding alike.
    pub fn sent(&mut self, bytes: usize) {
        self.credit -= bytes as f64;
    }

    /// Bytes of padding to send now. To be called every few milliseconds.
    pub fn padding(&mut self, now: Instant) -> usize {
        let age = now.saturating_duration_since(self.started);
        if age > RISE + HOLD {
            return 0;
        }
        let share = (age.as_secs_f64() / RISE.as_secs_f64()).min(1.0);
        let rate = self.from * (self.to / self.from).powf(share);
        let elapsed = now.saturating_duration_since(std::mem::replace(&mut self.updated, now)).as_secs_f64();
        let most = (rate / 8.0 * MOST_AT_ONCE).max(ONE_PACKET);
        self.credit = (self.credit + rate / 8.0 * elapsed).min(most);
        self.credit.max(0.0) as usize
    }

    /// Judges by what arrives, and by whether the way is clear. `loss`: the share that gets lost as it is.
    pub fn verdict(&self, now: Instant, delivered: Option<u64>, loss: f32, congested: bool) -> Verdict {
        if congested {
            return Verdict::Failed;
        }
        let carried = delivered.filter(|rate| *rate as f64 >= self.to * CARRIED * (1.0 - f64::from(loss)));
        match carried {
            // What got lost by the air was carried up to there.
            Some(rate) => Verdict::Carried((rate as f64 / (1.0 - f64::from(loss.min(0.5)))) as u64),
            None if now.saturating_duration_since(self.started) > RISE + HOLD + VERDICT => Verdict::Failed,
            None => Verdict::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a try beside media of a rate; returns the padding of each tenth of a second, in bits a second.
    fn run(media: u64, to: u64, every_ms: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut probe = Probe::new(start, media, to);
        let mut tenths = vec![0; 25];
        for ms in (0..2_500).step_by(every_ms as usize) {
            probe.sent((media * every_ms / 8_000) as usize);
            let padding = probe.padding(start + Duration::from_millis(ms));
            probe.sent(padding);
            tenths[ms as usize / 100] += padding as u64 * 80;
        }
        tenths
    }

    #[test]
    fn the_rate_rises_to_the_goal_and_ends() {
        let padding = run(500_000, 2_500_000, 10);
        let sum: u64 = padding.iter().sum();
        for (tenth, rate) in padding.iter().enumerate() {
            let expected = match tenth {
                0..=9 => (500_000.0 * (5f64.powf(tenth as f64 / 10.0 + 0.05) - 1.0)) as u64,
                10..=16 => 2_000_000,
                17 => 200_000,
                _ => 0,
            };
            assert!(rate.abs_diff(expected) <= 100_000, "{tenth}: {rate} of {expected}");
        }
        assert!((18_000_000..24_000_000).contains(&sum), "{sum}");
    }

    #[test]
    fn padding_is_bounded_after_a_stall_and_none_beside_enough_media() {
        let start = Instant::now();
        let mut probe = Probe::new(start, 100_000, 2_000_000);
        assert_eq!(probe.padding(start), 0);
        let mut slow = Probe::new(start, 20_000, 55_000);
        assert_eq!(
            slow.padding(start + Duration::from_millis(500)),
            300,
            "as much as a packet has, or none would ever go"
        );
        assert!(probe.padding(start + Duration::from_millis(1_600)) <= 7_500, "30 ms of the rate");
        assert!(run(3_000_000, 2_500_000, 10).iter().all(|padding| *padding == 0));
    }

    #[test]
    fn verdicts() {
        let start = Instant::now();
        let probe = Probe::new(start, 500_000, 2_000_000);
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!(probe.verdict(at(500), Some(900_000), 0.0, false), Verdict::Open);
        assert_eq!(probe.verdict(at(500), Some(900_000), 0.0, true), Verdict::Failed);
        assert_eq!(probe.verdict(at(1_700), Some(1_900_000), 0.0, false), Verdict::Carried(1_900_000));
        assert_eq!(probe.verdict(at(1_700), Some(1_805_000), 0.05, false), Verdict::Carried(1_900_000));
        assert_eq!(probe.verdict(at(1_700), None, 0.0, false), Verdict::Open);
        assert_eq!(probe.verdict(at(2_400), Some(1_000_000), 0.0, false), Verdict::Failed);
    }
}
