//! Patterns over stream names, as access rules and the manifests of plugins write them.

use std::fmt;
use std::str::FromStr;

/// A glob over stream names: `*` stands for any characters within one segment, `**` for any characters, `/` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no stream pattern: {reason}; write for example \"live/cam1\", \"live/*\" or \"**\"")]
pub struct InvalidPattern {
    text: String,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Byte(u8),
    /// `*`: any bytes but `/`, also none.
    Segment,
    /// `**`: any bytes, also none.
    Any,
}

impl Pattern {
    /// Whether the pattern covers this stream name. Takes at most pattern length times name length steps.
    pub fn matches(&self, name: &str) -> bool {
        let name = name.as_bytes();
        // `reached[i]`: the parts so far can consume exactly the first `i` bytes of the name.
        let mut reached = vec![false; name.len() + 1];
        reached[0] = true;
        for part in &self.parts {
            match *part {
                Part::Byte(byte) => {
                    for i in (0..name.len()).rev() {
                        reached[i + 1] = reached[i] && name[i] == byte;
                    }
                    reached[0] = false;
                }
                Part::Segment | Part::Any => {
                    for i in 0..name.len() {
                        reached[i + 1] |= reached[i] && (*part == Part::Any || name[i] != b'/');
                    }
                }
            }
        }
        reached[name.len()]
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| Err(InvalidPattern { text: text.chars().take(80).collect(), reason });
        if text.is_empty() {
            return fail("it is empty");
        }
        if text.len() > MAX_LENGTH {
            return fail("it is longer than 256 characters");
        }
        if text.contains("***") {
            return fail("`***` means nothing");
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return fail("a segment is empty, `.` or `..`, which no stream name has");
        }
        if text.split('/').count() > 4 {
            return fail("it has more than 4 segments, which no stream name has");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b'*')) {
            return fail("it has a character that no stream name has");
        }
        let mut parts = Vec::with_capacity(text.len());
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            parts.push(match byte {
                b'*' if bytes.next_if_eq(&b'*').is_some() => Part::Any,
                b'*' => Part::Segment,
                byte => Part::Byte(byte),
            });
        }
        Ok(Pattern { text: text.to_owned(), parts })
    }
}

impl<'de> serde::Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// About the longest stream name: 4 segments of 64 characters.
const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_what_they_say() {
        let rows = [
            ("demo", "demo", true),
            ("demo", "demo2", false),
            ("demo", "Demo", false),
            ("*", "demo", true),
            ("*", "live/demo", false),
            ("**", "live/demo", true),
            ("**", "demo", true),
            ("live/*", "live/cam1", true),
            ("live/*", "live", false),
            ("live/*", "live/a/b", false),
            ("live/**", "live/a/b", true),
            ("live/**", "live", false),
            ("live/**", "alive/a", false),
            ("live/cam*", "live/cam", true),
            ("live/cam*", "live/cam12", true),
            ("*/cam1", "live/cam1", true),
            ("*/cam1", "a/b/cam1", false),
            ("**/cam1", "a/b/cam1", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("a**z", "a/b/c/z", true),
            ("a.c", "abc", false),
        ];
        for (pattern, name, expected) in rows {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn texts_that_can_match_no_stream_are_refused() {
        let long = "a".repeat(257);
        for bad in ["", "/", "a//b", "a/", "../a", "***", "a b", "ä", "a/b/c/d/e", "a?", long.as_str()] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_hostile_pattern_stays_cheap() {
        let pattern: Pattern = "*a".repeat(128).parse().unwrap();
        assert!(!pattern.matches(&format!("{}/b", "a".repeat(200))));
    }
}
