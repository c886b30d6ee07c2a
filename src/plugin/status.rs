//! What the operator is told of each plugin: by the API, the command line and the metrics.

use super::breaker::Circuit;
use super::chain::Plugin;
use super::health::{Health, LastFailure};
use super::inspect::Inspection;
use super::limiting::RuleStatus;
use super::manifest::{self, Manifest, Phase};
use super::observing::ObserverStatus;
use super::rollout::{CandidateStatus, Known, Previous, RollbackStatus, RolloutStatus, ShownRollout};
use super::serving::Serving;
use super::signature::Signed;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a plugin stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its first version is on its way.
    Loading,
    /// In service.
    Active,
    /// No version is in service; `last_error` says why.
    Failed,
    /// It kept failing with nearly everybody; a restart is due.
    Stopped,
    /// Restarted: some calls go through, to see.
    Recovering,
    /// It was restarted in vain; a new version, the operator, or calls that it answers after all bring it back.
    Quarantined,
    /// Its first version is only compared with what is decided without it.
    Shadow,
    /// Switched off, by its manifest or the operator.
    Disabled,
}

/// Where the version in service came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// What is in the plugin directory.
    Directory,
    /// Kept from before: what is in the directory failed.
    LastGood,
    /// Kept from before: what is in the directory was rolled back.
    RolledBack,
}

/// A plugin, as `/api/v1/plugins` tells it.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub name: String,
    pub state: State,
    /// The number of the generation in service.
    pub generation: Option<u64>,
    /// SHA-256 of the file in service, in hexadecimal.
    pub digest: Option<String>,
    pub origin: Option<Origin>,
    /// As the plugin says itself.
    pub version: Option<String>,
    /// Exports that the server calls: `auth/check`.
    pub hooks: Vec<String>,
    /// Its place among the plugins that are asked, from 1; none when it is not asked.
    pub order: Option<usize>,
    pub phase: &'static str,
    pub priority: i32,
    pub grants: Grants,
    /// Calls since the server started, over all generations; failed ones among them.
    pub calls: u64,
    /// Failed calls by class.
    pub errors: BTreeMap<&'static str, u64>,
    /// Questions that were answered by policy, since the plugin was stopped or not loaded.
    pub answered_by_policy: u64,
    /// Ticks and polls that failed.
    pub upkeep_errors: u64,
    /// Of the calls of this generation, in microseconds, with waiting; good to 6 %.
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    /// Of all instances, in bytes.
    pub memory_bytes: usize,
    pub instances: Instances,
    /// Restarts after it was stopped.
    pub restarts: u64,
    /// Versions and manifests taken into service.
    pub reloads: u64,
    /// Versions and manifests refused; trying one again does not count.
    pub refused: u64,
    /// Of a plugin that observes.
    pub observer: Option<ObserverStatus>,
    pub last_error: Option<LastError>,
    pub last_reload: Option<LastReload>,
    /// Generations whose last calls are being answered.
    pub draining: Vec<u64>,
    /// Its rules of rate limits in force, in its order.
    pub rules: Vec<RuleStatus>,
    /// How new generations come into service.
    pub rollout: RolloutStatus,
    /// The generation on trial.
    pub candidate: Option<CandidateStatus>,
    /// What a rollback returns to at once, while the one in service is on probation.
    pub previous: Option<Previous>,
    pub last_rollback: Option<RollbackStatus>,
    /// Of the file in service; none where it has none.
    pub signature: Option<Signed>,
    /// Those that are there, and some that were, the newest first.
    pub generations: Vec<Known>,
    /// Of the plugin's own configuration the number of keys, and where its secrets are.
    pub config: serde_json::Value,
}

/// Rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Grants {
    /// Given by the manifest.
    pub granted: Vec<&'static str>,
    /// Given and imported.
    pub used: Vec<&'static str>,
    /// Imported and not given, by the version that was refused.
    pub refused: Vec<&'static str>,
}

/// Instances of the generation in service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Instances {
    /// Waiting for a call.
    pub idle: usize,
    /// Made since the generation began.
    pub made: usize,
    /// Of a pool at most.
    pub limit: usize,
}

/// The latest thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastError {
    pub class: &'static str,
    pub cause: String,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// The latest change that was taken into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LastReload {
    /// From the files at rest to the generation in service.
    pub took_ms: u64,
    pub at_unix_ms: u64,
}

/// What the reload machine publishes of a plugin; the rest is read where it is counted.
pub(super) struct Shown<S> {
    pub(super) plugin: Arc<Plugin>,
    /// Its place in the chain, from 1.
    pub(super) order: Option<usize>,
    pub(super) condition: Condition,
    pub(super) active: Option<ShownActive<S>>,
    pub(super) manifest: Option<Arc<Manifest>>,
    pub(super) refused_grants: Vec<&'static str>,
    pub(super) trouble: Option<LastFailure>,
    pub(super) restarts: u64,
    pub(super) reloads: u64,
    pub(super) refused: u64,
    pub(super) last_reload: Option<(Duration, SystemTime)>,
    pub(super) draining: Vec<u64>,
    pub(super) rollout: ShownRollout,
}

/// The generation in service.
pub(super) struct ShownActive<S> {
    pub(super) number: u64,
    pub(super) origin: Origin,
    pub(super) generation: Arc<S>,
    pub(super) health: Arc<Health>,
    pub(super) signed: Option<Signed>,
}

/// What the machine knows of a plugin's state; the circuit tells the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Loading,
    InService,
    /// Its first version is in the shadow.
    Aside,
    Failed,
    Disabled,
}

impl<S: Serving> Shown<S> {
    pub(super) fn state(&self) -> State {
        match (self.condition, &self.active) {
            (Condition::Disabled, _) => State::Disabled,
            (_, Some(active)) => match active.health.circuit() {
                Circuit::Closed => State::Active,
                Circuit::Open => State::Stopped,
                Circuit::HalfOpen => State::Recovering,
                Circuit::Quarantined => State::Quarantined,
            },
            (Condition::Loading, None) => State::Loading,
            (Condition::Aside, None) => State::Shadow,
            (Condition::InService | Condition::Failed, None) => State::Failed,
        }
    }

    pub(super) fn inspection(&self) -> Option<&Arc<Inspection>> {
        self.active.as_ref().map(|active| active.generation.inspection())
    }

    /// All of it, as of now.
    pub(super) fn status(&self) -> Status {
        let (tally, inspection) = (&self.plugin.tally, self.inspection());
        let active = self.active.as_ref();
        let quantile = |share| {
            let duration = active?.health.latency.quantile(share)?;
            Some((duration.as_secs_f64() * 1e9).round() / 1e3)
        };
        let failure = active.and_then(|active| active.health.last_failure());
        let last_error = [failure, self.trouble.clone()].into_iter().flatten().max_by_key(|failure| failure.at);
        Status {
            name: self.plugin.name.to_string(),
            state: self.state(),
            generation: active.map(|active| active.number),
            digest: inspection.map(|inspection| inspection.digest.clone()),
            origin: active.map(|active| active.origin),
            version: inspection.and_then(|inspection| inspection.label.version.clone()),
            hooks: inspection.map(|inspection| inspection.hooks.clone()).unwrap_or_default(),
            order: self.order,
            phase: self.manifest.as_ref().map_or(Phase::Normal, |manifest| manifest.phase).name(),
            priority: self.manifest.as_ref().map_or(0, |manifest| manifest.priority),
            grants: self.grants(),
            calls: tally.calls(),
            errors: tally.failures().map(|(class, count)| (class.name(), count)).collect(),
            answered_by_policy: tally.unasked_calls(),
            upkeep_errors: tally.upkeep_failures(),
            p50_us: quantile(0.5),
            p99_us: quantile(0.99),
            memory_bytes: active.map_or(0, |active| active.generation.memory()),
            instances: active.map(|active| self.instances(&active.generation)).unwrap_or_default(),
            restarts: self.restarts,
            reloads: self.reloads,
            refused: self.refused,
            observer: self.observer(),
            last_error: last_error.map(LastError::from),
            last_reload: self.last_reload.map(|(took, at)| LastReload {
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                at_unix_ms: unix_ms(at),
            }),
            draining: self.draining.clone(),
            // Told by who enforces them.
            rules: Vec::new(),
            rollout: self.rollout.configured(),
            candidate: self.rollout.candidate(),
            previous: self.rollout.previous.clone(),
            last_rollback: self.rollout.last_rollback(),
            signature: active.and_then(|active| active.signed.clone()),
            generations: self.rollout.known(),
            config: self.manifest.as_ref().map(|manifest| manifest.config.shown()).unwrap_or_default(),
        }
    }

    /// What it is told as an observer.
    pub(super) fn observer(&self) -> Option<ObserverStatus> {
        self.plugin.post.status()
    }

    fn grants(&self) -> Grants {
        let Some(manifest) = &self.manifest else { return Grants::default() };
        let grants = &manifest.settings.grants;
        let imports = self.inspection().map(|inspection| inspection.imports.iter().map(|import| import.name.as_str()));
        Grants {
            granted: manifest::granted(grants),
            used: imports.map(|imports| manifest::used(imports, grants)).unwrap_or_default(),
            refused: self.refused_grants.clone(),
        }
    }

    fn instances(&self, generation: &S) -> Instances {
        let limit = self.manifest.as_ref().map_or(0, |manifest| manifest.settings.instances);
        Instances { idle: generation.idle(), made: generation.made(), limit }
    }
}

impl Origin {
    /// For the log.
    pub(super) fn words(self) -> &'static str {
        match self {
            Origin::Directory => "from the plugin directory",
            Origin::LastGood => "the last good version",
            Origin::RolledBack => "rolled back",
        }
    }
}

impl From<LastFailure> for LastError {
    fn from(failure: LastFailure) -> Self {
        LastError { class: failure.class.name(), cause: failure.cause, at_unix_ms: unix_ms(failure.at) }
    }
}

impl State {
    /// As in the API.
    pub fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Failed => "failed",
            State::Stopped => "stopped",
            State::Recovering => "recovering",
            State::Quarantined => "quarantined",
            State::Shadow => "shadow",
            State::Disabled => "disabled",
            State::Loading => "loading",
        }
    }
}

impl Phase {
    /// As in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Early => "early",
            Phase::Normal => "normal",
            Phase::Late => "late",
        }
    }
}

fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
