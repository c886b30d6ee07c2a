//! From what the plugins and the static rules said to one yes or no, with the story of how it came about.

use super::Denial;
use super::routing::Routing;
use crate::media::StreamName;
use crate::plugin::{Answer, Counted, Decided, Hook, Step};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A yes, and what comes with it. Limits left none do not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Who it is: as a plugin said, or the name of the token that opened.
    pub subject: Option<String>,
    /// The name to go on under in place of the one asked for.
    pub stream_name: Option<StreamName>,
    /// To be asked again after this time.
    pub ttl: Option<Duration>,
    /// Publish: ceiling of the ingest. Play: ceiling of what is sent.
    pub max_bitrate_kbps: Option<u32>,
    /// Publish: most viewers at once.
    pub max_viewers: Option<u32>,
    pub tags: BTreeMap<String, String>,
    /// Who was asked, in order; the last one decided. [`STATIC_RULES`] stands for the access rules.
    pub steps: Vec<Step>,
    /// What the routers said, once, when it was let in.
    pub routing: Routing,
    /// Which rules of plugins counted it, once, when it was let in; keeps its places.
    pub counted: Counted,
}

/// Stands in a step for the static access rules, which have no generations. No plugin can have this name: a file's name
/// has no blank in it.
pub const STATIC_RULES: &str = "static rules";

impl Grant {
    /// Whether the static rules decided, so that changed rules concern it.
    pub fn is_by_rules(&self) -> bool {
        self.steps.last().is_some_and(|step| &*step.plugin == STATIC_RULES)
    }

    /// The stream to go on with, where this one was asked for.
    pub fn stream(&self, asked: &StreamName) -> StreamName {
        self.routing.stream.as_ref().or(self.stream_name.as_ref()).unwrap_or(asked).clone()
    }

    /// Its tags by whoever gave them; auth comes before the routers.
    pub fn all_tags(&self) -> BTreeMap<String, String> {
        let mut tags = self.routing.tags.clone();
        tags.extend(self.tags.clone());
        tags
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).or_else(|| self.routing.tags.get(key)).map(String::as_str)
    }
}

/// The order of the house: the first plugin that has an opinion decides; when none has, the static rules do.
pub(super) fn conclude(
    decided: Decided,
    rules: impl FnOnce() -> (Result<Option<String>, Denial>, Duration),
) -> (Result<Grant, Denial>, Vec<Step>) {
    let Decided { answer, mut steps } = decided;
    let failed = steps.last().is_some_and(|step| step.outcome == "closed");
    let result = match answer {
        Answer::Allow(grant) => match grant.stream_name.as_deref().map(str::parse::<StreamName>).transpose() {
            Ok(stream_name) => Ok(Grant {
                subject: grant.subject,
                stream_name,
                ttl: grant.ttl,
                max_bitrate_kbps: grant.max_bitrate_kbps,
                max_viewers: grant.max_viewers,
                tags: grant.tags,
                steps: steps.clone(),
                routing: Routing::default(),
                counted: Counted::default(),
            }),
            // The host checks answers; one that slips through is a fault, not a yes.
            Err(_) => Err(Denial::Forbidden),
        },
        Answer::Deny(denial) if failed => Err(Denial::PluginFailed(denial)),
        Answer::Deny(denial) => Err(Denial::Plugin(denial)),
        Answer::Abstain => {
            let (result, took) = rules();
            let outcome = if result.is_ok() { "allow" } else { "deny" };
            let plugin = STATIC_RULES.into();
            steps.push(Step { plugin, hook: Hook::Auth, generation: 0, outcome, took, error: None });
            result.map(|subject| Grant { subject, steps: steps.clone(), ..Grant::default() })
        }
    };
    (result, steps)
}

/// The plugins that had a say, as one name: those who share it wait for the same.
pub(super) fn lane(steps: &[Step]) -> Arc<str> {
    steps.iter().map(|step| &*step.plugin).collect::<Vec<_>>().join(",").into()
}

/// The story in one line, for the log: `auth-jwt 3 abstain 4 µs, static rules allow 1 µs`.
pub(super) fn story(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let generation = if step.generation > 0 { format!(" {}", step.generation) } else { String::new() };
        let error = step.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
        format!("{}{generation} {} {} µs{error}", step.plugin, step.outcome, step.took.as_micros())
    };
    steps.iter().map(line).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin;

    fn step(plugin: &str, outcome: &'static str, error: Option<&str>) -> Step {
        let error = error.map(str::to_owned);
        Step { plugin: plugin.into(), hook: Hook::Auth, generation: 3, outcome, took: Duration::from_micros(4), error }
    }

    fn rules(answer: Result<Option<String>, Denial>) -> (Result<Option<String>, Denial>, Duration) {
        (answer, Duration::from_micros(1))
    }

    #[test]
    fn plugins_come_first_and_the_static_rules_last() {
        let denial = plugin::Denial { status: 402, reason: "Pay.".to_owned(), retry_after: None };
        let allow = plugin::Grant {
            subject: Some("alice".to_owned()),
            stream_name: Some("live/public".to_owned()),
            ttl: Some(Duration::from_secs(60)),
            ..plugin::Grant::default()
        };
        type Row = (Answer, Vec<Step>, Option<bool>, Result<&'static str, Denial>, &'static str);
        let rows: Vec<Row> = vec![
            (Answer::Allow(allow), vec![step("jwt", "allow", None)], None, Ok("alice"), "jwt 3 allow 4 µs"),
            (
                Answer::Deny(denial.clone()),
                vec![step("a", "abstain", None), step("b", "deny", None)],
                None,
                Err(Denial::Plugin(denial.clone())),
                "a 3 abstain 4 µs, b 3 deny 4 µs",
            ),
            (
                Answer::Deny(denial.clone()),
                vec![step("a", "closed", Some("trap `unreachable`"))],
                None,
                Err(Denial::PluginFailed(denial)),
                "a 3 closed 4 µs (trap `unreachable`)",
            ),
            (
                Answer::Abstain,
                vec![step("a", "open", Some("no answer"))],
                Some(true),
                Ok("token holder"),
                "a 3 open 4 µs (no answer), static rules allow 1 µs",
            ),
            (Answer::Abstain, vec![], Some(false), Err(Denial::TokenMissing), "static rules deny 1 µs"),
        ];
        for (answer, steps, by_rules, expected, told) in rows {
            let (result, steps) = conclude(Decided { answer, steps }, || match by_rules {
                Some(true) => rules(Ok(Some("token holder".to_owned()))),
                Some(false) => rules(Err(Denial::TokenMissing)),
                None => panic!("the rules are not asked after a plugin decided: {told}"),
            });
            assert_eq!(story(&steps), told);
            match result {
                Ok(grant) => {
                    assert_eq!((grant.subject.as_deref(), grant.is_by_rules()), (expected.ok(), by_rules.is_some()));
                    assert_eq!(grant.steps, steps);
                }
                Err(denial) => assert_eq!(Err(denial), expected),
            }
        }
    }

    #[test]
    fn a_grant_keeps_what_the_plugin_gave() {
        let given = plugin::Grant {
            subject: Some("alice".to_owned()),
            stream_name: Some("live/public".to_owned()),
            ttl: Some(Duration::from_secs(60)),
            max_bitrate_kbps: Some(4_000),
            max_viewers: Some(10),
            tags: BTreeMap::from([("plan".to_owned(), "free".to_owned())]),
        };
        let decided = |grant| Decided { answer: Answer::Allow(grant), steps: vec![step("jwt", "allow", None)] };
        let (result, _) = conclude(decided(given.clone()), || unreachable!());
        let grant = result.unwrap();
        assert_eq!(grant.stream_name, Some("live/public".parse().unwrap()));
        assert_eq!((grant.ttl, grant.max_bitrate_kbps, grant.max_viewers), (given.ttl, Some(4_000), Some(10)));
        assert_eq!(grant.tags, given.tags);
        let nameless = plugin::Grant { stream_name: Some("a b".to_owned()), ..given };
        assert_eq!(conclude(decided(nameless), || unreachable!()).0, Err(Denial::Forbidden));
    }
}
