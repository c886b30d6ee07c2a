//! The plugins in service, as the rest of the server asks them and the operator commands them.

use super::board::{Board, Revocation};
use super::cache::CacheError;
use super::capture::{Capture, Decision};
use super::decision::Decided;
use super::deposit::{Deposit, DepositError, Shelf};
use super::directory::Watch;
use super::exposition;
use super::facts::Facts;
use super::generation::Generation;
use super::hook::Hook;
use super::host::Services;
use super::last_good::LastGood;
use super::limiting::Limiter;
use super::question::{MayIt, Whither};
use super::reload::{Command, CommandError, Machine, Wish};
use super::rollout::{Change, Difference};
use super::route::Route;
use super::runtime::{Runtime, RuntimeError, RuntimeOptions};
use super::signature::Trust;
use super::status::{Shown, State, Status};
use crate::observe::Events;
use crate::observe::trace::Tracer;
use crate::task::Tasks;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// The plugins in service. Cheap to clone.
#[derive(Clone)]
pub struct Plugins {
    pub(super) board: Arc<Board<Generation>>,
    /// None without a plugin directory.
    commands: Option<mpsc::Sender<Command>>,
    services: Arc<Services>,
    capture: Arc<Capture>,
    shelf: Option<Shelf>,
}

/// Where plugins are found, and what they may use together.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the operator puts plugins.
    pub dir: PathBuf,
    /// A directory of our own, readable by us alone: compiled code, and the last good versions.
    pub state_dir: PathBuf,
    /// The program to compile in, see [`RuntimeOptions::compiler`].
    pub compiler: Option<PathBuf>,
    /// Memory of all instances together, in bytes.
    pub memory: usize,
    /// Live instances; none: as many as this machine has room for.
    pub instances: Option<u32>,
    /// Whether the server learns where clients are: what is asked about some countries only is not loaded else.
    pub countries: bool,
    /// Where the server tells what happens: plugins among others, and to those that observe.
    pub events: Events,
    /// Whose signatures are trusted.
    pub trust: Trust,
}

/// Why plugins can not be run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the plugin directory {} can not be read: {error}; make it, or correct `plugins.dir`", path.display())]
    Directory { path: PathBuf, error: std::io::Error },
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    State(#[from] CacheError),
    #[error("the thread that watches the plugin directory does not start: {0}")]
    Watch(std::io::Error),
}

/// A start waits so long for the plugins that are there; those that take longer (a large one that was never compiled)
/// refuse sessions until they are in service.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Commands that wait for the machine; those who give more wait to be heard.
const COMMANDS: usize = 16;

impl Plugins {
    /// None at all: every question is answered by abstaining.
    pub fn none() -> Self {
        Plugins {
            board: Arc::new(Board::new()),
            commands: None,
            services: Services::new(),
            capture: Arc::default(),
            shelf: None,
        }
    }

    /// Loads what is in the directory, and follows its changes until the tasks are told to stop.
    ///
    /// # Errors
    /// When the directory can not be read and nothing is kept from before, or the host can not be set up. A plugin that
    /// can not be loaded is no error of the start: its policy decides, and its status says why.
    pub async fn start(options: Options, tasks: &Tasks) -> Result<Self, StartError> {
        Plugins::start_traced(options, tasks, Tracer::off()).await
    }

    /// As [`Plugins::start`], with traces of how plugins come into service.
    ///
    /// # Errors
    /// As [`Plugins::start`].
    pub async fn start_traced(options: Options, tasks: &Tasks, tracer: Tracer) -> Result<Self, StartError> {
        let Options { dir, state_dir, compiler, memory, instances, countries, events, trust } = options;
        let services = Services::of(events);
        services.set_knows_countries(countries);
        services.set_tracer(tracer);
        let (store, lock) = LastGood::of(&dir, &state_dir.join("plugins"))?;
        if let Err(error) = std::fs::read_dir(&dir)
            && store.plugins().is_empty()
        {
            return Err(StartError::Directory { path: dir, error });
        }
        let runtime = Runtime::new(
            &RuntimeOptions { cache_dir: state_dir.join("compiled"), compiler, memory, instances },
            services.clone(),
        )?;
        let (watch, sights) = Watch::start(dir.clone(), store.plugins().into_iter().collect(), trust.required)
            .map_err(StartError::Watch)?;
        let board = Arc::new(Board::new());
        let shelf = Some(Shelf::new(dir.clone()));
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (machine, is_ready) =
            Machine::new(runtime, dir, store, watch, board.clone(), services.clone(), tasks.clone());
        let machine = machine.with_trust(trust);
        tasks.spawn_until_stop("plugin services", services.clone().run());
        let stop = tasks.stopping();
        tasks.spawn("plugins", async move {
            machine.run(sights, receiver, stop).await;
            drop(lock);
        });
        if tokio::time::timeout(START_PATIENCE, is_ready).await.is_err() {
            tracing::warn!("some plugins are still being loaded; what they guard is refused until they are in service");
        }
        Ok(Plugins { board, commands: Some(commands), services, capture: Arc::default(), shelf })
    }

    /// Whether a plugin for `auth` is enabled, also one that failed: then its policy decides.
    pub fn decides_auth(&self) -> bool {
        self.board.read().decides_auth
    }

    /// The auth plugins in the order they are asked.
    pub fn chain(&self) -> Vec<Arc<str>> {
        self.board.read().chain.names(Hook::Auth).cloned().collect()
    }

    /// Asks the chain of auth plugins.
    pub async fn authorize(&self, facts: &Arc<Facts>) -> Decided {
        let decided = self.board.read().chain.ask(&MayIt, facts).await;
        self.capture.note::<MayIt>(facts, &decided);
        decided
    }

    /// Whether a plugin for `router` is enabled, also one that failed.
    pub fn routes(&self) -> bool {
        self.board.read().chain.has(Hook::Router)
    }

    /// Asks the chain of router plugins, about a session that was let in.
    pub async fn route(&self, facts: &Arc<Facts>) -> Decided<Route> {
        let decided = self.board.read().chain.ask(&Whither, facts).await;
        self.capture.note::<Whither>(facts, &decided);
        decided
    }

    /// Sessions that plugins want asked again, from now on. A reader that falls behind asks every session again.
    pub fn revocations(&self) -> broadcast::Receiver<Revocation> {
        self.board.revocations.subscribe()
    }

    /// Counts up when another set of generations is in service.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.board.changes.subscribe()
    }

    /// Every plugin, by name.
    pub fn list(&self) -> Vec<Status> {
        self.board.read().plugins.iter().map(|shown| self.status(shown)).collect()
    }

    /// One plugin.
    pub fn get(&self, name: &str) -> Option<Status> {
        let published = self.board.read();
        let shown = published.plugins.iter().find(|shown| &*shown.plugin.name == name)?;
        Some(self.status(shown))
    }

    fn status(&self, shown: &Shown<Generation>) -> Status {
        Status { rules: self.limiter().told(&shown.plugin.name), ..shown.status() }
    }

    /// The rules of rate limits in force.
    pub(super) fn limiter(&self) -> &Arc<Limiter> {
        &self.board.limiter
    }

    pub(super) fn board(&self) -> &Board<Generation> {
        &self.board
    }

    /// Switches a plugin on that was disabled, or begins one anew that was stopped; returns when it is in service.
    ///
    /// # Errors
    /// When it is not taken into service, or switched off by its manifest.
    pub async fn enable(&self, name: &str) -> Result<Status, CommandError> {
        self.command(name, Wish::Enable).await
    }

    /// Switches a plugin off, also over restarts: it is as if it were absent.
    ///
    /// # Errors
    /// When there is none of this name, or the choice can not be kept.
    pub async fn disable(&self, name: &str) -> Result<Status, CommandError> {
        self.command(name, Wish::Disable).await
    }

    /// Goes back to the version before, with its manifest, also over restarts, until the files in the directory change.
    ///
    /// # Errors
    /// When there is none, or it is not taken into service; then what is in service stays.
    pub async fn roll_back(&self, name: &str) -> Result<Status, CommandError> {
        self.command(name, Wish::RollBack).await
    }

    /// The directory that plugins are loaded from; none: this server has no plugins.
    pub fn directory(&self) -> Option<&Path> {
        self.shelf.as_ref().map(Shelf::directory)
    }

    /// Begins to put a file of a plugin into the directory.
    ///
    /// # Errors
    /// Without a directory, under a name that is none, while others do so, or where nothing can be written.
    pub async fn deposit(&self, name: &str) -> Result<Deposit, DepositError> {
        self.shelf.as_ref().ok_or(DepositError::NoDirectory)?.begin(name).await
    }

    /// Waits until it is clear what came of files that the operator put into the directory: in service, on trial, left aside
    /// since it was rolled back, or switched off. Dropping the future gives up the waiting, not the plugin.
    ///
    /// # Errors
    /// When it is not taken into service; what served before goes on.
    pub async fn settled(&self, name: &str) -> Result<Status, CommandError> {
        if let Some(status) = self.get(name) {
            return match self.command(name, Wish::Look).await {
                Err(CommandError::DisabledInManifest(_)) => Ok(self.get(name).unwrap_or(status)),
                result => result,
            };
        }
        let mut publications = self.board.published_again.subscribe();
        loop {
            let first = self.get(name).filter(|status| status.state != State::Loading);
            match first {
                Some(Status { state: State::Failed, last_error: Some(error), .. }) => {
                    return Err(CommandError::Refused { plugin: name.to_owned(), cause: error.cause });
                }
                Some(status) => return Ok(status),
                None => publications.changed().await.map_err(|_| CommandError::Stopping)?,
            }
        }
    }

    /// The generation in the shadow, or the canary, decides about all sessions from now on; returns when it does.
    ///
    /// # Errors
    /// When none is tried, or it does not begin.
    pub async fn promote(&self, name: &str) -> Result<Status, CommandError> {
        self.command(name, Wish::Promote).await
    }

    /// Changes how new generations come into service, until the manifest says something else. What is tried now follows.
    ///
    /// # Errors
    /// When there is no such plugin, or it can not be tried so.
    pub async fn roll_out(&self, name: &str, change: Change) -> Result<Status, CommandError> {
        self.command(name, Wish::RollOut(change)).await
    }

    /// Where a plugin's generations in the shadow would have decided otherwise, the newest first; none without such a plugin.
    pub fn differences(&self, name: &str) -> Option<Vec<Difference>> {
        let published = self.board.read();
        let shown = published.plugins.iter().find(|shown| &*shown.plugin.name == name)?;
        Some(shown.plugin.comparisons.list())
    }

    /// Decisions after this number, at most 500. From the first such question on they are recorded, until none has come for 10 s.
    /// `secrets`: with credentials.
    pub fn decisions(&self, after: u64, secrets: bool) -> Vec<Decision> {
        self.capture.after(after, secrets)
    }

    /// What the access rules decided where no plugin did: for plugins in the shadow.
    pub fn left_to_rules(&self, facts: &Arc<Facts>, allowed: bool) {
        self.board.read().chain.left_to_rules(facts, allowed);
    }

    /// What plugins share: their logs, and what they report.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Appends the plugins' figures, and what they count themselves, in the OpenMetrics text format.
    pub fn render_metrics(&self, out: &mut String) {
        exposition::render(&self.board.read().plugins, out);
        self.limiter().render(out);
        self.services.render_metrics(out);
    }

    async fn command(&self, name: &str, wish: Wish) -> Result<Status, CommandError> {
        let Some(commands) = &self.commands else { return Err(CommandError::Unknown(name.to_owned())) };
        let (reply, answer) = oneshot::channel();
        let command = Command { plugin: name.to_owned(), wish, reply };
        commands.send(command).await.map_err(|_| CommandError::Stopping)?;
        answer.await.map_err(|_| CommandError::Stopping)?
    }
}
