//! Metrics of the plugin, exported by the server as `wasmcast_plugin_<name>{plugin="...",generation="...",hook="..."}`.
//!
//! Make each once, in [`Plugin::new`](crate::Plugin::new), and keep it. A name is `[a-z][a-z0-9_]{0,63}`. `hook` is the one in
//! whose call it was counted: `auth/check`, `router/routing`, ..., or `lifecycle` for `new`, ticks and the like. Each generation
//! begins at 0, appears with what it counts first, and goes when it is retired: add up over `generation` what you want to see over
//! versions. With a bad name, or beyond 1,000 series (name, labels, hook), it counts nowhere and the server warns once. Outside the
//! server all of it does nothing.
//!
//! ```
//! use wasmcast_plugin::prelude::*;
//!
//! struct State { denied: metrics::Counter }
//! impl Plugin for State {
//!     type Config = ();
//!     fn new(_: ()) -> Result<Self> {
//!         Ok(Self { denied: metrics::counter("denied", &[("why", "expired")]) })
//!     }
//! }
//! # fn hook(state: &State) {
//! state.denied.add(1);
//! # }
//! ```

#[cfg(target_arch = "wasm32")]
use crate::bindings::host::{metrics as series, types::Attribute};

#[cfg(not(target_arch = "wasm32"))]
mod series {
    pub struct Counter;
    pub struct Gauge;
    pub struct Histogram;

    impl Counter {
        pub fn add(&self, _: u64) {}
    }

    impl Gauge {
        pub fn set(&self, _: f64) {}
    }

    impl Histogram {
        pub fn observe(&self, _: f64) {}
    }
}

/// A total that only rises.
pub struct Counter(series::Counter);

/// A value that moves both ways. The last value set by any instance, in calls of the same hook, counts.
pub struct Gauge(series::Gauge);

/// A distribution.
pub struct Histogram(series::Histogram);

impl Counter {
    /// Adds to the total.
    pub fn add(&self, delta: u64) {
        self.0.add(delta);
    }
}

impl Gauge {
    /// Sets the value. Not a number is ignored.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }
}

impl Histogram {
    /// Counts one value. Not a number is ignored.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}

#[cfg(target_arch = "wasm32")]
fn attributes(labels: &[(&str, &str)]) -> Vec<Attribute> {
    labels.iter().map(|(key, value)| Attribute { key: (*key).to_owned(), value: (*value).to_owned() }).collect()
}

/// A counter. The same name and labels give the same series, over all instances of a generation.
#[cfg(target_arch = "wasm32")]
pub fn counter(name: &str, labels: &[(&str, &str)]) -> Counter {
    Counter(series::Counter::new(name, &attributes(labels)))
}

/// A gauge. The same name and labels give the same series.
#[cfg(target_arch = "wasm32")]
pub fn gauge(name: &str, labels: &[(&str, &str)]) -> Gauge {
    Gauge(series::Gauge::new(name, &attributes(labels)))
}

/// A histogram. `bounds`: upper bounds of its buckets, ascending, at most 32; none gives 1 ms to 10 s, for seconds.
#[cfg(target_arch = "wasm32")]
pub fn histogram(name: &str, labels: &[(&str, &str)], bounds: &[f64]) -> Histogram {
    Histogram(series::Histogram::new(name, &attributes(labels), bounds))
}

/// A counter. The same name and labels give the same series, over all instances of a generation.
#[cfg(not(target_arch = "wasm32"))]
pub fn counter(_name: &str, _labels: &[(&str, &str)]) -> Counter {
    Counter(series::Counter)
}

/// A gauge. The same name and labels give the same series.
#[cfg(not(target_arch = "wasm32"))]
pub fn gauge(_name: &str, _labels: &[(&str, &str)]) -> Gauge {
    Gauge(series::Gauge)
}

/// A histogram. `bounds`: upper bounds of its buckets, ascending, at most 32; none gives 1 ms to 10 s, for seconds.
#[cfg(not(target_arch = "wasm32"))]
pub fn histogram(_name: &str, _labels: &[(&str, &str)], _bounds: &[f64]) -> Histogram {
    Histogram(series::Histogram)
}
