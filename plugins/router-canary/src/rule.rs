//! One rule: whom it fits, and where they go.

use std::collections::BTreeMap;
use wasmcast_plugin::prelude::*;

/// What rules ask of a session.
pub trait Visitor {
    fn is_publish(&self) -> bool;
    fn stream(&self) -> String;
    fn country(&self) -> Option<String>;
    fn device(&self) -> Option<String>;
    fn header(&self, name: &str) -> Option<String>;
    /// Between 0 and 1, the same for the same subject each time.
    fn place(&self, experiment: &str) -> f64;
}

/// All that it says of a session must hold; what it leaves out holds always.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Becomes the session's tag `cohort`; the share is dealt by it.
    cohort: String,
    /// Percent of the sessions that the rest of the rule fits.
    #[serde(default = "all")]
    share: f64,
    #[serde(default)]
    country: Vec<String>,
    #[serde(default)]
    device: Vec<String>,
    /// Headers by name; `*` is any value.
    #[serde(default)]
    header: BTreeMap<String, String>,
    #[serde(default)]
    action: Option<Does>,
    /// Nodes and addresses, best first.
    #[serde(default)]
    to: Vec<String>,
    /// The stream to play; `{stream}` is the one asked for.
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    rendition: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Does {
    Publish,
    Play,
}

fn all() -> f64 {
    100.0
}

impl Rule {
    /// What no session would show.
    pub fn check(&self) -> Result<()> {
        ensure!(!self.cohort.is_empty(), "`cohort` is empty");
        ensure!((0.0..=100.0).contains(&self.share), "`share` is {}, and goes from 0 to 100 percent", self.share);
        ensure!(self.to.len() <= 8, "`to` has {} places, at most 8 are looked at", self.to.len());
        let of_viewers = self.stream.is_some() || self.rendition.is_some();
        ensure!(
            !of_viewers || self.action != Some(Does::Publish),
            "`stream` and `rendition` are for viewers; `action` says \"publish\""
        );
        Ok(())
    }

    /// Whether it is about this session.
    pub fn fits(&self, visitor: &impl Visitor) -> bool {
        let among = |list: &[String], value: Option<String>| {
            value.is_some_and(|value| list.iter().any(|one| one.eq_ignore_ascii_case(&value)))
        };
        let does = if visitor.is_publish() { Does::Publish } else { Does::Play };
        let shows = |(name, wanted): (&String, &String)| {
            visitor.header(name).is_some_and(|value| wanted == "*" || *wanted == value)
        };
        self.action.is_none_or(|action| action == does)
            && (self.country.is_empty() || among(&self.country, visitor.country()))
            && (self.device.is_empty() || among(&self.device, visitor.device()))
            && self.header.iter().all(shows)
            && (self.share >= 100.0 || visitor.place(&self.cohort) < self.share / 100.0)
    }

    /// Where those go whom it fits.
    pub fn route(&self, visitor: &impl Visitor) -> Route {
        let mut chosen = route().tag("cohort", &self.cohort).nodes(self.to.iter().map(String::as_str));
        if let Some(stream) = &self.stream {
            chosen = chosen.stream_name(stream.replace("{stream}", &visitor.stream()));
        }
        if let Some(rendition) = &self.rendition {
            chosen = chosen.rendition(rendition);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Someone {
        publishes: bool,
        country: Option<&'static str>,
        device: Option<&'static str>,
        headers: Vec<(&'static str, &'static str)>,
        place: f64,
    }

    impl Visitor for Someone {
        fn is_publish(&self) -> bool {
            self.publishes
        }

        fn stream(&self) -> String {
            "live/cam1".to_owned()
        }

        fn country(&self) -> Option<String> {
            self.country.map(str::to_owned)
        }

        fn device(&self) -> Option<String> {
            self.device.map(str::to_owned)
        }

        fn header(&self, name: &str) -> Option<String> {
            self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        }

        fn place(&self, _: &str) -> f64 {
            self.place
        }
    }

    fn rule(text: &str) -> Rule {
        wasmcast_plugin::serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn all_that_a_rule_says_must_hold() {
        let german = || Someone { country: Some("DE"), device: Some("mobile"), ..Someone::default() };
        let rows = [
            (r#"{"cohort": "a"}"#, Someone::default(), true),
            (r#"{"cohort": "a", "country": ["at", "de"]}"#, german(), true),
            (r#"{"cohort": "a", "country": ["AT"]}"#, german(), false),
            (r#"{"cohort": "a", "country": ["AT"]}"#, Someone::default(), false),
            (r#"{"cohort": "a", "country": ["DE"], "device": ["tv"]}"#, german(), false),
            (r#"{"cohort": "a", "country": ["DE"], "device": ["tv", "mobile"]}"#, german(), true),
            (r#"{"cohort": "a", "action": "publish"}"#, german(), false),
            (r#"{"cohort": "a", "action": "publish"}"#, Someone { publishes: true, ..german() }, true),
            (r#"{"cohort": "a", "header": {"x-try": "yes"}}"#, german(), false),
            (
                r#"{"cohort": "a", "header": {"x-try": "yes"}}"#,
                Someone { headers: vec![("x-try", "no")], ..german() },
                false,
            ),
            (
                r#"{"cohort": "a", "header": {"x-try": "*"}}"#,
                Someone { headers: vec![("x-try", "no")], ..german() },
                true,
            ),
            (r#"{"cohort": "a", "share": 5}"#, Someone { place: 0.049, ..german() }, true),
            (r#"{"cohort": "a", "share": 5}"#, Someone { place: 0.05, ..german() }, false),
            (r#"{"cohort": "a", "share": 0}"#, german(), false),
            (r#"{"cohort": "a", "share": 5, "country": ["AT"]}"#, german(), false),
        ];
        for (text, visitor, expected) in rows {
            assert_eq!(rule(text).fits(&visitor), expected, "{text}");
        }
    }

    #[test]
    fn a_rule_says_where_to() {
        let text =
            r#"{"cohort": "canary", "stream": "{stream}-next", "rendition": "low", "to": ["https://b.example"]}"#;
        let expected =
            route().tag("cohort", "canary").node("https://b.example").stream_name("live/cam1-next").rendition("low");
        assert_eq!(rule(text).route(&Someone::default()), expected);
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let rows = [
            (r#"{"cohort": ""}"#, "`cohort` is empty"),
            (r#"{"cohort": "a", "share": 100.1}"#, "from 0 to 100 percent"),
            (r#"{"cohort": "a", "share": -1}"#, "from 0 to 100 percent"),
            (r#"{"cohort": "a", "action": "publish", "stream": "b"}"#, "are for viewers"),
            (r#"{"cohort": "a", "to": ["1","2","3","4","5","6","7","8","9"]}"#, "at most 8"),
        ];
        for (text, expected) in rows {
            let error = rule(text).check().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(rule(r#"{"cohort": "a", "share": 0.5}"#).check().is_ok());
    }
}
