//! The circuit breaker of a plugin: stops one that keeps failing, tries it again with backoff, and gives up in the end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Where a plugin stands with its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Circuit {
    /// Calls go through.
    Closed,
    /// No call goes through until a restart.
    Open,
    /// Restarted: one call at a time goes through, to see.
    HalfOpen,
    /// Stopped too often: only a new version, or the operator, brings it back.
    Quarantined,
}

/// Whether a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Pass,
    /// As [`Gate::Pass`], and the outcome decides. The gate is shut for others until the outcome is told.
    Probe,
    /// The plugin is stopped; its failure policy answers.
    Shut,
}

/// What a failure or a probe led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing new.
    None,
    /// Stopped; restart it at this time.
    Opened(Instant),
    Quarantined,
    /// It works again.
    Closed,
}

/// Counts failures, in calls and time that the caller tells.
#[derive(Debug)]
pub struct Breaker {
    circuit: Circuit,
    /// The latest failures: the number of the call, and when.
    failures: VecDeque<(u64, Instant)>,
    /// How often it was opened since it last worked for a while.
    opened: u32,
    restart: Option<Instant>,
    /// Whether a probe is on its way.
    probe: bool,
    /// Probes that went well since the restart.
    good_probes: u32,
    closed_since: Instant,
}

/// So many failures ...
const FAILURES: usize = 10;
/// ... among the last so many calls open the circuit, ...
const CALLS: u64 = 100;
/// ... unless they are older.
const WINDOW: Duration = Duration::from_secs(60);
/// Time until the first restart; doubled each time, ...
const BACKOFF: Duration = Duration::from_secs(1);
/// ... up to this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Probes in a row that must go well.
const PROBES: u32 = 3;
/// After so many openings it is quarantined: by then it was stopped for two minutes.
const QUARANTINE: u32 = 8;
/// Openings that are forgotten when it works again.
const PARDON: u32 = 1;
/// Having worked for so long makes the openings before forgotten.
const RECOVERED: Duration = Duration::from_secs(300);

impl Breaker {
    pub fn new(now: Instant) -> Self {
        Breaker {
            circuit: Circuit::Closed,
            failures: VecDeque::with_capacity(FAILURES),
            opened: 0,
            restart: None,
            probe: false,
            good_probes: 0,
            closed_since: now,
        }
    }

    pub fn circuit(&self) -> Circuit {
        self.circuit
    }

    /// Failures among the last calls.
    pub fn failures(&self) -> usize {
        self.failures.len()
    }

    /// How many failures stop it.
    pub const LIMIT: usize = FAILURES;

    /// Asks whether a call may go through.
    pub fn gate(&mut self) -> Gate {
        match self.circuit {
            Circuit::Closed => Gate::Pass,
            Circuit::Open | Circuit::Quarantined => Gate::Shut,
            Circuit::HalfOpen => {
                if self.probe {
                    return Gate::Shut;
                }
                self.probe = true;
                Gate::Probe
            }
        }
    }

    /// A call failed; `call` counts all calls of the plugin. `own`: whether by the plugin's own fault (a trap, too much CPU
    /// time). What it waits for may come back after hours: that stops a plugin, but is tried again for ever.
    pub fn failed(&mut self, now: Instant, call: u64, own: bool) -> Turn {
        match self.circuit {
            Circuit::Closed => {
                let recent = |(number, when): &(u64, Instant)| {
                    call.saturating_sub(*number) < CALLS && now.saturating_duration_since(*when) < WINDOW
                };
                self.failures.retain(recent);
                self.failures.push_back((call, now));
                if self.failures.len() < FAILURES { Turn::None } else { self.open(now, own) }
            }
            Circuit::HalfOpen => self.open(now, own),
            // A call from before the circuit opened.
            Circuit::Open | Circuit::Quarantined => Turn::None,
        }
    }

    /// A probe went well.
    pub fn probe_succeeded(&mut self, now: Instant) -> Turn {
        if self.circuit != Circuit::HalfOpen {
            return Turn::None;
        }
        self.probe = false;
        self.good_probes += 1;
        if self.good_probes < PROBES {
            return Turn::None;
        }
        self.circuit = Circuit::Closed;
        self.closed_since = now;
        // A client that knows how to make it fail is not to bring it into quarantine while it serves others.
        self.opened = self.opened.saturating_sub(PARDON);
        Turn::Closed
    }

    /// The caller of a probe went away before its outcome.
    pub fn probe_lost(&mut self) {
        self.probe = false;
    }

    /// When the plugin is to be restarted, if it is stopped and not for good.
    pub fn restart_at(&self) -> Option<Instant> {
        self.restart
    }

    /// The restart is under way.
    pub fn restarting(&mut self) {
        self.restart = None;
    }

    /// A fresh generation is there: calls go through one at a time.
    pub fn restarted(&mut self) {
        if self.circuit == Circuit::Open {
            self.circuit = Circuit::HalfOpen;
            self.probe = false;
            self.good_probes = 0;
        }
    }

    /// The restart failed: it counts as a failed probe.
    pub fn restart_failed(&mut self, now: Instant, own: bool) -> Turn {
        if self.circuit == Circuit::Open { self.open(now, own) } else { Turn::None }
    }

    fn open(&mut self, now: Instant, own: bool) -> Turn {
        if self.circuit == Circuit::Closed && now.saturating_duration_since(self.closed_since) >= RECOVERED {
            self.opened = 0;
        }
        self.failures.clear();
        self.probe = false;
        self.opened = if own { self.opened + 1 } else { (self.opened + 1).min(QUARANTINE) };
        if self.opened > QUARANTINE {
            self.circuit = Circuit::Quarantined;
            self.restart = None;
            return Turn::Quarantined;
        }
        let backoff = BACKOFF.saturating_mul(1 << (self.opened - 1)).min(MAX_BACKOFF);
        self.circuit = Circuit::Open;
        self.restart = Some(now + backoff);
        Turn::Opened(now + backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock {
        now: Instant,
        calls: u64,
    }

    impl Clock {
        fn new() -> Self {
            Clock { now: Instant::now(), calls: 0 }
        }

        fn after(&mut self, ms: u64) -> Instant {
            self.now += Duration::from_millis(ms);
            self.now
        }

        fn fail(&mut self, breaker: &mut Breaker, times: usize) -> Turn {
            let mut turn = Turn::None;
            for _ in 0..times {
                assert_eq!(turn, Turn::None);
                self.calls += 1;
                turn = breaker.failed(self.now, self.calls, true);
            }
            turn
        }
    }

    #[test]
    fn the_tenth_failure_among_a_hundred_calls_stops_it() {
        // Calls and milliseconds between failures, and whether ten of them open the circuit.
        for (calls, ms, opens) in [(1, 0, true), (11, 0, true), (12, 0, false), (1, 6_000, true), (1, 7_000, false)] {
            let mut clock = Clock::new();
            let mut breaker = Breaker::new(clock.now);
            for number in 0..10u64 {
                let turn = breaker.failed(clock.after(ms), number * calls, true);
                assert_eq!(turn != Turn::None, opens && number == 9, "{calls} {ms}");
            }
            assert_eq!(breaker.gate() == Gate::Shut, opens);
        }
    }

    #[test]
    fn a_restart_lets_one_call_at_a_time_through() {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(clock.now);
        assert_eq!(clock.fail(&mut breaker, 10), Turn::Opened(clock.now + BACKOFF));
        assert_eq!(breaker.restart_at(), Some(clock.now + BACKOFF));
        assert_eq!(breaker.gate(), Gate::Shut);
        breaker.restarting();
        assert_eq!(breaker.restart_at(), None);
        breaker.restarted();
        for _ in 0..2 {
            assert_eq!(breaker.gate(), Gate::Probe);
            assert_eq!(breaker.gate(), Gate::Shut);
            assert_eq!(breaker.probe_succeeded(clock.now), Turn::None);
        }
        assert_eq!(breaker.gate(), Gate::Probe);
        assert_eq!(breaker.gate(), Gate::Shut);
        breaker.probe_lost();
        assert_eq!(breaker.gate(), Gate::Probe, "the caller of the probe went away");
        assert_eq!(breaker.probe_succeeded(clock.now), Turn::Closed);
        assert_eq!(breaker.gate(), Gate::Pass);
        assert_eq!(clock.fail(&mut breaker, 9), Turn::None);
    }

    #[test]
    fn backoff_doubles_and_ends_in_quarantine() {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(clock.now);
        assert!(matches!(clock.fail(&mut breaker, 10), Turn::Opened(_)));
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            breaker.restarted();
            assert_eq!(breaker.gate(), Gate::Probe);
            assert_eq!(clock.fail(&mut breaker, 1), Turn::Opened(clock.now + Duration::from_secs(seconds)));
        }
        breaker.restarting();
        assert_eq!(breaker.restart_failed(clock.now, true), Turn::Quarantined);
        breaker.restarted();
        assert_eq!((breaker.gate(), breaker.circuit()), (Gate::Shut, Circuit::Quarantined));
        assert_eq!(breaker.restart_at(), None);
    }

    #[test]
    fn having_worked_for_long_is_a_fresh_start() {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(clock.now);
        for (worked, backoff) in [(0, 1), (0, 1), (300_000, 1)] {
            clock.after(worked);
            let turn = clock.fail(&mut breaker, 10);
            assert_eq!(turn, Turn::Opened(clock.now + Duration::from_secs(backoff)));
            breaker.restarted();
            for _ in 0..3 {
                assert_eq!(breaker.gate(), Gate::Probe);
                breaker.probe_succeeded(clock.now);
            }
        }
    }

    #[test]
    fn an_outage_behind_the_plugin_is_waited_for() {
        let clock = Clock::new();
        let mut breaker = Breaker::new(clock.now);
        for number in 0..10 {
            breaker.failed(clock.now, number, false);
        }
        for _ in 0..100 {
            assert!(breaker.restart_at().is_some_and(|at| at <= clock.now + MAX_BACKOFF));
            breaker.restarting();
            breaker.restarted();
            assert_eq!(breaker.gate(), Gate::Probe);
            assert!(matches!(breaker.failed(clock.now, 11, false), Turn::Opened(_)));
        }
        breaker.restarted();
        for _ in 0..3 {
            assert_eq!(breaker.gate(), Gate::Probe);
            breaker.probe_succeeded(clock.now);
        }
        assert_eq!(breaker.gate(), Gate::Pass);
    }

    #[test]
    fn late_failures_of_a_stopped_plugin_change_nothing() {
        let mut clock = Clock::new();
        let mut breaker = Breaker::new(clock.now);
        clock.fail(&mut breaker, 10);
        assert_eq!(clock.fail(&mut breaker, 5), Turn::None);
        assert_eq!(breaker.restart_at(), Some(clock.now + BACKOFF));
    }
}
