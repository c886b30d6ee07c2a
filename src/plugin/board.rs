//! What the reload machine publishes and everybody else reads: the chain in service and the plugins' state.

use super::chain::Chain;
use super::decision::Selection;
use super::limiting::Limiter;
use super::matching::Matching;
use super::sampling::Judge;
use super::status::Shown;
use std::sync::{Arc, RwLock};
use tokio::sync::{broadcast, watch};

/// Revocations that wait for a reader; a slower one misses the oldest and asks every session again instead.
const REVOCATIONS: usize = 256;

/// Sessions that a plugin wants asked again.
#[derive(Clone, Debug)]
pub struct Revocation {
    pub plugin: Arc<str>,
    /// The selection is among the sessions that these rules give to the plugin.
    pub rules: Arc<Matching>,
    pub selection: Selection,
}

/// The board. Replaced as a whole at each change, so that a reader sees one state.
pub(super) struct Board<S> {
    published: RwLock<Arc<Published<S>>>,
    pub(super) changes: watch::Sender<u64>,
    /// Counts up at each publication, whatever it changes.
    pub(super) published_again: watch::Sender<u64>,
    pub(super) revocations: broadcast::Sender<Revocation>,
    /// The rules of rate limits of what is in service.
    pub(super) limiter: Arc<Limiter>,
}

/// One state of everything.
pub(super) struct Published<S> {
    pub(super) chain: Chain<S>,
    /// Those who judge traces.
    pub(super) judges: Vec<Judge<S>>,
    /// By name.
    pub(super) plugins: Vec<Arc<Shown<S>>>,
    /// Whether a plugin for `auth` is enabled.
    pub(super) decides_auth: bool,
}

impl<S> Board<S> {
    pub(super) fn new() -> Self {
        let published =
            Published { chain: Chain::new(Vec::new()), judges: Vec::new(), plugins: Vec::new(), decides_auth: false };
        Board {
            published: RwLock::new(Arc::new(published)),
            changes: watch::Sender::new(0),
            published_again: watch::Sender::new(0),
            revocations: broadcast::Sender::new(REVOCATIONS),
            limiter: Arc::default(),
        }
    }

    /// The state as of now. Drop it soon: it keeps generations alive.
    pub(super) fn read(&self) -> Arc<Published<S>> {
        self.published.read().expect("no holder of this lock panics").clone()
    }

    /// Puts another state in place. `serving`: whether another set of generations is in service.
    pub(super) fn publish(&self, published: Published<S>, serving: bool) {
        let published = Arc::new(published);
        let before = std::mem::replace(&mut *self.published.write().expect("no holder of this lock panics"), published);
        // Frees instances, perhaps: not under the lock.
        drop(before);
        self.published_again.send_modify(|count| *count += 1);
        if serving {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}
