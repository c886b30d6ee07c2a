//! A bounded collection of measurements and its percentiles.

/// When this many are held, every second one goes and only every second new one is kept: 2 MiB at most, and percentiles stay
/// true for hours.
const CAPACITY: usize = 1 << 18;

/// Measurements, thinned evenly when they become many.
#[derive(Clone, Debug)]
pub struct Samples {
    values: Vec<f64>,
    max: f64,
    /// Takes one of this many.
    stride: u64,
    seen: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Samples { values: Vec::new(), max: f64::NEG_INFINITY, stride: 1, seen: 0 }
    }
}

impl Samples {
    /// Adds one; what is not finite is not counted.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.max = self.max.max(value);
        if self.seen.is_multiple_of(self.stride) {
            self.values.push(value);
        }
        self.seen += 1;
        if self.values.len() == CAPACITY {
            let mut index = 0;
            self.values.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// How many were added.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// The largest of all.
    pub fn max(&self) -> Option<f64> {
        (self.seen > 0).then_some(self.max)
    }

    /// The nearest-rank percentiles of `of` (each 0 to 100), in their order.
    pub fn percentiles<const N: usize>(&self, of: [f64; N]) -> [Option<f64>; N] {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        of.map(|percent| {
            let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied()
        })
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut samples = Samples::default();
        values.into_iter().for_each(|value| samples.add(value));
        samples
    }
}

/// Rounds to `decimals` places, for reports.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let samples: Samples = (1..=100).map(f64::from).collect();
        assert_eq!(samples.percentiles([0.0, 50.0, 99.0, 100.0]), [Some(1.0), Some(50.0), Some(99.0), Some(100.0)]);
        assert_eq!(Samples::default().percentiles([50.0]), [None]);
        assert_eq!((samples.max(), samples.count()), (Some(100.0), 100));
    }

    #[test]
    fn many_are_thinned_without_bias() {
        let count = CAPACITY * 5;
        let samples: Samples = (0..count).map(|value| value as f64 / count as f64).collect();
        assert!(samples.values.len() < CAPACITY && samples.count() == count as u64);
        let [median, high] = samples.percentiles([50.0, 99.0]).map(Option::unwrap);
        assert!((median - 0.5).abs() < 0.01 && (high - 0.99).abs() < 0.01, "{median} {high}");
    }
}
