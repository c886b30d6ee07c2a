//! The world of a plugin under test: its store, other servers, and its log.

use super::host::Host;
use serde::Serialize;
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;

/// The plugin's store.
#[derive(Clone, Debug)]
pub struct Kv {
    host: Rc<Host>,
}

impl Kv {
    pub(super) fn new(host: Rc<Host>) -> Self {
        Self { host }
    }

    /// Expects this value.
    ///
    /// # Panics
    /// When it is not there, or another.
    #[track_caller]
    pub fn expect(&self, key: &str, value: &str) {
        assert_eq!(self.get(key).as_deref(), Some(value), "`{key}` in the store");
    }

    /// Expects that there is no such entry, or that it has expired.
    ///
    /// # Panics
    /// When there is.
    #[track_caller]
    pub fn expect_absent(&self, key: &str) {
        assert_eq!(self.get(key), None, "`{key}` in the store");
    }

    /// The value as text.
    #[track_caller]
    pub fn get(&self, key: &str) -> Option<String> {
        let answer = self.host.must(json!({"do": "kv-get", "key": key}));
        answer.get("value").and_then(Value::as_str).map(str::to_owned)
    }

    /// Puts an entry there, as another instance, plugin or node would.
    #[track_caller]
    pub fn set(&self, key: &str, value: &str) {
        self.host.must(json!({"do": "kv-set", "key": key, "value": value}));
    }
}

/// Other servers, as the plugin sees them. What the test gives no answer for fails.
#[derive(Clone, Debug)]
pub struct Http {
    host: Rc<Host>,
}

impl Http {
    pub(super) fn new(host: Rc<Host>) -> Self {
        Self { host }
    }

    /// Answers requests for a URL, from now on. A URL that ends in `*` stands for all that begin so.
    #[track_caller]
    pub fn answer(&self, url: &str, status: u16, body: &str) -> &Self {
        self.answer_with(url, status, &[], body)
    }

    /// Answers requests for a URL by JSON, from now on.
    #[track_caller]
    pub fn answer_json(&self, url: &str, status: u16, body: &impl Serialize) -> &Self {
        let body = serde_json::to_string(body).expect("the answer can be written as JSON");
        self.answer_with(url, status, &[("content-type", "application/json")], &body)
    }

    /// Answers requests for a URL with headers, from now on.
    #[track_caller]
    pub fn answer_with(&self, url: &str, status: u16, headers: &[(&str, &str)], body: &str) -> &Self {
        self.host.must(json!({"do": "http-answer", "url": url, "status": status, "headers": headers, "body": body}));
        self
    }

    /// Answers requests for a URL late: time moves on by this much, and beyond the time-out there is no answer.
    #[track_caller]
    pub fn answer_late(&self, url: &str, delay: Duration, status: u16, body: &str) -> &Self {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.host.must(json!({"do": "http-answer", "url": url, "status": status, "body": body, "delay_ms": delay}));
        self
    }

    /// Leaves requests for a URL without an answer, from now on.
    #[track_caller]
    pub fn down(&self, url: &str) -> &Self {
        self.host.must(json!({"do": "http-answer", "url": url, "down": "connection refused"}));
        self
    }

    /// What the plugin has sent since the last call of this, oldest first.
    #[track_caller]
    pub fn sent(&self) -> Vec<Sent> {
        let answer = self.host.must(json!({"do": "http-sent"}));
        let sent = answer.get("sent").and_then(Value::as_array).into_iter().flatten();
        sent.map(|sent| Sent { sent: sent.clone() }).collect()
    }
}

/// A request as it would have left the server.
#[derive(Clone, Debug)]
pub struct Sent {
    sent: Value,
}

impl Sent {
    /// `GET`, `POST`, ...
    pub fn method(&self) -> &str {
        self.sent["method"].as_str().unwrap_or_default()
    }

    /// The whole URL.
    pub fn url(&self) -> &str {
        self.sent["url"].as_str().unwrap_or_default()
    }

    /// The first header of this name, those of the grant included.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.sent["headers"].as_array()?;
        let of_name = |header: &&Value| header[0].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name));
        headers.iter().find(of_name)?[1].as_str()
    }

    /// The body as text.
    pub fn body(&self) -> &str {
        self.sent["body"].as_str().unwrap_or_default()
    }
}

/// What the plugin has logged, from `info` on.
#[derive(Clone, Debug)]
pub struct Log {
    host: Rc<Host>,
}

impl Log {
    pub(super) fn new(host: Rc<Host>) -> Self {
        Self { host }
    }

    /// All lines, as `level message key=value`.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        let answer = self.host.must(json!({"do": "log"}));
        let lines = answer.get("lines").and_then(Value::as_array).into_iter().flatten();
        lines.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Expects a line with this text in it.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let lines = self.lines();
        assert!(lines.iter().any(|line| line.contains(text)), "no `{text}` in the log:\n{}", lines.join("\n"));
    }
}
