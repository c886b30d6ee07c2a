//! A live media server that sandboxed WebAssembly plugins extend.
//!
//! `ARCHITECTURE.md` is the plan of the house: layers, who owns what, and what is deliberately absent.

pub mod access;
pub mod client;
pub mod codec;
pub mod config;
pub mod egress;
pub mod http;
pub mod hub;
pub mod ingest;
pub mod media;
pub mod observe;
pub mod pipeline;
pub mod plugin;
pub mod protocol;
pub mod server;
pub mod shard;
pub mod task;
