//! What the endpoint is told of a session: the facts that the operator chose, and no others.

use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::{self, Map, Value};

/// Facts that tell one question from another, but can not matter to a lasting answer.
const OF_ONE_SESSION: [&str; 2] = ["id", "age_ms"];

/// What is sent.
#[derive(Debug)]
pub struct Question {
    pub body: Value,
}

/// What is sent unless the operator says otherwise.
pub fn usual() -> Vec<String> {
    let names = [
        "id",
        "action",
        "protocol",
        "stream_name",
        "rendition",
        "remote_ip",
        "country",
        "device",
        "token",
        "spiffe_id",
        "subject",
    ];
    names.map(str::to_owned).to_vec()
}

/// All that a server tells of a session.
const FACTS: [&str; 15] = [
    "id",
    "action",
    "protocol",
    "method",
    "path",
    "stream_name",
    "rendition",
    "remote_ip",
    "country",
    "device",
    "token",
    "spiffe_id",
    "certificate_sha256",
    "subject",
    "age_ms",
];
/// Groups of facts, each with names of the client's or the operator's choice.
const GROUPS: [&str; 3] = ["headers", "query", "tags"];

/// Checks the names of facts to send. One that does not exist would be left out of the question, and a kept answer would
/// serve sessions that it was not meant for.
///
/// # Errors
/// With the first that does not exist, and those that do.
pub fn check(send: &[String]) -> Result<()> {
    let is_known = |name: &str| match name.split_once('.') {
        Some((group, member)) => GROUPS.contains(&group) && !member.is_empty(),
        None => FACTS.contains(&name) || GROUPS.contains(&name),
    };
    match send.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let (name, facts) = (name.escape_debug(), FACTS.join(", "));
            Err(Error::new(format!(
                "config: `send`: `{name}` is no fact; there are {facts}, and headers.NAME, query.NAME, tags.NAME"
            )))
        }
    }
}

impl Question {
    /// Picks the facts: members of the session's JSON, or members of its `headers`, `query` and `tags` (`headers.user-agent`).
    ///
    /// # Errors
    /// When the server's JSON is none.
    pub fn new(session: &str, send: &[String]) -> Result<Self> {
        let facts: Value = serde_json::from_str(session).context("read the facts of the session")?;
        let mut body = Map::new();
        for name in send {
            let (group, member) =
                name.split_once('.').map_or((name.as_str(), None), |(group, member)| (group, Some(member)));
            match (facts.get(group), member) {
                (Some(value), None) => drop(body.insert(group.to_owned(), value.clone())),
                (Some(values), Some(member)) => {
                    let target = body.entry(group).or_insert_with(|| Value::Object(Map::new()));
                    if let (Some(value), Some(target)) = (values.get(member), target.as_object_mut()) {
                        target.insert(member.to_owned(), value.clone());
                    }
                }
                (None, _) => {}
            }
        }
        Ok(Question { body: Value::Object(body) })
    }

    /// All that an answer for several sessions can depend on.
    pub fn decides(&self) -> String {
        let mut facts = self.body.clone();
        if let Some(facts) = facts.as_object_mut() {
            facts.retain(|name, _| !OF_ONE_SESSION.contains(&name.as_str()));
        }
        facts.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = r#"{"id":"s-1","action":"play","stream_name":"live/cam1","remote_ip":"192.0.2.1","token":"t","age_ms":5,
        "headers":{"user-agent":"x","cookie":"secret"},"query":{"room":"1"},"tags":{}}"#;

    fn question(send: &[&str]) -> Question {
        Question::new(SESSION, &send.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_what_was_chosen_is_sent() {
        let rows: [(&[&str], &str); 4] = [
            (&["action", "token", "country"], r#"{"action":"play","token":"t"}"#),
            (
                &["headers.user-agent", "query.room", "query.none"],
                r#"{"headers":{"user-agent":"x"},"query":{"room":"1"}}"#,
            ),
            (&["query"], r#"{"query":{"room":"1"}}"#),
            (&["nothing.at.all"], "{}"),
        ];
        for (send, expected) in rows {
            assert_eq!(question(send).body.to_string(), expected);
        }
        let usual = Question::new(SESSION, &usual()).unwrap().body;
        assert!(usual.get("headers").is_none() && usual["token"] == "t" && usual["id"] == "s-1");
    }

    #[test]
    fn a_fact_that_does_not_exist_is_refused() {
        assert!(check(&usual()).is_ok());
        for (name, known) in [
            ("token", true),
            ("headers", true),
            ("headers.user-agent", true),
            ("tags.plan", true),
            ("tokn", false),
            ("", false),
            ("headers.", false),
            ("token.x", false),
            ("header.user-agent", false),
        ] {
            assert_eq!(check(&["id".to_owned(), name.to_owned()]).is_ok(), known, "{name}");
        }
        let session: Value = serde_json::from_str(SESSION).unwrap();
        assert!(session.as_object().unwrap().keys().all(|name| check(std::slice::from_ref(name)).is_ok()));
    }

    #[test]
    fn an_answer_counts_for_all_who_would_have_asked_the_same() {
        let all = question(&["id", "age_ms", "action", "token"]);
        assert_eq!(all.decides(), r#"{"action":"play","token":"t"}"#);
        assert_eq!(all.decides(), question(&["action", "token"]).decides());
        assert_ne!(all.decides(), question(&["action"]).decides());
        assert!(Question::new("no json", &[]).is_err());
    }
}
