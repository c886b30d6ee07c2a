//! Randomness fit for secrets. Under `wasmcast plugin test` it is seeded.

use crate::bindings::host::random;
use crate::sandbox;

/// 64 random bits.
pub fn next_u64() -> u64 {
    sandbox::only("random");
    random::next_u64()
}

/// `count` random bytes, at most 4,096.
pub fn bytes(count: u32) -> Vec<u8> {
    sandbox::only("random");
    random::next_bytes(count)
}
