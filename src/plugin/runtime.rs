//! The host of all plugins: one engine, one budget, one compiler; makes generations out of files and settings.

use super::cache::{Cache, CacheError};
use super::compile::{Artifact, CompileError, Compiler};
use super::engine::{self, Ticker};
use super::generation::{Generation, PrepareError};
use super::guest::{Context, Guest};
use super::host::{self, Services};
use super::inspect::Inspection;
use super::instance::{Blueprint, Live, Means};
use super::lane::Lane;
use super::limits::Budget;
use super::settings::{Grants, Settings};
use std::path::PathBuf;
use std::sync::Arc;
use wasmtime::component::Linker;

/// How the host is set up.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// A directory of our own for compiled code.
    pub cache_dir: PathBuf,
    /// The program to compile in, one that has `wasmcast plugin compile`: within bounds, in a process of its own. None: components
    /// are compiled in this process, whatever that takes.
    pub compiler: Option<PathBuf>,
    /// Memory of all instances together, in bytes.
    pub memory: usize,
    /// Live instances; none: as many as this machine has room for.
    pub instances: Option<u32>,
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error("plugins can not be run here: {0}; the pool wants address space: look at `ulimit -v` and vm.max_map_count")]
    Engine(String),
    #[error("the thread that keeps the plugins' time does not start: {0}")]
    Ticker(std::io::Error),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// The host. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    means: Means,
    compiler: Compiler,
    services: Arc<Services>,
}

impl Runtime {
    /// Starts the host.
    ///
    /// # Errors
    /// When the pool can not be reserved or the cache directory not be used.
    pub fn new(options: &RuntimeOptions, services: Arc<Services>) -> Result<Self, RuntimeError> {
        let cache = Cache::open(options.cache_dir.clone())?;
        let instances = options.instances.unwrap_or_else(engine::capacity).min(engine::capacity());
        let engine = engine::pooled(instances).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let ticker = Arc::new(Ticker::start(&engine).map_err(RuntimeError::Ticker)?);
        let compiler = Compiler::new(engine.clone(), cache, options.compiler.clone());
        let budget = Budget::new(options.memory);
        let live = Live::new(instances as usize);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let means = Means { engine, ticker, budget, live, lane: Arc::new(Lane::new(cores)) };
        Ok(Runtime { shared: Arc::new(Shared { means, compiler, services }) })
    }

    /// What all plugins share.
    pub fn services(&self) -> &Arc<Services> {
        &self.shared.services
    }

    /// Counts the live instances.
    pub fn live(&self) -> &Live {
        &self.shared.means.live
    }

    /// Bytes of memory that all instances hold.
    pub fn memory(&self) -> usize {
        self.shared.means.budget.used()
    }

    /// Checks and compiles a file, or takes it from the cache.
    ///
    /// # Errors
    /// When it is no plugin that this server can run.
    pub async fn load(&self, bytes: Arc<[u8]>) -> Result<Artifact, CompileError> {
        self.shared.compiler.compile(bytes).await
    }

    /// Makes a generation that is ready to serve: rights, imports, first instances, self-test, state.
    ///
    /// # Errors
    /// What keeps it from serving.
    pub async fn prepare(
        &self,
        plugin: &Arc<str>,
        number: u64,
        artifact: &Artifact,
        settings: &Settings,
        saved: Option<&[u8]>,
    ) -> Result<Generation, PrepareError> {
        if let Some(missing) = missing_grants(plugin, &artifact.inspection, &settings.grants) {
            return Err(PrepareError::NotGranted(missing));
        }
        if let Some(absent) = absent_hook(&artifact.inspection, settings.hooks.as_deref()) {
            return Err(PrepareError::Link(absent));
        }
        let Shared { means, services, .. } = &*self.shared;
        let mut linker: Linker<Guest> = Linker::new(&means.engine);
        let link = |error: wasmtime::Error| PrepareError::Link(format!("{error:#}"));
        host::link(&mut linker, &settings.grants).map_err(link)?;
        let pre = linker.instantiate_pre(&artifact.component).map_err(link)?;
        let context = Arc::new(Context::new(plugin.clone(), number, settings, services.clone()));
        let blueprint = Blueprint::new(pre, context, settings.limits, means.clone());
        Generation::begin(artifact.inspection.clone(), blueprint, settings, saved).await
    }
}

/// A hook that the manifest names and the component does not export.
pub(super) fn absent_hook(inspection: &Inspection, named: Option<&[String]>) -> Option<String> {
    let exports = |hook: &&String| inspection.hooks.iter().any(|export| export.split('/').next() == Some(hook));
    let absent = named.unwrap_or_default().iter().find(|hook| !exports(hook))?;
    let found = inspection.hooks.join(", ");
    Some(format!("the manifest's `hooks` names \"{absent}\", which it does not export; it has {found}"))
}

/// What a component imports and the operator did not grant, with the lines to add.
pub fn missing_grants(plugin: &str, inspection: &Inspection, grants: &Grants) -> Option<String> {
    let imports = |name: &str| inspection.imports.iter().find(|import| import.name == name);
    let mut missing = Vec::new();
    let mut lines = Vec::new();
    if let Some(kv) = imports("wasmcast:host/kv").filter(|_| grants.kv.is_none()) {
        missing.push(format!("`wasmcast:host/kv` ({})", kv.functions.join(", ")));
        lines.push("kv = { scope = \"node\" }");
    }
    if let Some(http) = imports("wasmcast:host/http").filter(|_| grants.http.is_none()) {
        missing.push(format!("`wasmcast:host/http` ({})", http.functions.join(", ")));
        lines.push("http = [{ origin = \"https://the.server.it.may.ask\" }]    # or [], to let it ask nobody");
    }
    if missing.is_empty() {
        return None;
    }
    let (missing, lines) = (missing.join(" and "), lines.join("\n"));
    Some(format!("it imports {missing}, which is not granted. To allow it, add to {plugin}.toml:\n[grants]\n{lines}"))
}
