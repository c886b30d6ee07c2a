//! Records spans: handles that end with their last clone, and the trace that is finished when all of them have ended.

use super::context::{Parent, SpanId, TraceId};
use super::span::{SpanData, Value, cut};
use crate::observe::metrics::TraceMetrics;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Most spans of one trace: a join has some ten, and up to 32 more for each plugin call. What is more is counted.
const MAX_SPANS: usize = 256;
/// Most attributes of one span.
const MAX_ATTRIBUTES: usize = 64;
/// Most bytes of all spans of all traces that are open or held: 16 MiB are some 10,000 joins within 10 s.
const MAX_BYTES: usize = 16 << 20;
/// Most traces that are open or held, each some 300 bytes more.
const MAX_TRACES: usize = 10_000;

/// Begins traces, while it is switched on. Cheap to clone; all clones see a switch.
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

/// Finished traces, for whoever decides about them.
pub type Queue = mpsc::Receiver<Finished>;

struct Shared {
    on: AtomicBool,
    traces: AtomicUsize,
    bytes: AtomicUsize,
    finished: mpsc::Sender<Finished>,
    metrics: TraceMetrics,
}

/// A span under way, or nothing where no trace is recorded. It ends with its last clone.
#[derive(Clone, Default)]
pub struct Span(Option<Arc<Live>>);

struct Live {
    trace: Arc<Trace>,
    id: SpanId,
    parent: Option<SpanId>,
    name: Cow<'static, str>,
    began: Instant,
    body: Mutex<Body>,
}

#[derive(Default)]
struct Body {
    attributes: Vec<(Cow<'static, str>, Value)>,
    error: Option<String>,
    /// A trace that turned out to be about nothing.
    forgotten: bool,
    /// It ended before its last handle goes.
    ended: Option<Instant>,
}

/// A trace that is open. The drop of its last span finishes it.
struct Trace {
    id: TraceId,
    root: SpanId,
    name: &'static str,
    began: Instant,
    began_unix_ns: u64,
    hold: Hold,
    spans: Mutex<Spans>,
}

#[derive(Default)]
struct Spans {
    list: Vec<SpanData>,
    bytes: usize,
    left_out: u32,
    forgotten: bool,
}

/// A trace's share of what all may take, given back by drop.
struct Hold {
    shared: Arc<Shared>,
    bytes: usize,
}

/// A trace that is over.
pub struct Finished {
    pub id: TraceId,
    /// The root's name.
    pub name: &'static str,
    /// The root is among them.
    pub spans: Vec<SpanData>,
    pub root: SpanId,
    /// Spans that were over the bounds.
    pub left_out: u32,
    /// When its last span ended.
    pub ended: Instant,
    _hold: Hold,
}

tokio::task_local! {
    static CURRENT: (Span, Span);
}

impl Tracer {
    /// A tracer that is off, and where its finished traces come out.
    pub fn new(metrics: TraceMetrics) -> (Self, Queue) {
        // Whoever takes them does little for each; beyond that it hangs, and they are dropped and counted.
        let (finished, queue) = mpsc::channel(1_024);
        let (on, traces, bytes) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
        (Tracer(Arc::new(Shared { on, traces, bytes, finished, metrics })), queue)
    }

    /// A tracer that stays off.
    pub fn off() -> Self {
        Tracer::new(TraceMetrics::default()).0
    }

    /// Whether traces are recorded from now on.
    pub fn switch(&self, on: bool) {
        self.0.on.store(on, Ordering::Relaxed);
    }

    /// Whether traces are recorded.
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// What is counted of traces.
    pub fn metrics(&self) -> &TraceMetrics {
        &self.0.metrics
    }

    /// Begins a trace with its root span. Names are few, and known to this code: they are labels.
    pub fn begin(&self, name: &'static str, parent: Option<Parent>) -> Span {
        if !self.is_on() {
            return Span::default();
        }
        let more = |count: usize| (count < MAX_TRACES).then_some(count + 1);
        if self.0.traces.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            self.0.metrics.overflowed();
            return Span::default();
        }
        let began = Instant::now();
        let root = SpanId::random();
        let trace = Trace {
            id: parent.map_or_else(TraceId::random, |parent| parent.trace),
            root,
            name,
            began,
            began_unix_ns: unix_ns(),
            hold: Hold { shared: self.0.clone(), bytes: 0 },
            spans: Mutex::default(),
        };
        let parent = parent.map(|parent| parent.span);
        let live = Live { trace: Arc::new(trace), id: root, parent, name: name.into(), began, body: Mutex::default() };
        Span(Some(Arc::new(live)))
    }
}

impl Span {
    /// Whether it is recorded.
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// A span below this one, from now on.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Span {
        let child = |live: &Arc<Live>| {
            let (trace, parent) = (live.trace.clone(), Some(live.id));
            let (id, name) = (SpanId::random(), cut_name(name.into()));
            Arc::new(Live { trace, id, parent, name, began: Instant::now(), body: Mutex::default() })
        };
        Span(self.0.as_ref().map(child))
    }

    /// Sets an attribute; the last of a name counts.
    pub fn set(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let Some(live) = &self.0 else { return };
        let (key, value) = (key.into(), value.into());
        let mut body = live.body();
        if let Some(known) = body.attributes.iter_mut().find(|(name, _)| *name == key) {
            known.1 = value;
        } else if body.attributes.len() < MAX_ATTRIBUTES {
            body.attributes.push((key, value));
        }
    }

    /// As [`Span::set`], of a text that is made only where it is recorded.
    pub fn set_shown(&self, key: &'static str, value: &dyn fmt::Display) {
        if self.is_recorded() {
            self.set(key, value.to_string());
        }
    }

    /// Says that it failed.
    pub fn fail(&self, why: impl Into<String>) {
        if let Some(live) = &self.0 {
            live.body().error = Some(cut(why.into()));
        }
    }

    /// It is over now, though handles of it are left.
    pub fn end(&self) {
        if let Some(live) = &self.0 {
            live.body().ended.get_or_insert_with(Instant::now);
        }
    }

    /// The trace turned out to be about nothing: none of it is kept.
    pub fn forget(&self) {
        if let Some(live) = &self.0 {
            live.body().forgotten = true;
        }
    }

    /// What another server needs to go on with the trace.
    pub fn parent(&self) -> Option<Parent> {
        self.0.as_ref().map(|live| Parent { trace: live.trace.id, span: live.id })
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(live) => write!(f, "Span({} {})", live.trace.id, live.name),
            None => f.write_str("Span(none)"),
        }
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("on", &self.is_on()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("id", &self.id).field("spans", &self.spans).finish_non_exhaustive()
    }
}

impl Live {
    fn body(&self) -> std::sync::MutexGuard<'_, Body> {
        self.body.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let body = std::mem::take(self.body.get_mut().expect("no holder of this lock panics"));
        let ended = body.ended.unwrap_or_else(Instant::now);
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let span = SpanData {
            id: self.id,
            parent: self.parent,
            name: std::mem::take(&mut self.name),
            started_unix_ns: self.trace.began_unix_ns.saturating_add(ns(self.began - self.trace.began)),
            duration_ns: ns(ended.saturating_duration_since(self.began)),
            attributes: body.attributes,
            error: body.error,
        };
        self.trace.add(span, body.forgotten);
    }
}

impl Trace {
    fn add(&self, span: SpanData, forgotten: bool) {
        let shared = &self.hold.shared;
        let bytes = span.bytes();
        let mut spans = self.spans.lock().expect("no holder of this lock panics");
        spans.forgotten |= forgotten;
        let is_root = span.id == self.root;
        // The root has a place kept for it: a trace without one could not be judged.
        let has_place = spans.list.len() < MAX_SPANS - usize::from(!is_root);
        let more = |all: usize| (is_root || all + bytes <= MAX_BYTES).then_some(all + bytes);
        if has_place && shared.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
            spans.bytes += bytes;
            spans.list.push(span);
        } else {
            spans.left_out += 1;
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let spans = std::mem::take(self.spans.get_mut().expect("no holder of this lock panics"));
        let shared = self.hold.shared.clone();
        self.hold.bytes = spans.bytes;
        if spans.forgotten || !spans.list.iter().any(|span| span.id == self.root) {
            return;
        }
        let hold = Hold { shared: shared.clone(), bytes: std::mem::take(&mut self.hold.bytes) };
        // The place among the traces goes over to what is finished.
        shared.traces.fetch_add(1, Ordering::Relaxed);
        let (id, name, root, left_out) = (self.id, self.name, self.root, spans.left_out);
        let finished = Finished { id, name, spans: spans.list, root, left_out, ended: Instant::now(), _hold: hold };
        if shared.finished.try_send(finished).is_err() {
            shared.metrics.overflowed();
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.shared.traces.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Finished {
    /// The root span.
    pub fn root(&self) -> &SpanData {
        self.spans.iter().find(|span| span.id == self.root).expect("only traces with a root are finished")
    }
}

/// Runs the future with this span as the current one.
pub async fn within<F: Future>(span: &Span, future: F) -> F::Output {
    let root = match root() {
        root if root.is_recorded() && root.same_trace(span) => root,
        _ => span.clone(),
    };
    CURRENT.scope((root, span.clone()), future).await
}

impl Span {
    fn same_trace(&self, other: &Span) -> bool {
        matches!((&self.0, &other.0), (Some(a), Some(b)) if Arc::ptr_eq(&a.trace, &b.trace))
    }
}

/// The span that this task is at work for; an empty one where none is recorded.
pub fn current() -> Span {
    CURRENT.try_with(|(_, span)| span.clone()).unwrap_or_default()
}

/// The root of its trace, as far as this task began it. Who keeps a clone keeps the root from ending.
pub fn root() -> Span {
    CURRENT.try_with(|(root, _)| root.clone()).unwrap_or_default()
}

/// A span below the current one.
pub fn child(name: impl Into<Cow<'static, str>>) -> Span {
    CURRENT.try_with(|(_, span)| span.child(name)).unwrap_or_default()
}

/// Runs the future in a span below the current one, for as long as it takes.
pub async fn timed<F: Future>(name: &'static str, future: F) -> F::Output {
    let span = child(name);
    within(&span, future).await
}

fn cut_name(name: Cow<'static, str>) -> Cow<'static, str> {
    match name {
        Cow::Owned(name) => Cow::Owned(cut(name)),
        name => name,
    }
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn tracer() -> (Tracer, Queue) {
        let (tracer, queue) = Tracer::new(TraceMetrics::default());
        tracer.switch(true);
        (tracer, queue)
    }

    #[test]
    fn a_trace_is_finished_when_its_last_span_has_ended() {
        let (tracer, mut queue) = tracer();
        let root = tracer.begin("whep.join", None);
        root.set("session.id", "n.1");
        let kept = within(&root, async {
            let call = child("plugin.call");
            within(&call, async { child("fetch keys").fail("no answer") }).await;
            super::root()
        })
        .now_or_never()
        .unwrap();
        let late = root.child("session.dtls");
        drop(root);
        drop(kept);
        assert!(queue.try_recv().is_err(), "a span is open");
        drop(late);
        let finished = queue.try_recv().unwrap();
        let span = |name: &str| finished.spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!((finished.name, finished.spans.len()), ("whep.join", 4));
        assert_eq!(span("fetch keys").parent, Some(span("plugin.call").id));
        assert_eq!(span("plugin.call").parent, Some(finished.root));
        assert_eq!(span("session.dtls").parent, Some(finished.root));
        assert_eq!(span("fetch keys").error.as_deref(), Some("no answer"));
        assert_eq!(finished.root().attributes, [("session.id".into(), Value::Text("n.1".to_owned()))]);
        assert_eq!(tracer.0.traces.load(Ordering::Relaxed), 1);
        drop(finished);
        assert_eq!((tracer.0.traces.load(Ordering::Relaxed), tracer.0.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn nothing_is_recorded_while_it_is_off_and_nothing_is_kept_of_what_was_forgotten() {
        let (tracer, mut queue) = Tracer::new(TraceMetrics::default());
        assert!(!tracer.begin("whep.join", None).child("x").is_recorded());
        assert!(!current().is_recorded() && !child("x").is_recorded());
        tracer.switch(true);
        tracer.begin("plugin.reload", None).forget();
        assert!(queue.try_recv().is_err());
        assert_eq!(tracer.0.traces.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_trace_goes_on_where_another_server_began_it() {
        let (tracer, mut queue) = tracer();
        let parent = Parent { trace: TraceId([7; 16]), span: SpanId([9; 8]) };
        let root = tracer.begin("whip.publish", Some(parent));
        let answered = root.parent().unwrap();
        assert!(answered.trace == parent.trace && answered.span != parent.span);
        drop(root);
        let finished = queue.try_recv().unwrap();
        assert_eq!((finished.id, finished.root().parent), (parent.trace, Some(parent.span)));
    }

    #[test]
    fn spans_traces_and_bytes_are_bounded() {
        let (tracer, mut queue) = tracer();
        let root = tracer.begin("whep.join", None);
        (0..1_000).for_each(|_| drop(root.child("x")));
        (0..100).for_each(|index| root.set(format!("key {index}"), "x".repeat(10_000)));
        drop(root);
        let finished = queue.try_recv().unwrap();
        assert_eq!((finished.spans.len(), finished.left_out), (MAX_SPANS, 1_000 - MAX_SPANS as u32 + 1));
        assert_eq!(finished.root().attributes.len(), MAX_ATTRIBUTES);
        assert!(finished.root().bytes() < 80 << 10);
        drop(finished);
        let open: Vec<_> = (0..MAX_TRACES + 5).map(|_| tracer.begin("whep.join", None)).collect();
        assert_eq!(open.iter().filter(|span| span.is_recorded()).count(), MAX_TRACES);
        drop(open);
        let held = std::iter::from_fn(|| queue.try_recv().ok()).count();
        assert_eq!(held, 1_024, "what the queue holds");
        assert_eq!((tracer.0.traces.load(Ordering::Relaxed), tracer.0.bytes.load(Ordering::Relaxed)), (0, 0));
    }
}
