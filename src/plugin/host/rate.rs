//! Admits so many a second and counts what it turned away; fed with time.

use std::time::Duration;

/// The window of a rate, and the shortest time between two reports.
const SECOND: Duration = Duration::from_secs(1);

/// A second's worth may come at once; after that one each interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    interval: Duration,
    /// Until when what was admitted has used up the rate.
    used_until: Duration,
    dropped: u64,
    total: u64,
    reported: Option<Duration>,
}

impl Rate {
    /// `a_second` is above 0.
    pub(super) fn new(a_second: u32) -> Self {
        Rate { interval: SECOND / a_second, used_until: Duration::ZERO, dropped: 0, total: 0, reported: None }
    }

    /// Whether one more may pass now.
    pub(super) fn admit(&mut self, now: Duration) -> bool {
        let used_until = self.used_until.max(now) + self.interval;
        let admitted = used_until <= now + SECOND;
        if admitted {
            self.used_until = used_until;
        } else {
            self.dropped += 1;
            self.total += 1;
        }
        admitted
    }

    /// How many were turned away since the last report; none if there was nothing, or a report less than a second ago.
    pub(super) fn report(&mut self, now: Duration) -> Option<u64> {
        let due = self.reported.is_none_or(|last| now >= last + SECOND);
        if self.dropped == 0 || !due {
            return None;
        }
        self.reported = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }

    /// How many were ever turned away.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_second_s_worth_passes_at_once_and_then_one_each_interval() {
        let mut rate = Rate::new(10);
        // (time, asked, admitted)
        let rows = [(ms(0), 15, 10), (ms(99), 1, 0), (ms(100), 3, 1), (ms(400), 9, 3), (ms(9_000), 50, 10)];
        for (now, asked, admitted) in rows {
            assert_eq!((0..asked).filter(|_| rate.admit(now)).count(), admitted, "{now:?}");
        }
        assert_eq!(rate.total(), 5 + 1 + 2 + 6 + 40);
    }

    #[test]
    fn what_was_turned_away_is_reported_once_a_second() {
        let mut rate = Rate::new(1);
        assert_eq!(rate.report(ms(0)), None);
        let admitted = (0..4).filter(|_| rate.admit(ms(0))).count();
        assert_eq!(admitted, 1);
        let mut reports = vec![rate.report(ms(0))];
        assert!(!rate.admit(ms(10)));
        reports.extend([ms(20), ms(999), ms(1_000), ms(5_000)].map(|now| rate.report(now)));
        assert_eq!(reports, [Some(3), None, None, Some(1), None]);
    }
}
