//! The interface `clock`, and the two clocks behind it: the machine's, and one that a test moves.

use super::wit::clock::Host;
use crate::media::wall_clock;
use crate::plugin::guest::Guest;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

impl Host for Guest {
    fn unix_ns(&mut self) -> u64 {
        self.context.services.clock.unix_ns()
    }

    fn monotonic_ns(&mut self) -> u64 {
        nanoseconds(self.context.services.clock.now())
    }
}

/// Where time comes from.
#[derive(Debug)]
pub(super) enum Clock {
    /// The machine's; durations count from this moment.
    Machine(Instant),
    Virtual(Virtual),
}

/// Stands still until it is moved.
#[derive(Debug)]
pub(super) struct Virtual {
    unix_ns: AtomicU64,
    monotonic_ns: AtomicU64,
}

impl Clock {
    pub(super) fn machine() -> Self {
        Clock::Machine(Instant::now())
    }

    /// Stands at this time, in nanoseconds since 1970.
    pub(super) fn standing(unix_ns: u64) -> Self {
        Clock::Virtual(Virtual { unix_ns: AtomicU64::new(unix_ns), monotonic_ns: AtomicU64::new(0) })
    }

    /// Since an arbitrary start; never goes back.
    pub(super) fn now(&self) -> Duration {
        match self {
            Clock::Machine(start) => start.elapsed(),
            Clock::Virtual(time) => Duration::from_nanos(time.monotonic_ns.load(Ordering::Relaxed)),
        }
    }

    /// Nanoseconds since 1970.
    pub(super) fn unix_ns(&self) -> u64 {
        match self {
            Clock::Machine(_) => wall_clock(SystemTime::now()),
            Clock::Virtual(time) => time.unix_ns.load(Ordering::Relaxed),
        }
    }

    /// Moves a virtual clock on; the machine's goes its own way.
    pub(super) fn advance(&self, by: Duration) {
        if let Clock::Virtual(time) = self {
            let by = nanoseconds(by);
            for hand in [&time.unix_ns, &time.monotonic_ns] {
                hand.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| Some(now.saturating_add(by)))
                    .expect("the closure always gives a value");
            }
        }
    }

    /// Makes the wall clock of a virtual clock jump.
    pub(super) fn set_unix_ns(&self, unix_ns: u64) {
        if let Clock::Virtual(time) = self {
            time.unix_ns.store(unix_ns, Ordering::Relaxed);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_still_until_moved() {
        let clock = Clock::standing(1_000);
        assert_eq!((clock.unix_ns(), clock.now()), (1_000, Duration::ZERO));
        clock.advance(Duration::from_nanos(5));
        assert_eq!((clock.unix_ns(), clock.now()), (1_005, Duration::from_nanos(5)));
        clock.set_unix_ns(7);
        clock.advance(Duration::MAX);
        assert_eq!((clock.unix_ns(), clock.now()), (u64::MAX, Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn the_machine_s_clock_can_not_be_moved() {
        let clock = Clock::machine();
        clock.advance(Duration::from_secs(1_000_000));
        clock.set_unix_ns(0);
        assert!(clock.now() < Duration::from_secs(1_000));
        assert!(clock.unix_ns() > 1_700_000_000_000_000_000);
    }
}
