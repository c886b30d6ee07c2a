//! The registry of streams by name.

use super::ring::RingLimits;
use super::stream::{Publisher, Stream, StreamKey};
use crate::media::{StreamName, TrackSet};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Bounds of the hub.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Streams at once.
    pub streams: usize,
    pub ring: RingLimits,
}

impl Default for HubLimits {
    fn default() -> Self {
        HubLimits { streams: 1_000, ring: RingLimits::default() }
    }
}

/// Why a stream can not be published.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublishError {
    #[error("the stream `{0}` is being published already; stop the other publisher or choose another name")]
    Taken(StreamName),
    #[error("this server carries at most {0} streams at once; try again later or raise `limits.streams`")]
    Full(usize),
}

/// All streams of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Mutex<HubLimits>,
    next_key: AtomicU64,
    streams: Mutex<HashMap<StreamName, Arc<Stream>>>,
    changes: watch::Sender<u64>,
}

impl Hub {
    pub fn new(limits: HubLimits) -> Self {
        Hub {
            shared: Arc::new(Shared {
                limits: Mutex::new(limits),
                next_key: AtomicU64::new(1),
                streams: Mutex::default(),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Replaces the limits; streams that exist stay.
    pub fn set_limits(&self, limits: HubLimits) {
        *self.shared.limits.lock().expect("no holder of this lock panics") = limits;
    }

    /// Reserves a name and gives the right to publish under it.
    ///
    /// # Errors
    /// When the name is taken, or the server is full.
    pub fn publish(&self, name: StreamName, tracks: TrackSet) -> Result<Publisher, PublishError> {
        let limits = *self.shared.limits.lock().expect("no holder of this lock panics");
        let mut streams = self.shared.streams.lock().expect("no holder of this lock panics");
        if streams.contains_key(&name) {
            return Err(PublishError::Taken(name));
        }
        if streams.len() >= limits.streams {
            return Err(PublishError::Full(limits.streams));
        }
        let key = self.shared.next_key.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(Stream::new(key, name.clone(), tracks, limits.ring));
        streams.insert(name.clone(), stream.clone());
        drop(streams);
        self.changed();
        Ok(Publisher::new(stream, Registration { hub: self.clone(), name, key }))
    }

    /// The stream of a name, live or announced.
    pub fn stream(&self, name: &StreamName) -> Option<Arc<Stream>> {
        self.shared.streams.lock().expect("no holder of this lock panics").get(name).cloned()
    }

    /// All streams, by name.
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        let streams = self.shared.streams.lock().expect("no holder of this lock panics");
        let mut list: Vec<_> = streams.values().cloned().collect();
        drop(streams);
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// Ticks whenever a stream comes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }
}

/// A name in the registry; freed by drop.
#[derive(Debug)]
pub(super) struct Registration {
    hub: Hub,
    name: StreamName,
    key: StreamKey,
}

impl Registration {
    /// A key for another stream of the same publisher.
    pub(super) fn next_key(&self) -> StreamKey {
        self.hub.shared.next_key.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut streams = self.hub.shared.streams.lock().expect("no holder of this lock panics");
        if streams.get(&self.name).is_some_and(|stream| stream.key == self.key) {
            streams.remove(&self.name);
        }
        drop(streams);
        self.hub.changed();
    }
}
