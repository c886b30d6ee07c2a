//! What the server tells about itself: logs, metrics, events and traces.

pub mod events;
pub mod log;
pub mod metrics;
pub mod trace;
pub mod tracks;

pub use events::{Event, Events, Happening};
pub use log::Log;
pub use metrics::Metrics;
