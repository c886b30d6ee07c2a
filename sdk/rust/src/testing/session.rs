//! Somebody who comes to the plugin, and what becomes of it.

use super::host::Host;
use crate::units::Bitrate;
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;

/// Somebody about to come: from 192.0.2.1, with no credential, unless the test says so.
#[derive(Clone, Debug)]
#[must_use = "call start()"]
pub struct Visit {
    host: Rc<Host>,
    facts: Value,
}

impl Visit {
    pub(super) fn new(host: Rc<Host>, facts: Value) -> Self {
        Self { host, facts }
    }

    /// The credential: `Authorization: Bearer`, or `?token=`.
    pub fn token(self, token: &str) -> Self {
        self.fact("token", token)
    }

    /// The country, such as `DE`.
    pub fn country(self, country: &str) -> Self {
        self.fact("country", country)
    }

    /// The kind of device, such as `mobile`.
    pub fn device(self, device: &str) -> Self {
        self.fact("device", device)
    }

    /// The address it comes from.
    pub fn remote_ip(self, address: &str) -> Self {
        self.fact("remote_ip", address)
    }

    /// `whip`, `whep`, `websocket`, `rtmp`, `hls` or `api`.
    pub fn protocol(self, protocol: &str) -> Self {
        self.fact("protocol", protocol)
    }

    /// The HTTP method.
    pub fn method(self, method: &str) -> Self {
        self.fact("method", method)
    }

    /// The rendition asked for.
    pub fn rendition(self, rendition: &str) -> Self {
        self.fact("rendition", rendition)
    }

    /// The SPIFFE id of its certificate.
    pub fn spiffe_id(self, id: &str) -> Self {
        self.fact("spiffe_id", id)
    }

    /// The SHA-256 of its certificate, 64 hex digits.
    pub fn certificate_sha256(self, digest: &str) -> Self {
        self.fact("certificate_sha256", digest)
    }

    /// Who it is, as an auth plugin before this one said.
    pub fn subject(self, subject: &str) -> Self {
        self.fact("subject", subject)
    }

    /// Adds a tag, as an auth plugin before this one gave it.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.facts["tags"][key] = json!(value);
        self
    }

    /// Adds a request header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.pair("headers", name, value)
    }

    /// Adds a query parameter.
    pub fn query(self, name: &str, value: &str) -> Self {
        self.pair("query", name, value)
    }

    /// Comes, and is decided on.
    ///
    /// # Panics
    /// When what was said of it can not be, such as an address that is none.
    #[track_caller]
    pub fn start(mut self) -> Session {
        self.facts["do"] = json!("start");
        let answer = self.host.must(self.facts);
        let id = answer.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Session { host: self.host, id }
    }

    fn fact(mut self, key: &str, value: &str) -> Self {
        self.facts[key] = json!(value);
        self
    }

    fn pair(mut self, list: &str, name: &str, value: &str) -> Self {
        match self.facts.get_mut(list).and_then(Value::as_array_mut) {
            Some(pairs) => pairs.push(json!([name, value])),
            None => self.facts[list] = json!([[name, value]]),
        }
        self
    }
}

/// Somebody who came. Each `expect_` looks at how things stand now.
#[derive(Clone, Debug)]
pub struct Session {
    host: Rc<Host>,
    id: String,
}

impl Session {
    /// Its id, as the plugin sees it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Expects that it is in, by an answer of the plugin; what was granted can be looked at.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn expect_allow(&self) -> Allowed {
        let now = self.now();
        match now.get("allow") {
            Some(grant) => Allowed { grant: grant.clone() },
            None => panic!("expected to be allowed; {}", told(&now)),
        }
    }

    /// Expects that it was refused when it came, with this status, and a reason with this text in it.
    ///
    /// # Panics
    /// When it was not, or with another status or reason.
    #[track_caller]
    pub fn expect_deny(&self, status: u16, reason: &str) {
        let now = self.now();
        self.refusal(&now, "deny", status, reason);
    }

    /// Expects that it was in, and was ended by an answer with this status, and a reason with this text in it.
    ///
    /// # Panics
    /// When it was not, or with another status or reason.
    #[track_caller]
    pub fn expect_end(&self, status: u16, reason: &str) {
        let now = self.now();
        self.refusal(&now, "end", status, reason);
    }

    /// Expects that the plugin leaves the answer to others, or was not asked by its manifest's match.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn expect_abstain(&self) {
        let now = self.now();
        assert!(now.get("abstain").is_some(), "expected the plugin to abstain; {}", told(&now));
    }

    /// Expects that the plugin failed (an `Err`, a trap, a deadline) with this text for the operator.
    ///
    /// # Panics
    /// When it did not, or with another text.
    #[track_caller]
    pub fn expect_failure(&self, text: &str) {
        let now = self.now();
        let why = now.get("failure").and_then(Value::as_str);
        assert!(why.is_some_and(|why| why.contains(text)), "expected a failure with `{text}`; {}", told(&now));
    }

    /// Expects that a rule of rate limits, of this name, refused it: by its bucket, or the plugin's own verdict.
    ///
    /// # Panics
    /// When it is in, or was refused otherwise.
    #[track_caller]
    pub fn expect_limited(&self, rule: &str) {
        let now = self.now();
        let found = now.get("limited").and_then(|limited| limited.get("rule")).and_then(Value::as_str);
        assert!(found == Some(rule), "expected to be refused by `{rule}`; {}", told(&now));
    }

    /// Expects that the plugin gave no verdict on it (an `Err`, a trap, a deadline), with this text for the operator. The session
    /// is in then, unless the operator's policy says otherwise.
    ///
    /// # Panics
    /// When it did, or with another text.
    #[track_caller]
    pub fn expect_verdict_failure(&self, text: &str) {
        let now = self.now();
        let why = now.get("verdict_failure").and_then(Value::as_str);
        assert!(why.is_some_and(|why| why.contains(text)), "expected a failure with `{text}`; {}", told(&now));
    }

    /// It leaves: what it was counted as there is free for others.
    ///
    /// # Panics
    /// When the plugin host is gone.
    #[track_caller]
    pub fn leave(self) {
        self.host.must(json!({"do": "leave", "id": self.id}));
    }

    /// Expects that the plugin routes it; what it said can be looked at.
    ///
    /// # Panics
    /// When it has no opinion, failed, or was not asked since the session did not come in.
    #[track_caller]
    pub fn expect_route(&self) -> Routed {
        let now = self.now();
        match now.get("route").filter(|route| !route.is_null()) {
            Some(route) => Routed { route: route.clone() },
            None => panic!("expected a route; {}", routed(&now)),
        }
    }

    /// Expects that the plugin has no opinion on where the session goes, or was not asked by its manifest's match.
    ///
    /// # Panics
    /// When it has one, or failed.
    #[track_caller]
    pub fn expect_no_route(&self) {
        let now = self.now();
        let silent = now.get("route").is_none() && now.get("route_failure").is_none();
        assert!(silent, "expected no route; {}", routed(&now));
    }

    /// Expects that the plugin failed as router (an `Err`, a trap, a deadline) with this text for the operator.
    ///
    /// # Panics
    /// When it did not, or with another text.
    #[track_caller]
    pub fn expect_route_failure(&self, text: &str) {
        let now = self.now();
        let why = now.get("route_failure").and_then(Value::as_str);
        assert!(why.is_some_and(|why| why.contains(text)), "expected a failure with `{text}`; {}", routed(&now));
    }

    #[track_caller]
    fn refusal(&self, now: &Value, kind: &str, status: u16, reason: &str) {
        let Some(denial) = now.get(kind) else { panic!("expected {kind} {status}; {}", told(now)) };
        let fits = denial.get("status").and_then(Value::as_u64) == Some(status.into())
            && denial.get("reason").and_then(Value::as_str).is_some_and(|text| text.contains(reason));
        assert!(fits, "expected {status} `{reason}`; {}", told(now));
    }

    #[track_caller]
    fn now(&self) -> Value {
        self.host.must(json!({"do": "session", "id": self.id}))
    }
}

/// How a session stands, for the message of a failed test.
fn told(now: &Value) -> String {
    let denied = |denial: &Value, how: &str| format!("it was {how}: {} {}", denial["status"], denial["reason"]);
    match now {
        now if now.get("allow").is_some() => format!("it is allowed: {}", now["allow"]),
        now if now.get("deny").is_some() => denied(&now["deny"], "refused"),
        now if now.get("end").is_some() => denied(&now["end"], "let in, and ended"),
        now if now.get("failure").is_some() => {
            format!("the plugin failed: {}", now["failure"].as_str().unwrap_or_default())
        }
        now if now.get("limited").is_some() => format!("it was refused by a rule: {}", now["limited"]),
        _ => "the plugin abstains".to_owned(),
    }
}

/// What the plugin says as router, for the message of a failed test.
fn routed(now: &Value) -> String {
    match (now.get("route"), now.get("route_failure")) {
        (Some(route), _) => format!("it is routed: {route}"),
        (None, Some(why)) => format!("the plugin failed: {}", why.as_str().unwrap_or_default()),
        (None, None) => format!("the plugin says nothing of a route; {}", told(now)),
    }
}

/// Where a session goes.
#[derive(Clone, Debug)]
pub struct Routed {
    route: Value,
}

impl Routed {
    /// Expects these nodes and addresses, in this order.
    ///
    /// # Panics
    /// When they are others.
    #[track_caller]
    pub fn nodes(self, nodes: &[&str]) -> Self {
        self.is("nodes", &json!(nodes))
    }

    /// Expects that it is served here: no node is named.
    ///
    /// # Panics
    /// When one is.
    #[track_caller]
    pub fn here(self) -> Self {
        self.nodes(&[])
    }

    /// Expects that it plays this stream.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn stream_name(self, name: &str) -> Self {
        self.is("stream_name", &json!(name))
    }

    /// Expects this rendition.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn rendition(self, name: &str) -> Self {
        self.is("rendition", &json!(name))
    }

    /// Expects a tag with this value.
    ///
    /// # Panics
    /// When it is not there, or with another value.
    #[track_caller]
    pub fn tag(self, key: &str, value: &str) -> Self {
        has_tag(&self.route, key, value);
        self
    }

    #[track_caller]
    fn is(self, key: &str, expected: &Value) -> Self {
        is(&self.route, key, expected);
        self
    }
}

#[track_caller]
fn has_tag(answer: &Value, key: &str, value: &str) {
    let found = answer.get("tags").and_then(|tags| tags.get(key)).and_then(Value::as_str);
    assert_eq!(found, Some(value), "tag `{key}`");
}

#[track_caller]
fn is(answer: &Value, key: &str, expected: &Value) {
    assert_eq!(answer.get(key).unwrap_or(&Value::Null), expected, "{key}");
}

/// What was granted.
#[derive(Clone, Debug)]
pub struct Allowed {
    grant: Value,
}

impl Allowed {
    /// Expects this subject.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn subject(self, subject: &str) -> Self {
        self.is("subject", &json!(subject))
    }

    /// Expects that it goes on under this stream name.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn stream_name(self, name: &str) -> Self {
        self.is("stream_name", &json!(name))
    }

    /// Expects this time to live.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn ttl(self, ttl: Duration) -> Self {
        let milliseconds = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        self.is("ttl_ms", &json!(milliseconds))
    }

    /// Expects this ceiling.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn max_bitrate(self, bitrate: Bitrate) -> Self {
        self.is("max_bitrate_kbps", &json!(bitrate.as_kbps()))
    }

    /// Expects this many viewers at most.
    ///
    /// # Panics
    /// When it is another number.
    #[track_caller]
    pub fn max_viewers(self, viewers: u32) -> Self {
        self.is("max_viewers", &json!(viewers))
    }

    /// Expects a tag with this value.
    ///
    /// # Panics
    /// When it is not there, or with another value.
    #[track_caller]
    pub fn tag(self, key: &str, value: &str) -> Self {
        has_tag(&self.grant, key, value);
        self
    }

    #[track_caller]
    fn is(self, key: &str, expected: &Value) -> Self {
        is(&self.grant, key, expected);
        self
    }
}
