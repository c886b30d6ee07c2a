//! One live stream: its publisher pushes batches of packets once to each subscriber.

use super::claim::Claim;
use super::layers::LayerTable;
use super::registry::Hub;
use super::rendition::Division;
use super::resume::{Seat, Ticket};
use super::ring::Ring;
use crate::media::{Packet, StreamName, TrackSet};
use crate::observe::Events;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::SystemTime;
use tokio::sync::watch;

/// Identifies a stream within the process; a name that is published again gets a new one.
pub type StreamKey = u64;

/// Packets that arrived together, shared by all subscribers.
#[derive(Debug)]
pub struct Batch {
    pub packets: Vec<Packet>,
    /// The clock of each track when the batch was made.
    pub clocks: Arc<[TrackClock]>,
}

/// How a track's RTP timestamps map to the server's wall clock: a point of the line and its slope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackClock {
    /// Extended RTP timestamp of the point.
    pub timestamp: u64,
    /// Capture time of the point in nanoseconds since 1970, by the server's clock; 0 while unknown.
    pub wall_ns: u64,
    /// Ticks a second.
    pub rate: u32,
}

impl TrackClock {
    /// The RTP timestamp at a wall-clock time.
    pub fn timestamp_at(&self, wall_ns: u64) -> u64 {
        let delta = i128::from(wall_ns) - i128::from(self.wall_ns);
        let ticks = delta * i128::from(self.rate) / 1_000_000_000;
        (i128::from(self.timestamp) + ticks) as u64
    }

    /// The wall-clock time of an RTP timestamp, in nanoseconds since 1970.
    pub fn wall_at(&self, timestamp: u64) -> u64 {
        let ticks = i128::from(timestamp) - i128::from(self.timestamp);
        let ns = ticks * 1_000_000_000 / i128::from(self.rate.max(1));
        (i128::from(self.wall_ns) + ns).max(0) as u64
    }
}

/// Takes a stream's batches: a shard, a pipeline, a recorder; never a single WebRTC viewer.
pub trait Sink: Send + Sync {
    /// Takes a batch without blocking. False when its queue is full: the batch is lost to this subscriber, which sees the
    /// gap in the sequence numbers.
    fn push(&self, key: StreamKey, batch: &Arc<Batch>) -> bool;
    /// No more batches will come.
    fn ended(&self, key: StreamKey);
}

/// Told when a subscriber wants a keyframe. Must not block.
pub type KeyframeWaker = Arc<dyn Fn() + Send + Sync>;

/// Figures of a stream, written by its publisher.
#[derive(Debug)]
pub struct StreamStats {
    pub bytes: AtomicU64,
    pub packets: AtomicU64,
    pub keyframes: AtomicU64,
    pub queue_drops: AtomicU64,
    /// Width in the upper, height in the lower 16 bits; 0 while unknown.
    pub picture: AtomicU32,
    /// Mean of the last seconds, in bits a second; 0 while unknown.
    pub bitrate: AtomicU64,
    /// The picture's share of it.
    pub picture_bitrate: AtomicU64,
    /// Whether its publisher sends this layer now; true for streams with one rendition.
    pub active: AtomicBool,
    /// The spatial and temporal layers of the picture.
    pub layers: LayerTable,
}

impl Default for StreamStats {
    fn default() -> Self {
        StreamStats {
            bytes: AtomicU64::default(),
            packets: AtomicU64::default(),
            keyframes: AtomicU64::default(),
            queue_drops: AtomicU64::default(),
            picture: AtomicU32::default(),
            bitrate: AtomicU64::default(),
            picture_bitrate: AtomicU64::default(),
            active: AtomicBool::new(true),
            layers: LayerTable::default(),
        }
    }
}

impl StreamStats {
    fn count(&self, batch: &Batch) {
        let bytes: usize = batch.packets.iter().map(|packet| packet.payload.len()).sum();
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.packets.fetch_add(batch.packets.len() as u64, Ordering::Relaxed);
        let keyframes = batch.packets.iter().filter(|packet| packet.flags.keyframe_start).count();
        if keyframes > 0 {
            self.keyframes.fetch_add(keyframes as u64, Ordering::Relaxed);
        }
    }
}

/// A stream, seen by those who read it.
pub struct Stream {
    pub key: StreamKey,
    pub name: StreamName,
    pub tracks: TrackSet,
    pub started: SystemTime,
    pub stats: StreamStats,
    live: watch::Sender<Liveness>,
    viewers: AtomicU32,
    keyframe_wanted: AtomicBool,
    repair_wanted: AtomicBool,
    keyframe_waker: Mutex<Option<KeyframeWaker>>,
    flow: Mutex<Flow>,
    division: OnceLock<Division>,
    /// Publishers that are about to take it.
    heirs: AtomicU32,
    replaced: AtomicBool,
    /// Where it tells what becomes of it; not of children, which are part of their stream.
    events: OnceLock<Events>,
}

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Its publisher has a session but has sent nothing yet.
    Announced,
    /// Media comes.
    Live,
    /// Media has come, and nothing is heard of its publisher, or it has gone; another may take its place.
    Away,
    /// Over.
    Ended,
}

struct Flow {
    ring: Ring,
    clocks: Arc<[TrackClock]>,
    sinks: Vec<(u64, Arc<dyn Sink>)>,
    next_sink: u64,
    seat: Seat,
}

impl Stream {
    /// `owner`: who publishes it.
    pub(super) fn new(key: StreamKey, name: StreamName, tracks: TrackSet, ring: Ring, owner: Ticket) -> Self {
        let seat = Seat::new(owner, &tracks);
        let clocks =
            tracks.iter().map(|track| TrackClock { rate: track.codec.clock_rate(), ..TrackClock::default() }).collect();
        Stream {
            key,
            name,
            tracks,
            started: SystemTime::now(),
            stats: StreamStats::default(),
            live: watch::Sender::new(Liveness::Announced),
            viewers: AtomicU32::new(0),
            keyframe_wanted: AtomicBool::new(false),
            repair_wanted: AtomicBool::new(false),
            keyframe_waker: Mutex::new(None),
            flow: Mutex::new(Flow { ring, clocks, sinks: Vec::new(), next_sink: 0, seat }),
            division: OnceLock::new(),
            heirs: AtomicU32::new(0),
            replaced: AtomicBool::new(false),
            events: OnceLock::new(),
        }
    }

    /// Where it stands.
    pub fn liveness(&self) -> Liveness {
        *self.live.borrow()
    }

    /// Follows where it stands.
    pub fn watch(&self) -> watch::Receiver<Liveness> {
        self.live.subscribe()
    }

    /// Viewers at this moment, of all renditions.
    pub fn viewers(&self) -> u32 {
        let others = self.division().into_iter().flat_map(Division::others);
        self.own_viewers() + others.map(|stream| stream.own_viewers()).sum::<u32>()
    }

    /// Viewers at this moment who get this very rendition.
    pub fn own_viewers(&self) -> u32 {
        self.viewers.load(Ordering::Relaxed)
    }

    /// Counts a viewer in for as long as the guard lives.
    pub fn count_viewer(self: &Arc<Self>) -> ViewerGuard {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        ViewerGuard(self.clone())
    }

    /// Picture width and height, once seen.
    pub fn picture(&self) -> Option<(u16, u16)> {
        match self.stats.picture.load(Ordering::Relaxed) {
            0 => None,
            size => Some(((size >> 16) as u16, size as u16)),
        }
    }

    /// Asks the publisher for a keyframe; many asks until it comes are one. For those who have no picture without it: joiners, and
    /// who moves from one rendition to another.
    pub fn request_keyframe(&self) {
        self.request(&self.keyframe_wanted);
    }

    /// Likewise, for who says that it can not decode, or would have a larger picture: not more often than [`super::Repairs`] allows.
    pub fn request_repair(&self) {
        self.request(&self.repair_wanted);
    }

    fn request(&self, wanted: &AtomicBool) {
        if !wanted.swap(true, Ordering::AcqRel)
            && let Some(wake) = &*self.keyframe_waker.lock().expect("no holder of this lock panics")
        {
            wake();
        }
    }

    /// Whether a keyframe is wanted; asking takes the wish. For its publisher only.
    pub fn take_keyframe_request(&self) -> bool {
        take(&self.keyframe_wanted)
    }

    /// As [`Stream::take_keyframe_request`], of those who ask for a repair.
    pub(super) fn take_repair_request(&self) -> bool {
        take(&self.repair_wanted)
    }

    /// A keyframe starts: who asked before is served by it. For its publisher only.
    pub fn served_by_keyframe(&self) {
        take(&self.keyframe_wanted);
        take(&self.repair_wanted);
    }

    /// Sends all later batches to `sink`. Returns what came before, for joiners and retransmissions.
    pub fn subscribe(self: &Arc<Self>, sink: Arc<dyn Sink>) -> Subscription {
        let mut flow = self.flow();
        let id = flow.next_sink;
        flow.next_sink += 1;
        flow.sinks.push((id, sink));
        Subscription { stream: self.clone(), id, ring: Some(flow.ring.clone()), clocks: flow.clocks.clone() }
    }

    pub(super) fn division(&self) -> Option<&Division> {
        self.division.get()
    }

    pub(super) fn divide_once(&self, divide: impl FnOnce() -> Division) {
        self.division.get_or_init(divide);
    }

    /// The streams of its other renditions.
    pub(super) fn others(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.division().into_iter().flat_map(Division::others)
    }

    /// Whether another stream has its name, so that its viewers should connect again.
    pub fn was_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    pub(super) fn mark_replaced(&self) {
        self.replaced.store(true, Ordering::Release);
        self.others().for_each(|rendition| rendition.mark_replaced());
    }

    pub(super) fn heirs(&self) -> &AtomicU32 {
        &self.heirs
    }

    /// Works on its publisher's place.
    pub(super) fn with_seat<T>(&self, work: impl FnOnce(&mut Seat) -> T) -> T {
        work(&mut self.flow().seat)
    }

    /// Moves it on; true when that changed something. What is over stays over.
    pub(super) fn set_liveness(&self, liveness: Liveness) -> bool {
        let mut before = liveness;
        let changed = self.live.send_if_modified(|current| {
            let change = *current != liveness && *current != Liveness::Ended;
            if change {
                before = std::mem::replace(current, liveness);
            }
            change
        });
        if changed {
            self.tell_liveness(before, liveness);
        }
        changed
    }

    pub(super) fn report_to(&self, events: Events) {
        let _ = self.events.set(events);
    }

    pub(super) fn events(&self) -> &OnceLock<Events> {
        &self.events
    }

    /// Media comes. True when none came before.
    fn go_live(&self) -> bool {
        *self.live.borrow() != Liveness::Live && self.set_liveness(Liveness::Live)
    }

    pub(super) fn set_waker(&self, waker: Option<KeyframeWaker>) {
        *self.keyframe_waker.lock().expect("no holder of this lock panics") = waker;
    }

    /// Tells everyone that nothing more will come.
    pub(super) fn end(&self) {
        self.set_liveness(Liveness::Ended);
        self.set_waker(None);
        let sinks = std::mem::take(&mut self.flow().sinks);
        for (_, sink) in sinks {
            sink.ended(self.key);
        }
        self.others().for_each(|rendition| rendition.end());
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().expect("no holder of this lock panics")
    }
}

/// Takes a wish, if there is one.
fn take(wanted: &AtomicBool) -> bool {
    wanted.load(Ordering::Relaxed) && wanted.swap(false, Ordering::AcqRel)
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("key", &self.key).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Counts one viewer while it lives.
#[derive(Debug)]
pub struct ViewerGuard(Arc<Stream>);

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keeps a sink connected; dropping it disconnects the sink.
#[derive(Debug)]
pub struct Subscription {
    pub stream: Arc<Stream>,
    id: u64,
    /// What was there at the time of subscribing; the subscriber takes it over.
    pub ring: Option<Ring>,
    pub clocks: Arc<[TrackClock]>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stream.flow().sinks.retain(|(id, _)| *id != self.id);
    }
}

/// The right to publish a stream. Dropping it ends the stream, unless another publisher has it by then.
#[derive(Debug)]
pub struct Publisher {
    pub(super) stream: Arc<Stream>,
    pub(super) ticket: Ticket,
    pub(super) hub: Hub,
    /// The right that it will have.
    pub(super) claim: Option<Claim>,
}

impl Publisher {
    pub(super) fn new(stream: Arc<Stream>, ticket: Ticket, hub: Hub) -> Self {
        Publisher { stream, ticket, hub, claim: None }
    }

    /// The stream that it publishes, or is to take over.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Who to wake when a keyframe of the stream, or of one of its renditions, is wanted.
    pub fn on_keyframe_wanted(&self, waker: KeyframeWaker) {
        for rendition in self.stream.others() {
            rendition.set_waker(Some(waker.clone()));
        }
        self.stream.set_waker(Some(waker));
    }

    /// Whether a keyframe is wanted; asking takes the wish.
    pub fn take_keyframe_request(&self) -> bool {
        self.stream.take_keyframe_request()
    }

    /// Whether nobody listens. What was sent is forgotten then, so that a publisher that pauses until somebody comes does
    /// not let him start with a picture of the past.
    pub fn rest(&self) -> bool {
        let mut flow = self.stream.flow();
        let idle = flow.sinks.is_empty();
        if idle {
            flow.ring.clear();
        }
        idle
    }

    /// A stream for another layer of the same publisher, outside of the registry.
    pub(super) fn child(&self) -> Arc<Stream> {
        let ring = self.hub.ring(self.stream.flow().ring.limits());
        let waker = self.stream.keyframe_waker.lock().expect("no holder of this lock panics").clone();
        let child =
            Stream::new(self.hub.next_key(), self.stream.name.clone(), self.stream.tracks.clone(), ring, self.ticket);
        child.stats.active.store(false, Ordering::Relaxed);
        child.set_waker(waker);
        Arc::new(child)
    }

    /// Passes packets on to every subscriber. Empties `packets`.
    pub fn push(&self, packets: &mut Vec<Packet>, clocks: &Arc<[TrackClock]>) {
        self.push_to(&self.stream, packets, clocks);
    }

    /// As [`Publisher::push`], for one of its renditions.
    pub fn push_to(&self, rendition: &Stream, packets: &mut Vec<Packet>, clocks: &Arc<[TrackClock]>) {
        if packets.is_empty() {
            return;
        }
        let stats = &rendition.stats;
        {
            let mut flow = rendition.flow();
            if flow.seat.owner() != self.ticket {
                // Another has taken the stream over.
                return packets.clear();
            }
            let clocks = flow.seat.admit(packets, clocks);
            let batch = Arc::new(Batch { packets: std::mem::take(packets), clocks });
            stats.count(&batch);
            flow.ring.extend(&batch.packets);
            flow.clocks = batch.clocks.clone();
            for (_, sink) in &flow.sinks {
                if !sink.push(rendition.key, &batch) {
                    stats.queue_drops.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        rendition.go_live();
        if self.stream.go_live() {
            self.hub.changed();
        }
    }
}
