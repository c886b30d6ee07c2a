//! The memory of all rings together: how much there is, what is held, and what one ring may hold while it is short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What one ring must be able to hold: half a second of 4 Mbit/s. Where not even so much is there for one more, its stream is
/// refused.
const LEAST_OF_RING: usize = 256 << 10;

/// What the rings of a process hold. While that is more than they may, each is cut to an equal share as soon as something is
/// added to it: large ones first, since small ones stay below. A stream whose ring was cut goes on; its joiners wait for the
/// next keyframe, which is asked for, and fewer lost packets can be sent again.
#[derive(Debug)]
pub(super) struct RingMemory {
    most: AtomicUsize,
    held: AtomicUsize,
    rings: AtomicUsize,
    cuts: AtomicU64,
}

impl RingMemory {
    /// `most`: bytes.
    pub(super) fn new(most: usize) -> Arc<RingMemory> {
        Arc::new(RingMemory {
            most: AtomicUsize::new(most),
            held: AtomicUsize::new(0),
            rings: AtomicUsize::new(0),
            cuts: AtomicU64::new(0),
        })
    }

    pub(super) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Bytes held at this moment.
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// How often a ring was cut.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    /// Whether there is enough for the ring of one more stream.
    pub(super) fn has_room(&self) -> bool {
        let rings = self.rings.load(Ordering::Relaxed) + 1;
        rings.saturating_mul(LEAST_OF_RING) <= self.most.load(Ordering::Relaxed)
    }

    /// What each ring may hold; any amount while all together hold no more than they may.
    fn share(&self) -> usize {
        let most = self.most.load(Ordering::Relaxed);
        if self.held() <= most { usize::MAX } else { most / self.rings.load(Ordering::Relaxed).max(1) }
    }
}

/// What one ring, or a copy of it, has taken of the memory; given back by drop.
#[derive(Debug)]
pub(super) struct Account {
    memory: Arc<RingMemory>,
    taken: usize,
    /// Whether it is a copy: payloads are the original's, and what the original gave up it gives up too.
    copy: bool,
    /// Arrival of the oldest packet that the original has kept when it was cut last, in nanoseconds.
    cut: Arc<AtomicU64>,
}

impl Account {
    pub(super) fn new(memory: Arc<RingMemory>) -> Account {
        memory.rings.fetch_add(1, Ordering::Relaxed);
        Account { memory, taken: 0, copy: false, cut: Arc::default() }
    }

    /// The ring holds so many bytes now, `own` of them apart from payloads.
    pub(super) fn note(&mut self, bytes: usize, own: usize) {
        let taken = if self.copy { own } else { bytes };
        if taken >= self.taken {
            self.memory.held.fetch_add(taken - self.taken, Ordering::Relaxed);
        } else {
            self.memory.held.fetch_sub(self.taken - taken, Ordering::Relaxed);
        }
        self.taken = taken;
    }

    /// Bytes that the ring may hold. A copy goes by [`Account::kept_from`].
    pub(super) fn share(&self) -> usize {
        if self.copy { usize::MAX } else { self.memory.share() }
    }

    /// The original was cut: copies follow as soon as something is added to them.
    pub(super) fn set_cut(&self, oldest_ns: u64) {
        self.cut.store(oldest_ns, Ordering::Relaxed);
        self.memory.cuts.fetch_add(1, Ordering::Relaxed);
    }

    /// What arrived before is not to be held.
    pub(super) fn kept_from(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }
}

impl Clone for Account {
    /// The account of a copy, which has taken nothing yet.
    fn clone(&self) -> Account {
        Account { memory: self.memory.clone(), taken: 0, copy: true, cut: self.cut.clone() }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.taken, Ordering::Relaxed);
        if !self.copy {
            self.memory.rings.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
