//! What rules allowed and refused, as OpenMetrics text.

use super::Limiter;
use std::fmt::Write;

impl Limiter {
    /// Appends the figures of all rules in force. Their number is bounded, and so are their names.
    pub fn render(&self, out: &mut String) {
        let force = self.force();
        let mut family = |name: &str, kind: &str, help: &str| {
            // Writing to a string does not fail.
            let _ = write!(out, "# TYPE wasmcast_plugins_{name} {kind}\n# HELP wasmcast_plugins_{name} {help}\n");
            for one in &force.rules {
                let labels = format!("plugin=\"{}\",rule=\"{}\"", one.plugin, one.rule.name);
                let _ = match kind {
                    "counter" => {
                        let mut sample = |result: &str, count: u64| {
                            writeln!(out, "wasmcast_plugins_{name}_total{{{labels},result=\"{result}\"}} {count}")
                        };
                        sample("allowed", one.ledger.allowed()).and_then(|()| sample("refused", one.ledger.refused()))
                    }
                    _ => {
                        let buckets = one.ledger.buckets(one.rule.amount);
                        writeln!(out, "wasmcast_plugins_{name}{{{labels}}} {buckets}")
                    }
                };
            }
        };
        family(
            "limited",
            "counter",
            "What the rules of rate limits allowed and refused; of ingest-kbit kilobits, and publishers that were ended",
        );
        family("limit_buckets", "gauge", "Buckets that a rule remembers, or keys with something there now");
    }
}
