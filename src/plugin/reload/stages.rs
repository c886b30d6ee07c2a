//! The stages of a roll-out: a version is tried, promoted, watched, and taken out again when it is worse.

use super::Machine;
use super::job::{Ready, Source};
use super::slot::{Active, CommandError};
use super::trial::{Candidate, Judgement, Proven, Stage};
use super::upkeep;
use crate::plugin::chain::Way;
use crate::plugin::health::Health;
use crate::plugin::host::Grade;
use crate::plugin::rollout::{Canary, Cause, Change, Mode, Rollback, Shadow, Share, Sides, Verdict};
use crate::plugin::serving::Loader;
use crate::plugin::status::Origin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Between looks at the figures of generations on trial.
const LOOK: Duration = Duration::from_millis(500);

impl<L: Loader> Machine<L> {
    /// Puts a generation beside the one in service. One that was tried until now makes room.
    pub(super) async fn try_out(&mut self, name: &str, ready: Ready<L>, source: Source) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let Ready { generation, artifact, manifest, version, bytes, stage, .. } = ready;
        let number = slot.record.generation + 1;
        slot.record.generation = number;
        let before = slot.candidate.take();
        let bytes = match (source, &before) {
            (Source::Candidate(_), Some(before)) => before.bytes.clone(),
            _ => bytes,
        };
        let health = Arc::new(Health::new(Instant::now().into_std()));
        let upkeep = self.tasks.stopping().child_token();
        let since = SystemTime::now();
        let active: Active<L> = Active {
            number,
            origin: Origin::Directory,
            generation: Arc::new(generation),
            artifact,
            manifest,
            version,
            health,
            upkeep,
            since,
        };
        let (plan, beside) = (slot.record.plan(&active.manifest.rollout), slot.active.is_some());
        let way = match stage {
            Stage::Canary => {
                let canary = plan.canary.unwrap_or_else(|| Canary::of_all(Share::ALL));
                let (digest, hooks) = (&active.version.digest, active.version.hooks);
                active.health.figures.watch();
                Way::Canary(Arc::new(Sides::new(name, digest, hooks, canary, Instant::now())))
            }
            _ => Way::Shadow(Shadow::start(&self.tasks, &active.upkeep, &slot.plugin, &active.server(), beside)),
        };
        upkeep::start(&self.tasks, &self.board, &slot.plugin, &active, stage == Stage::Canary);
        let digest = active.version.digest.get(..12).unwrap_or_default();
        let how = match &way {
            Way::Shadow(_) if beside => "in the shadow: compared with the generation in service".to_owned(),
            Way::Shadow(_) => "in the shadow: compared with what is decided without it".to_owned(),
            Way::Canary(sides) => format!("as a canary: decides about {} of the new sessions", shown(sides.canary())),
        };
        slot.plugin.tell(Grade::Info, number, format!("{how}; sha256 {digest}..."));
        slot.trouble = None;
        slot.switched_off = None;
        slot.retries = 0;
        slot.record.let_in();
        if !beside {
            slot.guards = false;
        }
        let secrets = active.manifest.secret_files.clone();
        slot.candidate = Some(Candidate { active, way, bytes });
        self.publish();
        if let Some(before) = before {
            self.drain(name, before.active, "retired");
        }
        self.watch.set_secrets(name, secrets);
        // What can not be kept is in the log; nothing of it serves yet.
        let _ = self.keep(name, None).await;
    }

    /// What becomes of the generation before when another one comes into service.
    pub(super) fn hand_over(
        &mut self,
        name: &str,
        before: Option<Active<L>>,
        stage: Stage,
        canaries: Option<Arc<Sides>>,
    ) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let mut gone: Vec<Active<L>> = slot.candidate.take().map(|candidate| candidate.active).into_iter().collect();
        let probation = slot.probation();
        let former = slot.former.take();
        if stage == Stage::Service && !probation.is_zero() {
            let (since, began) = (Instant::now(), SystemTime::now());
            let proven = |active, since| Proven { active, since, canaries, probation, began };
            match (former, before) {
                // What was on probation itself is no measure: the one before it stays.
                (Some(former), before) => {
                    gone.extend(before);
                    slot.former = Some(proven(former.active, since));
                }
                (None, Some(before)) if before.is_well() => slot.former = Some(proven(before, since)),
                (None, before) => gone.extend(before),
            }
        } else {
            gone.extend(before);
            gone.extend(former.map(|former| former.active));
        }
        slot.record.on_probation = slot.former.is_some();
        if let Some(active) = &slot.active {
            if slot.former.is_some() { active.health.figures.watch() } else { active.health.figures.unwatch() }
        }
        self.publish();
        for active in gone {
            self.drain(name, active, "retired");
        }
    }

    /// Takes out whatever is there beside the one in service.
    pub(super) fn clear_trials(&mut self, name: &str) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.record.on_probation = false;
        let candidate = slot.candidate.take().map(|candidate| candidate.active);
        let former = slot.former.take().map(|former| former.active);
        for active in candidate.into_iter().chain(former) {
            self.drain(name, active, "retired");
        }
    }

    /// The generation that is tried serves all from now on, or begins to get ready for it. True when it takes its time.
    pub(super) async fn promote(&mut self, name: &str) -> Result<bool, CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Err(CommandError::Unknown(name.to_owned())) };
        if slot.record.disabled {
            return Err(CommandError::Disabled(name.to_owned()));
        }
        let Some(candidate) = slot.candidate.take() else { return Err(CommandError::NoCandidate(name.to_owned())) };
        let sides = match &candidate.way {
            Way::Canary(sides) => sides.clone(),
            Way::Shadow(_) => {
                // What it did in the shadow is not to be seen by others: it begins anew.
                slot.candidate = Some(candidate);
                self.begin(name, Source::Candidate(Stage::Service));
                return Ok(true);
            }
        };
        let Candidate { mut active, bytes, .. } = candidate;
        active.since = SystemTime::now();
        let number = active.number;
        slot.plugin.tell(Grade::Info, number, "promoted: it decides about all new sessions".to_owned());
        slot.trouble = None;
        slot.hooks = Some(active.version.hooks);
        slot.note_in_service(number, active.version.clone());
        slot.reloads += 1;
        let before = slot.active.replace(active);
        self.hand_over(name, before, Stage::Service, Some(sides));
        let _ = self.keep(name, bytes).await;
        Ok(false)
    }

    /// Takes the generation that is tried out for good.
    pub(super) async fn drop_candidate(&mut self, name: &str, verdict: Verdict) -> Result<(), CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Err(CommandError::Unknown(name.to_owned())) };
        let Some(candidate) = slot.candidate.take() else { return Err(CommandError::NoCandidate(name.to_owned())) };
        let stays = slot.active.as_ref().map(|active| active.version.clone());
        slot.record.keep_out(&candidate.active.version, stays.as_ref());
        if let Some(active) = &mut slot.active {
            active.origin = Origin::RolledBack;
        }
        slot.rolled_back(&candidate.active, verdict);
        self.publish();
        self.drain(name, candidate.active, "rolled-back");
        self.keep(name, None).await
    }

    /// Back to the generation before, which is warm.
    pub(super) async fn revert(&mut self, name: &str, verdict: Verdict) -> Result<(), CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Err(CommandError::Unknown(name.to_owned())) };
        let Some(former) = slot.former.take() else { return Err(CommandError::NothingBefore(name.to_owned())) };
        let mut active = former.active;
        active.origin = Origin::RolledBack;
        active.since = SystemTime::now();
        if slot.under_way == Some(Source::Restart) {
            slot.attempt = None;
        }
        let version = active.version.clone();
        slot.hooks = Some(version.hooks);
        slot.record.on_probation = false;
        slot.record.in_service(slot.record.generation, version.clone());
        let failed = slot.active.replace(active);
        if let Some(failed) = &failed {
            slot.record.keep_out(&failed.version, Some(&version));
            slot.rolled_back(failed, verdict);
        }
        self.publish();
        if let Some(failed) = failed {
            self.drain(name, failed, "rolled-back");
        }
        self.keep(name, None).await
    }

    /// When the figures are looked at next.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.slots.values().any(|slot| slot.is_watched()).then(|| self.looked_at + LOOK)
    }

    /// Looks at the figures of all that are on trial.
    pub(super) async fn look(&mut self) {
        let now = Instant::now();
        self.looked_at = now;
        let judged = |(name, slot): (&String, &super::slot::Slot<L>)| Some((name.clone(), slot.judged(now)?));
        let judgements: Vec<_> = self.slots.iter().filter_map(judged).collect();
        for (name, judgement) in judgements {
            // What can not be kept is in the log; what was decided here holds all the same.
            let _ = match judgement {
                Judgement::Drop(verdict) => self.drop_candidate(&name, verdict).await,
                Judgement::Revert(verdict) => self.revert(&name, verdict).await,
                Judgement::Proven => self.prove(&name).await,
            };
        }
    }

    /// The probation went well.
    async fn prove(&mut self, name: &str) -> Result<(), CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Ok(()) };
        slot.record.on_probation = false;
        let former = slot.former.take();
        if let Some(active) = &slot.active {
            active.health.figures.unwatch();
            let line = format!("its probation is over, after {} calls", active.health.figures.calls());
            slot.plugin.tell(Grade::Info, active.number, line);
        }
        self.publish();
        if let Some(former) = former {
            self.drain(name, former.active, "retired");
        }
        self.keep(name, None).await
    }

    /// What is in the directory is on trial; its plan may be another one. True when that takes its time.
    pub(super) async fn restage(&mut self, name: &str) -> Result<bool, CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Ok(false) };
        let plan = slot.plan();
        let beside = slot.active.is_some();
        let Some(candidate) = &mut slot.candidate else { return Ok(false) };
        let way = match (&candidate.way, plan.mode, plan.canary) {
            (Way::Shadow(_), Mode::Shadow, _) => return Ok(false),
            (Way::Canary(sides), Mode::Enforce, Some(canary)) => {
                if sides.canary() == Some(&canary) {
                    return Ok(false);
                }
                let line = format!("decides about {} of the new sessions from now on", shown(Some(&canary)));
                slot.plugin.tell(Grade::Info, candidate.active.number, line);
                Way::Canary(Arc::new(sides.with(canary, Instant::now())))
            }
            (_, Mode::Enforce, canary) if canary.is_none() || !beside => return self.promote(name).await,
            (_, mode, _) => {
                let stage = if mode == Mode::Shadow { Stage::Shadow } else { Stage::Canary };
                self.begin(name, Source::Candidate(stage));
                return Ok(true);
            }
        };
        candidate.way = way;
        self.publish();
        Ok(false)
    }

    /// Another plan by the operator, until the manifest has another one. True when it takes its time.
    pub(super) async fn change_plan(&mut self, name: &str, change: &Change) -> Result<bool, CommandError> {
        let Some(slot) = self.slots.get_mut(name) else { return Err(CommandError::Unknown(name.to_owned())) };
        let hooks = slot.candidate.as_ref().map_or(slot.answers(), |candidate| candidate.active.version.hooks);
        let plan = slot.plan().with(change);
        super::job::check_plan(&plan, hooks)
            .map_err(|refusal| CommandError::Refused { plugin: name.to_owned(), cause: refusal.cause })?;
        let base = slot.manifest_plan();
        slot.record.plan = (plan != base).then_some((base, plan));
        slot.plugin.tell(
            Grade::Info,
            slot.number(),
            "the operator changed how new generations come into service".to_owned(),
        );
        let kept = self.keep(name, None).await;
        self.publish();
        let takes_time = self.restage(name).await?;
        kept.map(|()| takes_time)
    }
}

impl<L: Loader> super::slot::Slot<L> {
    /// Notes what is in service; a version that was not proven yet is nothing to go back to.
    pub(super) fn note_in_service(&mut self, number: u64, version: crate::plugin::last_good::Version) {
        if self.record.on_probation && self.record.good.len() > 1 && self.former.is_some() {
            self.record.good.remove(0);
        }
        self.record.in_service(number.max(self.record.generation), version);
    }

    /// Tells of a generation that was taken out.
    fn rolled_back(&mut self, active: &Active<L>, verdict: Verdict) {
        let Verdict { cause, reason } = verdict;
        let grade = if cause == Cause::Operator { Grade::Info } else { Grade::Error };
        let digest = active.version.digest.clone();
        let name = &self.plugin.name;
        let line = format!(
            "rolled back: {reason}; running on: {}. Put another component there, or `wasmcast plugin enable {name}` to take it all the \
             same",
            self.running_on()
        );
        self.plugin.tell(grade, active.number, line);
        self.plugin.rollbacks.count(cause);
        self.note_rollback(active.number, digest, cause, reason);
    }

    pub(super) fn note_rollback(&mut self, generation: u64, digest: String, cause: Cause, reason: String) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at_unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        self.record.last_rollback = Some(Rollback { generation, digest, cause, reason, at_unix_ms });
    }

    /// What the manifest says of new generations.
    pub(super) fn manifest_plan(&self) -> crate::plugin::rollout::Plan {
        let tried = self.candidate.as_ref().map(|candidate| &candidate.active.manifest);
        let manifest = tried.or_else(|| self.manifest());
        manifest.map(|manifest| manifest.rollout.clone()).unwrap_or_default()
    }
}

fn shown(canary: Option<&Canary>) -> String {
    let Some(canary) = canary else { return "none".to_owned() };
    let percent = canary.share.as_f64() * 100.0;
    match &canary.cohort {
        None => format!("{percent} %"),
        Some(cohort) => format!("{percent} % of the cohort \"{cohort}\""),
    }
}
