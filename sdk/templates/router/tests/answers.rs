//! Where NAME sends sessions, asked in the server's own code: `wasmcast plugin test`.

use wasmcast_plugin::testing::*;

#[test]
fn a_share_of_the_viewers_plays_the_other_stream() {
    let mut t = harness!().config(toml! { share = 100.0 stream = "live/canary" }).load();
    let viewer = t.play("live/cam1").subject("alice").start();
    viewer.expect_route().here().stream_name("live/canary").tag("cohort", "canary");
    t.publish("live/cam1").start().expect_no_route();
    t.config(toml! { share = 0.0 stream = "live/canary" });
    t.play("live/cam1").subject("alice").start().expect_route().tag("cohort", "stable");
}
