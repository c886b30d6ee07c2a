//! What a policy is told of a session: the document `input`.

use regorus::Value;
use std::time::Duration;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::{self, Map};

/// What says who it is, and what it is called in `input.subject`.
const SUBJECT: [(&str, &str); 3] =
    [("subject", "name"), ("spiffe_id", "spiffe_id"), ("certificate_sha256", "certificate_sha256")];

/// The session's facts as the server tells them, who it is gathered in `subject`, and the time in seconds since 1970.
///
/// # Errors
/// When the server's JSON is none.
pub fn document(session: &str, now: Duration) -> Result<Value> {
    let mut facts: Map<String, serde_json::Value> =
        serde_json::from_str(session).context("read the facts of the session")?;
    let mut subject = Map::new();
    for (fact, name) in SUBJECT {
        if let Some(value) = facts.remove(fact) {
            subject.insert(name.to_owned(), value);
        }
    }
    facts.insert("subject".to_owned(), subject.into());
    facts.insert("time".to_owned(), now.as_secs().into());
    Ok(Value::from(serde_json::Value::Object(facts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_it_is_lies_in_the_subject() {
        let session =
            r#"{"action":"publish","stream_name":"cam","spiffe_id":"spiffe://a/b","subject":"alice","tags":{}}"#;
        let input = document(session, Duration::from_millis(5_900)).unwrap();
        let expected = r#"{"action":"publish","stream_name":"cam","subject":{"name":"alice","spiffe_id":"spiffe://a/b"},
            "tags":{},"time":5}"#;
        assert_eq!(input, Value::from_json_str(expected).unwrap());
        assert_eq!(
            document("{}", Duration::ZERO).unwrap(),
            Value::from_json_str(r#"{"subject":{},"time":0}"#).unwrap()
        );
        assert!(document("no json", Duration::ZERO).is_err());
    }
}
