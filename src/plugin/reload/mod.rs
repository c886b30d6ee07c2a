//! The reload machine: follows the plugin directory, brings versions into service and takes them out, unnoticed.

mod attempts;
mod commands;
mod files;
mod hands;
mod job;
mod slot;
mod stages;
#[cfg(test)]
mod tests;
mod trial;
mod upkeep;

pub(super) use commands::{Command, Wish};
pub use slot::CommandError;

use super::board::{Board, Published};
use super::chain::{Chain, Member, Plugin};
use super::directory::{MOVING, Sight, Watch};
use super::host::{Grade, Services};
use super::last_good::LastGood;
use super::manifest::Manifest;
use super::rollout::USUAL_PROBATION;
use super::serving::{Loader, Serving};
use super::signature::Trust;
use super::status::Status;
use crate::task::Tasks;
use hands::Hands;
use job::{Outcome, Source};
use slot::{Active, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Owns every plugin; a task of its own.
pub(super) struct Machine<L: Loader> {
    loader: L,
    directory: PathBuf,
    store: LastGood,
    watch: Watch,
    board: Arc<Board<L::Generation>>,
    services: Arc<Services>,
    tasks: Tasks,
    slots: BTreeMap<String, Slot<L>>,
    /// What attempts read and compile with.
    hands: Hands,
    attempts: JoinSet<Attempt<L>>,
    drains: JoinSet<(String, u64)>,
    /// Wakes the machine when a plugin was stopped.
    stopped: Arc<Notify>,
    /// Whether a first look at the directory was told.
    looked: bool,
    /// Plugins whose first attempt is under way, and who waits for it.
    first: BTreeSet<String>,
    ready: Option<oneshot::Sender<()>>,
    number: u64,
    /// When the figures of those on trial were looked at last.
    looked_at: Instant,
    /// Probation where the manifest does not say.
    usual_probation: Duration,
    trust: Arc<Trust>,
    /// What was in service when it was published last.
    serving: Vec<Place>,
}

/// A plugin in the chain: its name, generation and manifest.
type Place = (Arc<str>, Option<u64>, Arc<Manifest>);

/// An attempt that ended.
struct Attempt<L: Loader> {
    plugin: String,
    number: u64,
    source: Source,
    /// Whether it is the first one with changed files.
    change: bool,
    began: Instant,
    outcome: Outcome<L>,
}

/// Calls of a generation that was replaced may take so much longer than the manifest allows.
const DRAIN_SLACK: Duration = Duration::from_secs(1);

impl<L: Loader> Machine<L> {
    /// The machine, and who is told when everything that the first look finds was tried.
    pub(super) fn new(
        loader: L,
        directory: PathBuf,
        store: LastGood,
        watch: Watch,
        board: Arc<Board<L::Generation>>,
        services: Arc<Services>,
        tasks: Tasks,
    ) -> (Self, oneshot::Receiver<()>) {
        let (ready, is_ready) = oneshot::channel();
        let machine = Machine {
            loader,
            directory,
            store,
            watch,
            board,
            services,
            tasks,
            slots: BTreeMap::new(),
            hands: Hands::new(),
            attempts: JoinSet::new(),
            drains: JoinSet::new(),
            stopped: Arc::new(Notify::new()),
            looked: false,
            first: BTreeSet::new(),
            ready: Some(ready),
            number: 0,
            looked_at: Instant::now(),
            usual_probation: USUAL_PROBATION,
            trust: Arc::default(),
            serving: Vec::new(),
        };
        (machine, is_ready)
    }

    /// From the start, trusts these signatures.
    pub(super) fn with_trust(self, trust: Trust) -> Self {
        Machine { trust: Arc::new(trust), ..self }
    }

    /// Runs until told to stop.
    pub(super) async fn run(
        mut self,
        mut sights: mpsc::Receiver<Vec<Sight>>,
        mut commands: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) {
        let stopped = self.stopped.clone();
        loop {
            let due = self.slots.values().filter_map(Slot::due).min();
            let alarm = wait_until(due.map(Instant::from_std));
            let look = wait_until(self.next_look());
            tokio::select! {
                () = stop.cancelled() => break,
                Some(seen) = sights.recv() => self.see(seen),
                Some(command) = commands.recv() => self.obey(command).await,
                Some(Ok(attempt)) = self.attempts.join_next() => self.finish(attempt).await,
                Some(Ok((plugin, generation))) = self.drains.join_next() => self.drained(&plugin, generation),
                () = stopped.notified() => self.look().await,
                () = look => self.look().await,
                () = alarm => self.act_when_due(),
            }
        }
        for slot in self.slots.values_mut() {
            slot.answer(&Err(CommandError::Stopping));
            let tried = slot.candidate.as_ref().map(|candidate| &candidate.active);
            let former = slot.former.as_ref().map(|former| &former.active);
            for active in slot.active.iter().chain(tried).chain(former) {
                active.upkeep.cancel();
            }
        }
    }

    /// Takes what the watch saw.
    fn see(&mut self, sights: Vec<Sight>) {
        let first = !std::mem::replace(&mut self.looked, true);
        let is_lost = sights.iter().any(|sight| matches!(sight, Sight::Lost(_)));
        for sight in sights {
            match sight {
                Sight::Stable(name) => self.stable(&name, first),
                Sight::Removed(name) => self.removed(&name),
                Sight::Strange { file, reason } => {
                    tracing::warn!(%file, directory = %self.directory.display(), "no plugin: {reason}");
                }
                Sight::Lost(reason) => tracing::warn!(
                    directory = %self.directory.display(),
                    "the plugin directory is gone: {reason}; all plugins run on as they are"
                ),
                Sight::Found => tracing::info!(directory = %self.directory.display(), "the plugin directory is back"),
                Sight::Moved(names) => tracing::warn!(
                    directory = %self.directory.display(),
                    "another directory took the place of the plugin directory, without {}; they run on for {} s and are removed \
                     then, unless they come",
                    names.join(", "),
                    MOVING.as_secs()
                ),
            }
        }
        if first {
            self.look_back(is_lost);
            self.publish();
            self.check_ready();
        }
    }

    /// At the start: what is kept of plugins that are not in the directory.
    fn look_back(&mut self, is_lost: bool) {
        for name in self.store.plugins() {
            if self.slots.contains_key(&name) {
                continue;
            }
            if is_lost {
                self.stable(&name, true);
            } else {
                tracing::warn!(plugin = %name, "the plugin was removed while the server was down; its last good versions go");
                self.store.forget(&name);
            }
        }
    }

    fn stable(&mut self, name: &str, first: bool) {
        if !self.slots.contains_key(name) {
            let plugin = Arc::new(Plugin::new(name.into(), self.stopped.clone(), self.services.clone()));
            let record = self.store.record(name);
            self.slots.insert(name.to_owned(), Slot::new(plugin, record, first, self.usual_probation));
            if first {
                self.first.insert(name.to_owned());
            }
        }
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.retries = 0;
        slot.changed = true;
        if slot.record.disabled {
            self.first.remove(name);
        } else if slot.attempt.is_some() {
            slot.changed_again = true;
        } else {
            self.begin(name, Source::Directory);
        }
        self.publish();
    }

    fn removed(&mut self, name: &str) {
        let Some(mut slot) = self.slots.remove(name) else { return };
        let others = self
            .slots
            .values()
            .filter(|slot| !slot.is_aside())
            .any(|slot| slot.member().is_some_and(|member| member.hooks.auth));
        let line = match (slot.answers().auth && !slot.is_aside(), others) {
            (false, _) => "removed",
            (true, false) => "removed, and no other plugin decides who may come in: the access rules do from now on",
            (true, true) => "removed: other plugins and the access rules decide from now on",
        };
        slot.plugin.tell(Grade::Warn, slot.number(), format!("{line}; its calls under way are answered"));
        slot.plugin.report("plugin.removed", slot.number(), &[]);
        slot.answer(&Err(CommandError::Unknown(name.to_owned())));
        let tried = slot.candidate.take().map(|candidate| candidate.active);
        let former = slot.former.take().map(|former| former.active);
        for active in slot.active.take().into_iter().chain(tried).chain(former) {
            self.drain(name, active, "retired");
        }
        self.watch.set_secrets(name, Vec::new());
        self.store.forget(name);
        self.services.forget(name);
        self.first.remove(name);
        self.publish();
        self.check_ready();
    }

    /// Lets the calls of a generation that is out of service end, and its instances go.
    fn drain(&mut self, name: &str, active: Active<L>, state: &'static str) {
        active.upkeep.cancel();
        if let Some(slot) = self.slots.get_mut(name) {
            slot.remember(&active, state);
            slot.draining.push(active.number);
        }
        let limits = &active.manifest.settings.limits;
        let patience = limits.queue_wait + limits.wall.saturating_mul(2) + DRAIN_SLACK;
        let (name, number, generation) = (name.to_owned(), active.number, active.generation);
        self.drains.spawn(async move {
            generation.retire(patience).await;
            (name, number)
        });
    }

    fn drained(&mut self, name: &str, generation: u64) {
        tracing::debug!(plugin = %name, generation, "the generation is retired");
        if let Some(slot) = self.slots.get_mut(name) {
            slot.draining.retain(|number| *number != generation);
            self.publish();
        }
    }

    /// Writes down what is in service and what is switched off.
    async fn keep(&self, name: &str, bytes: Option<Arc<[u8]>>) -> Result<(), CommandError> {
        let Some(slot) = self.slots.get(name) else { return Ok(()) };
        let (store, plugin, record) = (self.store.clone(), name.to_owned(), slot.record.clone());
        let saved = tokio::task::spawn_blocking(move || store.save(&plugin, &record, bytes.as_deref())).await;
        let saved = saved.map_err(std::io::Error::other).flatten();
        saved.map_err(|error| {
            tracing::warn!(plugin = %name, "the plugin's last good version can not be kept: {error}; a restart may not find it");
            CommandError::NotKept(error.to_string())
        })
    }

    /// Tells everybody how things stand.
    fn publish(&mut self) {
        let members: Vec<_> = self.slots.values().filter_map(Slot::member).collect();
        let serving: Vec<Place> = members.iter().map(Member::place).collect();
        let same = |(a, b): (&Place, &Place)| a.0 == b.0 && a.1 == b.1 && Arc::ptr_eq(&a.2, &b.2);
        let is_same = serving.len() == self.serving.len() && serving.iter().zip(&self.serving).all(same);
        self.serving = serving;
        let chain = Chain::new(members);
        let order: BTreeMap<&str, usize> = chain.order().map(|name| &**name).zip(1..).collect();
        let shown = |(name, slot): (&String, &Slot<L>)| Arc::new(slot.shown(order.get(name.as_str()).copied()));
        let plugins = self.slots.iter().map(shown).collect();
        let judges = self.slots.values().filter_map(Slot::judge).collect();
        let decides_auth = self.slots.values().any(|slot| slot.decides_auth());
        let published = Published { chain, judges, plugins, decides_auth };
        self.board.limiter.put(&published.chain.sources());
        self.board.publish(published, !is_same);
    }

    fn status(&self, name: &str) -> Option<Status> {
        let order = self.board.read().chain.order().position(|other| &**other == name).map(|place| place + 1);
        let rules = self.board.limiter.told(name);
        self.slots.get(name).map(|slot| Status { rules, ..slot.shown(order).status() })
    }

    fn check_ready(&mut self) {
        if self.looked
            && self.first.is_empty()
            && let Some(ready) = self.ready.take()
        {
            let _ = ready.send(());
        }
    }
}

/// Waits for ever where there is no such time.
async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
