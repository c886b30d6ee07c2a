//! The host of sandboxed WebAssembly components: loads them, runs them within limits, and asks them.

mod bindings;
mod decision;
mod engine;
mod facts;
mod fault;
mod guest;
mod host;
mod limits;
mod registry;
mod settings;

pub use decision::{Answer, Decided, Denial, Grant, Selection, Step};
pub use facts::{Action, Facts};
pub use fault::{Fault, FaultClass};
pub use registry::{Plugins, Revocation};
pub use settings::{Grants, HttpGrant, Isolation, KvGrant, Limits, Settings};
