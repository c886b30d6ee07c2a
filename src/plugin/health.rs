//! How a plugin's calls go: counts them, keeps the last failure, and stops a plugin that keeps failing.

use super::breaker::{Breaker, Circuit, Gate, Turn};
use super::fault::{Fault, FaultClass};
use super::histogram::Histogram;
use super::hook::Hook;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// Calls of one plugin since the server started, over all generations.
#[derive(Debug, Default)]
pub struct Tally {
    /// By [`Hook::ALL`].
    asked: [Asked; 2],
    /// By [`FaultClass::CALL`].
    failures: [AtomicU64; 4],
    /// Questions that were answered by policy, since the plugin was stopped or not loaded.
    unasked: AtomicU64,
    /// Ticks and polls that failed.
    upkeep: AtomicU64,
}

/// Calls of one hook.
#[derive(Debug, Default)]
pub struct Asked {
    calls: AtomicU64,
    pub latency: Histogram,
}

/// One generation's health, and that of its restarts.
#[derive(Debug)]
pub struct Health {
    /// Whether all calls go through: read at each call, so without the lock.
    closed: AtomicBool,
    calls: AtomicU64,
    state: Mutex<State>,
    pub latency: Histogram,
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    last: Option<LastFailure>,
    logged: Option<Instant>,
    /// Failures that were not logged since the last one that was.
    silent: u64,
}

/// The latest failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    pub class: FaultClass,
    /// For the operator.
    pub cause: String,
    pub at: SystemTime,
}

/// What a failed call led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aftermath {
    pub turn: Turn,
    /// Failures among the last calls.
    pub failures: usize,
    /// Whether to log it, and how many before were not.
    pub log: Option<u64>,
}

/// A call on its way; a probe whose caller goes away is given back by drop.
#[derive(Debug)]
pub struct Underway<'a> {
    health: &'a Health,
    number: u64,
    /// A probe without an outcome yet.
    probe: bool,
}

/// Between logged failures of one plugin: a plugin that fails often must not fill the log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

impl Health {
    pub fn new(now: Instant) -> Self {
        let state = State { breaker: Breaker::new(now), last: None, logged: None, silent: 0 };
        Health {
            closed: AtomicBool::new(true),
            calls: AtomicU64::new(0),
            state: Mutex::new(state),
            latency: Histogram::default(),
        }
    }

    /// Begins a call; none when the plugin is stopped.
    pub fn begin(&self) -> Option<Underway<'_>> {
        let gate = if self.closed.load(Ordering::Relaxed) { Gate::Pass } else { self.state().breaker.gate() };
        let number = || self.calls.fetch_add(1, Ordering::Relaxed);
        match gate {
            Gate::Pass => Some(Underway { health: self, number: number(), probe: false }),
            Gate::Probe => Some(Underway { health: self, number: number(), probe: true }),
            Gate::Shut => None,
        }
    }

    pub fn circuit(&self) -> Circuit {
        self.state().breaker.circuit()
    }

    /// The latest failure.
    pub fn last_failure(&self) -> Option<LastFailure> {
        self.state().last.clone()
    }

    /// When it is to be restarted, if it is stopped.
    pub fn restart_at(&self) -> Option<Instant> {
        self.state().breaker.restart_at()
    }

    /// The restart is under way.
    pub fn restarting(&self) {
        self.state().breaker.restarting();
    }

    /// The restart went well.
    pub fn restarted(&self) {
        self.state().breaker.restarted();
    }

    /// The restart failed.
    pub fn restart_failed(&self, now: Instant) -> Turn {
        // Its start may wait for others too; what it did before tells nothing.
        self.state().breaker.restart_failed(now, false)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Underway<'_> {
    /// The call gave an answer.
    pub fn succeeded(mut self, now: Instant) -> Turn {
        if !std::mem::take(&mut self.probe) {
            return Turn::None;
        }
        let turn = self.health.state().breaker.probe_succeeded(now);
        if turn == Turn::Closed {
            self.health.closed.store(true, Ordering::Relaxed);
        }
        turn
    }

    /// The call failed.
    pub fn failed(mut self, now: Instant, wall: SystemTime, fault: &Fault) -> Aftermath {
        self.probe = false;
        let mut state = self.health.state();
        let own = match fault {
            Fault::Trap { .. } | Fault::Cpu { .. } => true,
            // Alone in the slow lane a call waits about as long as it runs; more is the others' doing.
            Fault::Share { used, waited, .. } => *waited <= *used * 2,
            Fault::Wall { .. } | Fault::Error(_) | Fault::Saturated(_) => false,
        };
        let turn = state.breaker.failed(now, self.number, own);
        if turn != Turn::None {
            self.health.closed.store(false, Ordering::Relaxed);
        }
        state.last = Some(LastFailure { class: fault.class(), cause: fault.to_string(), at: wall });
        let due = state.logged.is_none_or(|logged| now.saturating_duration_since(logged) >= LOG_INTERVAL);
        let log = if due || turn != Turn::None {
            state.logged = Some(now);
            Some(std::mem::take(&mut state.silent))
        } else {
            state.silent += 1;
            None
        };
        let failures = if turn == Turn::None { state.breaker.failures() } else { Breaker::LIMIT };
        Aftermath { turn, failures, log }
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.health.state().breaker.probe_lost();
        }
    }
}

impl Asked {
    /// Calls, failed ones among them.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Tally {
    /// A call took this long.
    pub fn called(&self, hook: Hook, took: Duration) {
        let asked = self.asked(hook);
        asked.calls.fetch_add(1, Ordering::Relaxed);
        asked.latency.record(took);
    }

    /// A call failed.
    pub fn failed(&self, class: FaultClass) {
        if let Some(index) = FaultClass::CALL.iter().position(|call| *call == class) {
            self.failures[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A question was answered by policy alone.
    pub fn unasked(&self) {
        self.unasked.fetch_add(1, Ordering::Relaxed);
    }

    /// A tick or poll failed.
    pub fn upkeep_failed(&self) {
        self.upkeep.fetch_add(1, Ordering::Relaxed);
    }

    /// What was asked of one hook.
    pub fn asked(&self, hook: Hook) -> &Asked {
        &self.asked[hook.index()]
    }

    /// Calls of all hooks, failed ones among them.
    pub fn calls(&self) -> u64 {
        self.asked.iter().map(Asked::calls).sum()
    }

    /// Failures of calls by class.
    pub fn failures(&self) -> impl Iterator<Item = (FaultClass, u64)> + '_ {
        FaultClass::CALL.into_iter().zip(self.failures.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Questions that were answered by policy alone.
    pub fn unasked_calls(&self) -> u64 {
        self.unasked.load(Ordering::Relaxed)
    }

    /// Ticks and polls that failed.
    pub fn upkeep_failures(&self) -> u64 {
        self.upkeep.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault::Error("no".to_owned())
    }

    #[test]
    fn a_plugin_that_keeps_failing_is_stopped_and_comes_back() {
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let health = Health::new(now);
        for number in 1..=10 {
            let after = health.begin().unwrap().failed(now, wall, &fault());
            assert_eq!(after.turn != Turn::None, number == 10);
            assert_eq!(after.log.is_some(), number == 1 || number == 10, "{number}");
        }
        assert!(health.begin().is_none());
        assert_eq!(health.last_failure().unwrap().class, FaultClass::Error);
        assert!(health.restart_at().is_some());
        health.restarting();
        health.restarted();
        drop(health.begin().unwrap());
        for number in 1..=3 {
            let probe = health.begin().unwrap();
            assert!(health.begin().is_none());
            assert_eq!(probe.succeeded(now) == Turn::Closed, number == 3);
        }
        let both = (health.begin().unwrap(), health.begin().unwrap());
        assert_eq!(both.0.succeeded(now), Turn::None);
        assert_eq!(both.1.succeeded(now), Turn::None);
    }

    #[test]
    fn a_late_success_from_before_the_restart_is_no_probe() {
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let health = Health::new(now);
        let early = health.begin().unwrap();
        for _ in 0..10 {
            health.begin().unwrap().failed(now, wall, &fault());
        }
        health.restarted();
        assert_eq!(early.succeeded(now), Turn::None);
        let probe = health.begin().unwrap();
        assert!(health.begin().is_none());
        drop(probe);
    }
}
