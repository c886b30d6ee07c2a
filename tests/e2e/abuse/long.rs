//! Two thousand sessions that are answered and never connect: they go by themselves, and so does what they took.

use std::time::Duration;

use super::strangers::{Pending, anywhere};
use super::{Usage, Watched};
use crate::server::Setup;

const SESSIONS: usize = 2_000;
/// The first fill what is kept for the next: tables, and the allocator's arenas, of which a busy machine makes more.
const ROUNDS: usize = 6;

#[test]
fn two_thousand_half_open_sessions_take_little_and_leave_nothing() {
    let setup = Setup::new().demo().config("access.play = \"open\"\nhttp.trusted_proxies = [\"127.0.0.1\"]");
    let server = setup.start();
    server.wait_live("demo");
    let watched = Watched::start(server);
    let server = &watched.server;
    let mut sizes = Vec::new();
    for _ in 0..ROUNDS {
        let before = Usage::of(server.process.id()).memory_kib;
        // The half of them get as far as DTLS.
        let mut sockets = Vec::new();
        for number in 0..SESSIONS {
            let session = Pending::offered(server, &format!("203.0.{}.{}", number / 100 + 1, number % 100));
            if number % 2 == 0 {
                let socket = anywhere(number % 1_000);
                session.check_in(&socket, server.media);
                sockets.push(socket);
            }
        }
        let grown = Usage::of(server.process.id()).memory_kib.saturating_sub(before);
        assert!(grown < SESSIONS as u64 * 64, "{grown} KiB for {SESSIONS} sessions");
        server.wait_for_long("their end", Duration::from_secs(60), || {
            let list = server.api("/api/v1/sessions?limit=1");
            if list["total"] == 1 { Ok(()) } else { Err(list["total"].to_string()) }
        });
        sizes.push(Usage::of(server.process.id()).memory_kib);
    }
    eprintln!("{sizes:?} KiB after each {SESSIONS}");
    let (middle, last) = (sizes[ROUNDS / 2 - 1], sizes[ROUNDS - 1]);
    assert!(last < middle + SESSIONS as u64 * 2, "{sizes:?} KiB after each {SESSIONS}");
    watched.check((ROUNDS * SESSIONS) as u64, 4_000.0, 128);
}
