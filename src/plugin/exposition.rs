//! The plugins' figures as OpenMetrics text.

use super::hook::Hook;
use super::observing;
use super::serving::Serving;
use super::status::{Shown, State};
use std::sync::Arc;

/// Buckets of the call times, as powers of two of nanoseconds: 1 µs to 4.3 s, each four times the one before.
const BOUNDS: [u32; 12] = [10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32];

/// Appends the plugins' figures in the OpenMetrics text format. `wasmcast_plugins_` is the server's own word on its
/// plugins, `wasmcast_plugin_` begins what plugins count themselves.
pub(super) fn render<S: Serving>(shown: &[Arc<Shown<S>>], out: &mut String) {
    use std::fmt::Write;
    // Names of plugins and of versions, quoted; writing to a string does not fail.
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut family = |name: &str, kind: &str, help: &str, unit: &str| {
        let _ = write!(out, "# TYPE wasmcast_plugins_{name} {kind}\n# HELP wasmcast_plugins_{name} {help}\n");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT wasmcast_plugins_{name} {unit}");
        }
        let mut samples = String::new();
        for shown in shown {
            let plugin = &shown.plugin.name;
            let tally = &shown.plugin.tally;
            let mut sample = |suffix: &str, labels: &str, value: &dyn std::fmt::Display| {
                let _ = writeln!(samples, "wasmcast_plugins_{name}{suffix}{{plugin=\"{plugin}\"{labels}}} {value}");
            };
            match name {
                "version" => {
                    if let Some(inspection) = shown.inspection() {
                        let version = quote(inspection.label.version.as_deref().unwrap_or_default());
                        let labels = format!(",version=\"{version}\",digest=\"{}\"", quote(&inspection.digest));
                        sample("_info", &labels, &1);
                    }
                }
                "in_service" => sample("", "", &u8::from(shown.state() == State::Active)),
                "generation" => sample("", "", &shown.active.as_ref().map_or(0, |active| active.number)),
                "calls" => {
                    for hook in hooks(shown) {
                        sample("_total", &format!(",hook=\"{}\"", hook.export()), &tally.asked(hook).calls());
                    }
                }
                "failures" => {
                    for (class, count) in tally.failures() {
                        sample("_total", &format!(",class=\"{}\"", class.name()), &count);
                    }
                }
                "answered_by_policy" => sample("_total", "", &tally.unasked_calls()),
                "upkeep_failures" => sample("_total", "", &tally.upkeep_failures()),
                "candidate_generation" => {
                    sample("", "", &shown.rollout.candidate.as_ref().map_or(0, |tried| tried.entry.number))
                }
                "rollbacks" => {
                    for (cause, count) in shown.plugin.rollbacks.counts() {
                        sample("_total", &format!(",cause=\"{}\"", cause.name()), &count);
                    }
                }
                "shadow_compared" => sample("_total", "", &compared(shown)[0]),
                "shadow_differences" => sample("_total", "", &compared(shown)[1]),
                "shadow_dropped" => sample("_total", "", &compared(shown)[2]),
                "memory_bytes" => sample("", "", &shown.active.as_ref().map_or(0, |active| active.generation.memory())),
                "idle_instances" => sample("", "", &shown.active.as_ref().map_or(0, |active| active.generation.idle())),
                "restarts" => sample("_total", "", &shown.restarts),
                "reloads" => {
                    sample("_total", ",result=\"active\"", &shown.reloads);
                    sample("_total", ",result=\"refused\"", &shown.refused);
                }
                _ => {
                    for hook in hooks(shown) {
                        let (label, latency) = (format!(",hook=\"{}\"", hook.export()), &tally.asked(hook).latency);
                        // Read before the buckets, which may only be larger then.
                        let sum = latency.sum().as_secs_f64();
                        for power in BOUNDS {
                            let bound = (1_u64 << power) as f64 / 1e9;
                            sample("_bucket", &format!("{label},le=\"{bound}\""), &latency.below(power));
                        }
                        let count = latency.count();
                        sample("_bucket", &format!("{label},le=\"+Inf\""), &count);
                        sample("_count", &label, &count);
                        sample("_sum", &label, &sum);
                    }
                }
            }
        }
        out.push_str(&samples);
    };
    family("version", "info", "The version in service", "");
    family("in_service", "gauge", "Whether the plugin answers", "");
    family("generation", "gauge", "The generation in service, 0 for none", "");
    family(
        "candidate_generation",
        "gauge",
        "The generation in the shadow, as a canary or on probation, 0 for none",
        "",
    );
    family("rollbacks", "counter", "Generations that were taken out again, by the cause", "");
    family("shadow_compared", "counter", "Decisions that a generation in the shadow was compared with", "");
    family("shadow_differences", "counter", "Those that it would have made otherwise", "");
    family("shadow_dropped", "counter", "Decisions that it was not compared with, since it was behind or stopped", "");
    family("calls", "counter", "Calls of the plugin, failed ones among them", "");
    family("failures", "counter", "Calls that gave no answer, by the class of the failure", "");
    family("answered_by_policy", "counter", "Questions that met a plugin that was stopped or not loaded", "");
    family("upkeep_failures", "counter", "Ticks and polls that failed", "");
    family("memory_bytes", "gauge", "Memory of the plugin's instances", "bytes");
    family("idle_instances", "gauge", "Instances that wait for a call", "");
    family("restarts", "counter", "Restarts after the plugin was stopped", "");
    family("reloads", "counter", "Changes of file or manifest by their result", "");
    family("call_seconds", "histogram", "Time of a call with its waiting", "seconds");
    let observers = shown.iter().filter_map(|shown| Some((shown.plugin.name.clone(), shown.observer()?)));
    observing::render(&observers.collect::<Vec<_>>(), out);
}

/// Compared, different, dropped.
fn compared<S>(shown: &Shown<S>) -> [u64; 3] {
    shown.plugin.comparisons.counts()
}

/// The hooks that a plugin has, or had when it was called.
fn hooks<S: Serving>(shown: &Shown<S>) -> impl Iterator<Item = Hook> {
    let exports = shown.inspection().map(|inspection| inspection.hooks.clone()).unwrap_or_default();
    let tally = &shown.plugin.tally;
    let has = move |hook: &Hook| exports.iter().any(|export| export == hook.export()) || tally.asked(*hook).calls() > 0;
    Hook::ALL.into_iter().filter(has)
}
