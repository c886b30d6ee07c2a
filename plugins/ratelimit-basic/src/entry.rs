//! One `[[config.rule]]`: what it counts, of whom, and how much is allowed.

use std::collections::BTreeMap;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    name: String,
    measure: Measure,
    /// What tells buckets apart.
    #[serde(default)]
    per: Vec<String>,
    /// Where it counts; each key with one value or several.
    #[serde(default)]
    only: BTreeMap<String, Values>,
    #[serde(default)]
    per_second: Option<f64>,
    #[serde(default)]
    burst: Option<f64>,
    #[serde(default)]
    at_once: Option<u32>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Measure {
    Connection,
    Request,
    Publish,
    Play,
    IngestKbit,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

impl Values {
    fn list(&self) -> &[String] {
        match self {
            Values::One(value) => std::slice::from_ref(value),
            Values::Several(values) => values,
        }
    }
}

impl Measure {
    fn name(self) -> &'static str {
        match self {
            Measure::Connection => "connection",
            Measure::Request => "request",
            Measure::Publish => "publish",
            Measure::Play => "play",
            Measure::IngestKbit => "ingest-kbit",
        }
    }
}

impl Entry {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rule, as far as the server does not check it.
    pub fn rule(&self) -> Result<Rule> {
        let mut rule = limit(self.name.as_str()).measure(self.measure.name());
        for part in &self.per {
            rule = rule.per(per(part)?);
        }
        for (key, values) in &self.only {
            ensure!(
                !values.list().is_empty(),
                "`only.{key}` is empty, so the rule would never count; leave it out to mean all"
            );
            for value in values.list() {
                rule = match key.as_str() {
                    "action" => rule.only_action(action(value)?),
                    "protocol" => rule.only_protocol(value),
                    "stream" => rule.only_stream(value),
                    "country" => rule.only_country(value),
                    _ => match key.strip_prefix("tag:") {
                        Some(tag) => rule.only_tag(tag, value),
                        None => bail!("`only.{key}` is none of action, protocol, stream, country, \"tag:KEY\""),
                    },
                };
            }
        }
        match (self.per_second, self.at_once) {
            (Some(per_second), None) => {
                Ok(rule.rate(per_second, self.burst.unwrap_or_else(|| self.usual_burst(per_second))))
            }
            (None, Some(most)) => {
                ensure!(self.burst.is_none(), "`burst` goes with `per_second`, not with `at_once`");
                Ok(rule.at_once(most))
            }
            (Some(_), Some(_)) => bail!("says both `per_second` and `at_once`; make two rules of it"),
            (None, None) => bail!("says neither `per_second` nor `at_once`, so it limits nothing"),
        }
    }

    /// What may come at once where nothing is said: the like of 2 s, and of a bitrate 10 s.
    fn usual_burst(&self, per_second: f64) -> f64 {
        let seconds = if self.measure == Measure::IngestKbit { 10.0 } else { 2.0 };
        (per_second * seconds).max(1.0)
    }
}

fn per(text: &str) -> Result<Per> {
    Ok(match text {
        "ip" => Per::Ip,
        "ip-prefix" => Per::IpPrefix,
        "subject" => Per::Subject,
        "stream" => Per::Stream,
        "country" => Per::Country,
        _ => match text.strip_prefix("tag:") {
            Some(tag) => Per::tag(tag),
            None => bail!("`per`: `{text}` is none of ip, ip-prefix, subject, stream, country, \"tag:KEY\""),
        },
    })
}

fn action(text: &str) -> Result<Action> {
    match text {
        "publish" => Ok(Action::Publish),
        "play" => Ok(Action::Play),
        _ => bail!("`only.action`: `{text}` is neither publish nor play"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rule> {
        let entry: Entry = wasmcast_plugin::serde_json::from_str(text)?;
        entry.rule()
    }

    #[test]
    fn entries_become_rules() {
        let joins = r#"{"name": "joins", "measure": "play", "per": ["ip-prefix", "tag:plan"], "per_second": 2,
            "only": {"stream": ["live/*", "vip/*"], "action": "play", "tag:plan": "free"}}"#;
        let rows = [
            (joins, "Rate(2.0, 4.0)"),
            (r#"{"name": "a", "measure": "request", "per_second": 0.1}"#, "Rate(0.1, 1.0)"),
            (r#"{"name": "a", "measure": "ingest-kbit", "per_second": 2000}"#, "Rate(2000.0, 20000.0)"),
            (r#"{"name": "a", "measure": "connection", "per_second": 5, "burst": 50}"#, "Rate(5.0, 50.0)"),
            (r#"{"name": "a", "measure": "publish", "at_once": 3}"#, "AtOnce(3)"),
        ];
        for (text, expected) in rows {
            let rule = format!("{:?}", read(text).unwrap_or_else(|error| panic!("{text}: {error}")));
            assert!(rule.contains(expected), "{text}: {rule}");
        }
        let rule = format!("{:?}", read(joins).unwrap_or_else(|error| panic!("{error}")));
        for part in ["IpPrefix", "Tag(\"plan\")", "(\"stream\", \"vip/*\")", "(\"tag:plan\", \"free\")"] {
            assert!(rule.contains(part), "{part}: {rule}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let rows = [
            (r#"{"name": "a", "measure": "play"}"#, "neither `per_second` nor `at_once`"),
            (r#"{"name": "a", "measure": "play", "per_second": 1, "at_once": 1}"#, "make two rules"),
            (r#"{"name": "a", "measure": "play", "burst": 1, "at_once": 1}"#, "goes with `per_second`"),
            (r#"{"name": "a", "measure": "packets", "at_once": 1}"#, "packets"),
            (r#"{"name": "a", "measure": "play", "at_once": 1, "per": ["device"]}"#, "`device` is none of"),
            (r#"{"name": "a", "measure": "play", "at_once": 1, "only": {"device": "tv"}}"#, "`only.device` is none of"),
            (
                r#"{"name": "a", "measure": "play", "at_once": 1, "only": {"action": "admin"}}"#,
                "neither publish nor play",
            ),
            (r#"{"name": "a", "measure": "play", "at_once": 1, "only": {"stream": []}}"#, "is empty"),
            (r#"{"name": "a", "measure": "play", "at_once": -1}"#, "-1"),
            (r#"{"name": "a", "measure": "play", "atonce": 1}"#, "atonce"),
        ];
        for (text, expected) in rows {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
