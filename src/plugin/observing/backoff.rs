//! When the next batch of events is due: when it is full or has waited, and later each time that it failed. Pure; fed the time.

use super::Wants;
use std::time::{Duration, Instant};

/// The pace of deliveries.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Failures in a row.
    failures: u32,
    not_before: Option<Instant>,
}

/// Until the first try after a failure; doubled with each further one, ...
const BACKOFF: Duration = Duration::from_secs(1);
/// ... up to this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

impl Pace {
    /// When the events that wait are to be delivered; none where none waits. `oldest`: since when the first one waits.
    pub(super) fn due(&self, waiting: usize, oldest: Option<Instant>, wants: &Wants) -> Option<Instant> {
        let oldest = oldest?;
        let at = if waiting >= wants.batch { oldest } else { oldest + wants.wait };
        Some(self.not_before.map_or(at, |not_before| not_before.max(at)))
    }

    /// A batch arrived.
    pub(super) fn succeeded(&mut self) {
        *self = Pace::default();
    }

    /// A batch did not arrive. Returns how long the next try has time.
    pub(super) fn failed(&mut self, now: Instant) -> Duration {
        let backoff = BACKOFF.saturating_mul(1 << self.failures.min(6)).min(MAX_BACKOFF);
        self.failures += 1;
        self.not_before = Some(now + backoff);
        backoff
    }

    /// The plugin is stopped: it is looked again after this time.
    pub(super) fn hold(&mut self, until: Instant) {
        self.not_before = Some(until);
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_due_when_it_is_full_or_has_waited() {
        let (now, pace, wants) = (Instant::now(), Pace::default(), Wants::default());
        assert_eq!(pace.due(0, None, &wants), None);
        assert_eq!(pace.due(255, Some(now), &wants), Some(now + Duration::from_secs(1)));
        assert_eq!(pace.due(256, Some(now), &wants), Some(now));
        let wants = Wants::paced(2, Duration::from_millis(50));
        assert_eq!(pace.due(1, Some(now), &wants), Some(now + Duration::from_millis(50)));
        assert_eq!(pace.due(2, Some(now), &wants), Some(now));
    }

    #[test]
    fn failures_are_tried_again_later_and_later_up_to_a_minute() {
        let (mut now, mut pace, wants) = (Instant::now(), Pace::default(), Wants::default());
        let start = now;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(pace.failed(now), Duration::from_secs(seconds));
            now += Duration::from_secs(seconds);
            assert_eq!(pace.due(10_000, Some(start), &wants), Some(now));
        }
        assert_eq!(pace.failures(), 9);
        pace.succeeded();
        assert_eq!(pace.due(10_000, Some(start), &wants), Some(start));
        assert_eq!(pace.failed(now), Duration::from_secs(1));
        pace.hold(now + Duration::from_secs(3));
        assert_eq!(pace.due(1, Some(now), &wants), Some(now + Duration::from_secs(3)));
    }
}
