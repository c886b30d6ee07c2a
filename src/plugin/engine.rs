//! The engine that all plugins run in: its configuration, its pool, and the thread that moves its epoch.

use super::limits::TICK;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

/// Mappings that the rest of the process needs: threads, libraries, buffers, compiled code.
const OTHER_MAPPINGS: u32 = 16_000;
/// Mappings of a pool slot, and of a live instance (measured).
const MAPPINGS_PER_SLOT: u32 = 2;
const MAPPINGS_PER_LIVE: u32 = 4;
/// What Linux allows unless told otherwise, taken when it can not be read.
const DEFAULT_MAX_MAP_COUNT: u32 = 65_530;
/// Nobody needs more; each slot costs address space.
const MAX_INSTANCES: u32 = 8_000;
/// A component built from one core module has up to three instances: the module and two of glue.
const CORE_INSTANCES: u32 = 4;
/// Bytes of stack that guest code may use; deeper recursion is a trap.
const GUEST_STACK: usize = 512 << 10;
/// The stack of a call: the guest's part and the host functions that it calls.
const CALL_STACK: usize = 1 << 20;
/// Turns without a call after which the ticker sleeps.
const IDLE_TURNS: u32 = 100;

/// Live instances that this machine has room for, over all plugins.
pub(super) fn capacity() -> u32 {
    capacity_within(max_map_count(Path::new("/proc/sys/vm/max_map_count")))
}

fn max_map_count(path: &Path) -> u32 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(DEFAULT_MAX_MAP_COUNT)
}

fn capacity_within(mappings: u32) -> u32 {
    (mappings.saturating_sub(OTHER_MAPPINGS) / (MAPPINGS_PER_SLOT + MAPPINGS_PER_LIVE)).clamp(64, MAX_INSTANCES)
}

/// The engine that runs guests, with a pool of so many instances.
pub(super) fn pooled(instances: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances.saturating_mul(CORE_INSTANCES));
    // Python is 38 modules, each of which is an instance of its own.
    pool.max_core_instances_per_component(64);
    pool.total_memories(instances);
    pool.max_memories_per_component(2);
    pool.total_tables(instances.saturating_mul(CORE_INSTANCES));
    pool.max_tables_per_component(16);
    // An instance keeps the stack of its last call for the next one.
    pool.total_stacks(instances);
    pool.max_unused_warm_slots(64);
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

/// An engine to compile in, to be thrown away: compilers leave memory behind in theirs.
pub(super) fn throwaway() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// What decides how code is compiled; the same for both engines.
fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK);
    config.async_stack_size(CALL_STACK);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config.wasm_memory64(false);
    config.wasm_multi_memory(false);
    config.wasm_relaxed_simd(false);
    config
}

/// Moves the epoch while calls run. On a thread of its own: a spinning guest could starve a timer of the runtime.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// A call under way.
#[derive(Debug)]
pub(super) struct Running<'a>(&'a Shared);

impl Ticker {
    /// Starts the thread.
    pub(super) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, ours) = (engine.weak(), shared.clone());
        let handle = thread::Builder::new().name("plugin-ticker".to_owned()).spawn(move || {
            let mut idle = 0;
            while !ours.stop.load(Ordering::Acquire) {
                thread::sleep(TICK);
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
                idle = if ours.calls.load(Ordering::Relaxed) == 0 { idle + 1 } else { 0 };
                if idle >= IDLE_TURNS {
                    drop(engine);
                    ours.asleep.store(true, Ordering::SeqCst);
                    while ours.calls.load(Ordering::SeqCst) == 0 && !ours.stop.load(Ordering::Acquire) {
                        thread::park();
                    }
                    ours.asleep.store(false, Ordering::SeqCst);
                    idle = 0;
                }
            }
        })?;
        Ok(Ticker { shared, thread: handle.thread().clone(), handle: Some(handle) })
    }

    /// A call begins; it ends with the drop of the answer.
    pub(super) fn running(&self) -> Running<'_> {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.shared)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_leaves_mappings_to_the_rest_of_the_process() {
        for (mappings, instances) in [(0, 64), (65_530, 8_000), (40_000, 4_000), (1_000_000, 8_000)] {
            assert_eq!(capacity_within(mappings), instances, "{mappings}");
        }
        assert_eq!(max_map_count(Path::new("/nowhere")), DEFAULT_MAX_MAP_COUNT);
    }
}
