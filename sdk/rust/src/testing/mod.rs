//! Tests of a plugin in the server's own code: the real sandbox and limits, with a virtual clock, store and HTTP.
//!
//! ```no_run
//! use wasmcast_plugin::testing::*;
//!
//! #[test]
//! fn an_expired_session_is_asked_again() {
//!     let mut t = harness!().config(toml! { token = "secret" }).grant_kv().load(); // builds and loads this crate
//!     let s = t.play("live/cam1").token("secret").country("DE").start();
//!     s.expect_allow().subject("alice").tag("plan", "free");
//!     t.config(toml! { token = "other" }).advance(minutes(10)); // reload, then the ttl ends
//!     s.expect_end(401, "This link is not valid.");
//!     t.kv().expect("logins", "1");
//!     t.expect_calls("auth", 2).under_us(500);
//! }
//! ```
//!
//! Put tests into `tests/`, or into the crate under `#[cfg(test)]`, and run them by `wasmcast plugin test`, or by `cargo test` where
//! the `wasmcast` program is on the PATH or named by the variable `WASMCAST`. Each test has a server's plugin host of its own, in a process
//! beside it. Time stands still until [`Test::advance`] moves it: then ttls end, `tick` and `revoke` are called, in their order. A request
//! over HTTP that the test has no answer for fails.

mod harness;
mod host;
mod observed;
mod outside;
mod session;
mod under_test;

pub use crate::harness;
pub use crate::units::{Bitrate, days, hours, kbps, mbps, milliseconds, minutes, seconds};
pub use crate::{Event, TrackStats};
pub use harness::Harness;
pub use observed::Told;
pub use outside::{Http, Kv, Log, Sent};
pub use session::{Allowed, Routed, Session, Visit};
pub use std::time::Duration;
pub use toml::{Table, toml};
pub use under_test::{Calls, Test};

/// A [`Harness`] for the crate that the test is in.
#[macro_export]
macro_rules! harness {
    () => {
        $crate::testing::Harness::new(::core::env!("CARGO_MANIFEST_DIR"))
    };
}
