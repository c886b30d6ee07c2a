//! The services of a test: time stands still, randomness repeats, other servers follow a script.

use super::Services;
use super::clock::Clock;
use super::http::{Script, Transport};
use super::random::Random;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Where the clock of a test starts unless told otherwise: 2026-01-01 UTC, in nanoseconds.
pub const START: u64 = 1_767_225_600_000_000_000;

/// Services without the outside world, and the hands that move it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Simulation {
    services: Arc<Services>,
    script: Arc<Script>,
}

impl Simulation {
    /// With this seed, at this time in nanoseconds since 1970.
    pub fn new(seed: u64, unix_ns: u64) -> Self {
        let script = Arc::new(Script::default());
        let transport = Transport::Script(script.clone());
        let services = Services::with(Clock::standing(unix_ns), Random::seeded(seed), transport);
        Simulation { services: Arc::new(services), script }
    }

    /// To run plugins with.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Answers of other servers, and what was sent to them.
    pub fn http(&self) -> &Script {
        &self.script
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        self.services.clock.advance(by);
        self.services.tidy();
    }

    /// Makes the wall clock jump, to nanoseconds since 1970; durations do not notice.
    pub fn set_unix_ns(&self, unix_ns: u64) {
        self.services.clock.set_unix_ns(unix_ns);
    }

    /// Nanoseconds since 1970.
    pub fn unix_ns(&self) -> u64 {
        self.services.clock.unix_ns()
    }

    /// Since the start.
    pub fn now(&self) -> Duration {
        self.services.clock.now()
    }

    /// A value in a space of `kv`.
    pub fn value(&self, space: &str, key: &str) -> Option<Vec<u8>> {
        self.services.spaces.space(space).get(self.now(), key)
    }

    /// All that is in a space of `kv`.
    pub fn entries(&self, space: &str) -> BTreeMap<String, Vec<u8>> {
        self.services.spaces.space(space).entries(self.now())
    }

    /// Puts a value into a space of `kv`, as another plugin or node would.
    pub fn put(&self, space: &str, key: &str, value: Vec<u8>) {
        let stored = self.services.spaces.space(space).put(self.now(), key, value, None, usize::MAX);
        stored.expect("there is room without a quota");
    }
}
