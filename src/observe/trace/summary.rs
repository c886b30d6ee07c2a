//! What is told of a finished trace to whoever judges it.

use super::record::Finished;
use super::span::{SpanData, Value};
use std::collections::HashMap;

/// One finished trace, as `trace-summary` of `wasmcast:observer/sampling`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub trace_id: String,
    pub root: &'static str,
    pub stream: String,
    pub session: String,
    pub started_unix_ns: u64,
    pub duration_us: u64,
    /// 0 while it is not known.
    pub usual_p99_us: u64,
    pub spans: u32,
    pub failed_spans: u32,
    /// The span with most time of its own, and that time.
    pub slowest_span: String,
    pub slowest_span_us: u64,
    /// Those of the root span.
    pub attributes: Vec<(String, String)>,
}

impl Summary {
    pub(super) fn new(trace: &Finished, usual_p99_us: u64) -> Self {
        let root = trace.root();
        let text = |key: &str| {
            let found = root.attributes.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.text()).unwrap_or_default()
        };
        let (slowest, own_ns) = slowest(&trace.spans);
        Summary {
            trace_id: trace.id.to_string(),
            root: trace.name,
            stream: text("stream"),
            session: text("session.id"),
            started_unix_ns: root.started_unix_ns,
            duration_us: root.duration_ns / 1_000,
            usual_p99_us,
            spans: u32::try_from(trace.spans.len()).unwrap_or(u32::MAX),
            failed_spans: trace.spans.iter().filter(|span| span.error.is_some()).count() as u32,
            slowest_span: slowest.to_owned(),
            slowest_span_us: own_ns / 1_000,
            attributes: root.attributes.iter().map(|(key, value)| (key.to_string(), Value::text(value))).collect(),
        }
    }
}

/// The name of the span with most time of its own (in none of its children), and that time in ns.
fn slowest(spans: &[SpanData]) -> (&str, u64) {
    let mut children: HashMap<_, Vec<(u64, u64)>> = HashMap::new();
    for span in spans {
        if let Some(parent) = span.parent {
            children.entry(parent).or_default().push((span.started_unix_ns, span.ended_unix_ns()));
        }
    }
    let own = |span: &SpanData| {
        let Some(within) = children.get(&span.id) else { return span.duration_ns };
        let mut within = within.clone();
        within.sort_unstable();
        let (mut covered, mut until) = (0, span.started_unix_ns);
        for (from, to) in within {
            let (from, to) = (from.max(until), to.min(span.ended_unix_ns()));
            covered += to.saturating_sub(from);
            until = until.max(to);
        }
        span.duration_ns.saturating_sub(covered)
    };
    spans.iter().map(|span| (&*span.name, own(span))).max_by_key(|(_, own)| *own).unwrap_or(("", 0))
}

#[cfg(test)]
mod tests {
    use super::super::context::SpanId;
    use super::*;

    #[test]
    fn the_slowest_span_is_the_one_with_most_time_of_its_own() {
        let span = |id: u8, parent: u8, name: &'static str, from: u64, to: u64| SpanData {
            id: SpanId([id; 8]),
            parent: (parent > 0).then_some(SpanId([parent; 8])),
            name: name.into(),
            started_unix_ns: from,
            duration_ns: to - from,
            attributes: Vec::new(),
            error: None,
        };
        // Two children overlap, one lasts longer than its parent.
        let spans = [
            span(1, 0, "root", 100, 200),
            span(2, 1, "a", 100, 160),
            span(3, 1, "b", 140, 170),
            span(4, 2, "inner", 110, 155),
            span(5, 1, "late", 195, 220),
        ];
        assert_eq!(slowest(&spans), ("inner", 45));
        assert_eq!(slowest(&spans[..3]), ("a", 60));
        assert_eq!(slowest(&spans[..1]), ("root", 100));
        assert_eq!(slowest(&[]), ("", 0));
    }
}
