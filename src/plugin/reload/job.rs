//! One attempt to bring a version of a plugin into service, from its files to a generation that is ready.

use super::files::{self, Files, FilesError};
use super::hands::Hands;
use super::trial::Stage;
use crate::observe::trace::{self, Span};
use crate::plugin::fault::FaultClass;
use crate::plugin::hook::Hooks;
use crate::plugin::inspect::hex;
use crate::plugin::last_good::{LastGood, Record, Version};
use crate::plugin::manifest::{Manifest, line_of, line_of_key};
use crate::plugin::rollout::{Mode, Plan};
use crate::plugin::runtime::absent_hook;
use crate::plugin::serving::{Loader, Refusal, Serving};
use crate::plugin::signature::{Signed, Trust};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// What to bring into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// What is in the plugin directory.
    Directory,
    /// The version kept at this place, since what is in the directory can not be: 0 is the last that was in service.
    Kept(usize),
    /// The version kept at this place, since the operator wants it.
    RollBack(usize),
    /// The version in service, begun anew.
    Restart,
    /// The version on trial, begun anew for its next stage.
    Candidate(Stage),
}

/// The order for an attempt.
pub(super) struct Order<L: Loader> {
    pub(super) loader: L,
    pub(super) plugin: Arc<str>,
    pub(super) directory: PathBuf,
    pub(super) store: LastGood,
    /// Files are read, and wait to be compiled, by these permits.
    pub(super) hands: Hands,
    /// Whether the server learns where clients are.
    pub(super) countries: bool,
    pub(super) source: Source,
    /// The number of the generation to be.
    pub(super) number: u64,
    pub(super) record: Record,
    pub(super) current: Option<Current<L>>,
    /// Whether a generation is in service.
    pub(super) beside: bool,
    /// Whether what was good before was tried already.
    pub(super) looked_back: bool,
    /// Whether the operator wants a version in service that was rolled back.
    pub(super) all_the_same: bool,
    /// The version on trial.
    pub(super) trial: Option<Current<L>>,
    /// Whose signatures are trusted.
    pub(super) trust: Arc<Trust>,
}

/// The version in service.
pub(super) struct Current<L: Loader> {
    pub(super) generation: Arc<L::Generation>,
    pub(super) artifact: L::Artifact,
    pub(super) manifest: Arc<Manifest>,
    pub(super) version: Version,
    /// Whether it answers well: only then a changed configuration can be handed to it.
    pub(super) is_well: bool,
}

/// How an attempt ended.
pub(super) enum Outcome<L: Loader> {
    /// What is in the directory is in service already, with this plan at most changed.
    Unchanged(Arc<Manifest>),
    /// What is in the directory is on trial already, with this plan at most changed.
    OnTrial(Arc<Manifest>),
    /// What is in the directory is to be tried beside a version that was good before: that one first.
    LookBack,
    /// The files are being written.
    Unsettled,
    /// What is in the directory was rolled back by the operator.
    RolledBack,
    /// The manifest switches the plugin off.
    SwitchedOff(Arc<Manifest>),
    /// The generation in service took a changed configuration.
    Reconfigured {
        manifest: Arc<Manifest>,
        version: Version,
    },
    Ready(Box<Ready<L>>),
    Refused(Refused),
}

/// A generation that is ready to serve.
pub(super) struct Ready<L: Loader> {
    pub(super) generation: L::Generation,
    pub(super) artifact: L::Artifact,
    pub(super) manifest: Arc<Manifest>,
    pub(super) version: Version,
    /// To be kept; none where it is kept already.
    pub(super) bytes: Option<Arc<[u8]>>,
    /// Where it came from.
    pub(super) found: Found,
    /// How far it goes now.
    pub(super) stage: Stage,
}

/// Where a version was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In the plugin directory.
    Directory,
    /// Among what was kept; `in_directory`: the digest of what the directory holds, where it can be read.
    Kept { in_directory: Option<String> },
    /// It is in service already.
    Service,
}

/// An attempt that failed.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// The manifest of the version that was refused, as far as it can be used.
    pub(super) manifest: Option<Arc<Manifest>>,
    /// Files of secrets that the manifest names.
    pub(super) secret_files: Vec<PathBuf>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused { refusal, manifest: None, secret_files: Vec::new() }
    }
}

impl<L: Loader> Outcome<L> {
    /// Says on the attempt's trace what came of it. That nothing had changed is nothing to tell.
    pub(super) fn tell(&self, span: &Span) {
        let word = match self {
            Outcome::Unchanged(_) | Outcome::Unsettled => return span.forget(),
            Outcome::RolledBack => "rolled-back",
            Outcome::OnTrial(_) => "on-trial",
            Outcome::LookBack => "look-back",
            Outcome::SwitchedOff(_) => "switched-off",
            Outcome::Reconfigured { .. } => "reconfigured",
            Outcome::Ready(_) => "ready",
            Outcome::Refused(refused) => {
                span.fail(refused.refusal.cause.as_str());
                "refused"
            }
        };
        span.set("outcome", word);
    }
}

impl<L: Loader> Order<L> {
    /// Makes the attempt. A panic on the way is a refusal: the plugin must not be stuck in it.
    pub(super) async fn run(self) -> Outcome<L> {
        let broken = || Outcome::Refused(Refusal::load("the server failed on it; its log says how").into());
        AssertUnwindSafe(self.attempt()).catch_unwind().await.unwrap_or_else(|_| broken())
    }

    async fn attempt(self) -> Outcome<L> {
        let outcome = match self.source {
            Source::Directory => self.directory_version().await,
            Source::Kept(place) | Source::RollBack(place) => self.kept_version(place).await,
            Source::Restart => self.restart().await,
            Source::Candidate(stage) => self.again(stage).await,
        };
        outcome.unwrap_or_else(Outcome::Refused)
    }

    async fn directory_version(self) -> Result<Outcome<L>, Refused> {
        let hand = self.hand(None).await?;
        let files = match self.read().await? {
            Ok(files) => files,
            Err(FilesError::Unsettled(_)) => return Ok(Outcome::Unsettled),
            Err(error) => {
                let retry = matches!(error, FilesError::Unreadable { .. });
                return Err(Refusal { retry, ..Refusal::load(error.to_string()) }.into());
            }
        };
        if self.source == Source::Directory && self.record.keeps_out(&files.digest, files.manifest.as_deref()) {
            return Ok(Outcome::RolledBack);
        }
        let manifest = match self.manifest(files.manifest.clone()).await {
            Ok(manifest) => manifest,
            // What is switched off needs nothing else that is right.
            Err(Refused { manifest: Some(manifest), .. }) if !manifest.enabled => {
                return Ok(Outcome::SwitchedOff(manifest));
            }
            Err(refused) => return Err(refused),
        };
        let on_trial = self.trial.as_ref().filter(|trial| trial.version.digest == files.digest);
        if on_trial.is_some_and(|trial| trial.manifest.makes_the_same_as(&manifest)) {
            return Ok(Outcome::OnTrial(manifest));
        }
        let same_file = self.current.as_ref().filter(|current| current.version.digest == files.digest);
        if let Some(current) = same_file
            && current.manifest.makes_the_same_as(&manifest)
        {
            return Ok(Outcome::Unchanged(manifest));
        }
        if !manifest.enabled {
            return Ok(Outcome::SwitchedOff(manifest));
        }
        self.check_countries(&manifest, files.manifest.as_deref())?;
        let refused = |refusal| Refused {
            refusal,
            manifest: Some(manifest.clone()),
            secret_files: manifest.secret_files.clone(),
        };
        if let Some(pin) = manifest.pin.map(|pin| hex(&pin)).filter(|pin| *pin != files.digest) {
            return Err(refused(Refusal::load(format!(
                "its sha256 is {}, the manifest pins {pin} (trust.sha256)",
                files.digest
            ))));
        }
        let signed = self.check_signature(&files.bytes, files.signature.as_ref(), &manifest).await?.map_err(refused)?;
        let plan = self.record.plan(&manifest.rollout);
        let is_good = |version: &Version| version.is(&files.digest, files.manifest.as_deref());
        let is_proven = self.record.good.get(self.record.proven()).is_none_or(is_good);
        if !self.beside
            && !self.looked_back
            && !self.all_the_same
            && !is_proven
            && (plan.is_gradual() || self.record.on_probation)
        {
            return Ok(Outcome::LookBack);
        }
        let artifact = match same_file.or(on_trial) {
            Some(current) => current.artifact.clone(),
            None => trace::timed("plugin.compile", self.loader.load(files.bytes.clone())).await.map_err(refused)?,
        };
        drop(hand);
        let hooks = check_hooks::<L>(&artifact, &manifest).map_err(refused)?;
        check_plan(&plan, hooks).map_err(refused)?;
        let (manifest_text, signature) = (files.manifest, files.signature);
        let version = Version { digest: files.digest, manifest: manifest_text, signature, signed, hooks };
        if let Some(current) = same_file
            && current.is_well
            && current.generation.has_reconfigure()
            && current.manifest.differs_only_in_config(&manifest)
            && !plan.is_gradual()
        {
            let reconfigured = trace::timed("plugin.reconfigure", current.generation.reconfigure(&manifest.settings));
            return match reconfigured.await {
                Ok(()) => Ok(Outcome::Reconfigured { manifest, version }),
                Err(fault) => {
                    let cause = format!("it does not take the changed configuration: {fault}");
                    Err(refused(Refusal { class: FaultClass::Init, retry: true, ..Refusal::load(cause) }))
                }
            };
        }
        // What the operator wants at once, by a command, is not tried first.
        let stage = match self.source {
            Source::Directory if !self.all_the_same => self.stage(&plan),
            _ => Stage::AtOnce,
        };
        self.prepare(artifact, manifest, version, Some(files.bytes), Found::Directory, stage).await
    }

    /// How a new version begins.
    fn stage(&self, plan: &Plan) -> Stage {
        match (plan.mode, &plan.canary) {
            (Mode::Shadow, _) => Stage::Shadow,
            (Mode::Enforce, Some(_)) if self.beside => Stage::Canary,
            (Mode::Enforce, _) => Stage::Service,
        }
    }

    /// The version on trial, begun anew: what it did in the shadow is not to be seen when it decides.
    async fn again(self, stage: Stage) -> Result<Outcome<L>, Refused> {
        let trial = self.trial.as_ref().ok_or_else(|| Refusal::load("nothing is on trial any more"))?;
        let (artifact, manifest, version) = (trial.artifact.clone(), trial.manifest.clone(), trial.version.clone());
        self.prepare(artifact, manifest, version, None, Found::Directory, stage).await
    }

    async fn kept_version(self, place: usize) -> Result<Outcome<L>, Refused> {
        let nothing = || Refused::from(Refusal::load("there is no earlier version to go back to"));
        let version = self.record.good.get(place).cloned().ok_or_else(nothing)?;
        let hand = self.hand(Some(&version.digest)).await?;
        let in_directory = self.read().await?.ok().map(|files| files.digest);
        if matches!(self.source, Source::RollBack(_)) && in_directory.as_ref() == Some(&version.digest) {
            // Forward again: with the manifest that is there now.
            drop(hand);
            return self.directory_version().await;
        }
        let manifest = self.manifest(version.manifest.clone()).await?;
        self.check_countries(&manifest, version.manifest.as_deref())?;
        let (store, plugin, digest) = (self.store.clone(), self.plugin.clone(), version.digest.clone());
        let bytes = blocking(move || store.component(&plugin, &digest)).await?;
        let bytes: Arc<[u8]> =
            bytes.map_err(|error| Refusal::load(format!("the version that was kept can not be read: {error}")))?.into();
        // Whom the operator trusts may have changed since.
        self.check_signature(&bytes, version.signature.as_ref(), &manifest).await??;
        let artifact = trace::timed("plugin.compile", self.loader.load(bytes)).await?;
        drop(hand);
        self.prepare(artifact, manifest, version, None, Found::Kept { in_directory }, Stage::AtOnce).await
    }

    async fn restart(self) -> Result<Outcome<L>, Refused> {
        let current = self.current.as_ref().ok_or_else(|| Refusal::load("nothing is in service"))?;
        let (artifact, manifest) = (current.artifact.clone(), current.manifest.clone());
        let version = current.version.clone();
        self.prepare(artifact, manifest, version, None, Found::Service, Stage::Service).await
    }

    async fn prepare(
        self,
        artifact: L::Artifact,
        manifest: Arc<Manifest>,
        version: Version,
        bytes: Option<Arc<[u8]>>,
        found: Found,
        stage: Stage,
    ) -> Result<Outcome<L>, Refused> {
        let saved = match &self.current {
            Some(current) => trace::timed("plugin.save", current.generation.save()).await.unwrap_or_else(|fault| {
                tracing::warn!(plugin = %self.plugin, "its state is not carried over: {fault}");
                None
            }),
            None => None,
        };
        let settings = match stage {
            Stage::Shadow => &manifest.settings.in_shadow(),
            Stage::Canary | Stage::Service | Stage::AtOnce => &manifest.settings,
        };
        let generation = self.loader.prepare(&self.plugin, self.number, &artifact, settings, saved.as_deref());
        let generation = trace::timed("plugin.begin", generation).await;
        match generation {
            Ok(generation) => {
                let ready = Ready { generation, artifact, manifest, version, bytes, found, stage };
                Ok(Outcome::Ready(Box::new(ready)))
            }
            Err(mut refusal) => {
                let line = version.manifest.as_deref().and_then(|text| line_of(text, &refusal.cause));
                if let Some(line) = line {
                    let path = files::manifest_path(&self.directory, &self.plugin);
                    refusal.cause += &format!(" ({}:{line})", path.display());
                }
                let secret_files = manifest.secret_files.clone();
                Err(Refused { refusal, manifest: Some(manifest), secret_files })
            }
        }
    }

    /// What the signature of a file is worth. Away from the tasks: a large file takes 0.1 s.
    async fn check_signature(
        &self,
        bytes: &Arc<[u8]>,
        signature: Option<&String>,
        manifest: &Manifest,
    ) -> Result<Result<Option<Signed>, Refusal>, Refused> {
        let (trust, plugin, bytes) = (self.trust.clone(), self.plugin.clone(), bytes.clone());
        let (signature, signer) = (signature.cloned(), manifest.signer.clone());
        let checked = blocking(move || trust.check(&plugin, &bytes, signature.as_deref(), signer.as_ref())).await?;
        Ok(checked.map_err(Refusal::load))
    }

    async fn read(&self) -> Result<Result<Files, FilesError>, Refused> {
        let (directory, plugin) = (self.directory.clone(), self.plugin.clone());
        trace::timed("plugin.read", blocking(move || files::read(&directory, &plugin))).await
    }

    /// The right to hold the file in the directory, and the one that is kept under this digest.
    async fn hand(&self, kept: Option<&str>) -> Result<Option<OwnedSemaphorePermit>, Refused> {
        let (directory, plugin, store) = (self.directory.clone(), self.plugin.clone(), self.store.clone());
        let digest = kept.map(str::to_owned);
        let size = blocking(move || {
            let kept = digest.map_or(0, |digest| store.size(&plugin, &digest));
            files::size(&directory, &plugin).max(kept)
        });
        Ok(self.hands.take(size.await?).await)
    }

    /// A plugin that is asked about some countries only would never be asked where no country is known. Until that is mended
    /// its rules hold for all countries.
    fn check_countries(&self, manifest: &Manifest, text: Option<&str>) -> Result<(), Refused> {
        if self.countries || !manifest.matching.names_countries() {
            return Ok(());
        }
        let path = files::manifest_path(&self.directory, &self.plugin);
        let line = text.and_then(|text| line_of_key(text, "match", "country")).unwrap_or(1);
        let cause = format!(
            "{}:{line}: `match.country`: this server does not learn where clients are, so the plugin would never be asked; set \
             http.country_header and http.trusted_proxies in the server's configuration, or leave `country` out",
            path.display()
        );
        let anywhere = Manifest { matching: Arc::new(manifest.matching.anywhere()), ..manifest.clone() };
        let secret_files = manifest.secret_files.clone();
        let refusal = Refusal { retry: true, ..Refusal::load(cause) };
        Err(Refused { refusal, manifest: Some(Arc::new(anywhere)), secret_files })
    }

    /// Reads the manifest, and the secrets that it names.
    async fn manifest(&self, text: Option<String>) -> Result<Arc<Manifest>, Refused> {
        let Some(text) = text else { return Ok(Arc::new(Manifest::absent(&self.plugin))) };
        let (plugin, path) = (self.plugin.clone(), files::manifest_path(&self.directory, &self.plugin));
        let parsed = blocking(move || Manifest::parse(&text, &plugin, &path.display().to_string())).await?;
        parsed.map(Arc::new).map_err(|error| Refused {
            refusal: Refusal::load(error.to_string()),
            manifest: error.usable.map(Arc::from),
            secret_files: error.secret_files,
        })
    }
}

/// Whether the component has the hooks that the manifest names; tells what it is asked for.
fn check_hooks<L: Loader>(artifact: &L::Artifact, manifest: &Manifest) -> Result<Hooks, Refusal> {
    let inspection = L::inspection(artifact);
    let hooks = manifest.settings.hooks.as_deref();
    if let Some(cause) = absent_hook(inspection, hooks) {
        return Err(Refusal { hooks: Some(inspection.hooks.clone()), ..Refusal::load(cause) });
    }
    let exported = Hooks::exported(&inspection.hooks);
    Ok(hooks.map_or(exported, |named| exported.and(Hooks::named(named))))
}

/// Tags come with the answer of `auth`: before it is asked nobody has a cohort.
pub(super) fn check_plan(plan: &Plan, hooks: Hooks) -> Result<(), Refusal> {
    match &plan.canary {
        Some(canary) if canary.cohort.is_some() && hooks.auth => Err(Refusal::load(
            "`rollout.canary.cohort`: this plugin answers `auth`, and before that is asked no session has a cohort; choose a share \
             of all, or `hooks = [\"router\"]`",
        )),
        _ => Ok(()),
    }
}

/// Runs what blocks away from the tasks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    // Fails only when the work panicked or the runtime ends.
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::load("the server could not read it; the log says why").into())
}
