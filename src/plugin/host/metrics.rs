//! The interface `metrics`: handles of guests on the series of their generation, hook by hook.

use super::cells::{Cell, Handle};
use super::series::{Kind, Misuse};
use super::wit::metrics::{Host, HostCounter, HostGauge, HostHistogram};
use super::wit::types::Attribute;
use crate::plugin::guest::Guest;
use std::sync::atomic::Ordering;
use wasmtime::component::Resource;

/// A guest's handle on a counter.
#[derive(Debug, Default)]
pub struct Counter(Handle);

/// A guest's handle on a gauge.
#[derive(Debug, Default)]
pub struct Gauge(Handle);

/// A guest's handle on a histogram.
#[derive(Debug, Default)]
pub struct Histogram(Handle);

/// What all of its own work is called: init, ticks, state, self-test, and the start-up code of an instance.
const LIFECYCLE: &str = "lifecycle";

impl Guest {
    fn handle(&mut self, name: &str, labels: Vec<Attribute>, kind: Kind) -> Handle {
        let context = &self.context;
        if context.silent {
            return Handle::default();
        }
        let labels = labels.into_iter().map(|label| (label.key, context.hide(label.value))).collect();
        let series = context.tenancy.series(name, labels, kind).unwrap_or_else(|misuse| {
            let name: String = name.chars().take(80).collect();
            self.misused(misuse, &format!("metric `{}` counts nowhere", name.escape_debug()));
            None
        });
        Handle::new(series)
    }

    /// Counts in the cell of the hook that is being called.
    fn count<T: 'static>(
        &mut self,
        handle: &Resource<T>,
        inner: impl FnOnce(&mut T) -> &mut Handle,
        count: impl FnOnce(&Cell),
    ) {
        let hook = match self.call.hook {
            "" => LIFECYCLE,
            hook if hook.starts_with("lifecycle/") => LIFECYCLE,
            hook => hook,
        };
        let Ok(handle) = self.table.get_mut(handle) else { return };
        match inner(handle).cell(hook) {
            Ok(Some(cell)) => count(cell),
            Ok(None) => {}
            Err(misuse) => self.misused(misuse, &format!("a metric counts nowhere in calls of {hook}")),
        }
    }

    fn misused(&self, misuse: Misuse, what: &str) {
        let context = &self.context;
        if context.tenancy.is_first(misuse) {
            let message = format!("{what}: {}", misuse.advice());
            context.services.tell(&context.plugin, context.generation, super::Grade::Warn, message);
        }
    }
}

impl Host for Guest {}

impl HostCounter for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>) -> Resource<Counter> {
        let counter = Counter(self.handle(&name, labels, Kind::Counter));
        self.keep(counter)
    }

    fn add(&mut self, counter: Resource<Counter>, delta: u64) {
        self.count(
            &counter,
            |counter| &mut counter.0,
            |cell| {
                if let Cell::Counter(total) = cell {
                    total.fetch_add(delta, Ordering::Relaxed);
                }
            },
        );
    }

    fn drop(&mut self, counter: Resource<Counter>) -> wasmtime::Result<()> {
        self.take(counter);
        Ok(())
    }
}

impl HostGauge for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>) -> Resource<Gauge> {
        let gauge = Gauge(self.handle(&name, labels, Kind::Gauge));
        self.keep(gauge)
    }

    fn set(&mut self, gauge: Resource<Gauge>, value: f64) {
        if value.is_nan() {
            return;
        }
        self.count(
            &gauge,
            |gauge| &mut gauge.0,
            |cell| {
                if let Cell::Gauge(bits) = cell {
                    bits.store(value.to_bits(), Ordering::Relaxed);
                }
            },
        );
    }

    fn drop(&mut self, gauge: Resource<Gauge>) -> wasmtime::Result<()> {
        self.take(gauge);
        Ok(())
    }
}

impl HostHistogram for Guest {
    fn new(&mut self, name: String, labels: Vec<Attribute>, bounds: Vec<f64>) -> Resource<Histogram> {
        let histogram = Histogram(self.handle(&name, labels, Kind::Histogram(bounds)));
        self.keep(histogram)
    }

    fn observe(&mut self, histogram: Resource<Histogram>, value: f64) {
        self.count(
            &histogram,
            |histogram| &mut histogram.0,
            |cell| {
                if let Cell::Histogram(counts) = cell {
                    counts.observe(value);
                }
            },
        );
    }

    fn drop(&mut self, histogram: Resource<Histogram>) -> wasmtime::Result<()> {
        self.take(histogram);
        Ok(())
    }
}
