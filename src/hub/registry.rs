//! The registry of streams by name.

use super::claim::Waiting;
use super::memory::RingMemory;
use super::resume::Ticket;
use super::ring::{Ring, RingLimits};
use super::stream::{Publisher, Stream};
use crate::media::{StreamName, TrackSet};
use crate::observe::Events;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

/// Bounds of the hub.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Streams at once.
    pub streams: usize,
    pub ring: RingLimits,
    /// Memory of the rings of all streams, in MiB.
    pub ring_mib: u32,
    /// How long a stream waits for a publisher that was lost; 0: it ends at once.
    pub resume: Duration,
}

impl Default for HubLimits {
    fn default() -> Self {
        HubLimits { streams: 1_000, ring: RingLimits::default(), ring_mib: 1_024, resume: Duration::ZERO }
    }
}

/// Why a stream can not be published.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublishError {
    #[error("the stream `{0}` is being published already; stop the other publisher or choose another name")]
    Taken(StreamName),
    #[error("this server carries at most {0} streams at once; try again later or raise `limits.streams`")]
    Full(usize),
    #[error("all {0} MiB for recent media are taken; try again later or raise `limits.ring_mib`")]
    NoMemory(u32),
}

/// All streams of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

pub(super) type Streams = HashMap<StreamName, Arc<Stream>>;

#[derive(Debug)]
struct Shared {
    limits: Mutex<HubLimits>,
    next_key: AtomicU64,
    streams: Mutex<Streams>,
    changes: watch::Sender<u64>,
    waiting: Mutex<Vec<Waiting>>,
    memory: Arc<RingMemory>,
    /// Where streams tell what becomes of them.
    events: OnceLock<Events>,
}

impl Hub {
    pub fn new(limits: HubLimits) -> Self {
        Hub {
            shared: Arc::new(Shared {
                limits: Mutex::new(limits),
                next_key: AtomicU64::new(1),
                streams: Mutex::default(),
                changes: watch::Sender::new(0),
                waiting: Mutex::default(),
                memory: RingMemory::new(bytes(&limits)),
                events: OnceLock::new(),
            }),
        }
    }

    /// Replaces the limits; streams that exist stay.
    pub fn set_limits(&self, limits: HubLimits) {
        self.shared.memory.set_most(bytes(&limits));
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
        self.room(&streams, &limits)?;
        let (stream, ticket) = self.open(&mut streams, &name, tracks, limits.ring);
        drop(streams);
        self.changed();
        Ok(Publisher::new(stream, ticket, self.clone()))
    }

    /// Whether there is room for one more stream.
    pub(super) fn room(&self, streams: &Streams, limits: &HubLimits) -> Result<(), PublishError> {
        if streams.len() >= limits.streams {
            return Err(PublishError::Full(limits.streams));
        }
        if !self.shared.memory.has_room() {
            return Err(PublishError::NoMemory(limits.ring_mib));
        }
        Ok(())
    }

    /// Bytes of recent media that are held of all streams.
    pub fn ring_bytes(&self) -> usize {
        self.shared.memory.held()
    }

    /// How often the recent media of a stream was cut, since there was no memory for all.
    pub fn ring_cuts(&self) -> u64 {
        self.shared.memory.cuts()
    }

    /// A ring of the memory that all share.
    pub(super) fn ring(&self, limits: RingLimits) -> Ring {
        Ring::within(limits, self.shared.memory.clone())
    }

    /// Puts a new stream into the registry, in the place of one of that name.
    pub(super) fn open(
        &self,
        streams: &mut Streams,
        name: &StreamName,
        tracks: TrackSet,
        ring: RingLimits,
    ) -> (Arc<Stream>, Ticket) {
        let ticket = self.next_key();
        let stream = Stream::new(self.next_key(), name.clone(), tracks, self.ring(ring), ticket);
        if let Some(events) = self.events().get() {
            stream.report_to(events.clone());
        }
        let stream = Arc::new(stream);
        streams.insert(name.clone(), stream.clone());
        (stream, ticket)
    }

    pub(super) fn events(&self) -> &OnceLock<Events> {
        &self.shared.events
    }

    /// A number that was not given before; never 0.
    pub(super) fn next_key(&self) -> u64 {
        self.shared.next_key.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn limits(&self) -> HubLimits {
        *self.shared.limits.lock().expect("no holder of this lock panics")
    }

    pub(super) fn registered(&self) -> MutexGuard<'_, Streams> {
        self.shared.streams.lock().expect("no holder of this lock panics")
    }

    /// Streams without a publisher.
    pub(super) fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.shared.waiting.lock().expect("no holder of this lock panics")
    }

    /// Frees the name of a stream that is over.
    pub(super) fn forget(&self, stream: &Stream) {
        let mut streams = self.registered();
        if streams.get(&stream.name).is_some_and(|registered| registered.key == stream.key) {
            streams.remove(&stream.name);
        }
        drop(streams);
        self.changed();
    }

    /// How long a stream waits for a publisher that was lost; 0: it ends at once.
    pub fn resume(&self) -> Duration {
        self.limits().resume
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

    pub(super) fn changed(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }
}

fn bytes(limits: &HubLimits) -> usize {
    (limits.ring_mib as usize) << 20
}
