//! What plugins can call: the interfaces of `wasmcast:host`, and the services behind them.

mod account;
mod cells;
mod clock;
mod config;
mod crypto;
mod exposition;
mod handles;
mod http;
mod journal;
mod keys;
mod kv;
mod log;
mod metrics;
mod notify;
mod random;
mod rate;
mod refusal;
mod series;
mod services;
mod sessions;
mod share;
mod simulation;
mod space;
mod tenancy;
#[cfg(test)]
mod tests;
mod text;
mod trace;

pub use http::{Reply, Script, Scripted, Sent};
pub use journal::Line;
pub use log::Grade;
pub use metrics::{Counter, Gauge, Histogram};
pub use notify::Note;
pub use services::Services;
pub use simulation::{START, Simulation};
pub use tenancy::Tenancy;
pub use trace::{Span, Spans};

use super::bindings::imports::wasmcast::host as wit;
use super::guest::Guest;
use super::settings::Grants;
use wasmtime::component::{HasSelf, Linker};

impl wit::types::Host for Guest {}

/// Offers the interfaces to guests: those that need a grant only where it is given.
pub(super) fn link(linker: &mut Linker<Guest>, grants: &Grants) -> wasmtime::Result<()> {
    wit::types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::metrics::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::trace::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::notify::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::crypto::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::config::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wit::sessions::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    if grants.kv.is_some() {
        wit::kv::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    if grants.http.is_some() {
        wit::http::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    }
    Ok(())
}
