//! A token bucket: so many over time, some of them at once. Fed the time.

use std::time::{Duration, Instant};

/// How fast tokens come back, and how many a full bucket holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Above 0.
    pub per_second: f64,
    pub burst: f64,
}

impl Pace {
    /// The time in which so many tokens come back; rounded down, so that nobody loses one to arithmetic.
    fn span(self, tokens: f64) -> Duration {
        // A cast of what is too large ends at the largest, some 500 years.
        Duration::from_nanos((tokens / self.per_second * 1e9) as u64)
    }
}

/// When it is full again: all that there is to know of a bucket. None: it is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket(Option<Instant>);

impl Bucket {
    /// Takes so many tokens.
    ///
    /// # Errors
    /// Where they are not there: after which time they may be. Nothing is taken then.
    pub fn take(&mut self, tokens: f64, pace: Pace, now: Instant) -> Result<(), Duration> {
        let latest = now + pace.span(pace.burst);
        let full_at = self.full_at(latest, now) + pace.span(tokens);
        if full_at > latest {
            return Err(full_at - latest);
        }
        self.0 = Some(full_at);
        Ok(())
    }

    /// Takes so many tokens, or as many as there are. True: all of them.
    pub fn drain(&mut self, tokens: f64, pace: Pace, now: Instant) -> bool {
        let latest = now + pace.span(pace.burst);
        let full_at = self.full_at(latest, now) + pace.span(tokens);
        self.0 = Some(full_at.min(latest));
        full_at <= latest
    }

    /// Puts tokens back that were taken and not used.
    pub fn give_back(&mut self, tokens: f64, pace: Pace) {
        self.0 = self.0.and_then(|full_at| full_at.checked_sub(pace.span(tokens)));
    }

    /// Whether nothing is to be known of it.
    pub fn is_full(self, now: Instant) -> bool {
        self.0.is_none_or(|full_at| full_at <= now)
    }

    /// A bucket that got smaller is empty at most.
    fn full_at(self, latest: Instant, now: Instant) -> Instant {
        self.0.map_or(now, |full_at| full_at.max(now)).min(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { per_second: 2.0, burst: 4.0 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        let mut taken = |at: u64| {
            let mut count = 0;
            let wait = loop {
                match bucket.take(1.0, PACE, start + ms(at)) {
                    Ok(()) => count += 1,
                    Err(wait) => break wait,
                }
            };
            (count, wait)
        };
        let rows =
            [(0, (4, ms(500))), (499, (0, ms(1))), (500, (1, ms(500))), (1_700, (2, ms(300))), (60_000, (4, ms(500)))];
        for (at, expected) in rows {
            assert_eq!(taken(at), expected, "{at}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let now = Instant::now();
        let mut bucket = Bucket::default();
        (0..4).for_each(|_| bucket.take(1.0, PACE, now).unwrap());
        bucket.give_back(1.0, PACE);
        assert_eq!((bucket.take(1.0, PACE, now), bucket.take(1.0, PACE, now)), (Ok(()), Err(ms(500))));
        (0..9).for_each(|_| bucket.give_back(1.0, PACE));
        assert!(bucket.is_full(now), "and never holds more than it can");
        assert_eq!((0..9).filter(|_| bucket.take(1.0, PACE, now).is_ok()).count(), 4);
    }

    #[test]
    fn what_runs_out_is_told_and_owes_nothing() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        let rows = [(0, 3.0, true), (0, 3.0, false), (1_000, 2.0, true), (1_000, 0.1, false), (9_000, 4.0, true)];
        for (at, tokens, expected) in rows {
            assert_eq!(bucket.drain(tokens, PACE, start + ms(at)), expected, "{at} {tokens}");
        }
    }

    #[test]
    fn a_changed_pace_counts_from_where_the_bucket_is() {
        let now = Instant::now();
        let mut bucket = Bucket::default();
        let slow = Pace { per_second: 0.001, burst: 100.0 };
        (0..100).for_each(|_| bucket.take(1.0, slow, now).unwrap());
        assert_eq!(bucket.take(1.0, PACE, now), Err(ms(500)), "empty, not a day in debt");
        let (tiny, vast) = (Pace { per_second: 1e-300, burst: 1.0 }, Pace { per_second: 1e300, burst: 1e300 });
        for pace in [tiny, vast] {
            assert!(bucket.take(1.0, pace, now).is_ok() || bucket.take(1.0, pace, now).is_err(), "no panic");
        }
    }
}
