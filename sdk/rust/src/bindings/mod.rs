//! What is generated from `wit/`: the server's functions, and for each interface of a hook its trait and export macro.

#![allow(missing_docs, unused_imports, clippy::all)]

#[rustfmt::skip]
pub mod check;
#[rustfmt::skip]
pub mod decide;
pub mod events;
#[rustfmt::skip]
mod imports;
#[rustfmt::skip]
mod init;
#[rustfmt::skip]
pub mod reconfigure;
#[rustfmt::skip]
pub mod revoke;
#[rustfmt::skip]
pub mod routing;
#[rustfmt::skip]
pub mod rules;
#[rustfmt::skip]
pub mod self_test;
#[rustfmt::skip]
pub mod state;
#[rustfmt::skip]
pub mod stats;
#[rustfmt::skip]
pub mod tick;

pub use imports::wasmcast::host;

/// Construction of an instance: exported by this crate itself, once for all hooks of a plugin.
struct Instance;

impl init::exports::wasmcast::lifecycle::init::Guest for Instance {
    fn init() -> Result<(), String> {
        crate::instance::init()
    }
}

#[cfg(target_arch = "wasm32")]
init::export!(Instance with_types_in init);
