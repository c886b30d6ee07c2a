//! What NAME lets pass, by the server's own code: `wasmcast plugin test`.

use wasmcast_plugin::testing::*;

#[test]
fn an_address_joins_so_often() {
    let mut t = harness!().config(toml! { joins_per_second = 2.0 viewers = 500 }).load();
    t.expect_rules(&["joins", "audience", "bots"]);
    for _ in 0..10 {
        t.play("live/cam1").start().expect_abstain();
    }
    t.play("live/cam1").start().expect_limited("joins");
    t.play("live/cam1").remote_ip("192.0.2.2").start().expect_abstain();
    t.advance(seconds(1));
    t.play("live/cam1").start().expect_abstain();
}

#[test]
fn a_stream_is_full_until_somebody_leaves() {
    let t = harness!().config(toml! { joins_per_second = 2.0 viewers = 1 }).load();
    let viewer = t.play("live/cam1").start();
    t.play("live/cam1").start().expect_limited("audience");
    t.play("live/cam2").start().expect_abstain();
    viewer.leave();
    t.play("live/cam1").start().expect_abstain();
}

#[test]
fn bots_are_asked_about() {
    let t = harness!().config(toml! { joins_per_second = 2.0 viewers = 500 }).load();
    t.play("live/cam1").device("bot").start().expect_limited("bots");
    t.expect_calls("decide", 1);
}
