//! The circuit breaker of a plugin: stops one that fails with nearly everybody, tries it again with backoff, and leaves those
//! who know how to make it fail to themselves.

use super::clients::{Clients, Gate as ClientGate};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Where a plugin stands with its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Circuit {
    /// Calls go through.
    Closed,
    /// It failed with nearly everybody, and a restart is due. Some calls of others go through, to see.
    Open,
    /// Restarted: some calls go through, to see.
    HalfOpen,
    /// Restarted in vain too often: no restart is due. One call at a time goes through, to see.
    Quarantined,
}

/// Whether a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Pass,
    /// As [`Gate::Pass`], and the outcome decides; the number is that of the restart that it tells of.
    Probe(u64),
    /// As [`Gate::Probe`], of a client that the plugin failed with; one at a time.
    Trial(u64),
    /// The plugin's failure policy answers.
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

/// Judges a plugin by how it does with different clients, in time that the caller tells.
#[derive(Debug)]
pub struct Breaker {
    circuit: Circuit,
    clients: Clients,
    /// How often it was opened since it last worked for a while.
    opened: u32,
    /// Restarts in a row by its own fault, with several clients, after which it answered nobody.
    in_vain: u32,
    restart: Option<Instant>,
    /// Counts restarts: what a probe tells of an earlier one does not count.
    round: u64,
    /// Probes on their way.
    probes: usize,
    /// Probes that went well since it was stopped or restarted.
    good_probes: u32,
    closed_since: Instant,
}

/// So many failures of those who fail now ...
const FAILURES: u32 = 10;
/// ... stop it when for each client that it answers it fails with so many.
const SHARE: usize = 3;
/// With so many clients at least it must fail before others wait for probes, and before it is given up: a client alone is
/// not everybody.
const SEVERAL: usize = 3;
/// Time until the first restart; doubled each time, ...
const BACKOFF: Duration = Duration::from_secs(1);
/// ... up to this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// Probes that must go well.
const PROBES: u32 = 3;
/// Probes at once: a wave of callers waits no longer for them than for one.
const AT_ONCE: usize = 8;
/// After so many restarts in vain it is quarantined: by then it was stopped for two minutes.
const QUARANTINE: u32 = 8;
/// Openings that are forgotten when it works again.
const PARDON: u32 = 1;
/// Having worked for so long makes the openings before forgotten.
const RECOVERED: Duration = Duration::from_secs(300);

impl Breaker {
    pub fn new(now: Instant) -> Self {
        Breaker {
            circuit: Circuit::Closed,
            clients: Clients::default(),
            opened: 0,
            in_vain: 0,
            restart: None,
            round: 0,
            probes: 0,
            good_probes: 0,
            closed_since: now,
        }
    }

    pub fn circuit(&self) -> Circuit {
        self.circuit
    }

    /// Whether every call passes, whoever makes it.
    pub fn is_calm(&self) -> bool {
        self.circuit == Circuit::Closed && !self.clients.are_any_shut()
    }

    /// Of the latest clients those that it fails with, and all.
    pub fn failing(&self, now: Instant) -> (usize, usize) {
        let (failing, answered) = self.clients.count(now);
        (failing, failing + answered)
    }

    /// Asks whether a call of this client may go through.
    pub fn gate(&mut self, client: IpAddr, now: Instant) -> Gate {
        let stopped = self.circuit != Circuit::Closed;
        match self.clients.gate(client, now, stopped) {
            ClientGate::Shut => return Gate::Shut,
            // A restart may mend it for them, and is due.
            ClientGate::Trial if self.circuit != Circuit::Open => return Gate::Trial(self.round),
            ClientGate::Trial => {
                self.clients.trial_ended(client);
                return Gate::Shut;
            }
            ClientGate::Pass if !stopped => return Gate::Pass,
            ClientGate::Pass => {}
        }
        let most = match self.circuit {
            Circuit::Quarantined => 1,
            _ if self.clients.unanswered() < SEVERAL => usize::MAX,
            _ => AT_ONCE,
        };
        if self.probes >= most {
            return Gate::Shut;
        }
        self.probes += 1;
        Gate::Probe(self.round)
    }

    /// A call failed. `own`: whether by the plugin's own fault (a trap, too much CPU time). What it waits for may come back
    /// after hours: that stops a plugin, but is tried again for ever.
    pub fn failed(&mut self, client: IpAddr, gate: Gate, now: Instant, own: bool) -> Turn {
        self.lost(client, gate);
        let is_old = matches!(gate, Gate::Probe(round) | Gate::Trial(round) if round != self.round);
        if is_old || (gate == Gate::Pass && self.circuit != Circuit::Closed) {
            return Turn::None;
        }
        self.clients.failed(client, now);
        match self.circuit {
            Circuit::Closed => {
                let (failing, answered) = self.clients.count(now);
                let fails = failing >= SHARE * answered && self.clients.failures(now) >= FAILURES;
                if fails { self.open(now, own) } else { Turn::None }
            }
            Circuit::HalfOpen if self.good_probes == 0 => self.open(now, own),
            Circuit::HalfOpen => Turn::None,
            Circuit::Open | Circuit::Quarantined => {
                self.clients.shut(client, self.restart.unwrap_or(now + MAX_BACKOFF));
                Turn::None
            }
        }
    }

    /// A call gave an answer.
    pub fn succeeded(&mut self, client: IpAddr, gate: Gate, now: Instant) -> Turn {
        self.lost(client, gate);
        self.clients.answered(client, now);
        if self.circuit == Circuit::Closed || !matches!(gate, Gate::Probe(_) | Gate::Trial(_)) {
            return Turn::None;
        }
        self.in_vain = 0;
        self.good_probes += 1;
        if self.good_probes < PROBES {
            return Turn::None;
        }
        self.circuit = Circuit::Closed;
        self.closed_since = now;
        self.restart = None;
        self.opened = self.opened.saturating_sub(PARDON);
        self.clients.forgive();
        Turn::Closed
    }

    /// A call ended without an outcome that tells anything of the plugin.
    pub fn lost(&mut self, client: IpAddr, gate: Gate) {
        match gate {
            Gate::Probe(_) => self.probes = self.probes.saturating_sub(1),
            Gate::Trial(_) => self.clients.trial_ended(client),
            Gate::Pass | Gate::Shut => {}
        }
    }

    /// When the plugin is to be restarted, if it is stopped.
    pub fn restart_at(&self) -> Option<Instant> {
        self.restart
    }

    /// The restart is under way.
    pub fn restarting(&mut self) {
        self.restart = None;
    }

    /// A fresh generation is there: it is tried with those that it failed with, too.
    pub fn restarted(&mut self) {
        if self.circuit == Circuit::Open {
            self.circuit = Circuit::HalfOpen;
            self.round += 1;
            self.good_probes = 0;
            self.clients.open_all();
        }
    }

    /// The restart failed.
    pub fn restart_failed(&mut self, now: Instant, own: bool) -> Turn {
        if self.circuit == Circuit::Open { self.open(now, own) } else { Turn::None }
    }

    fn open(&mut self, now: Instant, own: bool) -> Turn {
        if self.circuit == Circuit::Closed && now.saturating_duration_since(self.closed_since) >= RECOVERED {
            self.opened = 0;
        }
        if self.circuit != Circuit::Closed && own && self.clients.unanswered() >= SEVERAL {
            self.in_vain += 1;
        }
        self.good_probes = 0;
        self.opened += 1;
        if self.in_vain >= QUARANTINE {
            self.circuit = Circuit::Quarantined;
            self.restart = None;
            self.clients.shut_failing(now + MAX_BACKOFF);
            return Turn::Quarantined;
        }
        let backoff = BACKOFF.saturating_mul(1 << (self.opened - 1).min(6)).min(MAX_BACKOFF);
        self.circuit = Circuit::Open;
        self.restart = Some(now + backoff);
        self.clients.shut_failing(now + backoff);
        Turn::Opened(now + backoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plugin under a breaker, asked by numbered clients.
    struct World {
        now: Instant,
        breaker: Breaker,
        /// Whether its failures are its own.
        own: bool,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            World { now, breaker: Breaker::new(now), own: true }
        }

        fn pass(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }

        fn gate(&mut self, client: u32) -> Gate {
            self.breaker.gate(address(client), self.now)
        }

        /// Asks once; none where the policy answers.
        fn ask(&mut self, client: u32, works: bool) -> Option<Turn> {
            let gate = self.gate(client);
            self.end(client, gate, works)
        }

        fn end(&mut self, client: u32, gate: Gate, works: bool) -> Option<Turn> {
            match (gate, works) {
                (Gate::Shut, _) => None,
                (_, true) => Some(self.breaker.succeeded(address(client), gate, self.now)),
                (_, false) => Some(self.breaker.failed(address(client), gate, self.now, self.own)),
            }
        }

        /// Stops it, by failures of so many clients.
        fn stop(&mut self, clients: u32) {
            for number in 0..10 {
                self.ask(number % clients, false);
            }
            assert_eq!(self.breaker.circuit(), Circuit::Open);
        }

        fn restart(&mut self) {
            self.now = self.now.max(self.breaker.restart_at().unwrap());
            self.breaker.restarting();
            self.breaker.restarted();
            assert_eq!(self.breaker.circuit(), Circuit::HalfOpen);
        }
    }

    fn address(client: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + client).into()
    }

    #[test]
    fn it_is_stopped_when_it_fails_with_nearly_everybody() {
        // Clients that it fails with and answers, failures of each, ms between calls; whether that stops it.
        for (failing, answered, times, ms, stops) in [
            (1, 0, 10, 0, true),
            (1, 0, 9, 0, false),
            (10, 0, 1, 0, true),
            (9, 0, 1, 0, false),
            (9, 3, 2, 0, true),
            (8, 3, 2, 0, false),
            (10, 0, 1, 6_000, true),
            (10, 0, 1, 7_000, false),
        ] {
            let mut world = World::new();
            for client in 0..answered {
                world.ask(1_000 + client, true);
            }
            for _ in 0..times {
                for client in 0..failing {
                    world.pass(ms);
                    world.ask(client, false);
                }
            }
            let found = world.breaker.circuit() == Circuit::Open;
            assert_eq!(found, stops, "{failing} {answered} {times} {ms}");
        }
    }

    #[test]
    fn one_client_that_makes_it_fail_does_not_close_the_door_for_others() {
        for own in [true, false] {
            let mut world = World { own, ..World::new() };
            let (mut bad, mut good) = (0, 0);
            // Five requests a second of each, for an hour.
            for _ in 0..5 * 3_600 {
                world.pass(200);
                bad += u32::from(world.ask(1, false).is_some());
                good += u32::from(world.ask(2, true).is_some());
            }
            assert_eq!(good, 5 * 3_600, "all are answered");
            assert!(bad <= 10 + 3_600, "of the other {bad} were tried");
            assert_eq!(world.breaker.circuit(), Circuit::Closed);
        }
    }

    #[test]
    fn who_comes_while_one_client_makes_it_fail_finds_the_door_open() {
        let mut world = World::new();
        world.stop(1);
        for second in 0..3_600 {
            world.pass(1_000);
            if world.breaker.restart_at().is_some_and(|at| at <= world.now) {
                world.breaker.restarting();
                world.breaker.restarted();
            }
            world.ask(0, false);
            assert_ne!(world.breaker.circuit(), Circuit::Quarantined, "{second}");
        }
        let wave: Vec<Gate> = (100..200).map(|client| world.gate(client)).collect();
        assert!(!wave.contains(&Gate::Shut), "{wave:?}");
        for (client, gate) in (100..200).zip(wave) {
            world.end(client, gate, true);
        }
        assert_eq!(world.breaker.circuit(), Circuit::Closed);
        for client in 100..200 {
            assert_eq!(world.gate(client), Gate::Pass);
        }
    }

    #[test]
    fn a_client_that_is_answered_again_goes_on_as_all_do() {
        let mut world = World::new();
        world.ask(2, true);
        for _ in 0..10 {
            assert_eq!(world.ask(1, false), Some(Turn::None));
        }
        assert_eq!((world.ask(1, true), world.ask(2, true)), (None, Some(Turn::None)));
        assert!(!world.breaker.is_calm());
        world.pass(1_000);
        let trial = world.gate(1);
        assert_eq!((trial, world.gate(1)), (Gate::Trial(0), Gate::Shut));
        world.end(1, trial, true);
        assert_eq!(world.gate(1), Gate::Pass);
        assert!(world.breaker.is_calm());
    }

    #[test]
    fn after_a_restart_some_calls_go_through_at_once() {
        let mut world = World::new();
        world.stop(10);
        world.restart();
        let wave: Vec<(u32, Gate)> = (100..200).map(|client| (client, world.gate(client))).collect();
        let probes: Vec<(u32, Gate)> = wave.into_iter().filter(|(_, gate)| *gate != Gate::Shut).collect();
        assert_eq!(probes.len(), AT_ONCE);
        world.breaker.lost(address(probes[0].0), probes[0].1);
        assert_eq!(world.gate(300), Gate::Probe(1), "the caller of a probe went away");
        for (number, (client, gate)) in probes[1..4].iter().enumerate() {
            let turn = if number == 2 { Turn::Closed } else { Turn::None };
            assert_eq!(world.end(*client, *gate, true), Some(turn));
        }
        assert_eq!(world.gate(400), Gate::Pass);
        // Who failed before is a client like any, and one failure does not stop it again.
        assert_eq!(world.ask(1, false), Some(Turn::None));
    }

    #[test]
    fn backoff_doubles_and_ends_in_quarantine_when_it_fails_with_everybody() {
        let mut world = World::new();
        world.stop(10);
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            world.restart();
            let at = world.now + Duration::from_secs(seconds);
            for client in 0..3 {
                world.ask(client, false);
            }
            assert_eq!(world.breaker.restart_at(), Some(at));
        }
        world.restart();
        for client in 0..10 {
            world.ask(client, false);
        }
        assert_eq!((world.breaker.circuit(), world.breaker.restart_at()), (Circuit::Quarantined, None));
        world.breaker.restarted();
        assert_eq!(world.breaker.circuit(), Circuit::Quarantined);
        // Whoever it answers brings it back.
        for client in 100..103 {
            assert_eq!(world.gate(0), Gate::Shut);
            let probe = world.gate(client);
            assert_eq!(world.gate(200), Gate::Shut, "one at a time");
            world.end(client, probe, true);
        }
        assert_eq!(world.breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn having_worked_for_long_is_a_fresh_start() {
        let mut world = World::new();
        for (worked, backoff) in [(0, 1), (0, 1), (300_000, 1)] {
            world.pass(worked);
            world.stop(10);
            assert_eq!(world.breaker.restart_at(), Some(world.now + Duration::from_secs(backoff)));
            world.restart();
            for client in 100..103 {
                world.ask(client, true);
            }
            assert_eq!(world.breaker.circuit(), Circuit::Closed);
            world.pass(60_000);
        }
    }

    #[test]
    fn an_outage_behind_the_plugin_is_waited_for() {
        let mut world = World { own: false, ..World::new() };
        world.stop(10);
        for round in 0..100 {
            assert!(world.breaker.restart_at().is_some_and(|at| at <= world.now + MAX_BACKOFF));
            world.restart();
            for client in 0..10 {
                world.ask(100 * round + client, false);
            }
            assert_eq!(world.breaker.circuit(), Circuit::Open);
        }
        world.restart();
        for client in 0..3 {
            world.ask(client, true);
        }
        assert_eq!(world.gate(1), Gate::Pass);
    }

    #[test]
    fn what_calls_from_before_a_restart_tell_does_not_count() {
        let mut world = World::new();
        let early = world.gate(1);
        world.stop(10);
        let probe = world.gate(100);
        assert_eq!((early, probe), (Gate::Pass, Gate::Probe(0)));
        world.restart();
        assert_eq!(world.end(1, early, false), Some(Turn::None));
        assert_eq!(world.end(100, probe, false), Some(Turn::None));
        assert_eq!(world.breaker.circuit(), Circuit::HalfOpen);
    }
}
