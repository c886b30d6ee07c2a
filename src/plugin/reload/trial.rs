//! What the reload machine keeps of generations that are tried, and of those that they are measured by.

use super::job::Current;
use super::slot::{Active, Slot};
use crate::plugin::breaker::Circuit;
use crate::plugin::chain::{Former, Server, Trial, Way};
use crate::plugin::rollout::{
    Canary, Cause, Entry, Mode, Plan, Previous, ShownCandidate, ShownRollout, Sides, Stage as Told, Verdict, judge,
};
use crate::plugin::serving::{Loader, Serving};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How far a version goes when it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is only compared.
    Shadow,
    /// It decides about some of the new sessions.
    Canary,
    /// It decides, watched on probation where another one did before.
    Service,
    /// It decides, and nobody watches: it served before, or the operator wants it all the same.
    AtOnce,
}

/// A generation that is tried beside the one in service.
pub(super) struct Candidate<L: Loader> {
    pub(super) active: Active<L>,
    pub(super) way: Way,
    /// To be kept when it comes into service.
    pub(super) bytes: Option<Arc<[u8]>>,
}

/// The generation before the one in service, kept warm while that is on probation.
pub(super) struct Proven<L: Loader> {
    pub(super) active: Active<L>,
    /// Since when the other one serves, ...
    pub(super) since: Instant,
    /// ... whom it let in before, as a canary, ...
    pub(super) canaries: Option<Arc<Sides>>,
    /// ... and how long it is watched.
    pub(super) probation: Duration,
    /// When that began by the clock on the wall.
    pub(super) began: SystemTime,
}

/// What the figures of a plugin ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The canary is worse.
    Drop(Verdict),
    /// The one on probation is worse.
    Revert(Verdict),
    /// Its probation is over.
    Proven,
}

/// Generations that are gone and still told of.
const PAST: usize = 8;

impl<L: Loader> Active<L> {
    pub(super) fn server(&self) -> Server<L::Generation> {
        let (number, generation) = (self.number, self.generation.clone());
        Server { number, generation, health: self.health.clone(), manifest: self.manifest.clone() }
    }

    pub(super) fn current(&self) -> Current<L> {
        Current {
            generation: self.generation.clone(),
            artifact: self.artifact.clone(),
            manifest: self.manifest.clone(),
            version: self.version.clone(),
            is_well: self.is_well(),
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.health.circuit() == Circuit::Closed
    }

    pub(super) fn entry(&self, state: &'static str, since: SystemTime) -> Entry {
        let inspection = self.generation.inspection();
        let (digest, version) = (inspection.digest.clone(), inspection.label.version.clone());
        Entry { number: self.number, digest, version, state, since, health: self.health.clone() }
    }

    fn judged_by(&self, former: &Active<L>) -> Option<Verdict> {
        if !self.is_well() {
            let last = self.health.last_failure().map(|last| last.cause).unwrap_or_default();
            return Some(Verdict {
                cause: Cause::Stopped,
                reason: format!("it kept failing and was stopped, the last: {last}"),
            });
        }
        let sample = |active: &Active<L>| active.health.figures.sample(&active.health.latency);
        judge(&sample(former), &sample(self))
    }
}

impl<L: Loader> Candidate<L> {
    fn told(&self) -> Told {
        match self.way {
            Way::Shadow(_) => Told::Shadow,
            Way::Canary(_) => Told::Canary,
        }
    }

    pub(super) fn is_canary(&self) -> bool {
        matches!(self.way, Way::Canary(_))
    }

    pub(super) fn trial(&self) -> Trial<L::Generation> {
        Trial { server: self.active.server(), hooks: self.active.version.hooks, way: self.way.clone() }
    }
}

impl<L: Loader> Proven<L> {
    pub(super) fn former(&self) -> Former<L::Generation> {
        Former { server: self.active.server(), since: self.since, canaries: self.canaries.clone() }
    }
}

impl<L: Loader> Slot<L> {
    /// Whether its first version is in the shadow: then it decides nothing.
    pub(super) fn is_aside(&self) -> bool {
        self.active.is_none() && self.candidate.is_some()
    }

    /// Whether its operator only wants to see what it would decide, and nothing of it ever decided.
    pub(super) fn is_to_be_aside(&self) -> bool {
        self.active.is_none() && self.record.good.is_empty() && self.plan().mode == Mode::Shadow
    }

    /// How its next generation comes into service.
    pub(super) fn plan(&self) -> Plan {
        self.record.plan(&self.manifest_plan())
    }

    /// How long a generation is watched that comes into service.
    pub(super) fn probation(&self) -> Duration {
        self.plan().probation.unwrap_or(self.usual_probation)
    }

    /// Whether its figures are to be looked at.
    pub(super) fn is_watched(&self) -> bool {
        self.former.is_some() || self.candidate.as_ref().is_some_and(Candidate::is_canary)
    }

    /// What its figures ask for now.
    pub(super) fn judged(&self, now: Instant) -> Option<Judgement> {
        let active = self.active.as_ref()?;
        let canary = self.candidate.as_ref().filter(|candidate| candidate.is_canary());
        if let Some(verdict) = canary.and_then(|canary| canary.active.judged_by(active)) {
            return Some(Judgement::Drop(verdict));
        }
        let former = self.former.as_ref()?;
        if let Some(verdict) = active.judged_by(&former.active) {
            return Some(Judgement::Revert(verdict));
        }
        (now.saturating_duration_since(former.since) >= former.probation).then_some(Judgement::Proven)
    }

    /// Remembers a generation that goes.
    pub(super) fn remember(&mut self, active: &Active<L>, state: &'static str) {
        if self.past.len() >= PAST {
            self.past.pop_back();
        }
        self.past.push_front(active.entry(state, SystemTime::now()));
    }

    /// What is told of its roll-out.
    pub(super) fn shown_rollout(&self) -> ShownRollout {
        let (candidate, former, active) = (self.candidate.as_ref(), self.former.as_ref(), self.active.as_ref());
        let mut generations = Vec::new();
        let tried = candidate.map(|candidate| ShownCandidate {
            entry: candidate.active.entry(candidate.told().name(), candidate.active.since),
            stage: candidate.told(),
            canary: candidate.canary(),
            until: None,
            shadow: match &candidate.way {
                Way::Shadow(shadow) => Some(shadow.clone()),
                Way::Canary(_) => None,
            },
        });
        let proving = former.zip(active).map(|(former, active)| ShownCandidate {
            entry: active.entry(Told::Probation.name(), former.began),
            stage: Told::Probation,
            canary: None,
            until: former.began.checked_add(former.probation),
            shadow: None,
        });
        generations.extend(tried.as_ref().map(|tried| tried.entry.clone()));
        let state = if former.is_some() { Told::Probation.name() } else { "active" };
        generations.extend(active.map(|active| active.entry(state, active.since)));
        generations.extend(former.map(|former| former.active.entry("former", former.began)));
        generations.extend(self.past.iter().cloned());
        let previous = former.map(|former| former.active.entry("former", former.began));
        ShownRollout {
            plan: self.plan(),
            usual_probation: self.usual_probation,
            candidate: tried.or(proving),
            previous: previous.map(|entry| Previous {
                generation: entry.number,
                digest: entry.digest,
                version: entry.version,
            }),
            last_rollback: self.record.last_rollback.clone(),
            generations,
        }
    }
}

impl<L: Loader> Candidate<L> {
    fn canary(&self) -> Option<Canary> {
        match &self.way {
            Way::Shadow(_) => None,
            Way::Canary(sides) => sides.canary().cloned(),
        }
    }
}
