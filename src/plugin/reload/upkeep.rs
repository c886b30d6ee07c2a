//! Calls what a plugin wants off the path of sessions: its tick, and its poll for revocations.

use super::slot::Active;
use crate::plugin::board::{Board, Revocation};
use crate::plugin::chain::Plugin;
use crate::plugin::fault::Fault;
use crate::plugin::health::{Health, LastFailure};
use crate::plugin::host::Grade;
use crate::plugin::matching::Matching;
use crate::plugin::observing::{self, Observer};
use crate::plugin::serving::{Loader, Serving};
use crate::task::Tasks;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Between polls for revocations.
const POLL: Duration = Duration::from_secs(1);
/// Between logged failures of one kind of upkeep.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Starts what a generation wants. `polls`: whether it may say whom to ask again, as one that decides may.
pub(super) fn start<L: Loader>(
    tasks: &Tasks,
    board: &Arc<Board<L::Generation>>,
    plugin: &Arc<Plugin>,
    active: &Active<L>,
    polls: bool,
) {
    if active.version.hooks.observer {
        let observer = Observer {
            number: active.number,
            generation: &active.generation,
            health: active.health.clone(),
            manifest: &active.manifest,
            end: active.upkeep.clone(),
        };
        observing::start(tasks, plugin, observer);
    }
    let generation = Arc::downgrade(&active.generation);
    if let Some(every) = active.generation.tick_interval() {
        let task = tick(Failures::new(plugin, active, "lifecycle/tick"), generation.clone(), every);
        let end = active.upkeep.clone();
        tasks.spawn("plugin tick", async move {
            end.run_until_cancelled(task).await;
        });
    }
    if polls && active.version.hooks.auth && active.generation.has_revoke() {
        let rules = active.manifest.matching.clone();
        let task = poll(Failures::new(plugin, active, "auth/revoke"), generation, rules, board.clone());
        let end = active.upkeep.clone();
        tasks.spawn("plugin revocations", async move {
            end.run_until_cancelled(task).await;
        });
    }
}

/// Ticks as often as the plugin asked for, as long as the generation lives.
async fn tick<S: Serving>(mut failures: Failures, generation: Weak<S>, every: Duration) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(generation) = generation.upgrade() else { return };
        if let Err(fault) = generation.tick().await {
            failures.note(&fault);
        }
    }
}

/// Asks once a second whose sessions to ask again, as long as the generation lives.
async fn poll<S: Serving>(mut failures: Failures, generation: Weak<S>, rules: Arc<Matching>, board: Arc<Board<S>>) {
    let (plugin, number) = (failures.plugin.clone(), failures.number);
    let mut polls = interval_at(Instant::now() + POLL, POLL);
    polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        polls.tick().await;
        let Some(generation) = generation.upgrade() else { return };
        match generation.poll_revocations().await {
            Ok(selections) => {
                for selection in selections {
                    plugin.tell(Grade::Info, number, format!("auth/revoke: asks again: {}", selection.words()));
                    let (plugin, rules) = (plugin.name.clone(), rules.clone());
                    // Nobody listens while the server starts or ends; there is no session then.
                    let _ = board.revocations.send(Revocation { plugin, rules, selection });
                }
            }
            Err(fault) => failures.note(&fault),
        }
    }
}

/// Counts failures, keeps the last, and logs some of them.
struct Failures {
    plugin: Arc<Plugin>,
    health: Arc<Health>,
    number: u64,
    hook: &'static str,
    logged: Option<Instant>,
}

impl Failures {
    fn new<L: Loader>(plugin: &Arc<Plugin>, active: &Active<L>, hook: &'static str) -> Self {
        let (plugin, health) = (plugin.clone(), active.health.clone());
        Failures { plugin, health, number: active.number, hook, logged: None }
    }

    fn note(&mut self, fault: &Fault) {
        self.plugin.tally.upkeep_failed();
        let cause = format!("{}: {fault}", self.hook);
        self.health.upkeep_failed(LastFailure { class: fault.class(), cause, at: SystemTime::now() });
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            let (plugin, generation, hook) = (&self.plugin, self.number, self.hook);
            plugin.tell(Grade::Warn, generation, format!("{hook}: {fault}; it is called again at the next turn"));
        }
    }
}
