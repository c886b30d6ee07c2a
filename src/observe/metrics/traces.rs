//! What is counted of traces: how they were judged, and what became of their spans.

use super::Label;
use super::cohorts::Cohorts;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// Counters of traces. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct TraceMetrics {
    judged: Family<[Label; 2], Counter>,
    anomalies: Family<[(&'static str, Arc<str>); 2], Counter>,
    /// Kinds are a plugin's words: the first few are told apart, as with cohorts.
    kinds: Arc<Cohorts>,
    spans: Family<[Label; 1], Counter>,
    overflowed: Counter,
    unjudged: Counter,
}

impl TraceMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "traces",
            "Finished traces by their root and what became of them: anomaly, kept, sampled (by chance) or dropped",
            self.judged.clone(),
        );
        registry.register(
            "trace_anomalies",
            "Traces that a plugin found out of the ordinary, by their root and its word for it",
            self.anomalies.clone(),
        );
        registry.register("trace_spans", "Spans by what became of them: exported, dropped or lost", self.spans.clone());
        registry.register("traces_overflowed", "Traces that were over the bounds", self.overflowed.clone());
        registry.register(
            "traces_unjudged",
            "Traces that were left to chance since no verdict came in time, or the plugin failed",
            self.unjudged.clone(),
        );
    }

    /// A trace was judged: `anomaly`, `kept`, `sampled` or `dropped`.
    pub fn judged(&self, root: &'static str, result: &'static str) {
        self.judged.get_or_create(&[("root", root), ("result", result)]).inc();
    }

    /// A plugin found one out of the ordinary.
    pub fn anomaly(&self, root: &'static str, kind: &str) {
        let labels = [("root", root.into()), ("kind", self.kinds.label(Some(kind)))];
        self.anomalies.get_or_create(&labels).inc();
    }

    /// Spans were `exported`, `dropped` on purpose, or `lost`.
    pub fn spans(&self, result: &'static str, count: usize) {
        self.spans.get_or_create(&[("result", result)]).inc_by(count as u64);
    }

    /// A trace was over the bounds.
    pub fn overflowed(&self) {
        self.overflowed.inc();
    }

    /// So many traces got no verdict.
    pub fn unjudged(&self, count: usize) {
        self.unjudged.inc_by(count as u64);
    }
}
