//! What the policy's rules say, as the server's answer. What can not be read is an error: a limit must not be lost.

use regorus::Value;
use wasmcast_plugin::prelude::*;

/// Longest time to live that is passed on: a hundred years are for ever, and no overflow.
const MAX_TTL_S: f64 = 3.2e9;

/// `deny_status` and `deny_reason` of a session that is not allowed.
///
/// # Errors
/// With the rule that can not be read.
pub fn refusal(status: &Value, reason: &Value) -> Result<Decision> {
    let status = match status {
        Value::Undefined => 403,
        status => status
            .as_u16()
            .ok()
            .filter(|status| (400..600).contains(status))
            .context("`deny_status` is none of 400 to 599")?,
    };
    Ok(match reason {
        Value::Undefined => deny(status, "You are not allowed in here."),
        reason => deny(status, text(reason).context("`deny_reason` is no string")?),
    })
}

/// `subject`, `ttl`, `tags` and `limits` of one that is.
///
/// # Errors
/// With the rule that can not be read.
pub fn grant(subject: &Value, ttl: &Value, tags: &Value, limits: &Value) -> Result<Decision> {
    let mut grant = allow();
    if *subject != Value::Undefined {
        grant = grant.subject(text(subject).context("`subject` is no string")?);
    }
    if *ttl != Value::Undefined {
        let ttl = ttl.as_f64().ok().filter(|ttl| *ttl >= 0.001).context("`ttl` is no number of seconds above 0")?;
        grant = grant.ttl(Duration::from_secs_f64(ttl.min(MAX_TTL_S)));
    }
    if *tags != Value::Undefined {
        let tags = tags.as_object().ok().context("`tags` is no object")?;
        for (key, value) in tags.iter() {
            let key = text(key).context("a key of `tags` is no string")?;
            let value = plain(value).with_context(|| format!("`tags.{key}` is no string, number or boolean"))?;
            grant = grant.tag(key, value);
        }
    }
    if *limits != Value::Undefined {
        let limits = limits.as_object().ok().context("`limits` is no object")?;
        for (key, value) in limits.iter() {
            let key = text(key).context("a key of `limits` is no string")?;
            let limit = || value.as_u32().ok().with_context(|| format!("`limits.{key}` is no whole number"));
            grant = match key {
                "max_bitrate_kbps" => grant.max_bitrate(kbps(limit()?)),
                "max_viewers" => grant.max_viewers(limit()?),
                other => bail!("`limits.{other}` is no limit; there are max_bitrate_kbps, max_viewers"),
            };
        }
    }
    Ok(grant)
}

fn text(value: &Value) -> Option<&str> {
    value.as_string().ok().map(|text| &**text)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Number(_) => value.to_json_str().ok(),
        _ => None,
    }
}
