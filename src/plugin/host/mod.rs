//! What plugins can call: the interfaces of `wasmcast:host`, and the services behind them.

pub struct Counter;
pub struct Gauge;
pub struct Histogram;
pub struct Span;

/// What all plugins share.
pub struct Services {}
