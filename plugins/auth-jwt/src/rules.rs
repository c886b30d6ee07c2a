//! From the claims of a token to an answer: expiry, issuer, audience, and which streams it is for.

use crate::config::{Claims, Config, Everyone};
use crate::pattern;
use std::time::Duration;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::Value;

/// Issuers' clocks run ahead: a token counts this long before its `nbf`, in seconds.
const AHEAD: f64 = 5.0;

/// What a token must say, and where.
pub struct Rules {
    issuers: Vec<String>,
    audiences: Vec<String>,
    leeway: f64,
    expiry_required: bool,
    claims: Claims,
    everyone: Everyone,
    tags: Vec<String>,
}

/// A refusal: what the viewer reads, and what the operator reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    reason: &'static str,
    retry_after: Option<Duration>,
    pub why: String,
}

impl Refusal {
    fn new(status: u16, reason: &'static str, why: impl Into<String>) -> Self {
        Refusal { status, reason, retry_after: None, why: why.into() }
    }

    /// What the viewer gets.
    pub fn answer(&self) -> Decision {
        let refusal = deny(self.status, self.reason);
        self.retry_after.map_or(refusal.clone(), |wait| refusal.retry_after(wait))
    }
}

/// A token that is not what it should be.
pub fn not_valid(why: impl Into<String>) -> Refusal {
    Refusal::new(401, "This link is not valid.", why)
}

impl Rules {
    /// Those of a configuration.
    pub fn new(config: Config) -> Self {
        Rules {
            issuers: config.issuer.all(),
            audiences: config.audience.all(),
            leeway: config.leeway_s as f64,
            expiry_required: config.expiry_required,
            claims: config.claims,
            everyone: config.everyone,
            tags: config.tags,
        }
    }

    /// The answer to a token whose signature holds. `now`: since 1970.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn judge(&self, claims: &Value, action: Action, stream: &str, now: Duration) -> Result<Decision, Refusal> {
        let left = self.time_left(claims, now.as_secs_f64())?;
        self.check_names(claims)?;
        if !self.grants(claims, action, stream)? {
            let reason = match action {
                Action::Publish => "This link does not allow to publish here.",
                Action::Play => "This link is not for this stream.",
                Action::Admin => "This token is not for the API.",
            };
            return Err(Refusal::new(403, reason, "its claims do not grant this"));
        }
        let mut answer = allow();
        if let Some(left) = left {
            answer = answer.ttl(left);
        }
        if let Some(subject) = find(claims, &self.claims.subject).and_then(text) {
            answer = answer.subject(subject);
        }
        if let Some(limit) = number(claims, &self.claims.max_bitrate_kbps)? {
            answer = answer.max_bitrate(kbps(limit));
        }
        if let Some(limit) = number(claims, &self.claims.max_viewers)? {
            answer = answer.max_viewers(limit);
        }
        for name in &self.tags {
            if let Some(value) = find(claims, name).and_then(text) {
                answer = answer.tag(name.as_str(), value);
            }
        }
        Ok(answer)
    }

    /// Time until it expires; none when it never does.
    fn time_left(&self, claims: &Value, now: f64) -> Result<Option<Duration>, Refusal> {
        if let Some(begin) = time(claims, "nbf")? {
            let wait = begin - self.leeway.max(AHEAD) - now;
            if wait > 0.0 {
                let wait = Duration::try_from_secs_f64(wait.ceil()).unwrap_or(Duration::MAX);
                let refusal =
                    Refusal::new(401, "This link is not valid yet.", format!("`nbf` is {} s ahead", wait.as_secs()));
                return Err(Refusal { retry_after: Some(wait), ..refusal });
            }
        }
        let Some(end) = time(claims, "exp")? else {
            return if self.expiry_required { Err(not_valid("it has no `exp`")) } else { Ok(None) };
        };
        let left = end + self.leeway - now;
        if left <= 0.0 {
            return Err(Refusal::new(401, "This link has expired.", format!("it expired {:.0} s ago", now - end)));
        }
        Ok(Some(Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX)))
    }

    fn check_names(&self, claims: &Value) -> Result<(), Refusal> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        if !self.issuers.is_empty() && !issuer.is_some_and(|issuer| self.issuers.iter().any(|known| known == issuer)) {
            return Err(not_valid("its issuer (`iss`) is not accepted"));
        }
        let ours = |audience: &Value| self.audiences.iter().any(|ours| audience == ours.as_str());
        let addressed = match claims.get("aud") {
            Some(Value::Array(all)) => all.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        };
        if !self.audiences.is_empty() && !addressed {
            return Err(not_valid("its audience (`aud`) is not this server"));
        }
        Ok(())
    }

    fn grants(&self, claims: &Value, action: Action, stream: &str) -> Result<bool, Refusal> {
        let (name, everyone): (&str, &[String]) = match action {
            Action::Publish => (&self.claims.publish, &self.everyone.publish),
            Action::Play => (&self.claims.play, &self.everyone.play),
            Action::Admin => return Ok(find(claims, &self.claims.admin) == Some(&Value::Bool(true))),
        };
        Ok(pattern::covers(everyone, stream) || pattern::covers(&patterns(claims, name)?, stream))
    }
}

/// A claim by its name, or by a path to a member: `wasmcast.play`. The name may hold dots itself.
fn find<'c>(claims: &'c Value, path: &str) -> Option<&'c Value> {
    let object = claims.as_object()?;
    let deeper = |(dot, _)| find(object.get(&path[..dot])?, &path[dot + 1..]);
    object.get(path).or_else(|| path.rmatch_indices('.').find_map(deeper))
}

/// A list of patterns, a single one, or several in one text with spaces between.
fn patterns(claims: &Value, name: &str) -> Result<Vec<String>, Refusal> {
    let listed = |value: &Value| value.as_str().map(str::to_owned);
    let found = match find(claims, name) {
        None => Some(Vec::new()),
        Some(Value::String(text)) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(all)) => all.iter().map(listed).collect(),
        Some(_) => None,
    };
    found.ok_or_else(|| not_valid(format!("`{name}` is no list of patterns over stream names")))
}

/// Seconds since 1970, whole or not.
fn time(claims: &Value, name: &str) -> Result<Option<f64>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or_else(|| not_valid(format!("`{name}` is no number of seconds")))
}

/// A limit that can not be read is no reason to go without it.
fn number(claims: &Value, name: &str) -> Result<Option<u32>, Refusal> {
    let Some(value) = find(claims, name) else { return Ok(None) };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| not_valid(format!("`{name}` is no whole number of 32 bits")))
}

/// A claim as text; lists with commas between. None for objects and null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(all) => Some(all.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmcast_plugin::serde_json::{self, json};

    const NOW: u64 = 1_800_000_000;

    fn judge(config: Value, claims: Value, action: Action, stream: &str) -> Result<Decision, Refusal> {
        Rules::new(serde_json::from_value(config).unwrap()).judge(&claims, action, stream, Duration::from_secs(NOW))
    }

    fn why(config: Value, claims: Value) -> String {
        judge(config, claims, Action::Play, "live/cam1").map(|_| String::new()).unwrap_or_else(|refusal| refusal.why)
    }

    #[test]
    fn claims_grant_streams_and_limits() {
        let claims = json!({ "sub": "alice", "exp": NOW + 60, "plan": "gold", "seats": 2, "roles": ["a", "b"], "wasmcast":
            { "publish": ["live/alice"], "play": "live/* lobby", "max_bitrate_kbps": 4000, "max_viewers": 9 } });
        let config = json!({ "tags": ["plan", "seats", "roles", "absent"] });
        let granted = allow().ttl(seconds(60)).subject("alice").max_bitrate(kbps(4_000)).max_viewers(9);
        let granted = granted.tag("plan", "gold").tag("seats", 2).tag("roles", "a,b");
        let rows = [
            (Action::Play, "live/cam1", Ok(())),
            (Action::Play, "lobby", Ok(())),
            (Action::Publish, "live/alice", Ok(())),
            (Action::Publish, "live/bob", Err(deny(403, "This link does not allow to publish here."))),
            (Action::Play, "staff/a", Err(deny(403, "This link is not for this stream."))),
            (Action::Admin, "", Err(deny(403, "This token is not for the API."))),
        ];
        for (action, stream, expected) in rows {
            let answer = judge(config.clone(), claims.clone(), action, stream);
            assert_eq!(answer.map_err(|refusal| refusal.answer()), expected.map(|()| granted.clone()), "{stream}");
        }
        let admin = json!({ "exp": NOW + 1, "wasmcast": { "admin": true } });
        assert_eq!(judge(json!({}), admin, Action::Admin, ""), Ok(allow().ttl(seconds(1))));
    }

    #[test]
    fn names_of_claims_are_the_operators() {
        let config = json!({ "claims": { "play": "https://tv.example/claims.watch", "subject": "user.name" } });
        let claims =
            json!({ "exp": NOW + 9, "user": { "name": "bob" }, "https://tv.example/claims": { "watch": ["**"] } });
        assert_eq!(judge(config, claims, Action::Play, "a/b"), Ok(allow().ttl(seconds(9)).subject("bob")));
        let config = json!({ "everyone": { "play": ["public/**"] } });
        assert!(judge(config.clone(), json!({ "exp": NOW + 9 }), Action::Play, "public/a").is_ok());
        assert!(judge(config, json!({ "exp": NOW + 9 }), Action::Publish, "public/a").is_err());
    }

    #[test]
    fn time_decides() {
        let all = |mut claims: Value| {
            claims["wasmcast"] = json!({ "play": ["**"] });
            claims
        };
        let rows = [
            (json!({}), json!({ "exp": NOW + 1 }), ""),
            (json!({}), json!({ "exp": NOW }), "it expired 0 s ago"),
            (json!({}), json!({ "exp": NOW - 10 }), "it expired 10 s ago"),
            (json!({ "leeway-s": 11 }), json!({ "exp": NOW - 10 }), ""),
            (json!({}), json!({ "exp": NOW as f64 + 0.5 }), ""),
            (json!({}), json!({ "exp": "soon" }), "`exp` is no number of seconds"),
            (json!({}), json!({}), "it has no `exp`"),
            (json!({ "expiry-required": false }), json!({}), ""),
            (json!({}), json!({ "exp": NOW + 99, "nbf": NOW + 5 }), ""),
            (json!({}), json!({ "exp": NOW + 99, "nbf": NOW + 6 }), "`nbf` is 1 s ahead"),
            (json!({ "leeway-s": 30 }), json!({ "exp": NOW + 99, "nbf": NOW + 30 }), ""),
            (json!({}), json!({ "exp": 1e300 }), ""),
        ];
        for (config, claims, expected) in rows {
            assert_eq!(why(config, all(claims.clone())), expected, "{claims}");
        }
        let early = judge(json!({}), all(json!({ "exp": NOW + 99, "nbf": NOW + 65 })), Action::Play, "a").unwrap_err();
        assert_eq!(early.answer(), deny(401, "This link is not valid yet.").retry_after(minutes(1)));
        let late = judge(json!({}), all(json!({ "exp": NOW - 1 })), Action::Play, "a").unwrap_err();
        assert_eq!(late.answer(), deny(401, "This link has expired."));
    }

    #[test]
    fn issuer_audience_and_shape_decide() {
        let config = || json!({ "issuer": ["https://a", "https://b"], "audience": "tv" });
        let claims = |issuer: Value, audience: Value| json!({ "exp": NOW + 9, "iss": issuer, "aud": audience, "wasmcast": { "play": ["**"] } });
        let rows = [
            (json!("https://b"), json!("tv"), ""),
            (json!("https://b"), json!(["radio", "tv"]), ""),
            (json!("https://c"), json!("tv"), "its issuer (`iss`) is not accepted"),
            (json!(["https://a"]), json!("tv"), "its issuer (`iss`) is not accepted"),
            (json!("https://a"), json!("radio"), "its audience (`aud`) is not this server"),
            (json!("https://a"), Value::Null, "its audience (`aud`) is not this server"),
        ];
        for (issuer, audience, expected) in rows {
            assert_eq!(why(config(), claims(issuer, audience)), expected);
        }
        let rows = [
            (json!({ "play": 1 }), "`wasmcast.play` is no list"),
            (json!({ "play": [1] }), "`wasmcast.play` is no list"),
            (json!({ "play": ["**"], "max_viewers": "9" }), "`wasmcast.max_viewers` is no whole number"),
            (
                json!({ "play": ["**"], "max_bitrate_kbps": 1u64 << 40 }),
                "`wasmcast.max_bitrate_kbps` is no whole number",
            ),
            (json!({ "play": [] }), "its claims do not grant this"),
        ];
        for (ours, expected) in rows {
            let found = why(json!({}), json!({ "exp": NOW + 9, "wasmcast": ours }));
            assert!(found.starts_with(expected), "{found}");
        }
    }
}
