//! A live media server that sandboxed WebAssembly plugins extend.
//!
//! `ARCHITECTURE.md` is the plan of the house: layers, who owns what, and what is deliberately absent.

pub mod hub;
pub mod access;
pub mod codec;
pub mod media;
pub mod observe;
pub mod pipeline;
pub mod protocol;
pub mod shard;
pub mod task;
