//! How long traces of a root usually take: the 99th percentile of the last thousand.

use std::collections::{HashMap, VecDeque};

/// Durations that are remembered of a root: enough for a 99th percentile, few enough to follow a change within minutes.
const WINDOW: usize = 1_024;
/// Fewer tell nothing about it.
const LEAST: usize = 100;

/// Durations of late, by root. Roots are named by this code, so they are few.
#[derive(Debug, Default)]
pub(super) struct Usual(HashMap<&'static str, VecDeque<u64>>);

impl Usual {
    /// The 99th percentile in microseconds; 0 while fewer than 100 are known.
    pub(super) fn p99_us(&self, root: &str) -> u64 {
        let Some(recent) = self.0.get(root).filter(|recent| recent.len() >= LEAST) else { return 0 };
        let mut recent: Vec<u64> = recent.iter().copied().collect();
        let rank = (recent.len() * 99).div_ceil(100) - 1;
        *recent.select_nth_unstable(rank).1
    }

    /// Counts one in.
    pub(super) fn record(&mut self, root: &'static str, duration_us: u64) {
        let recent = self.0.entry(root).or_default();
        if recent.len() == WINDOW {
            recent.pop_front();
        }
        recent.push_back(duration_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_from_a_hundred_on_and_follows() {
        let mut usual = Usual::default();
        (1..100).for_each(|us| usual.record("whep.join", us));
        assert_eq!(usual.p99_us("whep.join"), 0);
        usual.record("whep.join", 1_000_000);
        assert_eq!((usual.p99_us("whep.join"), usual.p99_us("whip.publish")), (99, 0));
        (0..WINDOW).for_each(|_| usual.record("whep.join", 7));
        assert_eq!(usual.p99_us("whep.join"), 7);
    }
}
