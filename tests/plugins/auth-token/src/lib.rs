//! Allows who shows the token of the configuration.
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    token: String,
    #[serde(default)]
    plan: Option<String>,
    #[serde(default)]
    ttl_ms: Option<u64>,
}

#[auth]
fn authorize(session: &Session, config: &Config) -> Result<Decision> {
    let Some(token) = session.token() else { return Ok(Decision::abstain()) };
    if token != config.token {
        return Ok(deny(401, "This link is not valid."));
    }
    let ttl = config.ttl_ms.map_or(minutes(10), milliseconds);
    Ok(allow().subject("alice").ttl(ttl).max_bitrate(kbps(4_000)).tag("plan", config.plan.as_deref().unwrap_or("free")))
}
