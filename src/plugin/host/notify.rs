//! The interface `notify`: events of plugins, so many a second, for whoever listens.

use super::text::{self, Bounds};
use super::wit::notify::Host;
use super::wit::types::Attribute;
use crate::observe::Happening;
use crate::plugin::guest::Guest;
use std::sync::Arc;

/// Events a second of one plugin.
pub(super) const RATE: u32 = 10;
/// Events that wait for a slow listener; it loses the oldest, as the channel tells it.
pub(super) const QUEUE: usize = 256;
/// Longest kind, in bytes.
const MAX_KIND: usize = 128;
const ATTRIBUTES: Bounds = Bounds { count: 16, key: 64, value: 1 << 10 };

/// Something that a plugin reports.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Milliseconds since 1970.
    pub unix_ms: u64,
    /// Not to be delivered back to this plugin.
    pub plugin: Arc<str>,
    pub generation: u64,
    /// `plugin.<plugin name>.<kind>`.
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    pub attributes: Vec<(String, String)>,
}

impl Host for Guest {
    fn emit(&mut self, kind: String, attributes: Vec<Attribute>) {
        let (context, facts) = (&self.context, self.call.facts.as_deref());
        let services = &context.services;
        if context.silent {
            return;
        }
        if !services.share(&context.plugin).admit_note(services.clock.now()) {
            return;
        }
        let note = Note {
            unix_ms: services.clock.unix_ns() / 1_000_000,
            plugin: context.plugin.clone(),
            generation: context.generation,
            kind: format!("plugin.{}.{}", context.plugin, text::cut(context.hide(kind), MAX_KIND)),
            session: facts.map(|facts| facts.id.clone()),
            stream: facts.map(|facts| facts.stream.clone()).filter(|stream| !stream.is_empty()),
            attributes: text::attributes(attributes, ATTRIBUTES, |text| context.hide(text)),
        };
        tracing::debug!(
            target: "plugin",
            plugin = &*note.plugin,
            generation = note.generation,
            hook = self.call.hook,
            session = note.session.as_deref(),
            kind = note.kind,
            fields = text::line(&note.attributes).as_deref(),
            "notified"
        );
        let happening = Happening::by_plugin(&note.plugin, &note.kind).with("generation", note.generation);
        let happening = happening.stream(note.stream.as_deref().unwrap_or_default());
        let happening = happening.session(note.session.as_deref().unwrap_or_default());
        let attributes = note.attributes.iter();
        services.events().tell(attributes.fold(happening, |told, (key, value)| told.with(key.clone(), value)));
        // Nobody may listen.
        let _ = services.notes.send(note);
    }
}
