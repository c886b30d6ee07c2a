//! The observers' figures as OpenMetrics text.

use super::ObserverStatus;
use std::fmt::{Display, Write};

/// A family: name, kind, unit, help, and the value.
type Row = (&'static str, &'static str, &'static str, &'static str, fn(&ObserverStatus) -> f64);

const ROWS: [Row; 7] = [
    ("observer_events", "counter", "", "Events that arrived at the plugin", |status| status.delivered as f64),
    ("observer_dropped", "counter", "", "Events dropped since the plugin was too slow", |status| status.dropped as f64),
    ("observer_batches", "counter", "", "Batches of events that arrived", |status| status.batches as f64),
    ("observer_failed_batches", "counter", "", "Batches of events that did not arrive, each try", |status| {
        status.failed as f64
    }),
    ("observer_tracks", "counter", "", "Figures of tracks that the plugin was told", |status| status.tracks as f64),
    ("observer_queue", "gauge", "", "Events that wait for the plugin", |status| status.queue as f64),
    ("observer_lag_seconds", "gauge", "seconds", "How long the oldest of them has waited", |status| {
        status.lag_ms as f64 / 1_000.0
    }),
];

/// Appends them. Names of plugins hold nothing that would have to be quoted.
pub(in crate::plugin) fn render(observers: &[(impl Display, ObserverStatus)], out: &mut String) {
    if observers.is_empty() {
        return;
    }
    for (name, kind, unit, help, value) in ROWS {
        let name = format!("wasmcast_plugins_{name}");
        // Writing to a string does not fail.
        let _ = write!(out, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let suffix = if kind == "counter" { "_total" } else { "" };
        for (plugin, status) in observers {
            let _ = writeln!(out, "{name}{suffix}{{plugin=\"{plugin}\"}} {}", value(status));
        }
    }
}
