//! Plugins for the wasmcast media server: one function a hook, and no WIT to be seen.
//!
//! An auth plugin is one function in one file. `wasmcast plugin new --template auth my-auth` writes the project around it:
//!
//! ```
//! use wasmcast_plugin::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config {
//!     token: String,
//!     #[serde(default)]
//!     plan: Option<String>,
//! }
//!
//! #[auth]
//! fn authorize(session: &Session, config: &Config) -> Result<Decision> {
//!     let Some(token) = session.token() else { return Ok(abstain()) };
//!     if token != config.token {
//!         return Ok(deny(401, "This link is not valid."));     // the viewer reads this
//!     }
//!     let n = kv::increment("logins", 1).context("count logins")?; // the operator reads this
//!     info!("allowed"; stream = session.stream_name(), n);
//!     let plan = config.plan.as_deref().unwrap_or("free");
//!     Ok(allow().subject("alice").ttl(minutes(10)).max_bitrate(kbps(4_000)).tag("plan", plan))
//! }
//! ```
//!
//! - An `Err` is a failure of the plugin: the operator reads it and the manifest's failure policy decides. A [`deny`] is an
//!   answer.
//! - The second argument is `&Config`, a type that reads the manifest's `[config]` by serde, or `&mut State` of a type with
//!   [`Plugin`]. It may be left out.
//! - [`#[router]`](macro@router) says where a session is served, and which stream and cohort it gets.
//! - [`#[ratelimit]`](macro@ratelimit) gives rules that the server enforces itself, [`#[decide]`](macro@decide) answers for those
//!   that no bucket can express.
//! - [`#[observer]`](macro@observer) is told what happens, and how tracks do, in batches and off every path.
//! - [`#[revoke]`](macro@revoke) has sessions asked again before their ttl ends.
//! - [`#[export]`](macro@export) above `impl Tick`, `SelfTest`, `Reconfigure` or `SaveState` exports that ability.
//!
//! What the server offers is in [`kv`], [`http`], [`crypto`], [`clock`], [`random`], [`config`], [`mod@log`], [`metrics`],
//! [`trace`](mod@trace) and [`notify`]. A plugin asks for the rights to what it calls, and for nothing else.
//!
//! It is built for `wasm32-unknown-unknown` by `wasmcast plugin build`. There `std::time`, `std::fs`, `std::net`, threads and
//! `println!` do not work: use the modules above.

mod auth;
mod bindings;
pub mod clock;
pub mod config;
pub mod crypto;
mod error;
mod host_error;
pub mod http;
mod instance;
mod json;
pub mod kv;
pub mod log;
pub mod metrics;
pub mod notify;
mod observer;
mod plugin;
pub mod prelude;
pub mod random;
mod ratelimit;
mod router;
mod sandbox;
mod session;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod trace;
mod units;

pub use auth::{Decision, IntoDecision, Selection, abstain, allow, deny};
pub use error::{Cause, Context, Error, Result};
pub use host_error::HostError;
pub use observer::{Event, IntoTaken, Stats, TrackStats};
pub use plugin::{Exported, Plugin, Reconfigure, SaveState, SelfTest, Tick, ability};
pub use ratelimit::{IntoRules, IntoVerdict, Limit, Per, Rule, Verdict, admit, limit, refuse};
pub use router::{IntoRoute, Route, route};
pub use serde;
pub use serde_json;
pub use session::{Action, Session};
pub use units::{Bitrate, days, hours, kbps, mbps, milliseconds, minutes, seconds};
pub use wasmcast_plugin_macros::{auth, decide, export, observer, ratelimit, revoke, router};

/// The code in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// What the macros expand to. No part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::auth::IntoDecision;
    pub use crate::observer::{IntoTaken, not_taken};
    pub use crate::ratelimit::{IntoRules, IntoVerdict};
    pub use crate::router::IntoRoute;
    /// A hook's interface: its trait and types, and the macro that exports an implementation.
    macro_rules! interface {
        ($($module:ident: $path:ident),*) => {$(
            pub mod $module {
                pub use crate::bindings::$module::*;
                pub use crate::bindings::$module::exports::wasmcast::$path::$module::*;
            }
        )*};
    }
    interface!(
        check: auth, revoke: auth, routing: router, rules: ratelimit, decide: ratelimit, events: observer, stats: observer,
        reconfigure: lifecycle, self_test: lifecycle, state: lifecycle, tick: lifecycle
    );
    pub use crate::instance::{
        Configured, Kept, Stateful, interval, reconfigure as reconfigured, register, restore, save,
        self_test as tested, tick as ticked, with,
    };
    pub use crate::{Event, Result, Selection, Session, Stats, ability};
}
