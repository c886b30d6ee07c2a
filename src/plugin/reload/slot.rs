//! What the reload machine knows of one plugin: what is in service, what was refused, what is under way.

use super::job::{Current, Source};
use super::trial::{Candidate, Proven};
use crate::plugin::chain::{Member, Plugin, Stand};
use crate::plugin::fault::FaultClass;
use crate::plugin::health::{Health, LastFailure};
use crate::plugin::hook::Hooks;
use crate::plugin::last_good::{Record, Version};
use crate::plugin::manifest::{self, Manifest, Policy};
use crate::plugin::rollout::Entry;
use crate::plugin::sampling::Judge;
use crate::plugin::serving::{Loader, Refusal, Serving};
use crate::plugin::status::{Condition, Origin, Shown, ShownActive, Status};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// One plugin.
pub(super) struct Slot<L: Loader> {
    pub(super) plugin: Arc<Plugin>,
    pub(super) active: Option<Active<L>>,
    pub(super) record: Record,
    /// Why the newest version is not in service.
    pub(super) trouble: Option<Trouble>,
    /// Switched off by its manifest.
    pub(super) switched_off: Option<Arc<Manifest>>,
    /// Whether its file was there when the server started: then it may have guarded the server before.
    pub(super) from_start: bool,
    /// Whether sessions wait for it: while no version of it is in service they are refused, not let past it.
    pub(super) guards: bool,
    /// What it answers, where that is known.
    pub(super) hooks: Option<Hooks>,
    /// The attempt under way; results of others do not count.
    pub(super) attempt: Option<u64>,
    /// What that is.
    pub(super) under_way: Option<Source>,
    /// The operator wants what is in the directory, also if it was rolled back: for the next attempt.
    pub(super) forward: bool,
    /// The files changed, and no attempt was made with them yet.
    pub(super) changed: bool,
    /// The files changed while an attempt was under way.
    pub(super) changed_again: bool,
    /// When to try the directory's version again, and how often that was done.
    pub(super) retry: Option<Instant>,
    pub(super) retries: u32,
    /// Who waits for the end of the attempt.
    pub(super) waiting: Vec<oneshot::Sender<Result<Status, CommandError>>>,
    pub(super) draining: Vec<u64>,
    /// Tried beside the one in service.
    pub(super) candidate: Option<Candidate<L>>,
    /// Kept warm while the one in service is on probation.
    pub(super) former: Option<Proven<L>>,
    /// Generations that went, the newest first.
    pub(super) past: VecDeque<Entry>,
    /// Probation where no manifest says.
    pub(super) usual_probation: Duration,
    /// What was good before was taken into service, or tried, to be measured by: what is in the directory comes next, ...
    pub(super) look_forward: bool,
    /// ... and is not put off again.
    pub(super) looked_back: bool,
    pub(super) restarts: u64,
    pub(super) reloads: u64,
    pub(super) refused: u64,
    pub(super) last_reload: Option<(Duration, SystemTime)>,
}

/// A generation in service.
pub(super) struct Active<L: Loader> {
    pub(super) number: u64,
    pub(super) origin: Origin,
    pub(super) generation: Arc<L::Generation>,
    pub(super) artifact: L::Artifact,
    pub(super) manifest: Arc<Manifest>,
    pub(super) version: Version,
    pub(super) health: Arc<Health>,
    /// Ends its ticks and polls.
    pub(super) upkeep: CancellationToken,
    /// When it came into service, or on trial.
    pub(super) since: SystemTime,
}

/// A version that was refused.
#[derive(Clone)]
pub(super) struct Trouble {
    pub(super) refusal: Refusal,
    /// Its manifest, where that can be used.
    pub(super) manifest: Option<Arc<Manifest>>,
    pub(super) at: SystemTime,
}

/// Why a command was not carried out, or not as wished.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("there is no plugin `{0}` in the plugin directory")]
    Unknown(String),
    #[error("the manifest of `{0}` says `enabled = false`; change it there")]
    DisabledInManifest(String),
    #[error("`{0}` is disabled; enable it first")]
    Disabled(String),
    #[error(
        "there is no earlier component of `{0}` to go back to; what a manifest said before is put back in its file"
    )]
    NothingBefore(String),
    #[error("no generation of `{0}` is in the shadow or a canary; put another version into the plugin directory first")]
    NoCandidate(String),
    #[error("`{plugin}` is not taken into service: {cause}")]
    Refused { plugin: String, cause: String },
    #[error("another command for `{0}` came meanwhile")]
    Superseded(String),
    #[error(
        "done, but it can not be remembered over a restart: {0}; look at free space and rights of the state directory"
    )]
    NotKept(String),
    #[error("this server has no plugin directory, or it stops")]
    Stopping,
}

/// Time until the first retry of a version that may do better later; doubled each time, ...
const RETRY: Duration = Duration::from_secs(1);
/// ... up to this.
const MAX_RETRY: Duration = Duration::from_secs(60);

impl<L: Loader> Slot<L> {
    pub(super) fn new(plugin: Arc<Plugin>, record: Record, from_start: bool, usual_probation: Duration) -> Self {
        Slot {
            plugin,
            active: None,
            hooks: record.good.first().map(|version| version.hooks),
            record,
            trouble: None,
            switched_off: None,
            from_start,
            guards: from_start,
            attempt: None,
            under_way: None,
            forward: false,
            changed: false,
            changed_again: false,
            retry: None,
            retries: 0,
            waiting: Vec::new(),
            draining: Vec::new(),
            candidate: None,
            former: None,
            past: VecDeque::new(),
            usual_probation,
            look_forward: false,
            looked_back: false,
            restarts: 0,
            reloads: 0,
            refused: 0,
            last_reload: None,
        }
    }

    /// Whether anybody switched it off.
    pub(super) fn is_disabled(&self) -> bool {
        self.record.disabled || self.switched_off.is_some()
    }

    /// Whether it decides who may come in, or should.
    pub(super) fn decides_auth(&self) -> bool {
        !self.is_disabled() && !self.is_aside() && !self.is_to_be_aside() && self.answers().auth
    }

    /// Which questions are, or should be, put to it.
    ///
    /// A file that nothing can be told of counts as auth plugin when the server starts, since it may have guarded it
    /// before; added to a running server it changes nothing until it is understood.
    pub(super) fn answers(&self) -> Hooks {
        let trouble = self.trouble.as_ref();
        let named = |manifest: &Arc<Manifest>| manifest.settings.hooks.as_deref().map(Hooks::named);
        let by_file = trouble.and_then(|trouble| trouble.refusal.hooks.as_deref()).map(Hooks::exported);
        let by_manifest = trouble.and_then(|trouble| trouble.manifest.as_ref()).and_then(named);
        by_file.or(by_manifest).or(self.hooks).unwrap_or(Hooks { auth: self.from_start, ..Hooks::default() })
    }

    /// The manifest that holds: of what is in service, else of what was refused.
    pub(super) fn manifest(&self) -> Option<&Arc<Manifest>> {
        let tried = self.candidate.as_ref().map(|candidate| &candidate.active);
        let active = self.active.as_ref().or(tried).map(|active| &active.manifest);
        let refused = || self.trouble.as_ref().and_then(|trouble| trouble.manifest.as_ref());
        active.or(self.switched_off.as_ref()).or_else(refused)
    }

    /// What the plugin's own policy makes of a refusal.
    pub(super) fn policy(&self, refusal: &Refusal, manifest: Option<&Arc<Manifest>>) -> Policy {
        let manifest = manifest.or_else(|| self.manifest());
        manifest.map_or(Policy::LastGood, |manifest| manifest.failure.of_version(refusal.class))
    }

    /// Its place in the chain; none when it has none.
    pub(super) fn member(&self) -> Option<Member<L::Generation>> {
        if self.is_disabled() {
            return None;
        }
        if let Some(active) = &self.active {
            let (stand, manifest) = (Stand::Serving(active.server()), active.manifest.clone());
            let hooks = active.version.hooks;
            let trial = self.candidate.as_ref().map(Candidate::trial);
            let former = self.former.as_ref().map(Proven::former);
            return hooks.any().then(|| Member { plugin: self.plugin.clone(), manifest, hooks, stand, trial, former });
        }
        if let Some(candidate) = &self.candidate {
            let (trial, hooks) = (candidate.trial(), candidate.active.version.hooks);
            let manifest = candidate.active.manifest.clone();
            let plugin = self.plugin.clone();
            return Some(Member { plugin, manifest, hooks, stand: Stand::Aside, trial: Some(trial), former: None });
        }
        if self.is_to_be_aside() {
            return None;
        }
        let hooks = self.answers();
        if !hooks.any() || (self.trouble.is_none() && !self.guards) {
            return None;
        }
        let (class, cause) = match &self.trouble {
            Some(trouble) => (trouble.refusal.class, format!("not loaded: {}", trouble.refusal.cause)),
            None => (FaultClass::Load, "its first version is being loaded".to_owned()),
        };
        let manifest = self.manifest().cloned().unwrap_or_else(|| Arc::new(Manifest::absent(&self.plugin.name)));
        let stand = Stand::Absent { class, cause: cause.into() };
        Some(Member { plugin: self.plugin.clone(), manifest, hooks, stand, trial: None, former: None })
    }

    /// It as one who judges traces, where it does.
    pub(super) fn judge(&self) -> Option<Judge<L::Generation>> {
        let active = self.active.as_ref().filter(|_| !self.is_disabled())?;
        let judges = active.version.hooks.observer && active.generation.observes().sampling;
        judges.then(|| Judge {
            plugin: self.plugin.clone(),
            number: active.number,
            generation: active.generation.clone(),
            health: active.health.clone(),
            manifest: active.manifest.clone(),
        })
    }

    /// What is told of it. `order`: its place in the chain, from 1.
    pub(super) fn shown(&self, order: Option<usize>) -> Shown<L::Generation> {
        let condition = match (&self.active, &self.trouble) {
            _ if self.is_disabled() => Condition::Disabled,
            (Some(_), _) => Condition::InService,
            (None, _) if self.is_aside() => Condition::Aside,
            (None, Some(_)) => Condition::Failed,
            // Nothing came before what was rolled back.
            (None, None) if self.record.rolled_back.is_some() && self.attempt.is_none() => Condition::Disabled,
            (None, None) => Condition::Loading,
        };
        let active = self.active.as_ref().map(|active| ShownActive {
            number: active.number,
            origin: active.origin,
            generation: active.generation.clone(),
            health: active.health.clone(),
            signed: active.version.signed.clone(),
        });
        let trouble = self.trouble.as_ref();
        Shown {
            plugin: self.plugin.clone(),
            order,
            condition,
            active,
            manifest: self.manifest().cloned(),
            refused_grants: trouble.map(Trouble::refused_grants).unwrap_or_default(),
            trouble: trouble.map(|trouble| LastFailure {
                class: trouble.refusal.class,
                cause: trouble.refusal.cause.clone(),
                at: trouble.at,
            }),
            restarts: self.restarts,
            reloads: self.reloads,
            refused: self.refused,
            last_reload: self.last_reload,
            draining: self.draining.clone(),
            rollout: self.shown_rollout(),
        }
    }

    /// What an attempt may build on. A plugin that was given up is begun anew when somebody waits for it.
    pub(super) fn current(&self) -> Option<Current<L>> {
        let active = self.active.as_ref()?;
        (active.is_well() || self.waiting.is_empty()).then(|| active.current())
    }

    /// Plans the next try of a version that was refused.
    pub(super) fn plan_retry(&mut self, now: Instant, retry: bool) {
        self.retry = retry.then(|| now + RETRY.saturating_mul(1 << self.retries.min(6)).min(MAX_RETRY));
        self.retries = if retry { self.retries + 1 } else { 0 };
    }

    /// When something is to be done unasked.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.attempt.is_some() || self.is_disabled() {
            return None;
        }
        let restart = self.active.as_ref().and_then(|active| active.health.restart_at());
        [restart, self.retry].into_iter().flatten().min()
    }

    /// The generation in service, 0 for none.
    pub(super) fn number(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.number)
    }

    /// What runs while something newer was refused, for the log.
    pub(super) fn running_on(&self) -> String {
        match &self.active {
            Some(active) => {
                let digest = active.generation.inspection().digest.get(..12).unwrap_or_default().to_owned();
                format!("generation {} (sha256 {digest}...)", active.number)
            }
            None => "nothing".to_owned(),
        }
    }

    /// What callers get while its newest version is refused, for the log. `policy`: what the manifest makes of that.
    pub(super) fn answers_meanwhile(&self, policy: Policy, class: FaultClass) -> String {
        let hooks = self.answers();
        let answers = match (&self.active, policy) {
            (Some(_), _) => "as before",
            (None, _) if self.is_disabled() => return "it is switched off".to_owned(),
            // New in a running server, or without the hook: it guarded nobody.
            (None, _) if !hooks.any() || self.is_to_be_aside() => return "sessions are decided without it".to_owned(),
            (None, Policy::Open) => "open",
            (None, Policy::LastGood) if !self.record.good.is_empty() => "last-good",
            // A router that is not there refuses nobody, unless its manifest says so.
            (None, Policy::LastGood) if !hooks.auth => "open",
            (None, _) => "closed",
        };
        format!("answers: {answers} (failure.{})", class.name())
    }

    /// Tells those who wait.
    pub(super) fn answer(&mut self, answer: &Result<Status, CommandError>) {
        for waiting in self.waiting.drain(..) {
            // Who went away needs no answer.
            let _ = waiting.send(answer.clone());
        }
    }
}

impl Trouble {
    fn refused_grants(&self) -> Vec<&'static str> {
        let (Some(imports), Some(manifest)) = (&self.refusal.imports, &self.manifest) else { return Vec::new() };
        manifest::refused(imports.iter().map(String::as_str), &manifest.settings.grants)
    }
}
