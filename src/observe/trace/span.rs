//! A span that is over: what it was, when, and what is known of it.

use super::context::SpanId;
use std::borrow::Cow;

/// Most bytes of one attribute's value, and of the words of an error.
const MAX_TEXT: usize = 1 << 10;

/// One piece of work of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanData {
    pub id: SpanId,
    /// The span around it; that of another server for a root that came with one.
    pub parent: Option<SpanId>,
    pub name: Cow<'static, str>,
    pub started_unix_ns: u64,
    pub duration_ns: u64,
    pub attributes: Vec<(Cow<'static, str>, Value)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
}

impl SpanData {
    /// What it takes of memory, about.
    pub fn bytes(&self) -> usize {
        let attribute = |(key, value): &(Cow<'static, str>, Value)| key.len() + value.bytes();
        // An attribute is 56 bytes without its texts, a span 144.
        let attributes: usize = self.attributes.iter().map(|entry| 64 + attribute(entry)).sum();
        160 + self.name.len() + attributes + self.error.as_ref().map_or(0, String::len)
    }

    /// When it ended.
    pub fn ended_unix_ns(&self) -> u64 {
        self.started_unix_ns.saturating_add(self.duration_ns)
    }
}

impl Value {
    fn bytes(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Number(_) | Value::Flag(_) => 0,
        }
    }

    /// As text.
    pub fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
        }
    }
}

/// Cuts a text that is too long.
pub(super) fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
    text
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(cut(text))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text[..text.floor_char_boundary(MAX_TEXT.min(text.len()))].to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Value::Number(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Flag(flag)
    }
}
