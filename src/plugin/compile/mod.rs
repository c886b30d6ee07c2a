//! From a file's bytes to a component that can be instantiated: checked, compiled aside at low priority, cached.

mod child;

pub use child::compile_child;

use super::cache::Cache;
use super::engine;
use super::inspect::{self, InspectError, Inspection};
use child::{Failed, Means};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};
use wasmparser::{Parser, Payload};
use wasmtime::Engine;
use wasmtime::component::Component;

/// How far compiling gives way to the media threads (nice value); a process that a thread starts has its own.
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
    #[error(
        "to compile it takes more than {budget}; the largest of its {functions} functions has {largest_kib} KiB. Split large \
         functions, or build for size (Rust: opt-level = \"s\")"
    )]
    TooCostly { budget: String, functions: usize, largest_kib: usize },
    #[error("the compiled form can not be kept: {0}; look at free space and rights of `plugins.state_dir`")]
    Cache(#[from] std::io::Error),
    #[error("it compiles, but does not fit into this server: {0}")]
    TooLarge(wasmtime::Error),
    #[error("the server stops")]
    Stopping,
}

/// What most plugins need a small part of (measured: 0.5 s for 340 KiB of Rust). What does not do with it ...
const QUICK: Means = Means { cpu_s: 5, memory_mib: 1_024 };
/// ... begins again with this. JavaScript and Python fit with their engines (measured: 20 s for 12 MB, 18 s for 18 MB), and so
/// do 18 MB of Rust (25 s and 460 MiB). The time and the memory of a compiler grow faster than the size of a function (100 kB of
/// loops: 37 s and 0.9 GB), so no size of a file bounds them.
const LONG: Means = Means { cpu_s: 120, memory_mib: 2_048 };
/// Larger files take the long way from the start, in bytes.
const QUICK_FILE: usize = 2 << 20;
/// Files that are checked and looked up at once; that takes time in proportion to their size.
const CHECKS: usize = 2;

/// Compiles one component at a time, and beside it one that takes long.
pub(super) struct Compiler {
    engine: Engine,
    cache: Arc<Cache>,
    /// The program that has `plugin compile`; none: components are compiled in this process, without bounds.
    program: Option<Arc<PathBuf>>,
    checks: Semaphore,
    quick: Mutex<()>,
    long: Mutex<()>,
}

/// What is known of a file before it is compiled.
enum Checked {
    Compiled(Artifact),
    New(Arc<Inspection>),
}

impl Compiler {
    pub(super) fn new(engine: Engine, cache: Cache, program: Option<PathBuf>) -> Self {
        let (cache, program) = (Arc::new(cache), program.map(Arc::new));
        Compiler { engine, cache, program, checks: Semaphore::new(CHECKS), quick: Mutex::new(()), long: Mutex::new(()) }
    }

    /// The component in these bytes. A file that was compiled before comes from the cache, without waiting for others.
    pub(super) async fn compile(&self, bytes: Arc<[u8]>) -> Result<Artifact, CompileError> {
        let inspection = match self.check(bytes.clone()).await? {
            Checked::Compiled(artifact) => return Ok(artifact),
            Checked::New(inspection) => inspection,
        };
        if bytes.len() <= QUICK_FILE {
            let _turn = self.quick.lock().await;
            match self.build(bytes.clone(), inspection.clone(), QUICK).await {
                Err(CompileError::TooCostly { .. }) => {}
                other => return other,
            }
        }
        let _turn = self.long.lock().await;
        self.build(bytes, inspection, LONG).await
    }

    async fn check(&self, bytes: Arc<[u8]>) -> Result<Checked, CompileError> {
        // It is never closed.
        let _permit = self.checks.acquire().await.map_err(|_| CompileError::Stopping)?;
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        aside(move || {
            let inspection = Arc::new(inspect::inspect(&bytes)?);
            Ok(match cache.find(&engine, &inspection.digest) {
                Some(component) => Checked::Compiled(Artifact { inspection, cached: true, component }),
                None => Checked::New(inspection),
            })
        })
        .await
    }

    async fn build(
        &self,
        bytes: Arc<[u8]>,
        inspection: Arc<Inspection>,
        means: Means,
    ) -> Result<Artifact, CompileError> {
        let (engine, cache, program) = (self.engine.clone(), self.cache.clone(), self.program.clone());
        aside(move || {
            // Another plugin may be the same file.
            if let Some(component) = cache.find(&engine, &inspection.digest) {
                return Ok(Artifact { inspection, cached: true, component });
            }
            let (component, _) = inspect::component(&bytes)?;
            let here = || {
                let code = engine::throwaway().and_then(|engine| engine.precompile_component(&component));
                code.map_err(|error| Failed::Refused(format!("{error:#}")))
            };
            let code = match program.map_or_else(here, |program| child::compile(&program, &component, means)) {
                Err(Failed::NoChild(error)) => {
                    tracing::warn!(
                        "no process to compile a plugin in can be had: {error}; it is compiled in the server itself"
                    );
                    here()
                }
                code => code,
            };
            let code = code.map_err(|failed| words(failed, &component, means))?;
            let component = cache.store(&engine, &inspection.digest, &code)?.map_err(CompileError::TooLarge)?;
            Ok(Artifact { inspection, cached: false, component })
        })
        .await
    }
}

/// Runs work on a thread of its own that gives way to others: it takes long.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CompileError> + Send + 'static,
) -> Result<T, CompileError> {
    let (done, result) = tokio::sync::oneshot::channel();
    let work = move || {
        // Whatever it is refused: compiling at normal priority is no worse than not at all.
        let _ = rustix::process::nice(NICE);
        let _ = done.send(work());
    };
    std::thread::Builder::new().name("plugin-compiler".to_owned()).spawn(work)?;
    result.await.map_err(|_| CompileError::Stopping)?
}

fn words(failed: Failed, component: &[u8], means: Means) -> CompileError {
    let budget = match failed {
        Failed::Cpu => format!("{} s of CPU time", means.cpu_s),
        Failed::Memory => format!("{} MiB of memory", means.memory_mib),
        Failed::Refused(text) => return CompileError::Compile(text),
        Failed::NoChild(error) => return CompileError::Compile(error.to_string()),
    };
    let sizes = Parser::new(0).parse_all(component).filter_map(|payload| match payload {
        Ok(Payload::CodeSectionEntry(body)) => Some(body.range().len()),
        _ => None,
    });
    let (functions, largest) = sizes.fold((0, 0), |(count, largest), size| (count + 1, size.max(largest)));
    CompileError::TooCostly { budget, functions, largest_kib: largest >> 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    const COSTLY: &[u8] = include_bytes!("../../../tests/data/plugins/auth-token.wasm");
    const CHEAP: &[u8] = include_bytes!("../../../tests/data/plugins/trap.wasm");

    /// A program in the place of the compiler: what is costly runs out of its time, the second time when it is told to; the rest
    /// it has compiled already.
    fn program(dir: &std::path::Path) -> PathBuf {
        let code = engine::throwaway().unwrap().precompile_component(CHEAP).unwrap();
        fs::write(dir.join("code"), code).unwrap();
        let script = format!(
            "#!/bin/sh\ncd '{}'\nif [ $(wc -c) = {} ]; then\n  [ $4 = {} ] && cat gate\n  kill -XCPU $$\nfi\ncat code\n",
            dir.display(),
            COSTLY.len(),
            LONG.cpu_s
        );
        let path = dir.join("program");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    #[tokio::test]
    async fn what_takes_long_to_compile_holds_up_no_other_plugin() {
        let dir = std::env::temp_dir().join(format!("wasmcast-compile-{}", std::process::id()));
        let cache = Cache::open(dir.join("cache")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(dir.join("gate")).status().unwrap();
        assert!(made.success());
        let program = program(&dir);
        let compiler = Arc::new(Compiler::new(engine::throwaway().unwrap(), cache, Some(program)));
        let costly = tokio::spawn({
            let compiler = compiler.clone();
            async move { compiler.compile(COSTLY.into()).await.err().map(|error| error.to_string()) }
        });
        tokio::task::yield_now().await;
        assert!(!compiler.compile(CHEAP.into()).await.unwrap().cached);
        assert!(!costly.is_finished());
        let gate = dir.join("gate");
        // Waits until it is read.
        let opened = tokio::task::spawn_blocking(move || fs::write(gate, ""));
        let refused = costly.await.unwrap().unwrap();
        assert!(refused.contains("more than 120 s of CPU time"), "{refused}");
        opened.await.unwrap().unwrap();
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_refusal_for_its_cost_names_the_bound_and_the_largest_function() {
        let file = include_bytes!("../../../tests/data/plugins/trap.wasm");
        let text = words(Failed::Cpu, file, LONG).to_string();
        assert!(
            text.contains("more than 120 s of CPU time; the largest of its ") && !text.contains(" 0 functions"),
            "{text}"
        );
        assert!(words(Failed::Memory, file, QUICK).to_string().contains("1024 MiB of memory"));
    }
}
