//! The interface `trace`: attributes and spans of a call, bounded, at the level debug.

use super::share::Share;
use super::text::{self, Bounds};
use super::wit::trace::{Host, HostSpan};
use crate::observe::trace;
use crate::plugin::facts::Facts;
use crate::plugin::guest::Guest;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tracing::Level;
use wasmtime::component::Resource;

/// Most attributes of a call, and of each of its spans.
const MAX_ANNOTATIONS: u32 = 32;
/// Most spans that a call may open: more tell nobody anything.
const MAX_SPANS: u32 = 32;
/// Annotations and spans a second that one plugin gets into the log.
pub(super) const RATE: u32 = 100;
/// What the names of a plugin's own attributes begin with, so that none is taken for the host's.
const OWN: &str = "plugin.";
const TEXT: Bounds = Bounds { count: MAX_ANNOTATIONS as usize, key: 64, value: 1 << 10 };

/// A handle of a guest; its span may be over already.
#[derive(Debug, Default)]
pub struct Span(Weak<Open>);

/// The spans that a call has open; they end with it.
#[derive(Debug, Default)]
pub struct Spans {
    open: Vec<Arc<Open>>,
    opened: u32,
}

/// A span that has begun. Its drop ends it.
#[derive(Debug)]
struct Open {
    span: tracing::Span,
    traced: trace::Span,
    is_logged: bool,
    share: Arc<Share>,
    generation: u64,
    hook: &'static str,
    session: Option<String>,
    began: Duration,
    /// The time, at the end of the span.
    services: Arc<super::Services>,
    attributes: Mutex<Vec<(String, String)>>,
}

impl Guest {
    /// The trace that the session's request belongs to.
    pub(super) fn trace_id(&self) -> Option<&str> {
        self.call.facts.as_deref().and_then(trace_id)
    }
}

/// The trace id of a request, 32 hex digits (W3C Trace Context, 3.2.2).
fn trace_id(facts: &Facts) -> Option<&str> {
    let (_, parent) = facts.headers.iter().find(|(name, _)| name == "traceparent")?;
    let mut parts = parent.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let hex = |text: &str, digits| text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let valid = hex(version, 2) && version != "ff" && hex(trace, 32) && trace.bytes().any(|b| b != b'0');
    valid.then_some(trace)
}

impl Host for Guest {
    fn annotate(&mut self, key: String, value: String) {
        let traced = trace::current();
        let is_logged = tracing::enabled!(target: "plugin", Level::DEBUG);
        if self.call.annotations >= MAX_ANNOTATIONS || !(is_logged || traced.is_recorded()) {
            return;
        }
        self.call.annotations += 1;
        if traced.is_recorded() {
            let key = text::cut(self.context.hide(key.clone()), TEXT.key);
            traced.set(format!("{OWN}{key}"), text::cut(self.context.hide(value.clone()), TEXT.value));
        }
        if !is_logged {
            return;
        }
        let services = &self.context.services;
        if !services.share(&self.context.plugin).admit_trace(services.clock.now()) {
            return;
        }
        tracing::debug!(
            target: "plugin",
            plugin = &*self.context.plugin,
            generation = self.context.generation,
            hook = self.call.hook,
            session = self.call.facts.as_ref().map(|facts| facts.id.as_str()),
            trace = self.trace_id(),
            key = text::cut(self.context.hide(key), TEXT.key),
            value = text::cut(self.context.hide(value), TEXT.value),
            "annotated"
        );
    }
}

impl HostSpan for Guest {
    fn new(&mut self, name: String) -> Resource<Span> {
        let span = self.open_span(name).unwrap_or_default();
        self.keep(span)
    }

    fn annotate(&mut self, span: Resource<Span>, key: String, value: String) {
        let Some(open) = self.table.get(&span).ok().and_then(|span| span.0.upgrade()) else { return };
        let mut attributes = open.attributes.lock().expect("no holder of this lock panics");
        if attributes.len() < TEXT.count {
            let (key, value) = (self.context.hide(key), self.context.hide(value));
            let (key, value) = (text::cut(key, TEXT.key), text::cut(value, TEXT.value));
            if open.traced.is_recorded() {
                open.traced.set(format!("{OWN}{key}"), value.as_str());
            }
            attributes.push((key, value));
        }
    }

    fn drop(&mut self, span: Resource<Span>) -> wasmtime::Result<()> {
        if let Some(Span(ended)) = self.take(span) {
            self.call.spans.open.retain(|open| !std::ptr::eq(Arc::as_ptr(open), ended.as_ptr()));
        }
        Ok(())
    }
}

impl Guest {
    /// None when nobody listens, or the call has opened enough.
    fn open_span(&mut self, name: String) -> Option<Span> {
        let traced = trace::current();
        let is_logged = tracing::enabled!(target: "plugin", Level::DEBUG);
        if self.call.spans.opened >= MAX_SPANS || !(is_logged || traced.is_recorded()) {
            return None;
        }
        let name = text::cut(self.context.hide(name), TEXT.value);
        // Below the innermost one that is open: a plugin's spans follow each other as its calls do.
        let around = self.call.spans.open.last().map_or(&traced, |open| &open.traced);
        let traced = around.child(name.clone());
        let services = self.context.services.clone();
        let open = Arc::new(Open {
            span: tracing::debug_span!(target: "plugin", "span", name),
            traced,
            is_logged,
            share: services.share(&self.context.plugin),
            generation: self.context.generation,
            hook: self.call.hook,
            session: self.call.facts.as_ref().map(|facts| facts.id.clone()),
            began: services.clock.now(),
            services,
            attributes: Mutex::default(),
        });
        self.call.spans.opened += 1;
        let handle = Span(Arc::downgrade(&open));
        self.call.spans.open.push(open);
        Some(handle)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // A handle may outlive it.
        self.traced.end();
        let now = self.services.clock.now();
        if !self.is_logged || !self.share.admit_trace(now) {
            return;
        }
        let attributes = std::mem::take(self.attributes.get_mut().expect("no holder of this lock panics"));
        let took_us = u64::try_from(now.saturating_sub(self.began).as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(
            target: "plugin",
            parent: &self.span,
            plugin = self.share.name(),
            generation = self.generation,
            hook = self.hook,
            session = self.session.as_deref(),
            took_us,
            fields = text::line(&attributes).as_deref(),
            "span"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::facts::Action;

    #[test]
    fn trace_ids_are_taken_from_valid_headers_only() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let rows = [
            (format!("00-{id}-00f067aa0ba902b7-01"), Some(id)),
            (format!("cc-{id}-00f067aa0ba902b7-01-what-comes-later"), Some(id)),
            (format!("ff-{id}-00f067aa0ba902b7-01"), None),
            (format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()), None),
            (format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)), None),
            (format!("00-{id}0-00f067aa0ba902b7-01"), None),
            ("00".to_owned(), None),
            (String::new(), None),
        ];
        for (header, expected) in rows {
            let mut facts = Facts::new("s-1".into(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
            facts.headers.push(("traceparent".into(), header.clone()));
            assert_eq!(trace_id(&facts), expected, "{header}");
        }
    }
}
