//! Attempts of the reload machine: begun, judged, and what follows: into service, refused, tried again.

use super::job::{Found, Order, Outcome, Ready, Refused, Source};
use super::slot::{Active, CommandError, Slot, Trouble};
use super::trial::Stage;
use super::{Attempt, Machine, upkeep};
use crate::observe::trace;
use crate::plugin::health::Health;
use crate::plugin::host::Grade;
use crate::plugin::last_good::Version;
use crate::plugin::manifest::{Manifest, Policy};
use crate::plugin::rollout::{Cause, Verdict};
use crate::plugin::serving::{Loader, Serving};
use crate::plugin::status::Origin;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

impl<L: Loader> Machine<L> {
    /// Begins an attempt; one that is under way does not count any more.
    pub(super) fn begin(&mut self, name: &str, source: Source) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        self.number += 1;
        // The next stage of what is on trial puts changed files off, and does not replace them.
        let puts_off = slot.attempt.is_some() && matches!(source, Source::Candidate(_));
        slot.attempt = Some(self.number);
        slot.under_way = Some(source);
        slot.changed_again = puts_off;
        slot.retry = None;
        let change = source == Source::Directory && std::mem::take(&mut slot.changed);
        let mut record = slot.record.clone();
        let mut all_the_same = false;
        if std::mem::take(&mut slot.forward) {
            all_the_same = record.rolled_back.is_some();
            record.let_in();
        }
        let order = Order {
            loader: self.loader.clone(),
            plugin: slot.plugin.name.clone(),
            directory: self.directory.clone(),
            store: self.store.clone(),
            hands: self.hands.clone(),
            countries: self.services.knows_countries(),
            source,
            number: slot.record.generation + 1,
            record,
            current: slot.current(),
            beside: slot.active.is_some(),
            looked_back: slot.looked_back,
            all_the_same,
            trust: self.trust.clone(),
            trial: slot.candidate.as_ref().map(|candidate| candidate.active.current()),
        };
        let (plugin, number, began) = (name.to_owned(), self.number, Instant::now());
        let span = self.services.begin_trace("plugin.reload");
        span.set("plugin", plugin.as_str());
        span.set_shown("source", &format_args!("{source:?}"));
        self.attempts.spawn(async move {
            let outcome = trace::within(&span, order.run()).await;
            outcome.tell(&span);
            Attempt { plugin, number, source, change, began, outcome }
        });
    }

    pub(super) async fn finish(&mut self, attempt: Attempt<L>) {
        let Attempt { plugin: name, number, source, change, began, outcome } = attempt;
        let Some(slot) = self.slots.get_mut(&name).filter(|slot| slot.attempt == Some(number)) else { return };
        slot.attempt = None;
        if matches!(source, Source::Candidate(_)) && slot.candidate.is_none() {
            // It was taken out meanwhile.
            return self.settle(&name);
        }
        let refused = match outcome {
            Outcome::Unsettled => None,
            Outcome::Unchanged(manifest) => {
                slot.trouble = None;
                slot.record.let_in();
                if let Some(active) = &mut slot.active {
                    active.origin = Origin::Directory;
                    if *active.manifest != *manifest {
                        active.manifest = manifest;
                    }
                }
                let probation = slot.probation();
                if let Some(former) = &mut slot.former {
                    former.probation = probation;
                }
                if let Some(candidate) = slot.candidate.take() {
                    slot.plugin.tell(Grade::Info, candidate.active.number, "left the plugin directory".to_owned());
                    self.drain(&name, candidate.active, "retired");
                }
                None
            }
            Outcome::OnTrial(manifest) => {
                slot.trouble = None;
                slot.retries = 0;
                if let Some(candidate) = &mut slot.candidate {
                    candidate.active.manifest = manifest;
                }
                if self.restage(&name).await.is_ok_and(|takes_time| takes_time) {
                    return;
                }
                None
            }
            Outcome::LookBack => {
                (slot.looked_back, slot.look_forward) = (true, true);
                let place = slot.record.proven();
                return self.begin(&name, Source::Kept(place));
            }
            Outcome::RolledBack => {
                slot.trouble = None;
                slot.retries = 0;
                if slot.active.is_none() && !slot.record.good.is_empty() {
                    return self.begin(&name, Source::Kept(0));
                }
                // One that nothing came before was in the shadow, and guarded nobody.
                slot.guards &= slot.active.is_some();
                let line = format!(
                    "its files changed, and their component was rolled back: the version before stays in service. Put another component \
                     there, or `wasmcast plugin enable {name}` to take it all the same"
                );
                slot.plugin.tell(Grade::Warn, slot.number(), line);
                None
            }
            Outcome::SwitchedOff(manifest) => {
                slot.switched_off = Some(manifest);
                slot.trouble = None;
                slot.guards = false;
                slot.looked_back = false;
                let active = slot.active.take();
                slot.plugin.post.close();
                slot.plugin.tell(Grade::Info, 0, "switched off by its manifest".to_owned());
                slot.plugin.report("plugin.disabled", 0, &[("by", "manifest")]);
                self.clear_trials(&name);
                if let Some(active) = active {
                    self.drain(&name, active, "retired");
                }
                None
            }
            Outcome::Reconfigured { manifest, version } => {
                self.reconfigured(&name, manifest, version, began).await;
                None
            }
            Outcome::Ready(ready) => {
                match ready.stage {
                    Stage::Shadow | Stage::Canary => self.try_out(&name, *ready, source).await,
                    Stage::Service | Stage::AtOnce => self.activate(&name, *ready, source, began).await,
                }
                self.look_forward(&name, source);
                None
            }
            Outcome::Refused(refused) => Some(refused),
        };
        if let Some(refused) = refused
            && self.refuse(&name, source, change, refused)
        {
            return;
        }
        self.settle(&name);
    }

    /// An attempt ended for good: the next one, or the answer to those who wait.
    fn settle(&mut self, name: &str) {
        self.first.remove(name);
        self.publish();
        let status = self.status(name);
        if let Some(slot) = self.slots.get_mut(name) {
            let answer = match (&slot.trouble, status) {
                (_, Some(_)) if slot.switched_off.is_some() => Err(CommandError::DisabledInManifest(name.to_owned())),
                (Some(trouble), _) => {
                    Err(CommandError::Refused { plugin: name.to_owned(), cause: trouble.refusal.cause.clone() })
                }
                (None, Some(status)) => Ok(status),
                (None, None) => Err(CommandError::Unknown(name.to_owned())),
            };
            slot.answer(&answer);
            if std::mem::take(&mut slot.changed_again) && !slot.record.disabled {
                self.begin(name, Source::Directory);
            }
        }
        self.check_ready();
    }

    /// Puts a generation into service: one swap of a pointer.
    /// What is in the directory comes next, where it was put off for what was good before.
    fn look_forward(&mut self, name: &str, source: Source) {
        let Some(slot) = self.slots.get_mut(name).filter(|_| matches!(source, Source::Kept(_))) else { return };
        slot.changed_again |= std::mem::take(&mut slot.look_forward);
    }

    async fn activate(&mut self, name: &str, ready: Ready<L>, source: Source, began: Instant) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Ready { generation, artifact, manifest, version, bytes, found, stage } = ready;
        let bytes = match source {
            Source::Candidate(_) => slot.candidate.as_ref().and_then(|candidate| candidate.bytes.clone()),
            _ => bytes,
        };
        let number = slot.record.generation + 1;
        let origin = match (&found, source) {
            (Found::Directory, _) => Origin::Directory,
            (Found::Service, _) => slot.active.as_ref().map_or(Origin::Directory, |active| active.origin),
            (Found::Kept { .. }, Source::Kept(_)) if slot.record.rolled_back.is_none() => Origin::LastGood,
            (Found::Kept { .. }, _) => Origin::RolledBack,
        };
        let health = match (source, &slot.active) {
            (Source::Restart, Some(active)) => {
                active.health.restarted();
                slot.restarts += 1;
                active.health.clone()
            }
            _ => Arc::new(Health::new(Instant::now().into_std())),
        };
        let generation = Arc::new(generation);
        let upkeep = self.tasks.stopping().child_token();
        let since = SystemTime::now();
        let active: Active<L> =
            Active { number, origin, generation, artifact, manifest, version, health, upkeep, since };
        upkeep::start(&self.tasks, &self.board, &slot.plugin, &active, true);
        let secrets = active.manifest.secret_files.clone();
        slot.switched_off = None;
        slot.guards = true;
        slot.hooks = Some(active.version.hooks);
        slot.looked_back = false;
        match source {
            Source::Restart => slot.record.in_service(number, active.version.clone()),
            _ => slot.note_in_service(number, active.version.clone()),
        }
        match origin {
            Origin::Directory => {
                slot.trouble = None;
                slot.retries = 0;
                slot.record.let_in();
            }
            Origin::RolledBack => {
                slot.trouble = None;
                if let (Source::RollBack(_), Found::Kept { in_directory }) = (source, found) {
                    let before = || slot.active.as_ref().map(|active| active.version.digest.clone());
                    let digest = in_directory.or_else(before).unwrap_or_default();
                    (slot.record.rolled_back, slot.record.rolled_back_manifest) = (Some(digest.clone()), None);
                    slot.plugin.rollbacks.count(Cause::Operator);
                    let Verdict { cause, reason } = Verdict::of_operator();
                    let went = slot.number();
                    slot.note_rollback(went, digest, cause, reason);
                }
            }
            Origin::LastGood => {}
        }
        let took = began.elapsed();
        let inspection = active.generation.inspection();
        let hooks = inspection.hooks.join(" ");
        let version =
            inspection.label.version.as_deref().map(|version| format!(", version {version}")).unwrap_or_default();
        let digest = inspection.digest.get(..12).unwrap_or_default();
        let line = format!(
            "in service: {hooks}{version}, sha256 {digest}..., {}, after {} ms",
            origin.words(),
            took.as_millis()
        );
        slot.plugin.tell(Grade::Info, number, line);
        let kind = if origin == Origin::RolledBack { "plugin.rolled-back" } else { "plugin.loaded" };
        let kind = if source == Source::Restart { "plugin.restarted" } else { kind };
        let version = inspection.label.version.as_deref().unwrap_or_default();
        let told =
            [("hooks", &*hooks), ("version", version), ("digest", &*inspection.digest), ("origin", origin.words())];
        slot.plugin.report(kind, number, &told);
        let before = slot.active.replace(active);
        if source != Source::Restart {
            slot.reloads += 1;
            slot.last_reload = Some((took, SystemTime::now()));
        }
        match (source, before) {
            (Source::Restart, Some(before)) => {
                self.publish();
                self.drain(name, before, "retired");
            }
            (_, before) => self.hand_over(name, before, stage, None),
        }
        if origin == Origin::Directory {
            self.watch.set_secrets(name, secrets);
        }
        // What can not be kept is in the log; the plugin serves all the same.
        let _ = self.keep(name, bytes).await;
    }

    async fn reconfigured(&mut self, name: &str, manifest: Arc<Manifest>, version: Version, began: Instant) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Some(active) = &mut slot.active else { return };
        slot.plugin.tell(Grade::Info, active.number, "took its changed configuration".to_owned());
        slot.plugin.report("plugin.reconfigured", active.number, &[]);
        let secrets = manifest.secret_files.clone();
        active.manifest = manifest;
        active.version = version.clone();
        active.origin = Origin::Directory;
        slot.trouble = None;
        slot.retries = 0;
        slot.record.let_in();
        slot.reloads += 1;
        slot.last_reload = Some((began.elapsed(), SystemTime::now()));
        let number = active.number;
        slot.note_in_service(number, version);
        let left = slot.candidate.take();
        self.publish();
        if let Some(left) = left {
            self.drain(name, left.active, "retired");
        }
        self.watch.set_secrets(name, secrets);
        let _ = self.keep(name, None).await;
    }

    /// Takes note of a refusal. `change`: it is the first one with changed files. True when another attempt began in its place.
    fn refuse(&mut self, name: &str, source: Source, change: bool, refused: Refused) -> bool {
        let Some(slot) = self.slots.get_mut(name) else { return false };
        let Refused { mut refusal, manifest, secret_files } = refused;
        refusal.bound();
        let now = Instant::now().into_std();
        if source == Source::Restart {
            if let Some(active) = &slot.active {
                let line = format!("could not be restarted: {}", refusal.cause);
                slot.plugin.tell(Grade::Error, active.number, line);
                slot.plugin.report("plugin.failed", active.number, &[("cause", &refusal.cause)]);
                active.health.restart_failed(now);
            }
            return false;
        }
        if source == Source::Directory {
            let mut files = secret_files;
            files.extend(slot.manifest().into_iter().flat_map(|manifest| manifest.secret_files.clone()));
            files.sort();
            files.dedup();
            self.watch.set_secrets(name, files);
        }
        let policy = slot.policy(&refusal, manifest.as_ref());
        let known = slot.trouble.as_ref().is_some_and(|trouble| trouble.refusal == refusal);
        if let Source::Candidate(_) = source {
            let line =
                format!("what is on trial does not begin anew: {}; running on: {}", refusal.cause, slot.running_on());
            slot.plugin.tell(Grade::Error, slot.number(), line);
            slot.answer(&Err(CommandError::Refused { plugin: name.to_owned(), cause: refusal.cause }));
            return false;
        }
        if let Source::Kept(place) | Source::RollBack(place) = source {
            let (running_on, cause) = (slot.running_on(), &refusal.cause);
            let line = format!("an earlier version is not taken into service: {cause}; running on: {running_on}");
            slot.plugin.tell(Grade::Error, slot.number(), line);
            slot.plugin.report("plugin.failed", slot.number(), &[("cause", cause), ("class", refusal.class.name())]);
            if matches!(source, Source::RollBack(_)) {
                slot.answer(&Err(CommandError::Refused { plugin: name.to_owned(), cause: refusal.cause }));
            } else if let Some(next) = slot.record.next_good(place) {
                self.begin(name, Source::Kept(next));
                return true;
            } else if slot.trouble.is_none() {
                slot.trouble = Some(Trouble { refusal, manifest, at: SystemTime::now() });
            }
            self.look_forward(name, source);
            return false;
        }
        // Trying again what was refused before refuses nothing more.
        slot.refused += u64::from(change);
        slot.plan_retry(now, refusal.retry);
        // Its policy takes the version before out of service too.
        let withdrawn = if policy == Policy::LastGood { None } else { slot.active.take() };
        if manifest.is_some() {
            slot.switched_off = None;
        }
        // The rules that held go on to hold for what is not let past it.
        let manifest = manifest.or_else(|| withdrawn.as_ref().map(|active| active.manifest.clone()));
        let (cause, class) = (refusal.cause.clone(), refusal.class);
        slot.trouble = Some(Trouble { refusal, manifest, at: SystemTime::now() });
        if !known {
            let answers = slot.answers_meanwhile(policy, class);
            let line = format!("not loaded: {cause}; running on: {}; {answers}", slot.running_on());
            slot.plugin.tell(Grade::Error, slot.number(), line);
            slot.plugin.report("plugin.failed", slot.number(), &[("cause", &cause), ("class", class.name())]);
        }
        if let Some(withdrawn) = withdrawn {
            self.clear_trials(name);
            self.drain(name, withdrawn, "retired");
            return false;
        }
        let fall_back = policy == Policy::LastGood && slot.active.is_none() && !slot.record.good.is_empty();
        if fall_back {
            let place = slot.record.proven();
            self.begin(name, Source::Kept(place));
        }
        fall_back
    }

    /// Restarts and retries that are due.
    pub(super) fn act_when_due(&mut self) {
        let now = Instant::now().into_std();
        let due = |slot: &Slot<L>| slot.due().is_some_and(|due| due <= now);
        let names: Vec<String> =
            self.slots.iter().filter(|(_, slot)| due(slot)).map(|(name, _)| name.clone()).collect();
        for name in names {
            let Some(slot) = self.slots.get_mut(&name) else { continue };
            if slot.retry.is_some_and(|retry| retry <= now) {
                self.begin(&name, Source::Directory);
            } else if let Some(active) = &slot.active {
                slot.plugin.tell(Grade::Info, active.number, "is restarted".to_owned());
                active.health.restarting();
                self.begin(&name, Source::Restart);
            }
        }
    }
}
