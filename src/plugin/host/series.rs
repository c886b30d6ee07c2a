//! The time series of all plugins: bounded per plugin, one type a name, shared by all instances and generations.

use super::exposition;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Most series of one plugin, over all generations.
const MAX_SERIES: usize = 1_000;
/// Most labels of a series.
const MAX_LABELS: usize = 8;
/// Longest name of a metric or label, in bytes.
const MAX_NAME: usize = 64;
/// Longest value of a label, in bytes.
const MAX_VALUE: usize = 256;
/// Most buckets of a histogram, the last one to infinity not counted.
const MAX_BOUNDS: usize = 32;
/// Bounds of a histogram that names none, in seconds.
const DEFAULT_BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Labels, sorted by key.
pub(super) type Labels = Box<[(String, String)]>;

/// What is behind a handle; its type is that of the name.
#[derive(Clone, Debug)]
pub(super) enum Series {
    /// A total.
    Counter(Arc<AtomicU64>),
    /// The bits of an `f64`.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Distribution>),
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets; empty for the default.
    Histogram(Vec<f64>),
}

/// Why a handle counts nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Misuse {
    Name,
    Label,
    Bounds,
    Type,
    Full,
}

/// The counts of a histogram.
#[derive(Debug)]
pub(super) struct Distribution {
    pub(super) bounds: Box<[f64]>,
    /// One more than bounds: the last is for what is above all.
    buckets: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

/// All series of all plugins. Handles hold on to theirs and need it no more.
#[derive(Debug, Default)]
pub(super) struct Registry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By name without prefix and without the `_total` of counters.
    families: BTreeMap<String, Family>,
    /// Each name that appears in samples, and the family that it belongs to.
    samples: HashMap<String, String>,
    plugins: HashMap<Arc<str>, Usage>,
}

/// All series of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: &'static str,
    pub(super) series: BTreeMap<(Arc<str>, Labels), Series>,
}

#[derive(Debug, Default)]
struct Usage {
    series: usize,
    warned: Vec<Misuse>,
}

impl Kind {
    /// As OpenMetrics calls it.
    fn name(&self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        }
    }

    /// The names of the samples of a family.
    fn samples(&self, family: &str) -> Vec<String> {
        let suffixes: &[&str] = match self {
            Kind::Counter => &["", "_total", "_created"],
            Kind::Gauge => &[""],
            Kind::Histogram(_) => &["", "_bucket", "_count", "_sum", "_created"],
        };
        suffixes.iter().map(|suffix| format!("{family}{suffix}")).collect()
    }

    fn series(self) -> Series {
        match self {
            Kind::Counter => Series::Counter(Arc::default()),
            Kind::Gauge => Series::Gauge(Arc::new(AtomicU64::new(0.0_f64.to_bits()))),
            Kind::Histogram(bounds) => Series::Histogram(Arc::new(Distribution::new(bounds))),
        }
    }
}

impl Registry {
    /// The series of this name and these labels, made if there is none.
    ///
    /// # Errors
    /// Why there can be none, and whether this is the first time that this plugin does so.
    pub(super) fn series(
        &self,
        plugin: &Arc<str>,
        name: &str,
        labels: Vec<(String, String)>,
        kind: Kind,
    ) -> Result<Series, (Misuse, bool)> {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        state.series(plugin, name, labels, kind).map_err(|misuse| {
            let warned = &mut state.plugins.entry(plugin.clone()).or_default().warned;
            let first = !warned.contains(&misuse);
            if first {
                warned.push(misuse);
            }
            (misuse, first)
        })
    }

    /// Series of a removed plugin are exported no more.
    pub(super) fn forget(&self, plugin: &str) {
        let mut state = self.state.lock().expect("no holder of this lock panics");
        let State { families, samples, plugins } = &mut *state;
        plugins.remove(plugin);
        families.retain(|_, family| {
            family.series.retain(|(owner, _), _| &**owner != plugin);
            !family.series.is_empty()
        });
        samples.retain(|_, family| families.contains_key(family));
    }

    /// All series as OpenMetrics text, without the end mark.
    pub(super) fn render(&self, out: &mut String) {
        let state = self.state.lock().expect("no holder of this lock panics");
        for (name, family) in &state.families {
            exposition::family(out, name, family);
        }
    }
}

impl State {
    fn series(
        &mut self,
        plugin: &Arc<str>,
        name: &str,
        labels: Vec<(String, String)>,
        kind: Kind,
    ) -> Result<Series, Misuse> {
        if !is_metric_name(name) {
            return Err(Misuse::Name);
        }
        let kind = match kind {
            Kind::Histogram(bounds) => Kind::Histogram(checked_bounds(bounds).ok_or(Misuse::Bounds)?),
            other => other,
        };
        let labels = checked_labels(labels).ok_or(Misuse::Label)?;
        let name = if kind == Kind::Counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
        let key = (plugin.clone(), labels);
        if let Some(family) = self.families.get(name) {
            if family.kind != kind.name() {
                return Err(Misuse::Type);
            }
            if let Some(series) = family.series.get(&key) {
                return Ok(series.clone());
            }
        }
        let names = kind.samples(name);
        if names.iter().any(|sample| self.samples.get(sample).is_some_and(|family| family != name)) {
            return Err(Misuse::Type);
        }
        let usage = self.plugins.entry(plugin.clone()).or_default();
        if usage.series >= MAX_SERIES {
            return Err(Misuse::Full);
        }
        usage.series += 1;
        self.samples.extend(names.into_iter().map(|sample| (sample, name.to_owned())));
        let empty = || Family { kind: kind.name(), series: BTreeMap::new() };
        let family = self.families.entry(name.to_owned()).or_insert_with(empty);
        let series = kind.series();
        family.series.insert(key, series.clone());
        Ok(series)
    }
}

impl Misuse {
    /// In words for the plugin's author.
    pub(super) fn advice(self) -> String {
        match self {
            Misuse::Name => format!("a name is a lower-case letter and up to {} of a-z, 0-9 and `_`", MAX_NAME - 1),
            Misuse::Label => format!(
                "at most {MAX_LABELS} labels; a key is a letter and up to {} of letters, 0-9 and `_`, and none of \
                 plugin, le, quantile",
                MAX_NAME - 1
            ),
            Misuse::Bounds => format!("the bounds of a histogram are at most {MAX_BOUNDS} ascending numbers"),
            Misuse::Type => "a name, its `_total`, `_count`, `_sum` and `_bucket` stand for one type of metric, over \
                             all plugins; choose another name"
                .to_owned(),
            Misuse::Full => format!(
                "a plugin has at most {MAX_SERIES} names and combinations of labels; leave out labels with many \
                 values, such as ids and addresses"
            ),
        }
    }
}

impl Distribution {
    fn new(bounds: Vec<f64>) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Distribution { bounds: bounds.into(), buckets, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }

    /// Counts one value; not a number is ignored.
    pub(super) fn observe(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |sum: u64| Some((f64::from_bits(sum) + value).to_bits());
        self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).expect("the closure always gives a value");
    }

    /// How many are at or below each bound, and at last all.
    pub(super) fn cumulated(&self) -> Vec<u64> {
        let mut sum = 0;
        let upto = |bucket: &AtomicU64| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        };
        self.buckets.iter().map(upto).collect()
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

fn is_metric_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn is_label_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !["plugin", "le", "quantile"].contains(&name)
}

/// Sorted, of equal keys the later.
fn checked_labels(labels: Vec<(String, String)>) -> Option<Labels> {
    if labels.len() > MAX_LABELS || !labels.iter().all(|(key, _)| is_label_name(key)) {
        return None;
    }
    let cut = |value: String| super::text::cut(value, MAX_VALUE);
    let sorted: BTreeMap<_, _> = labels.into_iter().map(|(key, value)| (key, cut(value))).collect();
    Some(sorted.into_iter().collect())
}

fn checked_bounds(mut bounds: Vec<f64>) -> Option<Vec<f64>> {
    if bounds.last() == Some(&f64::INFINITY) {
        bounds.pop();
    }
    if bounds.is_empty() {
        return Some(DEFAULT_BOUNDS.to_vec());
    }
    let ascending = bounds.iter().all(|bound| bound.is_finite()) && bounds.is_sorted_by(|a, b| a < b);
    (bounds.len() <= MAX_BOUNDS && ascending).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(name: &str) -> Arc<str> {
        name.into()
    }

    fn ask(
        registry: &Registry,
        owner: &str,
        name: &str,
        labels: &[(&str, &str)],
        kind: Kind,
    ) -> Result<Series, Misuse> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        registry.series(&plugin(owner), name, labels, kind).map_err(|(misuse, _)| misuse)
    }

    #[test]
    fn names_labels_and_bounds_are_checked() {
        let registry = Registry::default();
        let long = "x".repeat(64);
        let longer = "x".repeat(65);
        let nine: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|key| (key, "")).to_vec();
        let counter = |name: &str, labels: &[(&str, &str)]| ask(&registry, "p", name, labels, Kind::Counter).err();
        let rows: [(&str, &[(&str, &str)], Option<Misuse>); 16] = [
            ("logins", &[], None),
            ("a", &[], None),
            (&long, &[], None),
            (&longer, &[], Some(Misuse::Name)),
            ("", &[], Some(Misuse::Name)),
            ("Logins", &[], Some(Misuse::Name)),
            ("1a", &[], Some(Misuse::Name)),
            ("_a", &[], Some(Misuse::Name)),
            ("a-b", &[], Some(Misuse::Name)),
            ("a\nb", &[], Some(Misuse::Name)),
            ("l", &[("Key1", "any \" value\n")], None),
            ("l", &[("plugin", "other")], Some(Misuse::Label)),
            ("l", &[("le", "1")], Some(Misuse::Label)),
            ("l", &[("__name__", "x")], Some(Misuse::Label)),
            ("l", &[("a=\"b", "x")], Some(Misuse::Label)),
            ("l", &nine, Some(Misuse::Label)),
        ];
        for (name, labels, expected) in rows {
            assert_eq!(counter(name, labels), expected, "{name} {labels:?}");
        }
        let rows: [(&[f64], bool); 8] = [
            (&[], true),
            (&[1.0], true),
            (&[0.1, 1.0, f64::INFINITY], true),
            (&[1.0, 1.0], false),
            (&[2.0, 1.0], false),
            (&[f64::NAN], false),
            (&[f64::INFINITY, f64::INFINITY], false),
            (&[0.0; 40], false),
        ];
        for (bounds, good) in rows {
            let asked = ask(&registry, "p", "h", &[], Kind::Histogram(bounds.to_vec()));
            assert_eq!(asked.is_ok(), good, "{bounds:?}");
        }
    }

    #[test]
    fn one_name_has_one_type() {
        let registry = Registry::default();
        ask(&registry, "p", "logins", &[], Kind::Counter).unwrap();
        ask(&registry, "p", "wait", &[], Kind::Histogram(Vec::new())).unwrap();
        let rows = [
            ("p", "logins_total", Kind::Counter, true),
            ("q", "logins", Kind::Counter, true),
            ("p", "logins", Kind::Gauge, false),
            ("q", "logins", Kind::Gauge, false),
            ("q", "logins_total", Kind::Gauge, false),
            ("q", "wait_count", Kind::Gauge, false),
            ("q", "wait_sum", Kind::Counter, false),
            ("q", "wait_p50", Kind::Gauge, true),
        ];
        for (owner, name, kind, good) in rows {
            let asked = ask(&registry, owner, name, &[], kind.clone());
            assert_eq!(asked.err(), (!good).then_some(Misuse::Type), "{owner} {name} {kind:?}");
        }
    }

    #[test]
    fn the_same_name_and_labels_are_the_same_series() {
        let registry = Registry::default();
        let counter = |labels: &[(&str, &str)]| match ask(&registry, "p", "logins", labels, Kind::Counter).unwrap() {
            Series::Counter(counter) => counter,
            other => panic!("{other:?}"),
        };
        let one = counter(&[("a", "1"), ("b", "2")]);
        assert!(Arc::ptr_eq(&one, &counter(&[("b", "2"), ("a", "1")])));
        assert!(Arc::ptr_eq(&one, &counter(&[("b", "3"), ("a", "1"), ("b", "2")])));
        assert!(!Arc::ptr_eq(&one, &counter(&[("a", "1")])));
    }

    #[test]
    fn series_of_a_plugin_are_bounded_and_each_misuse_is_told_once() {
        let registry = Registry::default();
        let mut told = 0;
        for number in 0..5_000 {
            let asked = registry.series(&plugin("flood"), &format!("n{number}"), Vec::new(), Kind::Counter);
            assert_eq!(asked.is_ok(), number < MAX_SERIES);
            told += asked.err().map_or(0, |(misuse, first)| {
                assert_eq!(misuse, Misuse::Full);
                usize::from(first)
            });
        }
        assert_eq!(told, 1);
        assert!(registry.series(&plugin("flood"), "n0", Vec::new(), Kind::Counter).is_ok(), "known ones go on");
        assert!(registry.series(&plugin("other"), "n0", Vec::new(), Kind::Counter).is_ok(), "others have their own");
    }

    #[test]
    fn a_forgotten_plugin_leaves_nothing() {
        let registry = Registry::default();
        for owner in ["p", "q"] {
            ask(&registry, owner, "both", &[], Kind::Counter).unwrap();
        }
        let kept = ask(&registry, "p", "mine", &[("x", "1")], Kind::Histogram(Vec::new())).unwrap();
        registry.forget("p");
        let mut text = String::new();
        registry.render(&mut text);
        assert!(!text.contains("\"p\"") && text.contains("\"q\""), "{text}");
        let state = registry.state.lock().unwrap();
        assert_eq!((state.families.len(), state.samples.len(), state.plugins.len()), (1, 3, 1));
        drop(state);
        if let Series::Histogram(old) = kept {
            old.observe(1.0);
        }
        ask(&registry, "q", "mine", &[], Kind::Gauge).unwrap();
    }

    #[test]
    fn values_go_into_their_bucket() {
        let counts = Distribution::new(vec![1.0, 2.0]);
        for value in [0.5, 1.0, 1.5, 2.0, 99.0, -1.0, f64::NAN] {
            counts.observe(value);
        }
        assert_eq!(counts.cumulated(), [3, 5, 6]);
        assert!((counts.sum() - 103.0).abs() < 1e-9);
    }
}
