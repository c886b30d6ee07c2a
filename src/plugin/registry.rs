//! The plugins in service, as the rest of the server asks them.

use super::decision::{Answer, Decided, Selection};
use super::facts::Facts;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// Revocations that wait for a reader; a slower one misses the oldest and asks every session again instead.
const REVOCATIONS: usize = 256;

/// The plugins in service. Cheap to clone.
#[derive(Clone)]
pub struct Plugins {
    changes: Arc<watch::Sender<u64>>,
    revocations: Arc<broadcast::Sender<Revocation>>,
}

/// Sessions that a plugin wants asked again.
#[derive(Clone, Debug)]
pub struct Revocation {
    pub plugin: Arc<str>,
    pub selection: Selection,
}

impl Plugins {
    /// None at all: every question is answered by abstaining.
    pub fn none() -> Self {
        Plugins { changes: Arc::new(watch::Sender::new(0)), revocations: Arc::new(broadcast::Sender::new(REVOCATIONS)) }
    }

    /// Whether a plugin for `auth` is enabled, also one that failed: then its policy decides.
    pub fn decides_auth(&self) -> bool {
        false
    }

    /// Asks the chain of auth plugins.
    pub async fn authorize(&self, _facts: &Arc<Facts>) -> Decided {
        Decided { answer: Answer::Abstain, steps: Vec::new() }
    }

    /// Sessions that plugins want asked again, from now on.
    pub fn revocations(&self) -> broadcast::Receiver<Revocation> {
        self.revocations.subscribe()
    }

    /// Counts up when another set of generations is in service.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
