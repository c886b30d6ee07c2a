//! How a plugin can fail: each class has a policy of its own, and none of them is an answer.

use super::lane::SHORT;
use std::time::Duration;

/// The classes that a manifest's `[failure]` table names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultClass {
    Load,
    Init,
    Trap,
    Deadline,
    Error,
    Saturated,
}

impl FaultClass {
    /// Those that a call can meet.
    pub const CALL: [FaultClass; 4] =
        [FaultClass::Trap, FaultClass::Deadline, FaultClass::Error, FaultClass::Saturated];

    /// As in the manifest and in labels.
    pub fn name(self) -> &'static str {
        match self {
            FaultClass::Load => "load",
            FaultClass::Init => "init",
            FaultClass::Trap => "trap",
            FaultClass::Deadline => "deadline",
            FaultClass::Error => "error",
            FaultClass::Saturated => "saturated",
        }
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest broke off. `place`: the innermost function and, where the component tells it, file and line.
    #[error("trap `{reason}`{}", place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default())]
    Trap { reason: String, place: Option<String> },
    /// Guest code ran longer than it may. `key`: of the manifest, which bounds it.
    #[error("ran longer than its {} ms of CPU{}; raise {key} or do less", limit.as_millis(), place.as_ref().map(|place| format!(" (was in {place})")).unwrap_or_default())]
    Cpu { limit: Duration, key: &'static str, place: Option<String> },
    /// The call, with its waiting, took longer than it may.
    #[error("no answer within {} ms; raise {key}, or lower the time-outs of what it waits for", limit.as_millis())]
    Wall { limit: Duration, key: &'static str },
    /// The call is a long one and had its turns in the slow lane; they did not suffice.
    #[error("used {} ms of CPU, then waited for its share; no answer within {} ms. Calls that run longer than {} ms take turns with all others that do: do less, or raise {key}", used.as_millis(), limit.as_millis(), SHORT.as_millis())]
    Share { used: Duration, waited: Duration, limit: Duration, key: &'static str },
    /// The plugin returned an error, in its own words.
    #[error("{0}")]
    Error(String),
    /// All instances are busy and the queue is full, or no further instance can be made.
    #[error("{0}")]
    Saturated(String),
}

impl Fault {
    /// With the guest's words changed.
    pub fn map(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Fault::Trap { reason, place } => Fault::Trap { reason: change(reason), place },
            Fault::Error(words) => Fault::Error(change(words)),
            other => other,
        }
    }

    /// Whose policy decides.
    pub fn class(&self) -> FaultClass {
        match self {
            Fault::Trap { .. } => FaultClass::Trap,
            Fault::Cpu { .. } | Fault::Wall { .. } | Fault::Share { .. } => FaultClass::Deadline,
            Fault::Error(_) => FaultClass::Error,
            Fault::Saturated(_) => FaultClass::Saturated,
        }
    }
}
