//! What the endpoint answers, and for how long that may be kept.

use std::collections::BTreeMap;
use wasmcast_plugin::prelude::*;

/// The endpoint's JSON. An unknown member is an error: a limit that is misspelt must not be lost.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    decision: Verdict,
    /// Refusal: what the viewer reads.
    #[serde(default)]
    reason: Option<String>,
    /// Refusal: HTTP status.
    #[serde(default)]
    status: Option<u16>,
    /// Refusal: when to try again.
    #[serde(default)]
    retry_after_s: Option<u64>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    stream_name: Option<String>,
    /// When to ask again.
    #[serde(default)]
    ttl_s: Option<u64>,
    #[serde(default)]
    max_bitrate_kbps: Option<u32>,
    #[serde(default)]
    max_viewers: Option<u32>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Allow,
    Deny,
    Abstain,
}

impl Answer {
    /// Itself, if it makes sense.
    ///
    /// # Errors
    /// What does not.
    pub fn checked(self) -> Result<Self> {
        let status = self.status.unwrap_or(403);
        ensure!((400..600).contains(&status), "`status` is {status}; a refusal has 400 to 599");
        ensure!(self.ttl_s != Some(0), "`ttl_s` is 0; it is at least 1");
        Ok(self)
    }

    /// What it says.
    pub fn decision(&self) -> Decision {
        match self.decision {
            Verdict::Abstain => abstain(),
            Verdict::Deny => {
                let reason = self.reason.as_deref().unwrap_or("You are not allowed in here.");
                let refusal = deny(self.status.unwrap_or(403), reason);
                self.retry_after_s.map_or(refusal.clone(), |after| refusal.retry_after(seconds(after)))
            }
            Verdict::Allow => {
                let mut grant = allow();
                if let Some(subject) = &self.subject {
                    grant = grant.subject(subject);
                }
                if let Some(name) = &self.stream_name {
                    grant = grant.stream_name(name);
                }
                if let Some(ttl) = self.ttl_s {
                    grant = grant.ttl(seconds(ttl));
                }
                if let Some(limit) = self.max_bitrate_kbps {
                    grant = grant.max_bitrate(kbps(limit));
                }
                if let Some(limit) = self.max_viewers {
                    grant = grant.max_viewers(limit);
                }
                self.tags.iter().fold(grant, |grant, (key, value)| grant.tag(key, value))
            }
        }
    }
}

/// For how long an answer may serve others, in seconds (RFC 9111, RFC 5861).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// `max-age`.
    pub fresh: u64,
    /// `stale-if-error`: further time in which it serves while the endpoint fails.
    pub if_error: u64,
}

impl Shared {
    /// Reads `Cache-Control`. Without it nothing is kept.
    pub fn read<'v>(values: impl Iterator<Item = &'v str>) -> Self {
        let mut shared = Shared::default();
        let mut forbidden = false;
        for directive in values.flat_map(|value| value.split(',')) {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = value.trim().trim_matches('"').parse().unwrap_or(0);
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => shared.fresh = seconds,
                "stale-if-error" => shared.if_error = seconds,
                "no-store" | "no-cache" => forbidden = true,
                _ => {}
            }
        }
        if forbidden { Shared::default() } else { shared }
    }

    /// Cut to the operator's limit.
    pub fn at_most(self, seconds: u64) -> Self {
        Shared { fresh: self.fresh.min(seconds), if_error: self.if_error.min(seconds) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmcast_plugin::serde_json;

    fn read(text: &str) -> Result<Decision> {
        Ok(serde_json::from_str::<Answer>(text)?.checked()?.decision())
    }

    #[test]
    fn answers_become_decisions() {
        let full = r#"{"decision":"allow","subject":"alice","stream_name":"live/cam1","ttl_s":60,"max_bitrate_kbps":4000,
            "max_viewers":5,"tags":{"plan":"gold"}}"#;
        let granted =
            allow().subject("alice").stream_name("live/cam1").ttl(minutes(1)).max_bitrate(mbps(4)).max_viewers(5);
        let rows = [
            (full, granted.tag("plan", "gold")),
            (r#"{"decision":"allow"}"#, allow()),
            (r#"{"decision":"abstain"}"#, abstain()),
            (r#"{"decision":"deny"}"#, deny(403, "You are not allowed in here.")),
            (
                r#"{"decision":"deny","status":429,"reason":"All seats are taken.","retry_after_s":30}"#,
                deny(429, "All seats are taken.").retry_after(seconds(30)),
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_a_failure_and_no_answer() {
        let rows = [
            (r#"{}"#, "missing field `decision`"),
            (r#"{"decision":"maybe"}"#, "unknown variant `maybe`"),
            (r#"{"decision":"allow","max_bitrate":1}"#, "unknown field `max_bitrate`"),
            (r#"{"decision":"deny","status":200}"#, "`status` is 200"),
            (r#"{"decision":"allow","ttl_s":0}"#, "`ttl_s` is 0"),
            (r#"{"decision":"allow","ttl_s":-1}"#, "invalid value"),
            ("true", "invalid type"),
        ];
        for (text, expected) in rows {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn cache_control_says_how_long() {
        let rows: [(&[&str], u64, u64); 8] = [
            (&[], 0, 0),
            (&["max-age=60"], 60, 0),
            (&["private, Max-Age=60, stale-if-error=600"], 60, 600),
            (&["max-age=60", "no-store"], 0, 0),
            (&["no-cache"], 0, 0),
            (&["max-age=\"5\""], 5, 0),
            (&["max-age=soon"], 0, 0),
            (&["max-age=99999"], 3_600, 0),
        ];
        for (values, fresh, if_error) in rows {
            assert_eq!(Shared::read(values.iter().copied()).at_most(3_600), Shared { fresh, if_error }, "{values:?}");
        }
    }
}
