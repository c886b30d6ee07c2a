//! From a file's bytes to a component that can be instantiated: checked, compiled aside at low priority, cached.

use super::cache::Cache;
use super::engine;
use super::inspect::{self, InspectError, Inspection};
use std::sync::Arc;
use wasmtime::Engine;
use wasmtime::component::Component;

/// How far compiling gives way to the media threads (nice value).
const NICE: i32 = 10;

/// A plugin's file, ready to be instantiated.
#[derive(Clone)]
pub struct Artifact {
    pub inspection: Arc<Inspection>,
    /// Whether it came out of the cache.
    pub cached: bool,
    pub(super) component: Component,
}

/// Why a file did not become a component.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error(transparent)]
    Inspect(#[from] InspectError),
    #[error("it does not compile: {0}")]
    Compile(String),
    #[error("the compiled form can not be kept: {0}; look at free space and rights of `plugins.state_dir`")]
    Cache(#[from] std::io::Error),
    #[error("the server stops")]
    Stopping,
}

/// Compiles one component at a time.
pub(super) struct Compiler {
    engine: Engine,
    cache: Arc<Cache>,
    turn: tokio::sync::Mutex<()>,
}

impl Compiler {
    pub(super) fn new(engine: Engine, cache: Cache) -> Self {
        Compiler { engine, cache: Arc::new(cache), turn: tokio::sync::Mutex::new(()) }
    }

    /// The component in these bytes. A file that was compiled before comes from the cache.
    pub(super) async fn compile(&self, bytes: Arc<[u8]>) -> Result<Artifact, CompileError> {
        let _turn = self.turn.lock().await;
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let (done, result) = tokio::sync::oneshot::channel();
        let work = move || {
            // Whatever it is refused: compiling at normal priority is no worse than not at all.
            let _ = rustix::process::nice(NICE);
            let _ = done.send(build(&engine, &cache, &bytes));
        };
        std::thread::Builder::new().name("plugin-compiler".to_owned()).spawn(work)?;
        result.await.map_err(|_| CompileError::Stopping)?
    }
}

fn build(engine: &Engine, cache: &Cache, bytes: &[u8]) -> Result<Artifact, CompileError> {
    let inspection = Arc::new(inspect::inspect(bytes)?);
    if let Some(component) = cache.find(engine, &inspection.digest) {
        return Ok(Artifact { inspection, cached: true, component });
    }
    let (component, _) = inspect::component(bytes)?;
    let compile = || engine::throwaway()?.precompile_component(&component);
    let code = compile().map_err(|error| CompileError::Compile(format!("{error:#}")))?;
    let component = cache.store(engine, &inspection.digest, &code)?;
    Ok(Artifact { inspection, cached: false, component })
}
