//! Counts durations in buckets of even ratio, without a lock: good for percentiles to 6 %.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Durations from 1 ns to 18 minutes.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

/// Parts of each power of two, as a power of two.
const PART_BITS: u32 = 3;
const PARTS: u64 = 1 << PART_BITS;
/// Powers of two: longer durations count in the last bucket.
const POWERS: u32 = 40;
const BUCKETS: usize = (POWERS - PART_BITS + 1) as usize * PARTS as usize;

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: std::array::from_fn(|_| AtomicU64::new(0)), sum_ns: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).min((1 << POWERS) - 1);
        self.buckets[bucket(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed))
    }

    /// The duration that this share (0 to 1) of the calls did not exceed; none before the first.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let rank = ((count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let index = counts.iter().position(|bucket| {
            seen += bucket;
            seen >= rank
        })?;
        let (low, high) = (lower_bound(index), lower_bound(index + 1));
        Some(Duration::from_nanos(low + (high - low) / 2))
    }

    /// How many were shorter than 2^`power` ns; exact.
    pub fn below(&self, power: u32) -> u64 {
        let end = bucket(1 << power.clamp(PART_BITS, POWERS - 1));
        self.buckets[..end].iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }
}

/// The bucket of a duration: the first 8 hold one nanosecond each, then 8 share each power of two.
fn bucket(ns: u64) -> usize {
    let index = if ns < PARTS {
        ns
    } else {
        let power = ns.ilog2() - PART_BITS;
        u64::from(power) * PARTS + (ns >> power)
    };
    usize::try_from(index).unwrap_or(BUCKETS - 1).min(BUCKETS - 1)
}

/// The shortest duration of a bucket, in ns.
fn lower_bound(index: usize) -> u64 {
    let index = index as u64;
    if index < PARTS {
        return index;
    }
    let power = index / PARTS - 1;
    (index - power * PARTS) << power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        for index in 0..BUCKETS {
            let (low, high) = (lower_bound(index), lower_bound(index + 1));
            assert!(low < high);
            assert_eq!((bucket(low), bucket(high - 1)), (index, index), "{low}..{high}");
            assert!(low < 8 || high - low <= low.div_ceil(8), "{low}..{high}");
        }
        assert_eq!(lower_bound(BUCKETS), 1 << POWERS);
    }

    #[test]
    fn percentiles_are_good_to_six_percent() {
        let histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for us in 1..=1_000 {
            histogram.record(Duration::from_micros(us));
        }
        for (share, us) in [(0.5, 500.0), (0.99, 990.0), (0.0, 1.0), (1.0, 1_000.0)] {
            let found = histogram.quantile(share).unwrap().as_secs_f64() * 1e6;
            assert!((found / us - 1.0).abs() < 0.07, "{share}: {found}");
        }
        assert_eq!((histogram.count(), histogram.sum()), (1_000, Duration::from_micros(500_500)));
    }

    #[test]
    fn what_is_below_a_power_of_two_is_counted_exactly() {
        let histogram = Histogram::default();
        for ns in [0, 1, 1_023, 1_024, 1_025, 2_047, 2_048, u64::MAX] {
            histogram.record(Duration::from_nanos(ns));
        }
        for (power, expected) in [(10, 3), (11, 6), (12, 7), (39, 7)] {
            assert_eq!(histogram.below(power), expected, "{power}");
        }
        assert_eq!(histogram.count(), 8);
    }
}
