//! The interface `random`: the system's randomness, or in tests a seeded sequence.

use super::wit::random::Host;
use crate::plugin::guest::Guest;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes that one call gives.
const MAX_BYTES: u32 = 4_096;
/// SplitMix64: the step of its counter.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Host for Guest {
    fn next_u64(&mut self) -> u64 {
        self.context.services.random.next()
    }

    fn next_bytes(&mut self, count: u32) -> Vec<u8> {
        let mut bytes = vec![0; count.min(MAX_BYTES) as usize];
        self.context.services.random.fill(&mut bytes);
        bytes
    }
}

/// Where random numbers come from.
#[derive(Debug)]
pub(super) enum Random {
    System,
    /// SplitMix64, for tests: the same seed, the same numbers.
    Seeded(AtomicU64),
}

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Random::Seeded(AtomicU64::new(seed))
    }

    pub(super) fn next(&self) -> u64 {
        match self {
            Random::System => {
                let mut bytes = [0; 8];
                self.fill(&mut bytes);
                u64::from_ne_bytes(bytes)
            }
            Random::Seeded(state) => mix(state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP)),
        }
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        match self {
            Random::System => getrandom::fill(bytes).expect("the system's random source works"),
            Random::Seeded(_) => {
                for chunk in bytes.chunks_mut(8) {
                    let number = self.next().to_le_bytes();
                    chunk.copy_from_slice(&number[..chunk.len()]);
                }
            }
        }
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let random = Random::seeded(0);
        // The first numbers of SplitMix64 from 0, as published with it.
        assert_eq!([random.next(), random.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let (mut one, mut other) = ([0; 13], [0; 13]);
        Random::seeded(7).fill(&mut one);
        Random::seeded(7).fill(&mut other);
        assert_eq!(one, other);
        assert_ne!(one[..8], one[5..]);
    }

    #[test]
    fn the_system_s_numbers_differ() {
        assert_ne!(Random::System.next(), Random::System.next());
    }
}
