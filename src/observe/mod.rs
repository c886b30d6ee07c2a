//! What the server tells about itself: logs, metrics and traces.

pub mod log;
pub mod metrics;
pub mod trace;

pub use log::Log;
pub use metrics::Metrics;
