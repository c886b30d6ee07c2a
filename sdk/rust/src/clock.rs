//! Time. Under `wasmcast plugin test` it stands still until the test moves it.

use std::time::Duration;

/// Time since 1970-01-01 UTC, by the server's wall clock, which may jump.
pub fn unix() -> Duration {
    #[cfg(target_arch = "wasm32")]
    return Duration::from_nanos(crate::bindings::host::clock::unix_ns());
    #[cfg(not(target_arch = "wasm32"))]
    return std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
}

/// Time since an arbitrary start; never goes back. For durations.
pub fn monotonic() -> Duration {
    #[cfg(target_arch = "wasm32")]
    return Duration::from_nanos(crate::bindings::host::clock::monotonic_ns());
    #[cfg(not(target_arch = "wasm32"))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }
}
