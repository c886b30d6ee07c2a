//! What the operator is told of a roll-out: what is tried, what it would return to, and what became of those before.

use super::judge::Cause;
use super::plan::{Canary, Mode, Plan, Rollback};
use super::shadow::Shadow;
use crate::media::rfc3339;
use crate::plugin::health::Health;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How far a new generation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is only compared.
    Shadow,
    /// It decides about a share of the new sessions.
    Canary,
    /// It decides about all new sessions, the one before is kept warm.
    Probation,
}

/// What is configured: by the manifest, or by the API until the manifest changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RolloutStatus {
    pub mode: Mode,
    pub canary: Option<Canary>,
    pub probation_s: u64,
}

/// A generation on trial.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateStatus {
    pub generation: u64,
    pub digest: String,
    pub version: Option<String>,
    pub stage: Stage,
    /// Of new sessions, 0 to 1; `canary` alone.
    pub share: Option<f64>,
    pub cohort: Option<String>,
    /// RFC 3339; of the stage.
    pub since: String,
    /// When probation ends.
    pub until: Option<String>,
    pub calls: u64,
    pub errors: u64,
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub differences: u64,
}

/// What a rollback returns to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Previous {
    pub generation: u64,
    pub digest: String,
    pub version: Option<String>,
}

/// What was taken out last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackStatus {
    pub generation: u64,
    pub digest: String,
    pub cause: Cause,
    pub reason: String,
    /// RFC 3339.
    pub at: String,
}

/// A generation known lately.
#[derive(Clone, Debug, Serialize)]
pub struct Known {
    pub generation: u64,
    pub digest: String,
    pub version: Option<String>,
    /// `active`, `shadow`, `canary`, `probation`, `former`, `retired`, `rolled-back`.
    pub state: &'static str,
    /// RFC 3339; since when it has this state.
    pub since: String,
    pub calls: u64,
    pub errors: u64,
    pub p99_us: Option<f64>,
}

/// What is published of a generation; its figures are read where they are counted.
#[derive(Clone)]
pub(in crate::plugin) struct Entry {
    pub(in crate::plugin) number: u64,
    pub(in crate::plugin) digest: String,
    pub(in crate::plugin) version: Option<String>,
    pub(in crate::plugin) state: &'static str,
    pub(in crate::plugin) since: SystemTime,
    pub(in crate::plugin) health: Arc<Health>,
}

/// What is published of a generation on trial.
pub(in crate::plugin) struct ShownCandidate {
    pub(in crate::plugin) entry: Entry,
    pub(in crate::plugin) stage: Stage,
    pub(in crate::plugin) canary: Option<Canary>,
    pub(in crate::plugin) until: Option<SystemTime>,
    pub(in crate::plugin) shadow: Option<Arc<Shadow>>,
}

/// What is published of a plugin's roll-out.
#[derive(Default)]
pub(in crate::plugin) struct ShownRollout {
    pub(in crate::plugin) plan: Plan,
    pub(in crate::plugin) usual_probation: Duration,
    pub(in crate::plugin) candidate: Option<ShownCandidate>,
    pub(in crate::plugin) previous: Option<Previous>,
    pub(in crate::plugin) last_rollback: Option<Rollback>,
    /// The newest first.
    pub(in crate::plugin) generations: Vec<Entry>,
}

impl Stage {
    /// As in the API.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Shadow => "shadow",
            Stage::Canary => "canary",
            Stage::Probation => "probation",
        }
    }
}

impl ShownRollout {
    pub(in crate::plugin) fn configured(&self) -> RolloutStatus {
        let Plan { mode, canary, probation } = self.plan.clone();
        RolloutStatus { mode, canary, probation_s: probation.unwrap_or(self.usual_probation).as_secs() }
    }

    pub(in crate::plugin) fn candidate(&self) -> Option<CandidateStatus> {
        let ShownCandidate { entry, stage, canary, until, shadow } = self.candidate.as_ref()?;
        let canary = canary.as_ref().filter(|_| *stage == Stage::Canary);
        Some(CandidateStatus {
            generation: entry.number,
            digest: entry.digest.clone(),
            version: entry.version.clone(),
            stage: *stage,
            share: canary.map(|canary| canary.share.as_f64()),
            cohort: canary.and_then(|canary| canary.cohort.clone()),
            since: rfc3339(entry.since),
            until: until.map(rfc3339),
            calls: entry.health.figures.calls(),
            errors: entry.health.figures.errors(),
            p50_us: quantile_us(&entry.health, 0.5),
            p99_us: quantile_us(&entry.health, 0.99),
            differences: shadow.as_ref().map_or(0, |shadow| shadow.differences()),
        })
    }

    pub(in crate::plugin) fn last_rollback(&self) -> Option<RollbackStatus> {
        let rollback = self.last_rollback.clone()?;
        let at = UNIX_EPOCH + Duration::from_millis(rollback.at_unix_ms);
        let Rollback { generation, digest, cause, reason, .. } = rollback;
        Some(RollbackStatus { generation, digest, cause, reason, at: rfc3339(at) })
    }

    pub(in crate::plugin) fn known(&self) -> Vec<Known> {
        let known = |entry: &Entry| Known {
            generation: entry.number,
            digest: entry.digest.clone(),
            version: entry.version.clone(),
            state: entry.state,
            since: rfc3339(entry.since),
            calls: entry.health.figures.calls(),
            errors: entry.health.figures.errors(),
            p99_us: quantile_us(&entry.health, 0.99),
        };
        self.generations.iter().map(known).collect()
    }
}

/// In microseconds, to a thousandth.
fn quantile_us(health: &Health, share: f64) -> Option<f64> {
    let duration = health.latency.quantile(share)?;
    Some((duration.as_secs_f64() * 1e9).round() / 1e3)
}
