//! What the chain and the reload machine need of a loaded plugin: the seam between them and the engine.

use super::compile::Artifact;
use super::decision::{Answer, Selection};
use super::facts::Facts;
use super::fault::{Fault, FaultClass};
use super::generation::{Generation, PrepareError};
use super::inspect::{Inspection, inspect};
use super::limiting::Rules;
use super::observing::{Observes, TrackRates};
use super::route::Route;
use super::runtime::Runtime;
use super::settings::Settings;
use crate::observe::Event;
use crate::observe::trace::{Summary, Verdict};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A generation that is ready to serve.
pub(super) trait Serving: Send + Sync + 'static {
    fn inspection(&self) -> &Arc<Inspection>;
    fn authorize(&self, facts: &Arc<Facts>) -> impl Future<Output = Result<Answer, Fault>> + Send;
    fn choose(&self, facts: &Arc<Facts>) -> impl Future<Output = Result<Answer<Route>, Fault>> + Send;
    /// Its rules of rate limits.
    fn rules(&self) -> Arc<Rules> {
        Arc::default()
    }
    fn decide(&self, _facts: &Arc<Facts>, _rule: &str) -> impl Future<Output = Result<Answer<()>, Fault>> + Send {
        std::future::ready(Ok(Answer::Abstain))
    }
    fn poll_revocations(&self) -> impl Future<Output = Result<Vec<Selection>, Fault>> + Send;
    fn on_events(&self, batch: &[Arc<Event>]) -> impl Future<Output = Result<(), Fault>> + Send;
    fn on_stats(&self, unix_ns: u64, tracks: &[TrackRates]) -> impl Future<Output = Result<(), Fault>> + Send;
    fn decide(&self, batch: &[&Summary]) -> impl Future<Output = Result<Vec<Verdict>, Fault>> + Send;
    fn tick(&self) -> impl Future<Output = Result<(), Fault>> + Send;
    fn reconfigure(&self, settings: &Settings) -> impl Future<Output = Result<(), Fault>> + Send;
    fn save(&self) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>> + Send;
    fn retire(&self, patience: Duration) -> impl Future<Output = ()> + Send;
    fn has_revoke(&self) -> bool;
    fn observes(&self) -> Observes;
    fn has_reconfigure(&self) -> bool;
    fn tick_interval(&self) -> Option<Duration>;
    /// Bytes of memory that its instances hold.
    fn memory(&self) -> usize;
    /// Instances that wait for a call.
    fn idle(&self) -> usize;
    /// Instances that were made so far.
    fn made(&self) -> usize;
}

/// Makes generations out of files and settings.
pub(super) trait Loader: Clone + Send + Sync + 'static {
    type Artifact: Clone + Send + Sync + 'static;
    type Generation: Serving;

    fn load(&self, bytes: Arc<[u8]>) -> impl Future<Output = Result<Self::Artifact, Refusal>> + Send;
    fn inspection(artifact: &Self::Artifact) -> &Arc<Inspection>;
    fn prepare(
        &self,
        plugin: &Arc<str>,
        number: u64,
        artifact: &Self::Artifact,
        settings: &Settings,
        saved: Option<&[u8]>,
    ) -> impl Future<Output = Result<Self::Generation, Refusal>> + Send;
}

/// Of the words that say why a version is refused, in bytes.
const MAX_CAUSE: usize = 16 << 10;

/// Why a version is not taken into service, and whose policy decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) class: FaultClass,
    pub(super) cause: String,
    /// Whether the same version may do better later.
    pub(super) retry: bool,
    /// Its hooks, where they could be told.
    pub(super) hooks: Option<Vec<String>>,
    /// The interfaces that it imports, where they could be told.
    pub(super) imports: Option<Vec<String>>,
}

impl Refusal {
    /// Of something that stays wrong until it is changed.
    pub(super) fn load(cause: impl Into<String>) -> Self {
        Refusal { class: FaultClass::Load, cause: cause.into(), retry: false, hooks: None, imports: None }
    }

    /// Cuts a cause that is too long for a log and a status: it may repeat what the files say.
    pub(super) fn bound(&mut self) {
        if self.cause.len() > MAX_CAUSE {
            self.cause.truncate(self.cause.floor_char_boundary(MAX_CAUSE));
            self.cause.push_str(" ...");
        }
    }
}

impl Loader for Runtime {
    type Artifact = Artifact;
    type Generation = Generation;

    async fn load(&self, bytes: Arc<[u8]>) -> Result<Artifact, Refusal> {
        Runtime::load(self, bytes.clone()).await.map_err(|error| {
            let hooks = inspect(&bytes).ok().map(|inspection| inspection.hooks);
            Refusal { hooks, ..Refusal::load(error.to_string()) }
        })
    }

    fn inspection(artifact: &Artifact) -> &Arc<Inspection> {
        &artifact.inspection
    }

    async fn prepare(
        &self,
        plugin: &Arc<str>,
        number: u64,
        artifact: &Artifact,
        settings: &Settings,
        saved: Option<&[u8]>,
    ) -> Result<Generation, Refusal> {
        Runtime::prepare(self, plugin, number, artifact, settings, saved).await.map_err(|error| {
            let (class, retry) = match error {
                PrepareError::NotGranted(_) | PrepareError::Link(_) => (FaultClass::Load, false),
                PrepareError::Init(_)
                | PrepareError::Rules(_)
                | PrepareError::SelfTest(_)
                | PrepareError::Restore(_) => (FaultClass::Init, true),
            };
            let inspection = &artifact.inspection;
            let imports = inspection.imports.iter().map(|import| import.name.clone()).collect();
            Refusal {
                class,
                cause: error.to_string(),
                retry,
                hooks: Some(inspection.hooks.clone()),
                imports: Some(imports),
            }
        })
    }
}

impl Serving for Generation {
    fn inspection(&self) -> &Arc<Inspection> {
        &self.inspection
    }

    async fn authorize(&self, facts: &Arc<Facts>) -> Result<Answer, Fault> {
        Generation::authorize(self, facts).await
    }

    async fn choose(&self, facts: &Arc<Facts>) -> Result<Answer<Route>, Fault> {
        Generation::choose(self, facts).await
    }

    fn rules(&self) -> Arc<Rules> {
        Generation::rules(self)
    }

    async fn decide(&self, facts: &Arc<Facts>, rule: &str) -> Result<Answer<()>, Fault> {
        Generation::decide(self, facts, rule).await
    }

    async fn poll_revocations(&self) -> Result<Vec<Selection>, Fault> {
        Generation::poll_revocations(self).await
    }

    async fn on_events(&self, batch: &[Arc<Event>]) -> Result<(), Fault> {
        Generation::on_events(self, batch).await
    }

    async fn on_stats(&self, unix_ns: u64, tracks: &[TrackRates]) -> Result<(), Fault> {
        Generation::on_stats(self, unix_ns, tracks).await
    }

    async fn decide(&self, batch: &[&Summary]) -> Result<Vec<Verdict>, Fault> {
        Generation::decide(self, batch).await
    }

    async fn tick(&self) -> Result<(), Fault> {
        Generation::tick(self).await
    }

    async fn reconfigure(&self, settings: &Settings) -> Result<(), Fault> {
        Generation::reconfigure(self, settings).await
    }

    async fn save(&self) -> Result<Option<Vec<u8>>, Fault> {
        Generation::save(self).await
    }

    async fn retire(&self, patience: Duration) {
        Generation::retire(self, patience).await;
    }

    fn has_revoke(&self) -> bool {
        Generation::has_revoke(self)
    }

    fn observes(&self) -> Observes {
        Generation::observes(self)
    }

    fn has_reconfigure(&self) -> bool {
        Generation::has_reconfigure(self)
    }

    fn tick_interval(&self) -> Option<Duration> {
        Generation::tick_interval(self)
    }

    fn memory(&self) -> usize {
        Generation::memory(self)
    }

    fn idle(&self) -> usize {
        Generation::idle(self)
    }

    fn made(&self) -> usize {
        Generation::made(self)
    }
}
