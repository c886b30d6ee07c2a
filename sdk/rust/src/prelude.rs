//! All that a plugin needs day by day: `use wasmcast_plugin::prelude::*;`.

pub use crate::{
    Action, Bitrate, Context, Decision, Error, Event, HostError, Per, Plugin, Reconfigure, Result, Route, Rule,
    SaveState, Selection, SelfTest, Session, Stats, Tick, TrackStats, Verdict, abstain, admit, allow, days, deny,
    hours, kbps, limit, mbps, milliseconds, minutes, refuse, route, seconds,
};
pub use crate::{bail, debug, ensure, error, info, trace, warn};
pub use crate::{clock, config, crypto, http, kv, metrics, notify, random};
pub use serde::de::Deserialize;
pub use serde::ser::Serialize;
pub use std::time::Duration;
pub use wasmcast_plugin_macros::{Deserialize, Serialize, auth, decide, export, observer, ratelimit, revoke, router};
