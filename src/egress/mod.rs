//! Egress: how streams reach their viewers, protocol by protocol.

mod asked;
mod bandwidth;
mod lobby;
mod whep;

pub use whep::{Whep, WhepError};
