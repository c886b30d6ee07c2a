//! The host of sandboxed WebAssembly components: loads them, runs them within limits, and asks them.

mod bindings;
mod cache;
mod compile;
mod contract;
mod decision;
mod engine;
mod facts;
mod fault;
mod generation;
mod guest;
mod host;
mod inspect;
mod instance;
mod limits;
mod pool;
mod registry;
mod runtime;
mod settings;
#[cfg(test)]
mod tests;

pub use cache::CacheError;
pub use compile::{Artifact, CompileError};
pub use decision::{Answer, Decided, Denial, Grant, Selection, Step};
pub use facts::{Action, Facts};
pub use fault::{Fault, FaultClass};
pub use generation::{Generation, PrepareError};
pub use host::{Grade, Line, Note, Reply, START, Script, Scripted, Sent, Services, Simulation};
pub use inspect::{InspectError, Inspection, Interface, Label, MAX_FILE, SECTION, component, inspect};
pub use instance::Live;
pub use registry::{Plugins, Revocation};
pub use runtime::{Runtime, RuntimeError, RuntimeOptions, missing_grants};
pub use settings::{Grants, HttpGrant, Isolation, KvGrant, Limits, Settings};
