//! What NAME answers, asked in the server's own code: `wasmcast plugin test`.

use wasmcast_plugin::testing::*;

// The words are part of what is promised: who changes them in src/lib.rs changes them here.
#[test]
fn only_the_token_lets_in() {
    let t = harness!().config(toml! { token = "open-sesame" }).load();
    t.play("live/cam1").start().expect_deny(401, "This stream needs a link with a token.");
    t.play("live/cam1").token("wrong").start().expect_deny(401, "This link is not valid.");
    t.play("live/cam1").token("open-sesame").start().expect_allow().subject("guest").tag("plan", "free");
}
