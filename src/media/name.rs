//! The name of a stream, checked once at the edge.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// 1 to 4 segments of `[A-Za-z0-9_.-]{1,64}` joined by `/`, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

/// A text that is no stream name, with the reason in words for its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no stream name: {reason}. A name is 1 to 4 segments of A-Z a-z 0-9 _ . - (1 to 64 characters each) joined by `/`"
)]
pub struct InvalidStreamName {
    name: String,
    reason: &'static str,
}

impl StreamName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = InvalidStreamName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| {
            let name = text.chars().take(80).flat_map(char::escape_default).collect();
            Err(InvalidStreamName { name, reason })
        };
        if text.is_empty() {
            return fail("it is empty");
        }
        for (index, segment) in text.split('/').enumerate() {
            if index == 4 {
                return fail("it has more than 4 segments");
            }
            match segment {
                "" => return fail("a segment is empty"),
                "." | ".." => return fail("`.` and `..` are not allowed as segments"),
                _ if segment.len() > 64 => return fail("a segment is longer than 64 characters"),
                _ => {}
            }
            if !segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
                return fail("it has a character that is not allowed");
            }
        }
        Ok(StreamName(text.into()))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for StreamName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_contract() {
        let long = "a".repeat(64);
        for good in ["demo", "live/cam1", "a/b/c/d", "A-z_0.9", "...", long.as_str()] {
            assert!(good.parse::<StreamName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(65);
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/b/c/d/e",
            "a b",
            "ä",
            "a@b",
            "a%2f",
            too_long.as_str(),
        ] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad}");
        }
    }
}
