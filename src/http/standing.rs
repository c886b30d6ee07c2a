//! What was decided about a session, by whom and for how long, as the operator's API tells it.

use crate::access::{Grant, Routing, STATIC_RULES, Standing};
use crate::plugin::Step;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Adds it to a session's description.
pub(super) fn describe(session: &mut Map<String, Value>, standing: Option<&Standing>, now: Instant) {
    let unknown = Grant::default();
    let grant = standing.map_or(&unknown, |standing| &standing.grant);
    let asked = standing.map_or("", |standing| standing.facts.stream.as_str());
    let left = standing.and_then(Standing::ends).map(|ends| milliseconds(ends.saturating_duration_since(now)));
    let facts = standing.map(|standing| &standing.facts);
    let entries = [
        ("subject", json!(grant.subject)),
        ("tags", json!(grant.all_tags())),
        ("limits", json!({ "max_bitrate_kbps": grant.max_bitrate_kbps, "max_viewers": grant.max_viewers })),
        ("ttl_ms", json!(grant.ttl.map(milliseconds))),
        // Negative waits do not exist: what is due is being asked.
        ("asked_again_in_ms", json!(left)),
        ("times_asked", json!(standing.map_or(0, |standing| standing.times))),
        ("decision", steps(grant).map(step).collect()),
        // Where a plugin put another name in its place.
        ("stream_asked", json!(grant.stream_name.as_ref().or(grant.routing.stream.as_ref()).map(|_| asked))),
        ("route", json!(grant.routing.is_routed().then(|| route(&grant.routing)))),
        ("country", json!(facts.and_then(|facts| facts.country.as_ref()))),
        ("device", json!(facts.and_then(|facts| facts.device.as_ref()))),
    ];
    session.extend(entries.map(|(name, value)| (name.to_owned(), value)));
}

/// Who was asked or counted it, in order.
fn steps(grant: &Grant) -> impl Iterator<Item = &Step> {
    let counted = &grant.counted;
    counted.before.iter().chain(&grant.steps).chain(&counted.after).chain(&grant.routing.steps)
}

/// What the routers said.
fn route(routing: &Routing) -> Value {
    json!({ "stream": routing.stream, "rendition": routing.rendition, "tags": routing.tags })
}

/// Who was asked and what came of it. The static rules have no generation.
fn step(step: &Step) -> Value {
    let mut told = json!({
        "plugin": *step.plugin,
        "hook": step.hook.name(),
        "generation": (&*step.plugin != STATIC_RULES && step.generation > 0).then_some(step.generation),
        "outcome": step.outcome,
        "took_us": step.took.as_nanos() as f64 / 1_000.0,
    });
    if let (Some(error), Some(told)) = (&step.error, told.as_object_mut()) {
        told.insert("error".to_owned(), json!(error));
    }
    told
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Routing;
    use crate::plugin::{Action, Counted, Facts, Hook};
    use std::sync::Arc;

    #[test]
    fn the_story_of_a_session_is_told() {
        let now = Instant::now();
        let mut facts = Facts::new("s".to_owned(), Action::Publish, "whip", "192.0.2.1".parse().unwrap());
        (facts.stream, facts.country) = ("secret-key".to_owned(), Some("AT".to_owned()));
        let took = Duration::from_nanos(3_400);
        let failed = Step {
            plugin: "a".into(),
            hook: Hook::Auth,
            generation: 2,
            outcome: "open",
            took,
            error: Some("trap".to_owned()),
        };
        let routed =
            Step { plugin: "c".into(), hook: Hook::Router, generation: 1, outcome: "route", took, error: None };
        let limited =
            Step { plugin: "l".into(), hook: Hook::Ratelimit, generation: 4, outcome: "admit", took, error: None };
        let mut counted = Counted::default();
        counted.before.push(limited);
        let allowed = Step { plugin: "b".into(), hook: Hook::Auth, generation: 7, outcome: "allow", took, error: None };
        let standing = Standing {
            id: "s".into(),
            action: Action::Publish,
            stream: "live/cam".parse().unwrap(),
            facts: Arc::new(facts),
            grant: Grant {
                subject: Some("alice".to_owned()),
                stream_name: Some("live/cam".parse().unwrap()),
                ttl: Some(Duration::from_secs(60)),
                max_bitrate_kbps: Some(4_000),
                max_viewers: None,
                tags: [("plan".to_owned(), "free".to_owned())].into(),
                steps: vec![failed, allowed],
                routing: Routing {
                    stream: Some("live/canary".parse().unwrap()),
                    tags: [("plan".to_owned(), "x".to_owned()), ("cohort".to_owned(), "canary".to_owned())].into(),
                    steps: vec![routed],
                    ..Routing::default()
                },
                counted,
            },
            since: now,
            decided: now,
            times: 2,
        };
        let mut told = Map::new();
        describe(&mut told, Some(&standing), now + Duration::from_secs(20));
        let expected = json!({
            "subject": "alice",
            "tags": { "plan": "free", "cohort": "canary" },
            "limits": { "max_bitrate_kbps": 4000, "max_viewers": null },
            "ttl_ms": 60_000,
            "asked_again_in_ms": 40_000,
            "times_asked": 2,
            "decision": [
                { "plugin": "l", "hook": "ratelimit", "generation": 4, "outcome": "admit", "took_us": 3.4 },
                { "plugin": "a", "hook": "auth", "generation": 2, "outcome": "open", "took_us": 3.4, "error": "trap" },
                { "plugin": "b", "hook": "auth", "generation": 7, "outcome": "allow", "took_us": 3.4 },
                { "plugin": "c", "hook": "router", "generation": 1, "outcome": "route", "took_us": 3.4 },
            ],
            "stream_asked": "secret-key",
            "route": {
                "stream": "live/canary", "rendition": null, "tags": { "plan": "x", "cohort": "canary" }
            },
            "country": "AT",
            "device": null,
        });
        assert_eq!(Value::Object(told), expected);
    }

    #[test]
    fn the_static_rules_are_a_step_without_generation() {
        let took = Duration::from_micros(1);
        let rules =
            Step { plugin: STATIC_RULES.into(), hook: Hook::Auth, generation: 0, outcome: "allow", took, error: None };
        let expected =
            json!({ "plugin": "static rules", "hook": "auth", "generation": null, "outcome": "allow", "took_us": 1.0 });
        assert_eq!(step(&rules), expected);
        let mut told = Map::new();
        describe(&mut told, None, Instant::now());
        assert_eq!((&told["decision"], &told["subject"]), (&json!([]), &Value::Null));
    }
}
