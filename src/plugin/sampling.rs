//! Asks the observer plugins which finished traces are worth keeping.

use super::registry::Plugins;
use crate::observe::trace::{Summary, Verdict};
use std::sync::Arc;

impl Plugins {
    /// Whether any plugin judges traces.
    pub fn samples(&self) -> bool {
        false
    }

    /// One verdict for each trace, in order.
    pub async fn sample(&self, batch: Arc<[Summary]>) -> Vec<Verdict> {
        vec![Verdict::Leave; batch.len()]
    }
}
