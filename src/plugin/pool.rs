//! The instances that answer a generation's calls: warm, bounded, each in one call at a time.

use super::fault::Fault;
use super::instance::{Blueprint, Instance};
use super::settings::Isolation;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Instances that are kept for sessions or streams; the longest unused goes first.
const MAX_KEPT: usize = 1_000;

/// The instances.
pub(super) struct Pool {
    blueprint: Arc<Blueprint>,
    isolation: Isolation,
    slots: Semaphore,
    waiting: AtomicUsize,
    shelf: Mutex<Shelf>,
    config_round: AtomicU64,
    tick_round: AtomicU64,
    retired: AtomicBool,
}

/// Instances that nobody uses now.
#[derive(Default)]
struct Shelf {
    /// For all; the last used on top, so that a quiet plugin needs few.
    common: Vec<Instance>,
    /// For a session or stream, with when it was last used.
    kept: HashMap<Arc<str>, (u64, Instance)>,
    uses: u64,
}

/// An instance that is in use, with its slot.
pub(super) struct Taken<'a> {
    instance: Option<Instance>,
    key: Option<Arc<str>>,
    pool: &'a Pool,
    _slot: SemaphorePermit<'a>,
}

impl Pool {
    /// Room for `instances` calls at once. `first` is one that has begun already.
    pub(super) fn new(blueprint: Arc<Blueprint>, isolation: Isolation, instances: usize, first: Instance) -> Self {
        let pool = Pool {
            blueprint,
            isolation,
            slots: Semaphore::new(instances.max(1)),
            waiting: AtomicUsize::new(0),
            shelf: Mutex::default(),
            config_round: AtomicU64::new(0),
            tick_round: AtomicU64::new(0),
            retired: AtomicBool::new(false),
        };
        if isolation != Isolation::Call {
            pool.shelf().common.push(first);
        }
        pool
    }

    /// Instances that wait for a call.
    pub(super) fn idle(&self) -> usize {
        let shelf = self.shelf();
        shelf.common.len() + shelf.kept.len()
    }

    /// An instance for a call of this session on this stream. Waits while all are busy.
    ///
    /// # Errors
    /// When too many wait already, or a new instance does not begin.
    pub(super) async fn take(&self, session: &str, stream: &str) -> Result<Taken<'_>, Fault> {
        let slot = self.slot().await?;
        let key = match self.isolation {
            Isolation::Session => Some(session),
            Isolation::Stream => Some(stream),
            Isolation::Call | Isolation::Plugin => None,
        };
        let found = {
            let mut shelf = self.shelf();
            let kept = key.and_then(|key| shelf.kept.remove(key)).map(|(_, instance)| instance);
            kept.or_else(|| shelf.common.pop())
        };
        let instance = match found {
            Some(instance) => self.current(instance).await?,
            None => self.fresh().await?,
        };
        Ok(Taken { instance: Some(instance), key: key.map(Into::into), pool: self, _slot: slot })
    }

    /// Lets each instance that is not in a call run its tick, and those that are when they come back.
    pub(super) async fn tick(&self) -> Result<(), Fault> {
        let round = self.tick_round.fetch_add(1, Ordering::Relaxed) + 1;
        // Each pass ticks one instance; there are no more than this.
        for _ in 0..MAX_KEPT + self.slots.available_permits() + 1 {
            let due = {
                let mut shelf = self.shelf();
                match shelf.common.iter().position(|instance| instance.tick_round < round) {
                    Some(index) => Some((None, shelf.common.swap_remove(index))),
                    None => {
                        let key = shelf.kept.iter().find(|(_, (_, instance))| instance.tick_round < round);
                        let key = key.map(|(key, _)| key.clone());
                        key.and_then(|key| shelf.kept.remove(&key).map(|(_, instance)| (Some(key), instance)))
                    }
                }
            };
            let Some((key, instance)) = due else { return Ok(()) };
            let mut instance = self.current(instance).await?;
            instance.tick_round = round;
            let result = instance.tick().await;
            self.put_back(key, instance);
            result?;
        }
        Ok(())
    }

    /// From now on instances are reconfigured before their next call.
    pub(super) fn config_changed(&self) {
        self.config_round.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops the idle instances, and those in use when they come back.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        let mut shelf = self.shelf();
        let dropped = std::mem::take(&mut *shelf);
        drop(shelf);
        drop(dropped);
    }

    /// Waits until no call is under way.
    pub(super) async fn quiet(&self, instances: usize) {
        let all = u32::try_from(instances.max(1)).unwrap_or(u32::MAX);
        let _ = self.slots.acquire_many(all).await;
    }

    async fn slot(&self) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        let queue = self.blueprint.limits.queue;
        let waiting = Waiting::join(&self.waiting, queue).ok_or_else(|| {
            Fault::Saturated(format!(
                "{queue} calls wait already; raise `instances` or limits.queue, or make calls shorter"
            ))
        })?;
        let patience = self.blueprint.limits.queue_wait;
        let slot = tokio::time::timeout(patience, self.slots.acquire()).await;
        drop(waiting);
        match slot {
            Ok(Ok(slot)) => Ok(slot),
            _ => Err(Fault::Saturated(format!(
                "no instance was free within {} ms (limits.queue-ms); raise `instances`, or make calls shorter",
                patience.as_millis()
            ))),
        }
    }

    async fn fresh(&self) -> Result<Instance, Fault> {
        let (config, tick) = (self.config_round.load(Ordering::Relaxed), self.tick_round.load(Ordering::Relaxed));
        let mut instance = self.blueprint.instance().await?;
        (instance.config_round, instance.tick_round) = (config, tick);
        Ok(instance)
    }

    /// The instance with the configuration in force, or a new one.
    async fn current(&self, mut instance: Instance) -> Result<Instance, Fault> {
        let round = self.config_round.load(Ordering::Relaxed);
        if instance.config_round == round {
            return Ok(instance);
        }
        instance.config_round = round;
        match instance.reconfigure(self.blueprint.context.config()).await {
            Ok(()) => Ok(instance),
            // One instance took this configuration before it came into force; a new one gets it from the start.
            Err(_) => self.fresh().await,
        }
    }

    fn put_back(&self, key: Option<Arc<str>>, instance: Instance) {
        let keep = instance.is_usable() && self.isolation != Isolation::Call && !self.retired.load(Ordering::Relaxed);
        if !keep {
            drop(instance);
            return;
        }
        let mut shelf = self.shelf();
        let mut dropped = None;
        match key {
            None => shelf.common.push(instance),
            Some(key) => {
                shelf.uses += 1;
                let uses = shelf.uses;
                dropped = shelf.kept.insert(key, (uses, instance));
                if shelf.kept.len() > MAX_KEPT {
                    let oldest = shelf.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
                    dropped = oldest.and_then(|key| shelf.kept.remove(&key));
                }
            }
        }
        drop(shelf);
        drop(dropped);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().expect("no holder of this lock panics")
    }
}

impl Taken<'_> {
    /// The instance.
    pub(super) fn instance(&mut self) -> &mut Instance {
        self.instance.as_mut().expect("it is there until the drop")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take() {
            self.pool.put_back(self.key.take(), instance);
        }
    }
}

/// A place in the queue, given back by drop.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let more = |waiting: usize| (waiting < limit).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Waiting(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
