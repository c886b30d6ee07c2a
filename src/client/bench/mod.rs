//! Load generators.

mod process;
