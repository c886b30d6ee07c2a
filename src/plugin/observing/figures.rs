//! What is counted of an observer, over all its generations.

use super::post::Post;
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counters.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Events that arrived, and the batches that they came in.
    pub(super) delivered: AtomicU64,
    pub(super) batches: AtomicU64,
    /// Batches that did not arrive, each time that they were tried.
    pub(super) failed: AtomicU64,
    /// Tracks that were told, in so many calls.
    pub(super) tracks: AtomicU64,
    pub(super) looks: AtomicU64,
    pub(super) failed_looks: AtomicU64,
}

/// An observer, as `/api/v1/plugins` tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObserverStatus {
    /// Events that wait.
    pub queue: usize,
    /// How long the oldest has waited.
    pub lag_ms: u64,
    /// Events that arrived since the server started, in so many batches.
    pub delivered: u64,
    pub batches: u64,
    /// Events that were dropped, since it was too slow.
    pub dropped: u64,
    /// Tries of a batch that failed.
    pub failed: u64,
    /// Figures of tracks that it was told, in so many calls, and the calls that failed.
    pub tracks: u64,
    pub stats_calls: u64,
    pub stats_failed: u64,
}

impl Figures {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Post {
    /// How it stands; none where no observer is in service.
    pub(in crate::plugin) fn status(&self) -> Option<ObserverStatus> {
        let (queue, oldest, dropped) = self.waiting()?;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let figures = self.figures();
        let lag = oldest.map(|oldest| Instant::now().saturating_duration_since(oldest)).unwrap_or_default();
        Some(ObserverStatus {
            queue,
            lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            delivered: get(&figures.delivered),
            batches: get(&figures.batches),
            dropped,
            failed: get(&figures.failed),
            tracks: get(&figures.tracks),
            stats_calls: get(&figures.looks),
            stats_failed: get(&figures.failed_looks),
        })
    }
}
