//! How many files are held at once, to be read and to wait for the compiler: a directory full of them must not fill the memory.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits to hold a plugin's file. Small ones do not wait for large ones, which may wait for minutes to be compiled.
#[derive(Clone)]
pub(super) struct Hands {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// Up to this a file is small, in bytes.
const SMALL: u64 = 2 << 20;
/// Small files at once: 64 MiB in all.
const SMALL_HANDS: usize = 32;
/// Larger ones at once: 256 MiB in all.
const LARGE_HANDS: usize = 4;

impl Hands {
    pub(super) fn new() -> Self {
        Hands { small: Arc::new(Semaphore::new(SMALL_HANDS)), large: Arc::new(Semaphore::new(LARGE_HANDS)) }
    }

    /// Waits until a file of this size may be held.
    pub(super) async fn take(&self, size: u64) -> Option<OwnedSemaphorePermit> {
        let hands = if size <= SMALL { &self.small } else { &self.large };
        // It is never closed.
        hands.clone().acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn large_files_that_wait_for_the_compiler_hold_up_no_small_one() {
        let hands = Hands::new();
        let take = |size| hands.take(size).now_or_never().flatten();
        let large: Vec<_> = (0..LARGE_HANDS).map(|_| take(64 << 20)).collect();
        assert!(large.iter().all(Option::is_some) && take(SMALL + 1).is_none());
        let small: Vec<_> = (0..SMALL_HANDS).map(|_| take(SMALL)).collect();
        assert!(small.iter().all(Option::is_some) && take(1).is_none());
        drop(large);
        assert!(take(64 << 20).is_some());
    }
}
