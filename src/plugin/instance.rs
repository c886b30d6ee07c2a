//! One instance of a plugin: made, begun, and called within its limits; what fails in it is named.

use super::answers::{answer, route, rule, selection, verdict};
use super::bindings::{
    auth_check, auth_revoke, init, observer_events, observer_sampling, observer_stats, ratelimit_decide, ratelimit_rules,
    reconfigure, router_routing, self_test, state, tick,
};
use super::decision::{Answer, Selection};
use super::engine::Ticker;
use super::facts::Facts;
use super::fault::Fault;
use super::guest::{Call, Context, CurrentSession, Guest};
use super::lane::Lane;
use super::limiting::Offered;
use super::limits::{Budget, Cpu, Memory, OutOfCpu};
use super::observing::{self, Observes, TrackRates};
use super::route::Route;
use super::sampling;
use super::settings::Limits;
use crate::observe::Event;
use crate::observe::trace::{Summary, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wasmtime::component::{InstancePre, Resource};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

/// The manifest's key for what is not a session's call.
const INIT_MS: &str = "limits.init-ms";
/// Component handles that an instance may hold at once.
const MAX_HANDLES: usize = 4_096;

/// The exports of a component, found once.
struct Indices {
    check: Option<auth_check::HookIndices>,
    revoke: Option<auth_revoke::HookIndices>,
    routing: Option<router_routing::HookIndices>,
    rules: Option<ratelimit_rules::HookIndices>,
    decide: Option<ratelimit_decide::HookIndices>,
    events: Option<observer_events::HookIndices>,
    stats: Option<observer_stats::HookIndices>,
    sampling: Option<observer_sampling::HookIndices>,
    init: Option<init::HookIndices>,
    reconfigure: Option<reconfigure::HookIndices>,
    state: Option<state::HookIndices>,
    tick: Option<tick::HookIndices>,
    self_test: Option<self_test::HookIndices>,
}

/// The exports of an instance.
struct Exports {
    check: Option<auth_check::Hook>,
    revoke: Option<auth_revoke::Hook>,
    routing: Option<router_routing::Hook>,
    rules: Option<ratelimit_rules::Hook>,
    decide: Option<ratelimit_decide::Hook>,
    events: Option<observer_events::Hook>,
    stats: Option<observer_stats::Hook>,
    sampling: Option<observer_sampling::Hook>,
    init: Option<init::Hook>,
    reconfigure: Option<reconfigure::Hook>,
    state: Option<state::Hook>,
    tick: Option<tick::Hook>,
    self_test: Option<self_test::Hook>,
}

/// What all instances of all plugins share.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) engine: Engine,
    pub(super) ticker: Arc<Ticker>,
    pub(super) budget: Arc<Budget>,
    pub(super) live: Arc<Live>,
    pub(super) lane: Arc<Lane>,
}

/// What instances of one generation are made from.
pub(super) struct Blueprint {
    pub(super) context: Arc<Context>,
    pub(super) limits: Limits,
    means: Means,
    /// Bytes of memory that this generation's instances hold.
    pub(super) memory: Arc<AtomicUsize>,
    /// Instances of this generation that were made.
    pub(super) made: AtomicUsize,
    pre: InstancePre<Guest>,
    indices: Indices,
}

/// Counts the live instances of all plugins.
#[derive(Debug)]
pub struct Live {
    limit: usize,
    count: AtomicUsize,
}

impl Live {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Live { limit, count: AtomicUsize::new(0) })
    }

    /// Instances that are alive.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Most instances that may be alive.
    pub fn limit(&self) -> usize {
        self.limit
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let more = |count: usize| (count < self.limit).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Place(self.clone()))
    }
}

/// A place among the live instances, given back by drop.
struct Place(Arc<Live>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One instance.
pub(super) struct Instance {
    store: Store<Guest>,
    exports: Exports,
    blueprint: Arc<Blueprint>,
    /// A call that was not finished, or trapped, leaves an instance that can not be entered again.
    poisoned: bool,
    /// Which configuration it runs with; counts up.
    pub(super) config_round: u64,
    /// The last round of ticks that it took part in.
    pub(super) tick_round: u64,
    _place: Place,
}

impl Blueprint {
    /// Finds the exports of a component whose imports are linked.
    pub(super) fn new(pre: InstancePre<Guest>, context: Arc<Context>, limits: Limits, means: Means) -> Self {
        let indices = Indices {
            check: auth_check::HookIndices::new(&pre).ok(),
            revoke: auth_revoke::HookIndices::new(&pre).ok(),
            routing: router_routing::HookIndices::new(&pre).ok(),
            rules: ratelimit_rules::HookIndices::new(&pre).ok(),
            decide: ratelimit_decide::HookIndices::new(&pre).ok(),
            events: observer_events::HookIndices::new(&pre).ok(),
            stats: observer_stats::HookIndices::new(&pre).ok(),
            sampling: observer_sampling::HookIndices::new(&pre).ok(),
            init: init::HookIndices::new(&pre).ok(),
            reconfigure: reconfigure::HookIndices::new(&pre).ok(),
            state: state::HookIndices::new(&pre).ok(),
            tick: tick::HookIndices::new(&pre).ok(),
            self_test: self_test::HookIndices::new(&pre).ok(),
        };
        let (memory, made) = (Arc::default(), AtomicUsize::new(0));
        Blueprint { context, limits, means, memory, made, pre, indices }
    }

    pub(super) fn has_check(&self) -> bool {
        self.indices.check.is_some()
    }

    pub(super) fn has_revoke(&self) -> bool {
        self.indices.revoke.is_some()
    }

    pub(super) fn has_routing(&self) -> bool {
        self.indices.routing.is_some()
    }

    pub(super) fn has_rules(&self) -> bool {
        self.indices.rules.is_some()
    }

    pub(super) fn has_decide(&self) -> bool {
        self.indices.decide.is_some()
    }

    pub(super) fn observes(&self) -> Observes {
        Observes {
            events: self.indices.events.is_some(),
            stats: self.indices.stats.is_some(),
            sampling: self.indices.sampling.is_some(),
        }
    }

    pub(super) fn has_reconfigure(&self) -> bool {
        self.indices.reconfigure.is_some()
    }

    pub(super) fn has_state(&self) -> bool {
        self.indices.state.is_some()
    }

    /// Whether it has one instance that lasts: what is polled, told or kept is there.
    pub(super) fn has_lasting(&self) -> bool {
        self.has_revoke() || self.has_state() || self.observes().any()
    }

    pub(super) fn has_tick(&self) -> bool {
        self.indices.tick.is_some()
    }

    pub(super) fn has_self_test(&self) -> bool {
        self.indices.self_test.is_some()
    }

    /// Makes an instance and begins it.
    ///
    /// # Errors
    /// What its start-up code or `init` did wrong, or that there is no room for it.
    pub(super) async fn instance(self: &Arc<Self>) -> Result<Instance, Fault> {
        let Means { engine, ticker, budget, live, lane } = &self.means;
        let place = live.take().ok_or_else(|| {
            let limit = live.limit;
            Fault::Saturated(format!(
                "this machine has room for {limit} live plugin instances, and all are in use; lower `instances` in the manifests, or raise vm.max_map_count"
            ))
        })?;
        let memory = Memory::new(self.limits.memory, budget.clone(), self.memory.clone());
        let mut store = Store::new(engine, Guest::new(self.context.clone(), memory, Cpu::new(lane.clone())));
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(self.limits.hostcall);
        store.set_max_component_handles(MAX_HANDLES);
        store.epoch_deadline_callback(|mut context| context.data_mut().cpu.tick());
        store.set_epoch_deadline(1);
        store.data_mut().cpu.arm(self.limits.init);
        let running = ticker.running();
        let begun = timeout(self.limits.init, self.pre.instantiate_async(&mut store)).await;
        drop(running);
        let instance = match begun {
            Err(Elapsed { .. }) => return Err(late(&store.data().cpu, self.limits.init, INIT_MS)),
            Ok(Err(error)) => {
                return Err(fault(&error, None, store.data_mut(), &self.limits, self.limits.init, INIT_MS));
            }
            Ok(Ok(instance)) => instance,
        };
        let exports = self.exports(&mut store, &instance).map_err(|error| Fault::Trap {
            reason: format!("its exports are not what the contract says: {error:#}"),
            place: None,
        })?;
        self.made.fetch_add(1, Ordering::Relaxed);
        let mut instance = Instance {
            store,
            exports,
            blueprint: self.clone(),
            poisoned: false,
            config_round: 0,
            tick_round: 0,
            _place: place,
        };
        instance.init().await?;
        Ok(instance)
    }

    fn exports(&self, store: &mut Store<Guest>, instance: &wasmtime::component::Instance) -> wasmtime::Result<Exports> {
        macro_rules! load {
            ($name:ident) => {
                self.indices.$name.as_ref().map(|indices| indices.load(&mut *store, instance)).transpose()?
            };
        }
        Ok(Exports {
            check: load!(check),
            revoke: load!(revoke),
            routing: load!(routing),
            rules: load!(rules),
            decide: load!(decide),
            events: load!(events),
            stats: load!(stats),
            sampling: load!(sampling),
            init: load!(init),
            reconfigure: load!(reconfigure),
            state: load!(state),
            tick: load!(tick),
            self_test: load!(self_test),
        })
    }
}

/// Calls an export under a CPU and a wall limit. Yields `Ok` of what it returned, or a fault.
macro_rules! call {
    ($this:ident, $export:ident, $accessor:ident, $function:ident, $hook:literal, $facts:expr, $cpu:expr, $wall:expr $(, $argument:expr)*) => {{
        let blueprint = $this.blueprint.clone();
        let running = blueprint.means.ticker.running();
        let (cpu, wall) = ($cpu, $wall);
        $this.begin($hook, $facts, cpu);
        let export = $this.exports.$export.as_ref().expect("asked for only where it is exported");
        let call = export.$accessor().$function(&mut $this.store $(, $argument)*);
        let result = timeout(wall, call).await;
        drop(running);
        $this.end(result, cpu, wall)
    }};
}

impl Instance {
    /// Whether it can be called again.
    pub(super) fn is_usable(&self) -> bool {
        !self.poisoned
    }

    async fn init(&mut self) -> Result<(), Fault> {
        if self.exports.init.is_none() {
            return Ok(());
        }
        let limit = self.blueprint.limits.init;
        call!(self, init, wasmcast_lifecycle_init, call_init, "lifecycle/init", None, limit, limit)?
            .map_err(|words| self.error(words))
    }

    /// `auth/check.authorize`.
    pub(super) async fn authorize(&mut self, facts: Arc<Facts>) -> Result<Answer, Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let session: Resource<CurrentSession> = Resource::new_borrow(0);
        let decision =
            call!(self, check, wasmcast_auth_check, call_authorize, "auth/check", Some(facts), cpu, wall, session)?;
        answer(decision.map_err(|words| self.error(words))?).map_err(|words| self.error(words))
    }

    /// `auth/revoke.poll`.
    pub(super) async fn poll(&mut self) -> Result<Vec<Selection>, Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let selections = call!(self, revoke, wasmcast_auth_revoke, call_poll, "auth/revoke", None, cpu, wall)?;
        Ok(selections.map_err(|words| self.error(words))?.into_iter().map(selection).collect())
    }

    /// `router/routing.choose`.
    pub(super) async fn choose(&mut self, facts: Arc<Facts>) -> Result<Answer<Route>, Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let session: Resource<CurrentSession> = Resource::new_borrow(0);
        let chosen = call!(
            self,
            routing,
            wasmcast_router_routing,
            call_choose,
            "router/routing",
            Some(facts),
            cpu,
            wall,
            session
        )?;
        route(chosen.map_err(|words| self.error(words))?).map_err(|words| self.error(words))
    }

    /// `ratelimit/rules.rules`.
    pub(super) async fn rules(&mut self) -> Result<Vec<Offered>, Fault> {
        let limit = self.blueprint.limits.init;
        let rules = call!(self, rules, wasmcast_ratelimit_rules, call_rules, "ratelimit/rules", None, limit, limit)?;
        Ok(rules.map_err(|words| self.error(words))?.into_iter().map(rule).collect())
    }

    /// `ratelimit/decide.decide`, about the rule of this name.
    pub(super) async fn decide(&mut self, facts: Arc<Facts>, rule: &str) -> Result<Answer<()>, Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let session: Resource<CurrentSession> = Resource::new_borrow(0);
        let said = call!(
            self,
            decide,
            wasmcast_ratelimit_decide,
            call_decide,
            "ratelimit/decide",
            Some(facts),
            cpu,
            wall,
            session,
            rule
        )?;
        said.map(verdict).map_err(|words| self.error(words))
    }

    /// `observer/events.on-events`.
    pub(super) async fn on_events(&mut self, batch: &[Arc<Event>]) -> Result<(), Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let batch: Vec<_> = batch.iter().map(|event| observing::event(event)).collect();
        call!(self, events, wasmcast_observer_events, call_on_events, "observer/events", None, cpu, wall, &batch)?
            .map_err(|words| self.error(words))
    }

    /// `observer/sampling.decide`.
    pub(super) async fn decide(&mut self, batch: &[&Summary]) -> Result<Vec<Verdict>, Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let batch: Vec<_> = batch.iter().map(|trace| sampling::summary(trace)).collect();
        let said = call!(
            self,
            sampling,
            wasmcast_observer_sampling,
            call_decide,
            "observer/sampling",
            None,
            cpu,
            wall,
            &batch
        )?;
        let said = said.map_err(|words| self.error(words))?;
        let hide = |words| self.blueprint.context.hide(words);
        Ok(said.into_iter().map(|verdict| sampling::verdict(verdict, hide)).collect())
    }

    /// `observer/stats.on-stats`.
    pub(super) async fn on_stats(&mut self, unix_ns: u64, tracks: &[TrackRates]) -> Result<(), Fault> {
        let Limits { cpu, wall, .. } = self.blueprint.limits;
        let tracks: Vec<_> = tracks.iter().map(observing::track).collect();
        call!(self, stats, wasmcast_observer_stats, call_on_stats, "observer/stats", None, cpu, wall, unix_ns, &tracks)
    }

    /// `lifecycle/reconfigure`, with this configuration.
    pub(super) async fn reconfigure(&mut self, config: Arc<serde_json::Value>) -> Result<(), Fault> {
        self.store.data_mut().set_config(config);
        let limit = self.blueprint.limits.init;
        call!(
            self,
            reconfigure,
            wasmcast_lifecycle_reconfigure,
            call_reconfigure,
            "lifecycle/reconfigure",
            None,
            limit,
            limit
        )?
        .map_err(|words| self.error(words))
    }

    /// `lifecycle/state.save`.
    pub(super) async fn save(&mut self) -> Result<Vec<u8>, Fault> {
        let limit = self.blueprint.limits.init;
        call!(self, state, wasmcast_lifecycle_state, call_save, "lifecycle/state", None, limit, limit)?
            .map_err(|words| self.error(words))
    }

    /// `lifecycle/state.restore`.
    pub(super) async fn restore(&mut self, saved: &[u8]) -> Result<(), Fault> {
        let limit = self.blueprint.limits.init;
        call!(self, state, wasmcast_lifecycle_state, call_restore, "lifecycle/state", None, limit, limit, saved)?
            .map_err(|words| self.error(words))
    }

    /// `lifecycle/tick.interval-ms`; none: never.
    pub(super) async fn tick_interval(&mut self) -> Result<Option<Duration>, Fault> {
        let limit = self.blueprint.limits.init;
        let asked = call!(self, tick, wasmcast_lifecycle_tick, call_interval_ms, "lifecycle/tick", None, limit, limit)?;
        Ok((asked > 0).then(|| Duration::from_millis(u64::from(asked.max(1_000)))))
    }

    /// `lifecycle/tick.tick`.
    pub(super) async fn tick(&mut self) -> Result<(), Fault> {
        let Limits { init, .. } = self.blueprint.limits;
        call!(self, tick, wasmcast_lifecycle_tick, call_tick, "lifecycle/tick", None, init, init)?
            .map_err(|words| self.error(words))
    }

    /// `lifecycle/self-test.run`.
    pub(super) async fn self_test(&mut self) -> Result<(), Fault> {
        let limit = self.blueprint.limits.init;
        call!(self, self_test, wasmcast_lifecycle_self_test, call_run, "lifecycle/self-test", None, limit, limit)?
            .map_err(|words| self.error(words))
    }

    /// An error in the plugin's own words, without its secrets.
    fn error(&self, words: String) -> Fault {
        Fault::Error(self.blueprint.context.hide(words))
    }

    fn begin(&mut self, hook: &'static str, facts: Option<Arc<Facts>>, cpu: Duration) {
        self.poisoned = true;
        let guest = self.store.data_mut();
        guest.call = Call { hook, facts, ..Call::default() };
        guest.cpu.arm(cpu);
        self.store.set_epoch_deadline(1);
    }

    fn end<R>(
        &mut self,
        result: Result<wasmtime::Result<R>, Elapsed>,
        cpu: Duration,
        wall: Duration,
    ) -> Result<R, Fault> {
        let guest = self.store.data_mut();
        let Call { hook, panic: told, .. } = std::mem::take(&mut guest.call);
        let beginning = hook.starts_with("lifecycle/") || hook == "ratelimit/rules";
        let (cpu_key, wall_key) = if beginning { (INIT_MS, INIT_MS) } else { ("limits.cpu-ms", "limits.wall-ms") };
        match result {
            Ok(Ok(value)) => {
                self.poisoned = false;
                Ok(value)
            }
            Ok(Err(error)) => {
                let fault = fault(&error, told.as_deref(), guest, &self.blueprint.limits, cpu, cpu_key);
                Err(fault.map(|words| self.blueprint.context.hide(words)))
            }
            Err(Elapsed { .. }) => Err(late(&guest.cpu, wall, wall_key)),
        }
    }
}

/// A call that took too long: waiting for what it asked of the host, or for its share of the CPU?
fn late(cpu: &Cpu, limit: Duration, key: &'static str) -> Fault {
    let (used, waited) = (cpu.used(), cpu.waited());
    match waited >= limit / 4 {
        true => Fault::Share { used, waited, limit, key },
        false => Fault::Wall { limit, key },
    }
}

/// A failed call in the words of whoever has to mend it. `told`: what the guest logged as it panicked.
fn fault(
    error: &wasmtime::Error,
    told: Option<&str>,
    guest: &mut Guest,
    limits: &Limits,
    cpu: Duration,
    key: &'static str,
) -> Fault {
    let place = error.downcast_ref::<WasmBacktrace>().and_then(place);
    if error.is::<OutOfCpu>() {
        return Fault::Cpu { limit: cpu, key, place };
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::Saturated(format!("no room for another plugin instance: {error}"));
    }
    let panic = told.and_then(panic);
    let reason = match (error.downcast_ref::<Trap>(), &panic) {
        (Some(trap), _) if guest.memory.take_refused() => {
            format!("{trap}, after memory was refused (limits.memory-mib = {})", limits.memory >> 20)
        }
        (_, Some((text, _))) => text.clone(),
        (Some(trap), None) => trap.to_string(),
        (None, None) => {
            let text = error.root_cause().to_string();
            match text.contains("fuel") {
                true => format!("{text} (limits.hostcall-kib = {})", limits.hostcall >> 10),
                // An instance that is larger from the start than it may become.
                false if guest.memory.take_refused() => {
                    format!("{text} (limits.memory-mib = {}; it has to be raised)", limits.memory >> 20)
                }
                false => text,
            }
        }
    };
    let place = match (place, panic) {
        (Some(place), Some((_, line))) => Some(format!("{place} ({line})")),
        (place, panic) => place.or(panic.map(|(_, line)| line)),
    };
    Fault::Trap { reason, place }
}

/// Text and line of a Rust panic: `panicked at src/lib.rs:9:24:` and the text on the next line.
fn panic(told: &str) -> Option<(String, String)> {
    let (line, text) = told.strip_prefix("panicked at ")?.split_once(":\n")?;
    let line = line.rsplit_once(':').map_or(line, |(line, _column)| line);
    let clean = |text: &str| text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some((clean(text), clean(line)))
}

/// Functions of languages' runtimes, which an author does not look for.
const RUNTIME: [&str; 9] =
    ["core::", "std::", "alloc::", "rust_begin", "__rust", "abort", "<core::", "<alloc::", "wasmcast_plugin::"];

/// The innermost function of the plugin's own, with file and line where the component tells them.
fn place(backtrace: &WasmBacktrace) -> Option<String> {
    let named = backtrace.frames().iter().filter_map(|frame| {
        let symbol = frame.symbols().first();
        let name = symbol.and_then(|symbol| symbol.name()).or_else(|| frame.func_name())?;
        let name = format!("{:#}", rustc_demangle::demangle(name));
        let line = symbol.and_then(|symbol| Some((symbol.file()?.to_owned(), symbol.line()?)));
        Some((name, line))
    });
    let named: Vec<_> = named.collect();
    let own = named.iter().find(|(name, _)| !RUNTIME.iter().any(|runtime| name.starts_with(runtime)));
    let (name, line) = own.or_else(|| named.first())?;
    Some(match line {
        Some((file, line)) => format!("{name} ({file}:{line})"),
        None => name.clone(),
    })
}
