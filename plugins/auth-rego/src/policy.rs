//! A policy that was read and checked: it is asked about sessions.

use crate::config::{Config, Others};
use crate::{answer, input};
use regorus::{Engine, Value};
use std::sync::Arc;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json;

/// Where the rules are that mean something here.
const PACKAGE: &str = "data.wasmcast";
/// Those rules; `allow` has to be there.
const RULES: [&str; 7] = ["allow", "deny_reason", "deny_status", "subject", "ttl", "tags", "limits"];
/// Sessions that each policy is tried with before it serves: what is wrong in a rule shows when it is evaluated.
const SAMPLES: [&str; 2] = [
    r#"{"id":"s-0","action":"publish","protocol":"whip","method":"POST","path":"/whip/live/cam1","stream_name":"live/cam1",
        "remote_ip":"192.0.2.1","headers":{},"query":{},"tags":{},"age_ms":0}"#,
    r#"{"id":"s-0","action":"play","protocol":"whep","method":"POST","path":"/whep/live/cam1","stream_name":"live/cam1",
        "remote_ip":"2001:db8::1","country":"DE","device":"tv","token":"t","spiffe_id":"spiffe://example.org/x",
        "certificate_sha256":"00","subject":"x","headers":{"host":"example.org"},"query":{},"tags":{},"age_ms":1000}"#,
];

/// The interpreter with the operator's policies and data.
pub struct Policy {
    engine: Engine,
    declared: Vec<&'static str>,
    others: Others,
}

impl Policy {
    /// Reads the policies and tries them.
    ///
    /// # Errors
    /// What is wrong, with policy, line and column.
    pub fn read(config: Config) -> Result<Self> {
        let mut engine = Engine::new();
        // As in OPA: where a function can not do its work the expression is undefined.
        engine.set_strict_builtin_errors(false);
        let mut count = 0;
        for (name, text) in config.policies() {
            engine.add_policy(name.to_owned(), text.to_owned()).map_err(|error| wrong(&error))?;
            count += 1;
        }
        ensure!(count > 0, "config: no policy: set `policy`, or `policies`");
        let data = serde_json::Value::Object(config.data);
        engine.add_data(Value::from(data)).map_err(|error| Error::new(format!("config: `data`: {error:#}")))?;
        let declares = |rule: &str| engine.clone().compile_with_entrypoint(&Arc::from(format!("{PACKAGE}.{rule}")));
        if let Err(error) = declares(RULES[0]) {
            // Else it is in the policy's text, and says where.
            let missing = !error.to_string().contains("-->");
            ensure!(!missing, "config: no policy has the rule `allow` in `package wasmcast`");
            return Err(wrong(&error));
        }
        let declared = RULES.into_iter().filter(|rule| declares(rule).is_ok()).collect();
        let mut policy = Policy { engine, declared, others: config.others };
        for sample in SAMPLES {
            policy.engine.set_input(input::document(sample, clock_of_samples())?);
            for rule in policy.declared.clone() {
                policy.value(rule).with_context(|| "config")?;
            }
        }
        Ok(policy)
    }

    /// Decides about a session.
    ///
    /// # Errors
    /// When a rule can not be evaluated, or says what is no answer.
    pub fn judge(&mut self, input: Value) -> Result<Decision> {
        self.engine.set_input(input);
        match self.value("allow")? {
            Value::Bool(true) => {
                let (subject, ttl) = (self.value("subject")?, self.value("ttl")?);
                answer::grant(&subject, &ttl, &self.value("tags")?, &self.value("limits")?)
            }
            Value::Undefined if self.others == Others::Abstain => Ok(abstain()),
            Value::Bool(false) | Value::Undefined => {
                answer::refusal(&self.value("deny_status")?, &self.value("deny_reason")?)
            }
            _ => bail!("`allow` is neither true nor false"),
        }
    }

    fn value(&mut self, rule: &'static str) -> Result<Value> {
        if !self.declared.contains(&rule) {
            return Ok(Value::Undefined);
        }
        self.engine.eval_rule(format!("{PACKAGE}.{rule}")).map_err(|error| Error::new(told(&format!("{error:#}"))))
    }
}

/// When the samples come: a time that has been.
fn clock_of_samples() -> Duration {
    days(20_000)
}

fn wrong(error: &impl std::fmt::Display) -> Error {
    Error::new(format!("config: {}", told(&format!("{error:#}"))))
}

/// `NAME, line L, column C: what` of the interpreter's drawing of the place; other words as they are, in one line.
fn told(drawing: &str) -> String {
    let place = drawing.lines().find_map(|line| {
        let (name, column) = line.trim().strip_prefix("--> ")?.rsplit_once(':')?;
        let (name, line) = name.rsplit_once(':')?;
        Some((name, line, column))
    });
    let what = drawing.lines().find_map(|line| line.trim().strip_prefix("error: "));
    match (place, what) {
        (Some((name, line, column)), Some(what)) => format!("`{name}`, line {line}, column {column}: {what}"),
        _ => drawing.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(config: serde_json::Value) -> Result<Policy> {
        Policy::read(serde_json::from_value(config)?)
    }

    fn judge(policy: &mut Policy, session: &serde_json::Value) -> Result<Decision> {
        policy.judge(input::document(&session.to_string(), seconds(1_000))?)
    }

    /// A policy of the package, asked about a session.
    fn ask(rules: &str, session: &serde_json::Value) -> Result<Decision> {
        judge(&mut read(json!({ "policy": format!("package wasmcast\n{rules}") }))?, session)
    }

    #[test]
    fn a_certificate_and_a_method_open() {
        let rules = r#"
            allow if {
                input.subject.spiffe_id == "spiffe://studio.example/camera"
                input.method == "POST"
                input.action == "publish"
            }"#;
        let rows = [
            ("spiffe://studio.example/camera", "POST", "publish", true),
            ("spiffe://studio.example/camera", "GET", "publish", false),
            ("spiffe://studio.example/camera", "POST", "play", false),
            ("spiffe://studio.example/other", "POST", "publish", false),
        ];
        for (spiffe_id, method, action, good) in rows {
            let session = json!({ "spiffe_id": spiffe_id, "method": method, "action": action });
            let expected = if good { allow() } else { deny(403, "You are not allowed in here.") };
            assert_eq!(ask(rules, &session).unwrap(), expected, "{session}");
        }
        assert!(
            ask(rules, &json!({ "method": "POST", "action": "publish" })).unwrap() != allow(),
            "without certificate"
        );
    }

    #[test]
    fn rules_become_answers() {
        let session = json!({ "action": "play", "token": "t-1", "stream_name": "live/cam1", "country": "DE" });
        let rows = [
            ("allow := true", allow()),
            ("allow := false", deny(403, "You are not allowed in here.")),
            ("allow if input.country == \"FR\"", deny(403, "You are not allowed in here.")),
            ("default allow := false\ndeny_reason := \"Not here.\"\ndeny_status := 451", deny(451, "Not here.")),
            ("allow := true\nsubject := input.token\nttl := 60", allow().subject("t-1").ttl(minutes(1))),
            ("allow := true\nttl := 0.5", allow().ttl(milliseconds(500))),
            (
                "allow := true\ntags := { \"plan\": \"gold\", \"n\": 7 }\nlimits := { \"max_bitrate_kbps\": 800, \"max_viewers\": 3 }",
                allow().max_bitrate(kbps(800)).max_viewers(3).tag("n", 7).tag("plan", "gold"),
            ),
            ("allow := true\nsubject := input.query.none\nttl := input.query.none", allow()),
            ("allow if startswith(input.stream_name, \"live/\")", allow()),
            ("allow if to_number(input.token) > 1", deny(403, "You are not allowed in here.")),
        ];
        for (rules, expected) in rows {
            assert_eq!(ask(rules, &session).unwrap(), expected, "{rules}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        let rows = [
            ("allow := 1", "`allow` is neither true nor false"),
            ("allow := false\ndeny_status := 200", "`deny_status` is none of 400 to 599"),
            ("allow := false\ndeny_reason := 7", "`deny_reason` is no string"),
            ("allow := true\nsubject := 7", "`subject` is no string"),
            ("allow := true\nttl := \"60\"", "`ttl` is no number"),
            ("allow := true\nttl := 0", "`ttl` is no number of seconds above 0"),
            ("allow := true\ntags := [\"a\"]", "`tags` is no object"),
            ("allow := true\ntags := { \"a\": null }", "`tags.a` is no string"),
            ("allow := true\nlimits := { \"max_bitrate\": 1 }", "`limits.max_bitrate` is no limit"),
            ("allow := true\nlimits := { \"max_viewers\": 0.5 }", "`limits.max_viewers` is no whole number"),
        ];
        for (rules, expected) in rows {
            let error = ask(rules, &json!({ "action": "play" })).unwrap_err().to_string();
            assert!(error.contains(expected), "{rules}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_policy_is_told_with_its_place() {
        let rows = [
            ("allow if {", "`policy`, line 2, column "),
            ("allow := x", "`policy`, line 2, column 10: "),
            ("allow if nothing_of_that_name(input)", "`policy`, line 2, column "),
            ("allow := 1 if true\nallow := 2 if true", "`policy`, line "),
        ];
        for (rules, place) in rows {
            let error = ask(rules, &json!({})).unwrap_err().to_string();
            assert!(error.starts_with("config: ") && error.contains(place), "{rules}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
        let error =
            read(json!({ "policies": { "base.rego": "package base\nx := ", "z": "package z" } })).err().unwrap();
        assert!(error.to_string().contains("`base.rego`, line 2"), "{error}");
        for config in [json!({}), json!({ "policy": "package other\nallow := true" }), json!({ "polcy": "" })] {
            assert!(read(config.clone()).is_err(), "{config}");
        }
    }

    #[test]
    fn data_and_other_packages_are_there() {
        let config = json!({
            "policies": {
                "lists": "package lists\nlocked contains name if some name in data.locked",
                "main": "package wasmcast\nallow if not data.lists.locked[input.stream_name]\nttl := data.minutes * 60",
            },
            "data": { "locked": ["staff"], "minutes": 5 },
        });
        let mut policy = read(config).unwrap();
        for _ in 0..2 {
            assert_eq!(judge(&mut policy, &json!({ "stream_name": "cam" })).unwrap(), allow().ttl(minutes(5)));
            assert_ne!(judge(&mut policy, &json!({ "stream_name": "staff" })).unwrap(), allow().ttl(minutes(5)));
        }
    }

    #[test]
    fn what_the_policy_says_nothing_about_may_be_left_to_others() {
        let config = json!({
            "policy": "package wasmcast\nallow if input.token == \"good\"\nallow := false if input.token == \"bad\"",
            "others": "abstain",
        });
        let mut policy = read(config).unwrap();
        let rows = [
            (json!({ "token": "good" }), allow()),
            (json!({ "token": "bad" }), deny(403, "You are not allowed in here.")),
            (json!({}), abstain()),
        ];
        for (session, expected) in rows {
            assert_eq!(judge(&mut policy, &session).unwrap(), expected, "{session}");
        }
    }
}
