//! Writes the series of plugins as OpenMetrics text.

use super::cells::{Cell, Distribution};
use super::series::{Family, Tenant};
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// Before each name that a plugin chose.
const PREFIX: &str = "wasmcast_plugin_";
/// Before what the server says about plugins.
const OWN_PREFIX: &str = "wasmcast_plugins_";

/// All series of one name that are shown.
pub(super) fn family(out: &mut String, name: &str, family: &Family, is_shown: impl Fn(&Tenant) -> bool) {
    let name = format!("{PREFIX}{name}");
    let mut samples = String::new();
    for ((tenant, own), series) in family.series.iter().filter(|((tenant, _), _)| is_shown(tenant)) {
        let (plugin, generation) = tenant;
        for (hook, cell) in series.cells() {
            let mut labels = format!("plugin=\"{}\",generation=\"{generation}\",hook=\"{hook}\"", escaped(plugin));
            for (key, value) in own {
                let _ = write!(labels, ",{key}=\"{}\"", escaped(value));
            }
            sample(&mut samples, &name, &labels, &cell);
        }
    }
    if !samples.is_empty() {
        let _ = write!(out, "# TYPE {name} {}\n{samples}", family.kind);
    }
}

fn sample(out: &mut String, name: &str, labels: &str, cell: &Cell) {
    match cell {
        Cell::Counter(total) => {
            let _ = writeln!(out, "{name}_total{{{labels}}} {}", total.load(Ordering::Relaxed));
        }
        Cell::Gauge(bits) => {
            let _ = writeln!(out, "{name}{{{labels}}} {}", number(f64::from_bits(bits.load(Ordering::Relaxed))));
        }
        Cell::Histogram(counts) => histogram(out, name, labels, counts),
    }
}

fn histogram(out: &mut String, name: &str, labels: &str, counts: &Distribution) {
    let cumulated = counts.cumulated();
    let bounds = counts.bounds.iter().copied().chain([f64::INFINITY]);
    for (bound, count) in bounds.zip(&cumulated) {
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {count}", number(bound));
    }
    let _ = writeln!(out, "{name}_count{{{labels}}} {}", cumulated.last().copied().unwrap_or(0));
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", number(counts.sum()));
}

/// One counter of the host's own, per plugin and kind.
pub(super) fn dropped<'a>(out: &mut String, plugins: impl Iterator<Item = (&'a str, [(&'static str, u64); 3])>) {
    let _ = writeln!(out, "# TYPE {OWN_PREFIX}dropped counter");
    for (plugin, kinds) in plugins {
        for (kind, total) in kinds {
            let plugin = escaped(plugin);
            let _ = writeln!(out, "{OWN_PREFIX}dropped_total{{plugin=\"{plugin}\",kind=\"{kind}\"}} {total}");
        }
    }
}

/// As in OpenMetrics: infinities have a sign, whole numbers a decimal point.
fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

/// The value of a label between its quotes.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::cells::{Cell, Handle};
    use super::super::series::{Kind, Registry};
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn series_become_text() {
        let registry = Registry::default();
        let accounts = ["a", "b"].map(|plugin| (plugin, registry.open(&plugin.into(), 3)));
        let count = |plugin: &str, name: &str, labels: &[(&str, &str)], kind: Kind, count: &dyn Fn(&Cell)| {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let (_, account) = accounts.iter().find(|(name, _)| *name == plugin).unwrap();
            let series = registry.series(&plugin.into(), 3, account, name, labels, kind).unwrap();
            count(Handle::new(series).cell("auth/check").unwrap().unwrap());
        };
        for (plugin, labels, delta) in [("b", &[("evil", "\"} 1\n\\")][..], 2), ("a", &[], 1)] {
            count(plugin, "logins_total", labels, Kind::Counter, &|cell| {
                let Cell::Counter(total) = cell else { panic!() };
                total.fetch_add(delta, Relaxed);
            });
        }
        for (name, value) in [("heat", 21.5_f64), ("top", f64::INFINITY), ("whole", 3.0)] {
            count("a", name, &[], Kind::Gauge, &|cell| {
                let Cell::Gauge(bits) = cell else { panic!() };
                bits.store(value.to_bits(), Relaxed);
            });
        }
        count("a", "wait", &[("x", "1")], Kind::Histogram(vec![0.5, 1.0]), &|cell| {
            let Cell::Histogram(counts) = cell else { panic!() };
            [0.1, 0.2, 0.7, 9.0].into_iter().for_each(|value| counts.observe(value));
        });
        let mut text = String::new();
        registry.render(&mut text);
        // All of them are of this generation and hook.
        let of = |plugin: &str| format!("plugin=\"{plugin}\",generation=\"3\",hook=\"auth/check\"");
        let expected = r##"# TYPE wasmcast_plugin_heat gauge
wasmcast_plugin_heat{A} 21.5
# TYPE wasmcast_plugin_logins counter
wasmcast_plugin_logins_total{A} 1
wasmcast_plugin_logins_total{B,evil="\"} 1\n\\"} 2
# TYPE wasmcast_plugin_top gauge
wasmcast_plugin_top{A} +Inf
# TYPE wasmcast_plugin_wait histogram
wasmcast_plugin_wait_bucket{A,x="1",le="0.5"} 2
wasmcast_plugin_wait_bucket{A,x="1",le="1.0"} 3
wasmcast_plugin_wait_bucket{A,x="1",le="+Inf"} 4
wasmcast_plugin_wait_count{A,x="1"} 4
wasmcast_plugin_wait_sum{A,x="1"} 10.0
# TYPE wasmcast_plugin_whole gauge
wasmcast_plugin_whole{A} 3.0
"##;
        assert_eq!(text, expected.replace("{A", &format!("{{{}", of("a"))).replace("{B", &format!("{{{}", of("b"))));
    }
}
