//! `auto`: which rendition each viewer gets, by what its way carries. Pure: fed with packets, reports and the time.
//!
//! [`Auto`] is all that the media plane sees of one viewer; [`policy`] decides and could be replaced.

mod auto;
mod delay;
mod estimator;
mod history;
pub mod policy;
mod probe;
mod rate;
#[cfg(test)]
mod simulation;

pub use auto::Auto;
pub use estimator::Estimator;
pub use policy::{Choice, Rung};
