//! The time series of all plugins: bounded per generation, gone with it, one type a name over all of them.

use super::account::{Account, MAX_SERIES};
use super::cells::Series;
use super::exposition;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

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
    /// The generations that may count, with how many places each has taken.
    accounts: BTreeMap<Tenant, (usize, Arc<Account>)>,
}

/// A plugin and the number of its generation.
pub(super) type Tenant = (Arc<str>, u64);

/// All series of one name.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) kind: &'static str,
    pub(super) series: BTreeMap<(Tenant, Labels), Arc<Series>>,
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
}

impl Registry {
    /// A place for a generation. Versions that did not begin leave their number to the next one: as long as both are there
    /// they share an account.
    pub(super) fn open(&self, plugin: &Arc<str>, generation: u64) -> Arc<Account> {
        let mut state = self.state();
        let (places, account) = state.accounts.entry((plugin.clone(), generation)).or_default();
        *places += 1;
        account.clone()
    }

    /// Gives a place back. With the last one all that the generation counted is exported no more.
    pub(super) fn close(&self, plugin: &Arc<str>, generation: u64, account: &Arc<Account>) {
        let mut state = self.state();
        let tenant = (plugin.clone(), generation);
        // It may be another's by now: a removed plugin begins to count its generations anew.
        let Some((places, _)) = state.accounts.get_mut(&tenant).filter(|(_, open)| Arc::ptr_eq(open, account)) else {
            return;
        };
        *places -= 1;
        if *places == 0 {
            state.accounts.remove(&tenant);
            state.drop_series(|other| *other == tenant);
        }
    }

    /// The series of this name and these labels, made if there is none. A generation that was retired has none any more.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn series(
        &self,
        plugin: &Arc<str>,
        generation: u64,
        account: &Arc<Account>,
        name: &str,
        labels: Vec<(String, String)>,
        kind: Kind,
    ) -> Result<Option<Arc<Series>>, Misuse> {
        let mut state = self.state();
        let tenant = (plugin.clone(), generation);
        let is_open = state.accounts.get(&tenant).is_some_and(|(_, open)| Arc::ptr_eq(open, account));
        if is_open { state.series(tenant, account, name, labels, kind).map(Some) } else { Ok(None) }
    }

    /// Series of a removed plugin are exported no more.
    pub(super) fn forget(&self, plugin: &str) {
        let mut state = self.state();
        state.accounts.retain(|(owner, _), _| &**owner != plugin);
        state.drop_series(|(owner, _)| &**owner == plugin);
    }

    /// All series as OpenMetrics text, without the end mark: of a plugin no more than one generation may have, the newest
    /// generation's first, then those of older ones as far as they fit whole.
    pub(super) fn render(&self, out: &mut String) {
        let state = self.state();
        let mut shown: HashSet<&Tenant> = HashSet::new();
        let mut sum: Option<(&Arc<str>, usize)> = None;
        for (tenant, (_, account)) in state.accounts.iter().rev() {
            let before = sum.filter(|(plugin, _)| *plugin == &tenant.0).map_or(0, |(_, sum)| sum);
            let with = before + account.used();
            if with <= MAX_SERIES {
                shown.insert(tenant);
            }
            sum = Some((&tenant.0, with));
        }
        for (name, family) in &state.families {
            exposition::family(out, name, family, |tenant| shown.contains(tenant));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Family {
    /// A newer version may make something else of the names of the older ones.
    fn gives_way_to(&self, (plugin, generation): &Tenant) -> bool {
        self.series.keys().all(|((owner, number), _)| owner == plugin && number < generation)
    }
}

impl State {
    fn series(
        &mut self,
        tenant: Tenant,
        account: &Arc<Account>,
        name: &str,
        labels: Vec<(String, String)>,
        kind: Kind,
    ) -> Result<Arc<Series>, Misuse> {
        if !is_metric_name(name) {
            return Err(Misuse::Name);
        }
        let kind = match kind {
            Kind::Histogram(bounds) => Kind::Histogram(checked_bounds(bounds).ok_or(Misuse::Bounds)?),
            other => other,
        };
        let labels = checked_labels(labels).ok_or(Misuse::Label)?;
        let name = if kind == Kind::Counter { name.strip_suffix("_total").unwrap_or(name) } else { name };
        let key = (tenant, labels);
        let of_kind = |family: &&Family| family.kind == kind.name();
        let known = self.families.get(name).filter(of_kind);
        if let Some(series) = known.and_then(|family| family.series.get(&key)) {
            return Ok(series.clone());
        }
        let names = kind.samples(name);
        let taken = names.iter().filter_map(|sample| self.samples.get(sample));
        let others: HashSet<String> = taken.filter(|family| known.is_none() || *family != name).cloned().collect();
        let gives_way = |name: &String| self.families.get(name).is_none_or(|family| family.gives_way_to(&key.0));
        if !others.iter().all(gives_way) {
            return Err(Misuse::Type);
        }
        if !account.take() {
            return Err(Misuse::Full);
        }
        self.families.retain(|family, _| !others.contains(family));
        self.samples.retain(|_, family| !others.contains(family));
        self.samples.extend(names.into_iter().map(|sample| (sample, name.to_owned())));
        let empty = || Family { kind: kind.name(), series: BTreeMap::new() };
        let family = self.families.entry(name.to_owned()).or_insert_with(empty);
        let series = Arc::new(Series::new(kind, account.clone()));
        family.series.insert(key, series.clone());
        Ok(series)
    }

    fn drop_series(&mut self, of: impl Fn(&Tenant) -> bool) {
        let State { families, samples, .. } = self;
        families.retain(|_, family| {
            family.series.retain(|(tenant, _), _| !of(tenant));
            !family.series.is_empty()
        });
        samples.retain(|_, family| families.contains_key(family));
    }
}

impl Misuse {
    /// In words for the plugin's author.
    pub(super) fn advice(self) -> String {
        match self {
            Misuse::Name => format!("a name is a lower-case letter and up to {} of a-z, 0-9 and `_`", MAX_NAME - 1),
            Misuse::Label => format!(
                "at most {MAX_LABELS} labels; a key is a letter and up to {} of letters, 0-9 and `_`, and none of \
                 plugin, generation, hook, le, quantile",
                MAX_NAME - 1
            ),
            Misuse::Bounds => format!("the bounds of a histogram are at most {MAX_BOUNDS} ascending numbers"),
            Misuse::Type => "a name, its `_total`, `_count`, `_sum` and `_bucket` stand for one type of metric, over \
                             all plugins; choose another name"
                .to_owned(),
            Misuse::Full => format!(
                "a plugin has at most {MAX_SERIES} names and combinations of labels and hooks; leave out labels with \
                 many values, such as ids and addresses"
            ),
        }
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
        && !["plugin", "generation", "hook", "le", "quantile"].contains(&name)
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
    use super::super::cells::{Cell, Handle};
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    /// Generations of a test, which are never closed.
    fn account(registry: &Registry, owner: &str, generation: u64) -> Arc<Account> {
        let known = registry.state().accounts.get(&(owner.into(), generation)).map(|(_, account)| account.clone());
        known.unwrap_or_else(|| registry.open(&owner.into(), generation))
    }

    fn ask_for(
        registry: &Registry,
        (owner, generation): (&str, u64),
        name: &str,
        labels: &[(&str, &str)],
        kind: Kind,
    ) -> Result<Arc<Series>, Misuse> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let account = account(registry, owner, generation);
        registry.series(&owner.into(), generation, &account, name, labels, kind).map(|series| series.expect("open"))
    }

    fn ask(
        registry: &Registry,
        owner: &str,
        name: &str,
        labels: &[(&str, &str)],
        kind: Kind,
    ) -> Result<Arc<Series>, Misuse> {
        ask_for(registry, (owner, 1), name, labels, kind)
    }

    fn add(series: &Arc<Series>, hook: &'static str, delta: u64) {
        match Handle::new(Some(series.clone())).cell(hook).unwrap().unwrap() {
            Cell::Counter(total) => total.fetch_add(delta, Relaxed),
            other => panic!("{other:?}"),
        };
    }

    fn rendered(registry: &Registry) -> String {
        let mut text = String::new();
        registry.render(&mut text);
        text
    }

    #[test]
    fn names_labels_and_bounds_are_checked() {
        let registry = Registry::default();
        let long = "x".repeat(64);
        let longer = "x".repeat(65);
        let nine: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|key| (key, "")).to_vec();
        let counter = |name: &str, labels: &[(&str, &str)]| ask(&registry, "p", name, labels, Kind::Counter).err();
        let rows: [(&str, &[(&str, &str)], Option<Misuse>); 18] = [
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
            ("l", &[("generation", "1")], Some(Misuse::Label)),
            ("l", &[("hook", "auth/check")], Some(Misuse::Label)),
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
        let counter = |labels: &[(&str, &str)]| ask(&registry, "p", "logins", labels, Kind::Counter).unwrap();
        let one = counter(&[("a", "1"), ("b", "2")]);
        assert!(Arc::ptr_eq(&one, &counter(&[("b", "2"), ("a", "1")])));
        assert!(Arc::ptr_eq(&one, &counter(&[("b", "3"), ("a", "1"), ("b", "2")])));
        assert!(!Arc::ptr_eq(&one, &counter(&[("a", "1")])));
    }

    #[test]
    fn each_generation_and_hook_has_a_series_of_its_own() {
        let registry = Registry::default();
        for generation in [1, 2] {
            let series = ask_for(&registry, ("p", generation), "logins", &[("x", "1")], Kind::Counter).unwrap();
            assert!(!rendered(&registry).contains(&format!("generation=\"{generation}\"")), "nothing was counted yet");
            add(&series, "router/routing", generation * 10);
            add(&series, "auth/check", generation);
        }
        let of = |generation: u64| {
            format!(
                "wasmcast_plugin_logins_total{{plugin=\"p\",generation=\"{generation}\",hook=\"auth/check\",x=\"1\"}} {generation}\n\
                 wasmcast_plugin_logins_total{{plugin=\"p\",generation=\"{generation}\",hook=\"router/routing\",x=\"1\"}} {}\n",
                generation * 10
            )
        };
        assert_eq!(rendered(&registry), format!("# TYPE wasmcast_plugin_logins counter\n{}{}", of(1), of(2)));
        registry.close(&"p".into(), 1, &account(&registry, "p", 1));
        assert_eq!(rendered(&registry), format!("# TYPE wasmcast_plugin_logins counter\n{}", of(2)));
    }

    #[test]
    fn what_is_closed_leaves_nothing_and_makes_nothing() {
        let registry = Registry::default();
        let plugin: Arc<str> = "p".into();
        // A version that does not begin, and the next one with the same number.
        let (failed, next) = (registry.open(&plugin, 7), registry.open(&plugin, 7));
        let series = registry.series(&plugin, 7, &next, "logins", Vec::new(), Kind::Counter).unwrap().unwrap();
        add(&series, "lifecycle", 1);
        registry.close(&plugin, 7, &failed);
        assert!(rendered(&registry).contains("logins"), "the other is still there");
        registry.close(&plugin, 7, &next);
        assert_eq!(rendered(&registry), "");
        add(&series, "auth/check", 1);
        let late = registry.series(&plugin, 7, &next, "logins", Vec::new(), Kind::Counter).unwrap();
        assert!(late.is_none() && rendered(&registry).is_empty());
        let state = registry.state();
        assert!(state.families.is_empty() && state.samples.is_empty() && state.accounts.is_empty());
    }

    #[test]
    fn series_are_bounded_by_generation_and_by_plugin() {
        let registry = Registry::default();
        let flood = |generation: u64, hooks: &[&'static str]| {
            (0..5_000)
                .filter_map(|number| {
                    ask_for(&registry, ("flood", generation), &format!("n{number}"), &[], Kind::Counter).ok()
                })
                .map(|series| {
                    // Of further hooks only as many as there is room for.
                    let mut handle = Handle::new(Some(series));
                    hooks.iter().filter(|hook| matches!(handle.cell(hook), Ok(Some(_)))).count()
                })
                .sum::<usize>()
        };
        let lines = || {
            let text = rendered(&registry);
            let of = |plugin: &str| text.lines().filter(|line| line.contains(plugin)).count();
            let flood = |generation: u64| of(&format!("plugin=\"flood\",generation=\"{generation}\""));
            (flood(1), flood(2), of("plugin=\"other\""))
        };
        let other = ask(&registry, "other", "n0", &[], Kind::Counter).unwrap();
        add(&other, "auth/check", 1);
        assert_eq!(flood(1, &["auth/check", "lifecycle", "router/routing"]), MAX_SERIES);
        assert_eq!(lines(), (MAX_SERIES, 0, 1));
        let first = ask_for(&registry, ("flood", 2), "n0", &[], Kind::Counter).unwrap();
        add(&first, "auth/check", 1);
        assert_eq!(lines(), (0, 1, 1), "the newest generation's are shown");
        assert_eq!(flood(2, &["auth/check"]), MAX_SERIES, "it has its own");
        assert_eq!(lines(), (0, MAX_SERIES, 1));
        registry.close(&"flood".into(), 2, &account(&registry, "flood", 2));
        assert_eq!(lines(), (MAX_SERIES, 0, 1), "a version that fails leaves the one before as it was");
    }

    #[test]
    fn each_misuse_of_a_generation_is_told_once() {
        let account = Account::default();
        let told: Vec<bool> =
            [Misuse::Full, Misuse::Full, Misuse::Name, Misuse::Full].map(|misuse| account.is_first(misuse)).into();
        assert_eq!(told, [true, false, true, false]);
    }

    #[test]
    fn a_newer_version_may_make_something_else_of_its_names() {
        let registry = Registry::default();
        let gauge = |tenant| ask_for(&registry, tenant, "logins", &[], Kind::Gauge).map(|_| ());
        add(&ask_for(&registry, ("p", 4), "logins", &[], Kind::Counter).unwrap(), "auth/check", 1);
        for tenant in [("p", 4), ("p", 3), ("q", 5)] {
            assert_eq!(gauge(tenant), Err(Misuse::Type), "{tenant:?}");
        }
        assert_eq!(gauge(("p", 5)), Ok(()));
        assert_eq!(rendered(&registry), "", "the older one's are gone, the newer one's not set");
        let total = |generation| ask_for(&registry, ("p", generation), "logins_total", &[], Kind::Counter);
        assert_eq!(total(5).map(|_| ()), Err(Misuse::Type));
        add(&total(6).unwrap(), "auth/check", 1);
        assert!(rendered(&registry).contains("logins_total{"));
    }

    #[test]
    fn a_forgotten_plugin_leaves_nothing() {
        let registry = Registry::default();
        for owner in ["p", "q"] {
            add(&ask(&registry, owner, "both", &[], Kind::Counter).unwrap(), "auth/check", 1);
        }
        let kept = ask(&registry, "p", "mine", &[("x", "1")], Kind::Histogram(Vec::new())).unwrap();
        registry.forget("p");
        let text = rendered(&registry);
        assert!(!text.contains("\"p\"") && text.contains("\"q\""), "{text}");
        let state = registry.state();
        assert_eq!((state.families.len(), state.samples.len(), state.accounts.len()), (1, 3, 1));
        drop(state);
        if let Ok(Some(Cell::Histogram(old))) = Handle::new(Some(kept)).cell("auth/check") {
            old.observe(1.0);
        }
        ask(&registry, "q", "mine", &[], Kind::Gauge).unwrap();
    }
}
