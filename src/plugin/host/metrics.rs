//! The interface `metrics`: handles of guests on the series of their plugin.

use super::series::{Distribution, Kind, Series};
use super::wit::metrics::{Host, HostCounter, HostGauge, HostHistogram};
use super::wit::types::Attribute;
use crate::plugin::guest::Guest;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::Resource;

/// A guest's handle on a counter; none counts nowhere.
#[derive(Debug, Default)]
pub struct Counter(Option<Arc<AtomicU64>>);

/// A guest's handle on a gauge; none shows nowhere.
#[derive(Debug, Default)]
pub struct Gauge(Option<Arc<AtomicU64>>);

/// A guest's handle on a histogram; none counts nowhere.
#[derive(Debug, Default)]
pub struct Histogram(Option<Arc<Distribution>>);

impl Guest {
    fn series(&mut self, name: &str, labels: Vec<Attribute>, kind: Kind) -> Option<Series> {
        let context = &self.context;
        if context.silent {
            return None;
        }
        let labels = labels.into_iter().map(|label| (label.key, context.hide(label.value))).collect();
        let refused = match context.services.series.series(&context.plugin, name, labels, kind) {
            Ok(series) => return Some(series),
            Err(refused) => refused,
        };
        if let (misuse, true) = refused {
            let name: String = name.chars().take(80).collect();
            let message = format!("metric `{}` counts nowhere: {}", name.escape_debug(), misuse.advice());
            context.services.tell(&context.plugin, context.generation, super::Grade::Warn, message);
        }
        None
    }
}

impl Host for Guest {}

impl HostCounter for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>) -> Resource<Counter> {
        let counter = match self.series(&name, labels, Kind::Counter) {
            Some(Series::Counter(total)) => Counter(Some(total)),
            _ => Counter::default(),
        };
        self.keep(counter)
    }

    fn add(&mut self, counter: Resource<Counter>, delta: u64) {
        if let Ok(Counter(Some(total))) = self.table.get(&counter) {
            total.fetch_add(delta, Ordering::Relaxed);
        }
    }

    fn drop(&mut self, counter: Resource<Counter>) -> wasmtime::Result<()> {
        self.take(counter);
        Ok(())
    }
}

impl HostGauge for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>) -> Resource<Gauge> {
        let gauge = match self.series(&name, labels, Kind::Gauge) {
            Some(Series::Gauge(bits)) => Gauge(Some(bits)),
            _ => Gauge::default(),
        };
        self.keep(gauge)
    }

    fn set(&mut self, gauge: Resource<Gauge>, value: f64) {
        if let Ok(Gauge(Some(bits))) = self.table.get(&gauge)
            && !value.is_nan()
        {
            bits.store(value.to_bits(), Ordering::Relaxed);
        }
    }

    fn drop(&mut self, gauge: Resource<Gauge>) -> wasmtime::Result<()> {
        self.take(gauge);
        Ok(())
    }
}

impl HostHistogram for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>, bounds: Vec<f64>) -> Resource<Histogram> {
        let histogram = match self.series(&name, labels, Kind::Histogram(bounds)) {
            Some(Series::Histogram(counts)) => Histogram(Some(counts)),
            _ => Histogram::default(),
        };
        self.keep(histogram)
    }

    fn observe(&mut self, histogram: Resource<Histogram>, value: f64) {
        if let Ok(Histogram(Some(counts))) = self.table.get(&histogram) {
            counts.observe(value);
        }
    }

    fn drop(&mut self, histogram: Resource<Histogram>) -> wasmtime::Result<()> {
        self.take(histogram);
        Ok(())
    }
}
