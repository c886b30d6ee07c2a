//! What an instance may use: memory, summed over all of its memories and tables and over all plugins, and CPU time.

use super::lane::{Lane, SHORT, TURN};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};
use std::time::{Duration, Instant};
use wasmtime::{ResourceLimiter, UpdateDeadline};

/// Bytes that a table element takes.
const ELEMENT: usize = 16;

/// Memory that all instances of all plugins share.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// At most `limit` bytes in all.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Budget { limit, used: AtomicUsize::new(0) })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// The memory of one instance, given back by drop.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    used: usize,
    /// Whether something was refused: tells a trap for want of memory from others.
    refused: bool,
    all: Arc<Budget>,
    /// The same figure for the plugin, as its status shows it.
    plugin: Arc<AtomicUsize>,
}

impl Memory {
    pub(super) fn new(limit: usize, all: Arc<Budget>, plugin: Arc<AtomicUsize>) -> Self {
        Memory { limit, used: 0, refused: false, all, plugin }
    }

    /// Whether memory was refused since the last time this was asked.
    pub(super) fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let fits = self.used.checked_add(bytes).is_some_and(|sum| sum <= self.limit) && self.all.take(bytes);
        if fits {
            self.used += bytes;
            self.plugin.fetch_add(bytes, Ordering::Relaxed);
        }
        self.refused |= !fits;
        fits
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.all.used.fetch_sub(self.used, Ordering::Relaxed);
        self.plugin.fetch_sub(self.used, Ordering::Relaxed);
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(allowed && self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = maximum.is_none_or(|maximum| desired <= maximum);
        Ok(allowed && self.grow(desired.saturating_sub(current).saturating_mul(ELEMENT)))
    }
}

/// The epoch moves on this often while plugins run.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// The CPU time of the current call. Ticks of the epoch come by the wall clock; on a busy machine a guest may have run
/// little of one, so what its thread has really run is what counts.
#[derive(Debug)]
pub(super) struct Cpu {
    limit: Duration,
    used: Duration,
    lane: Arc<Lane>,
    /// Of `used`, what it ran since it rested in the lane.
    unrested: Duration,
    /// Time in the lane, and since when it is there again.
    waited: Duration,
    left: Option<Instant>,
    resumed: Arc<Mutex<Option<Resumed>>>,
}

/// Where and when the guest went on after others had their turn.
#[derive(Debug)]
struct Resumed {
    thread: ThreadId,
    clock: Duration,
    at: Instant,
}

/// The guest ran out of CPU time; found in the error of the call.
#[derive(Debug, thiserror::Error)]
#[error("out of CPU time")]
pub(super) struct OutOfCpu;

impl Cpu {
    pub(super) fn new(lane: Arc<Lane>) -> Self {
        let (limit, used, unrested, waited) = (Duration::ZERO, Duration::ZERO, Duration::ZERO, Duration::ZERO);
        Cpu { limit, used, lane, unrested, waited, left: None, resumed: Arc::default() }
    }

    /// Begins a call.
    pub(super) fn arm(&mut self, limit: Duration) {
        self.limit = limit;
        (self.used, self.unrested, self.waited) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        self.left = None;
    }

    /// CPU time of the call so far.
    pub(super) fn used(&self) -> Duration {
        self.used
    }

    /// Time that the call waited in the slow lane so far.
    pub(super) fn waited(&self) -> Duration {
        let resumed = self.resumed.lock().expect("no holder of this lock panics").as_ref().map(|resumed| resumed.at);
        self.waited + self.left.map_or(Duration::ZERO, |left| resumed.unwrap_or_else(Instant::now) - left)
    }

    /// A tick while guest code runs: it goes on after others had their turn, or ends.
    pub(super) fn tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let resumed = self.resumed.lock().expect("no holder of this lock panics").take();
        let ran = match &resumed {
            Some(resumed) if resumed.thread == current().id() => thread_clock().saturating_sub(resumed.clock).min(TICK),
            // The first tick of a call, or the first after waiting elsewhere.
            _ => TICK,
        };
        if let (Some(left), Some(resumed)) = (self.left.take(), resumed) {
            self.waited += resumed.at - left;
        }
        self.used += ran;
        self.unrested += ran;
        if self.used >= self.limit {
            return Err(wasmtime::Error::new(OutOfCpu));
        }
        let turn = (self.used >= SHORT && self.unrested >= TURN).then(|| {
            let now = Instant::now();
            self.left = Some(now);
            self.lane.turn(now, std::mem::take(&mut self.unrested))
        });
        let resumed = self.resumed.clone();
        let others = async move {
            match turn {
                Some(begin) => tokio::time::sleep_until(begin.into()).await,
                None => tokio::task::yield_now().await,
            }
            let now = Resumed { thread: current().id(), clock: thread_clock(), at: Instant::now() };
            *resumed.lock().expect("no holder of this lock panics") = Some(now);
        };
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(others)))
    }
}

/// CPU time of this thread.
fn thread_clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
