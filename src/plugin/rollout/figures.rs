//! Counts what a generation does with its calls, as far as it tells a good generation from a bad one.

use super::judge::{MAX_NETWORKS, Sample};
use crate::plugin::clients::network;
use crate::plugin::histogram::Histogram;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With any answer but a no.
    Answered,
    /// `auth` said no.
    Denied,
    /// It failed by itself: a trap, a deadline, an error.
    Failed,
}

/// The calls of a generation since it began.
#[derive(Debug, Default)]
pub struct Figures {
    calls: AtomicU64,
    errors: AtomicU64,
    denials: AtomicU64,
    /// Whether it is on trial: only then the clients' networks are counted, under the lock.
    watched: AtomicBool,
    networks: Mutex<HashMap<IpAddr, Network>>,
}

/// What one client network met.
#[derive(Clone, Copy, Debug, Default)]
struct Network {
    failed: bool,
    /// Whether its latest answer was a no.
    denied: bool,
}

impl Figures {
    /// Counts a call of a client.
    pub fn count(&self, client: IpAddr, outcome: Outcome) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.denials.fetch_add(u64::from(outcome == Outcome::Denied), Ordering::Relaxed);
        self.errors.fetch_add(u64::from(outcome == Outcome::Failed), Ordering::Relaxed);
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let (key, mut networks) = (network(client), self.networks());
        let full = networks.len() >= MAX_NETWORKS && !networks.contains_key(&key);
        if !full {
            let network = networks.entry(key).or_default();
            match outcome {
                Outcome::Failed => network.failed = true,
                Outcome::Denied => network.denied = true,
                Outcome::Answered => network.denied = false,
            }
        }
    }

    /// From now on it is on trial.
    pub fn watch(&self) {
        self.watched.store(true, Ordering::Relaxed);
    }

    /// Its trial is over.
    pub fn unwatch(&self) {
        self.watched.store(false, Ordering::Relaxed);
        *self.networks() = HashMap::new();
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// What there is to judge by.
    pub fn sample(&self, latency: &Histogram) -> Sample {
        let networks = self.networks();
        Sample {
            calls: self.calls(),
            errors: self.errors(),
            denials: self.denials.load(Ordering::Relaxed),
            networks: networks.len(),
            failing_networks: networks.values().filter(|network| network.failed).count(),
            denied_networks: networks.values().filter(|network| network.denied).count(),
            timed: latency.count(),
            p97: latency.quantile(0.97),
            p99: latency.quantile(0.99),
        }
    }

    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, Network>> {
        self.networks.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_counted_on_trial_and_bounded() {
        let figures = Figures::default();
        let address = |number: u32| IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
        figures.count(address(1), Outcome::Denied);
        figures.watch();
        for (client, outcome) in
            [(1, Outcome::Denied), (1, Outcome::Answered), (2, Outcome::Denied), (3, Outcome::Failed)]
        {
            figures.count(address(client), outcome);
        }
        let sample = figures.sample(&Histogram::default());
        assert_eq!((sample.calls, sample.errors, sample.denials), (5, 1, 3));
        assert_eq!((sample.networks, sample.failing_networks, sample.denied_networks), (3, 1, 1));
        for number in 0..10_000 {
            figures.count(address(number), Outcome::Failed);
        }
        assert_eq!(figures.sample(&Histogram::default()).networks, MAX_NETWORKS);
        figures.unwatch();
        assert_eq!(figures.sample(&Histogram::default()).networks, 0);
    }
}
