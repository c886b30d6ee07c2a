//! What the host keeps for one instance: whose it is, what it is asked about now, and what it has used up.

use super::facts::Facts;
use super::host::{Services, Spans, Tenancy};
use super::limits::{Cpu, Memory};
use super::mask::Mask;
use super::settings::{Grants, Settings};
use std::sync::{Arc, RwLock};
use wasmtime::component::ResourceTable;

/// Most handles that the host keeps for an instance (metrics, spans): each is some 100 bytes.
const MAX_HANDLES: usize = 2_048;

/// The session that the current call is about. There is one at most, so its handle needs no table.
pub struct CurrentSession;

/// What all instances of a generation share.
pub struct Context {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// Counts up with each version that was taken into service.
    pub generation: u64,
    pub grants: Grants,
    pub services: Arc<Services>,
    /// What it counts.
    pub tenancy: Tenancy,
    /// As [`Settings::silent`].
    pub silent: bool,
    config: RwLock<Arc<serde_json::Value>>,
    mask: RwLock<Arc<Mask>>,
}

impl Context {
    pub fn new(plugin: Arc<str>, generation: u64, settings: &Settings, services: Arc<Services>) -> Self {
        let (grants, config) = (settings.grants.clone(), RwLock::new(settings.config.clone()));
        let tenancy = Tenancy::begin(services.clone(), plugin.clone(), generation);
        let mask = RwLock::new(settings.mask.clone());
        Context { plugin, generation, grants, services, tenancy, silent: settings.silent, config, mask }
    }

    /// Hides the secrets of its manifest in a text that is kept or shown.
    pub fn hide(&self, text: String) -> String {
        self.mask.read().expect("no holder of this lock panics").hide(text)
    }

    /// Hides these secrets too, from now on.
    pub fn hide_too(&self, other: &Mask) {
        let mut mask = self.mask.write().expect("no holder of this lock panics");
        *mask = Arc::new(mask.and(other));
    }

    /// The `[config]` table, secrets put in.
    pub fn config(&self) -> Arc<serde_json::Value> {
        self.config.read().expect("no holder of this lock panics").clone()
    }

    /// Replaces the table for instances yet to come; those that exist see it in `reconfigure`.
    pub fn set_config(&self, config: Arc<serde_json::Value>) {
        *self.config.write().expect("no holder of this lock panics") = config;
    }
}

/// What a call is about.
#[derive(Default)]
pub struct Call {
    /// `auth/check`, `lifecycle/init`, ...: for logs and spans.
    pub hook: &'static str,
    pub facts: Option<Arc<Facts>>,
    /// Attributes set on the span of this call.
    pub annotations: u32,
    /// Spans that the plugin has open; they end with the call.
    pub spans: Spans,
    /// What the guest logged as it panicked: the trap that follows tells neither reason nor line.
    pub panic: Option<String>,
}

/// The data of one instance's store.
pub struct Guest {
    pub context: Arc<Context>,
    pub call: Call,
    config: Arc<serde_json::Value>,
    pub table: ResourceTable,
    pub(super) memory: Memory,
    pub(super) cpu: Cpu,
}

impl Guest {
    pub(super) fn new(context: Arc<Context>, memory: Memory, cpu: Cpu) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let config = context.config();
        Guest { context, call: Call::default(), config, table, memory, cpu }
    }

    /// The `[config]` table: the same for the life of the instance, but for `reconfigure`.
    pub fn config(&self) -> &Arc<serde_json::Value> {
        &self.config
    }

    pub(super) fn set_config(&mut self, config: Arc<serde_json::Value>) {
        self.config = config;
    }
}
