//! The clocks of a shard, read once a turn so that all of one turn happens at one time.

use std::time::{Instant, SystemTime};

use crate::media::wall_clock;

/// One reading.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
    pub now: Instant,
    /// Nanoseconds since the epoch that all shards share.
    pub now_ns: u64,
    /// Nanoseconds since 1970.
    pub wall_ns: u64,
}

impl Clock {
    /// `epoch`: the start of the shards.
    pub fn new(epoch: Instant) -> Self {
        let mut clock = Clock { epoch, now: epoch, now_ns: 0, wall_ns: 0 };
        clock.read();
        clock
    }

    /// Reads the system's clocks.
    pub fn read(&mut self) {
        self.now = Instant::now();
        self.now_ns = self.now.saturating_duration_since(self.epoch).as_nanos() as u64;
        self.wall_ns = wall_clock(SystemTime::now());
    }
}
