//! The host of sandboxed WebAssembly components: loads them, runs them within limits, and asks them.

mod answers;
mod bindings;
mod board;
mod breaker;
mod cache;
mod chain;
mod clients;
mod compile;
mod contract;
mod decision;
mod deposit;
mod directory;
mod engine;
mod exposition;
mod facts;
mod fault;
mod generation;
mod guest;
mod health;
mod histogram;
mod hook;
mod host;
mod inspect;
mod instance;
mod lane;
mod last_good;
mod limiting;
mod limits;
mod manifest;
mod mask;
mod matching;
mod observing;
mod pool;
mod question;
mod recall;
mod registry;
mod reload;
mod rollout;
mod route;
mod runtime;
mod sampling;
mod serving;
mod settings;
mod signature;
mod status;
#[cfg(test)]
mod tests;

pub use board::Revocation;
pub use breaker::Circuit;
pub use cache::CacheError;
pub use compile::{Artifact, CompileError, compile_child};
pub use decision::{Answer, Decided, Denial, Grant, Selection, Step};
pub use deposit::{Deposit, DepositError, MAX_MANIFEST, Placed};
pub use facts::{Action, Facts, PROTOCOLS};
pub use fault::{Fault, FaultClass};
pub use generation::{Generation, PrepareError};
pub use hook::Hook;
pub use host::{Grade, Line, Note, Reply, START, Script, Scripted, Sent, Services, Simulation};
pub use inspect::{InspectError, Inspection, Interface, Label, MAX_FILE, SECTION, component, inspect};
pub use instance::Live;
pub use limiting::{
    Amount, Ceiled, Counted, Early, Item, Known, LimitStatus, Limited, Limiter, Measure, Part, Refused, Rule,
    RuleStatus, Rules, Sending, Source, Ticket,
};
pub use manifest::{InvalidManifest, Manifest, Policy};
pub use matching::Matching;
pub use observing::{ObserverStatus, Observes, TrackRates, Wants};
pub use registry::{Options, Plugins, StartError};
pub use reload::CommandError;
pub use rollout::{Canary, Change, Difference, Mode, Share};
pub use route::{MAX_ADDRESS, Place, Route};
pub use runtime::{Runtime, RuntimeError, RuntimeOptions, missing_grants};
pub use settings::{Grants, HttpGrant, Isolation, KvGrant, Limits, Settings};
pub use signature::{Key, MAX_SIGNATURE, Signed, Trust};
pub use status::{Instances, LastError, LastReload, Origin, State, Status};
