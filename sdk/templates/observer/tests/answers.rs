//! What NAME makes of what happens, told in the server's own code: `wasmcast plugin test`.

use wasmcast_plugin::testing::*;

#[test]
fn short_sessions_and_losses_are_told() {
    let t = harness!().config(toml! { short_s = 5 loss = 5.0 }).load();
    let ended = |session: &str, ms: u64| Event::new("session.ended").session(session).with("duration_ms", ms);
    t.events(&[ended("s-1", 60_000), Event::new("stream.started"), ended("s-2", 800)]).expect_taken();
    t.log().expect("a short session session=s-2");
    assert!(!t.log().lines().iter().any(|line| line.contains("s-1")));
    t.stats(&[TrackStats { session_id: "s-3".to_owned(), loss: 0.1, ..TrackStats::default() }]).expect_taken();
    t.log().expect("packets are lost session=s-3");
    t.expect_calls("events", 1);
}
