//! How many series a generation has, and of what it was warned.

use super::series::Misuse;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most series of one generation. As much is exported of a plugin, over all generations.
pub(super) const MAX_SERIES: usize = 1_000;

/// What a generation has used up.
#[derive(Debug, Default)]
pub(super) struct Account {
    used: AtomicUsize,
    warned: Mutex<Vec<Misuse>>,
}

impl Account {
    /// Takes room for one more series; false where there is none.
    pub(super) fn take(&self) -> bool {
        let more = |used: usize| (used < MAX_SERIES).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Series so far.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether this is the first time that the generation does so.
    pub(super) fn is_first(&self, misuse: Misuse) -> bool {
        let mut warned = self.warned.lock().expect("no holder of this lock panics");
        let first = !warned.contains(&misuse);
        if first {
            warned.push(misuse);
        }
        first
    }
}
