//! Sends a share of the viewers to another stream, and tells both groups apart by a tag.

use wasmcast_plugin::prelude::*;

/// `[config]` of the manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Of viewers, in percent.
    share: f64,
    /// What they play in place of the stream that they asked for.
    stream: String,
}

/// Called once a session, after it was let in.
#[router]
fn choose(session: &Session, config: &Config) -> Result<Option<Route>> {
    if !session.is_play() {
        return Ok(None);
    }
    if session.in_share("NAME", config.share / 100.0) {
        return Ok(Some(route().stream_name(config.stream.as_str()).tag("cohort", "canary")));
    }
    Ok(Some(route().tag("cohort", "stable")))
}
