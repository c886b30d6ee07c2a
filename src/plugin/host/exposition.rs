//! Writes the series of plugins as OpenMetrics text.

use super::series::{Distribution, Family, Series};
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// Before each name that a plugin chose.
const PREFIX: &str = "wasmcast_plugin_";
/// Before what the server says about plugins.
const OWN_PREFIX: &str = "wasmcast_plugins_";

/// All series of one name.
pub(super) fn family(out: &mut String, name: &str, family: &Family) {
    let name = format!("{PREFIX}{name}");
    let _ = writeln!(out, "# TYPE {name} {}", family.kind);
    for ((plugin, own), series) in &family.series {
        let mut labels = format!("plugin=\"{}\"", escaped(plugin));
        for (key, value) in own {
            let _ = write!(labels, ",{key}=\"{}\"", escaped(value));
        }
        match series {
            Series::Counter(total) => {
                let _ = writeln!(out, "{name}_total{{{labels}}} {}", total.load(Ordering::Relaxed));
            }
            Series::Gauge(bits) => {
                let _ = writeln!(out, "{name}{{{labels}}} {}", number(f64::from_bits(bits.load(Ordering::Relaxed))));
            }
            Series::Histogram(counts) => histogram(out, &name, &labels, counts),
        }
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
    use super::super::series::{Kind, Registry};

    #[test]
    fn series_become_text() {
        let registry = Registry::default();
        let series = |plugin: &str, name: &str, labels: &[(&str, &str)], kind: Kind| {
            let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            registry.series(&plugin.into(), name, labels, kind).unwrap()
        };
        use super::Series::{Counter, Gauge, Histogram};
        use std::sync::atomic::Ordering::Relaxed;
        for (plugin, labels, total) in [("b", &[("evil", "\"} 1\n\\")][..], 2), ("a", &[], 1)] {
            let Counter(counter) = series(plugin, "logins_total", labels, Kind::Counter) else { panic!() };
            counter.fetch_add(total, Relaxed);
        }
        for (name, value) in [("heat", 21.5), ("top", f64::INFINITY), ("whole", 3.0)] {
            let Gauge(gauge) = series("a", name, &[], Kind::Gauge) else { panic!() };
            gauge.store(value.to_bits(), Relaxed);
        }
        let Histogram(counts) = series("a", "wait", &[("x", "1")], Kind::Histogram(vec![0.5, 1.0])) else { panic!() };
        for value in [0.1, 0.2, 0.7, 9.0] {
            counts.observe(value);
        }
        let mut text = String::new();
        registry.render(&mut text);
        let expected = r##"# TYPE wasmcast_plugin_heat gauge
wasmcast_plugin_heat{plugin="a"} 21.5
# TYPE wasmcast_plugin_logins counter
wasmcast_plugin_logins_total{plugin="a"} 1
wasmcast_plugin_logins_total{plugin="b",evil="\"} 1\n\\"} 2
# TYPE wasmcast_plugin_top gauge
wasmcast_plugin_top{plugin="a"} +Inf
# TYPE wasmcast_plugin_wait histogram
wasmcast_plugin_wait_bucket{plugin="a",x="1",le="0.5"} 2
wasmcast_plugin_wait_bucket{plugin="a",x="1",le="1.0"} 3
wasmcast_plugin_wait_bucket{plugin="a",x="1",le="+Inf"} 4
wasmcast_plugin_wait_count{plugin="a",x="1"} 4
wasmcast_plugin_wait_sum{plugin="a",x="1"} 10.0
# TYPE wasmcast_plugin_whole gauge
wasmcast_plugin_whole{plugin="a"} 3.0
"##;
        assert_eq!(text, expected);
    }
}
