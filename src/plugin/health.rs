//! How a plugin's calls go: counts them, keeps the last failure, and stops a plugin that keeps failing.

use super::breaker::{Breaker, Circuit, Gate, Turn};
use super::fault::{Fault, FaultClass};
use super::histogram::Histogram;
use super::hook::Hook;
use super::rollout::Figures;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// Calls of one plugin since the server started, over all generations.
#[derive(Debug, Default)]
pub struct Tally {
    /// By [`Hook::ALL`].
    asked: [Asked; Hook::ALL.len()],
    /// By [`FaultClass::CALL`].
    failures: [AtomicU64; 4],
    /// Questions that were answered by policy, since the plugin was stopped or not loaded.
    unasked: AtomicU64,
    /// Ticks and polls that failed.
    upkeep: AtomicU64,
    /// Calls that nobody waits for: of observers.
    observed: AtomicU64,
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
    calm: AtomicBool,
    state: Mutex<State>,
    pub latency: Histogram,
    pub figures: Figures,
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
    /// Of the latest clients those that it fails with, and all.
    pub failing: (usize, usize),
    /// Whether to log it, and how many before were not.
    pub log: Option<u64>,
}

/// A call on its way; a probe whose caller goes away is given back by drop.
#[derive(Debug)]
pub struct Underway<'a> {
    health: &'a Health,
    client: IpAddr,
    /// None once its outcome was told.
    gate: Option<Gate>,
}

/// Between logged failures of one plugin: a plugin that fails often must not fill the log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

impl Health {
    pub fn new(now: Instant) -> Self {
        let state = State { breaker: Breaker::new(now), last: None, logged: None, silent: 0 };
        Health {
            calm: AtomicBool::new(true),
            state: Mutex::new(state),
            latency: Histogram::default(),
            figures: Figures::default(),
        }
    }

    /// Begins a call of a client; none when its failure policy answers.
    pub fn begin(&self, client: IpAddr, now: Instant) -> Option<Underway<'_>> {
        let calm = self.calm.load(Ordering::Relaxed);
        let gate = if calm { Gate::Pass } else { self.state().breaker.gate(client, now) };
        (gate != Gate::Shut).then_some(Underway { health: self, client, gate: Some(gate) })
    }

    pub fn circuit(&self) -> Circuit {
        self.state().breaker.circuit()
    }

    /// The latest failure.
    pub fn last_failure(&self) -> Option<LastFailure> {
        self.state().last.clone()
    }

    /// A tick or a poll failed: told, and no matter of the breaker.
    pub fn upkeep_failed(&self, last: LastFailure) {
        self.state().last = Some(last);
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
        let Some(gate) = self.gate.take() else { return Turn::None };
        let mut state = self.health.state();
        let turn = state.breaker.succeeded(self.client, gate, now);
        self.health.calm.store(state.breaker.is_calm(), Ordering::Relaxed);
        turn
    }

    /// The call failed.
    pub fn failed(mut self, now: Instant, wall: SystemTime, fault: &Fault) -> Aftermath {
        let own = match fault {
            Fault::Trap { .. } | Fault::Cpu { .. } => Some(true),
            // Alone in the slow lane a call waits about as long as it runs; more is the others' doing.
            Fault::Share { used, waited, .. } => Some(*waited <= *used * 2),
            Fault::Wall { .. } | Fault::Error(_) => Some(false),
            // It was never asked: to stop it would help nobody who waits.
            Fault::Saturated(_) => None,
        };
        let mut state = self.health.state();
        let turn = match (self.gate.take(), own) {
            (Some(gate), Some(own)) => state.breaker.failed(self.client, gate, now, own),
            (Some(gate), None) => {
                state.breaker.lost(self.client, gate);
                Turn::None
            }
            (None, _) => Turn::None,
        };
        self.health.calm.store(state.breaker.is_calm(), Ordering::Relaxed);
        let log = state.note(now, wall, fault, turn != Turn::None);
        Aftermath { turn, failing: state.breaker.failing(now), log }
    }

    /// The call failed, and nobody but the plugin waits for it: that is told and stops no plugin. Returns whether to log it, as
    /// [`Aftermath::log`].
    pub fn excused(mut self, now: Instant, wall: SystemTime, fault: &Fault) -> Option<u64> {
        let mut state = self.health.state();
        if let Some(gate) = self.gate.take() {
            state.breaker.lost(self.client, gate);
        }
        state.note(now, wall, fault, false)
    }
}

impl State {
    /// Keeps a failure. Returns whether to log it, and how many before were not.
    fn note(&mut self, now: Instant, wall: SystemTime, fault: &Fault, is_turn: bool) -> Option<u64> {
        self.last = Some(LastFailure { class: fault.class(), cause: fault.to_string(), at: wall });
        let due = self.logged.is_none_or(|logged| now.saturating_duration_since(logged) >= LOG_INTERVAL);
        if due || is_turn {
            self.logged = Some(now);
            return Some(std::mem::take(&mut self.silent));
        }
        self.silent += 1;
        None
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take().filter(|gate| *gate != Gate::Pass) {
            self.health.state().breaker.lost(self.client, gate);
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
        self.asked.iter().map(Asked::calls).sum::<u64>() + self.observed.load(Ordering::Relaxed)
    }

    /// An observer was called.
    pub fn observed(&self) {
        self.observed.fetch_add(1, Ordering::Relaxed);
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

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_plugin_that_keeps_failing_is_stopped_and_comes_back() {
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let health = Health::new(now);
        for number in 1..=10 {
            let after = health.begin(CLIENT, now).unwrap().failed(now, wall, &fault());
            assert_eq!(after.turn != Turn::None, number == 10);
            assert_eq!(after.log.is_some(), number == 1 || number == 10, "{number}");
        }
        assert!(health.begin(CLIENT, now).is_none());
        assert_eq!(health.last_failure().unwrap().class, FaultClass::Error);
        assert!(health.restart_at().is_some());
        health.restarting();
        health.restarted();
        drop(health.begin(CLIENT, now).unwrap());
        let probe = health.begin(CLIENT, now).unwrap();
        assert!(health.begin(CLIENT, now).is_none(), "one call at a time of a client that it failed with");
        assert_eq!(probe.succeeded(now), Turn::None);
        for number in 2..=3 {
            let turn = health.begin(CLIENT, now).unwrap().succeeded(now);
            assert_eq!(turn == Turn::Closed, number == 3);
        }
        let both = (health.begin(CLIENT, now).unwrap(), health.begin(CLIENT, now).unwrap());
        assert_eq!(both.0.succeeded(now), Turn::None);
        assert_eq!(both.1.succeeded(now), Turn::None);
    }

    #[test]
    fn a_full_queue_is_not_the_plugins_fault() {
        let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let (health, full) = (Health::new(now), Fault::Saturated("full".to_owned()));
        for _ in 0..1_000 {
            assert_eq!(health.begin(CLIENT, now).unwrap().failed(now, wall, &full).turn, Turn::None);
        }
        assert_eq!((health.circuit(), health.last_failure().unwrap().class), (Circuit::Closed, FaultClass::Saturated));
    }
}
