//! Egress: how streams reach their viewers, protocol by protocol.

mod whep;

pub use whep::{Whep, WhepError};
