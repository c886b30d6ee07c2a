//! Lets in who shows the token of the manifest.

use wasmcast_plugin::prelude::*;

/// `[config]` of the manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    token: String,
    #[serde(default)]
    plan: Option<String>,
}

/// Called when a session starts, and again when its ttl ends.
#[auth]
fn authorize(session: &Session, config: &Config) -> Result<Decision> {
    let Some(token) = session.token() else {
        return Ok(deny(401, "This stream needs a link with a token."));
    };
    if !crypto::equal(&token, &config.token) {
        return Ok(deny(401, "This link is not valid."));
    }
    info!("allowed"; stream = session.stream_name(), ip = session.remote_ip());
    Ok(allow().subject("guest").ttl(minutes(10)).tag("plan", config.plan.as_deref().unwrap_or("free")))
}
