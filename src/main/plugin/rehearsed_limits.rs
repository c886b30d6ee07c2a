//! The rules of rate limits of a plugin under test, in virtual time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmcast::plugin::{Counted, Early, Facts, Item, Known, Limited, Limiter, Matching, Measure, Rules, Source};

/// The rules in force.
pub struct Limits {
    limiter: Arc<Limiter>,
    /// Stands for the beginning of virtual time.
    epoch: Instant,
}

impl Limits {
    pub fn new() -> Self {
        Limits { limiter: Arc::default(), epoch: Instant::now() }
    }

    /// Puts the rules of the plugin into force.
    pub fn enforce(&self, plugin: &Arc<str>, generation: u64, matching: &Arc<Matching>, rules: Arc<Rules>) {
        self.limiter.put(&[Source { plugin: plugin.clone(), generation, matching: matching.clone(), rules }]);
    }

    /// A session comes.
    pub fn early(&self, facts: &Facts, now: Duration) -> Result<Early, Limited> {
        self.limiter.early(facts, self.epoch + now)
    }

    /// It was let in.
    pub fn late(&self, facts: &Arc<Facts>, known: Known, early: Early, now: Duration) -> Result<Counted, Limited> {
        self.limiter.late(facts, known, early, self.epoch + now)
    }

    /// The rules that the plugin is asked about.
    pub fn asks(&self, facts: &Facts, known: &Known) -> Vec<Arc<str>> {
        self.limiter.asks(facts, known).into_iter().map(|(_, rule)| rule).collect()
    }

    /// How many of so many requests or connections pass, each over before the next comes.
    pub fn passing(&self, measure: Measure, address: IpAddr, count: u32, now: Duration) -> u32 {
        let item = Item::connection(address);
        let passes = || self.limiter.pass(measure, &item, self.epoch + now).is_ok();
        (0..count).map(|_| u32::from(passes())).sum()
    }

    /// The names of the rules, in order.
    pub fn names(&self, plugin: &str) -> Vec<String> {
        self.limiter.told(plugin).into_iter().map(|rule| rule.name).collect()
    }
}
