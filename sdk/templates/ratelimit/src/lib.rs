//! Limits how often people join and how many watch. The server enforces the rules itself, without a call.

use wasmcast_plugin::prelude::*;

/// `[config]` of the manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Of one address.
    joins_per_second: f64,
    /// Of one stream, at once.
    viewers: u32,
}

/// Called when a version is taken into service, and after a change of the manifest. All rules hold.
#[ratelimit]
fn rules(config: &Config) -> Result<Vec<Rule>> {
    Ok(vec![
        limit("joins").viewers().per(Per::Ip).rate(config.joins_per_second, 10.0),
        limit("audience").viewers().per(Per::Stream).at_once(config.viewers),
        // What no bucket can express is asked for: see `decide`.
        limit("bots").viewers().ask(),
    ])
}

/// Called once a session that meets a rule with `ask`, after it was let in.
#[decide]
fn decide(session: &Session, _rule: &str) -> Result<Verdict> {
    Ok(if session.device().as_deref() == Some("bot") { refuse(hours(1)) } else { admit() })
}
