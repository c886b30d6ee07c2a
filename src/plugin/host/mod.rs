//! What plugins can call: the interfaces of `wasmcast:host`, and the services behind them.

use super::guest::Guest;
use super::settings::Grants;
use wasmtime::component::Linker;

pub struct Counter;
pub struct Gauge;
pub struct Histogram;
pub struct Span;

/// What all plugins share.
pub struct Services {}

/// Offers the interfaces to a plugin; `kv` and `http` where they are granted.
pub(super) fn link(_linker: &mut Linker<Guest>, _grants: &Grants) -> wasmtime::Result<()> {
    Ok(())
}
