//! Viewers that come and go, very many of them.

/// Minutes: `make test-all`.
mod long {
    use std::time::Duration;

    use serde_json::Value;

    use crate::own_clients::{number, report, resident_kib, start};
    use crate::server::Setup;

    const ROUNDS: usize = 20;
    const VIEWERS: usize = 500;
    /// Of one round, on a busy machine.
    const LIMIT: Duration = Duration::from_secs(90);

    #[test]
    fn ten_thousand_joins_and_leaves_leave_memory_level() {
        // Its memory is looked at, not how it does beside whatever else this machine is busy with.
        let server = Setup::new().config("limits.shard_load_percent = 0").demo().start();
        server.wait_live("demo");
        let endpoint = server.url("/whep/demo");
        let count = VIEWERS.to_string();
        let mut sizes = Vec::new();
        for _ in 0..ROUNDS {
            let window =
                ["--viewers", &count, "--ramp", "100", "--duration", "0.3", "--settle", "0.1", "--sample", "1"];
            let seen: Value = report(&start(&[&["bench", "whep", &endpoint][..], &window].concat()).finish(LIMIT));
            assert_eq!(number(&seen, "sessions_ok"), VIEWERS as f64, "{seen}");
            server.wait_sessions("play", 0);
            sizes.push(resident_kib(server.process.id()));
        }
        eprintln!("KiB after each {VIEWERS} viewers: {sizes:?}");
        // The first rounds fill what is kept for the next: tables, buffers, the allocator's arenas. A viewer costs some 31 KiB: a
        // hundredth of those who left would show.
        let growth = sizes[ROUNDS - 1].saturating_sub(sizes[ROUNDS / 2]);
        let left = (ROUNDS / 2 - 1) * VIEWERS;
        assert!(growth < left as u64 * 31 / 100 + 1_024, "{growth} KiB more after {left} more viewers: {sizes:?}");
    }
}
