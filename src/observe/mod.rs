//! What the server tells about itself: logs and metrics.

pub mod log;
pub mod metrics;

pub use log::Log;
pub use metrics::Metrics;
