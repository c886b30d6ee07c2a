//! What the server tells about itself: logs and metrics.

pub mod log;
pub mod metrics;
