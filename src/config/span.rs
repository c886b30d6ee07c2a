//! A length of time as configurations write it: `"10s"`, `"500ms"`, `"2m"`, or a number of seconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// A text that is no length of time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no length of time; write a number with ms, s, m or h, such as \"10s\"")]
pub struct InvalidSpan(String);

impl Span {
    pub const fn from_secs(seconds: u64) -> Self {
        Span(Duration::from_secs(seconds))
    }

    pub fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let scale: u64 = match unit.trim_start() {
            "ms" => 1,
            "s" | "" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => 0,
        };
        let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale)).filter(|_| scale > 0);
        ms.map(|ms| Span(Duration::from_millis(ms))).ok_or_else(|| InvalidSpan(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        if ms.is_multiple_of(1_000) { write!(f, "{}s", ms / 1_000) } else { write!(f, "{ms}ms") }
    }
}

impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl serde::de::Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a length of time such as \"10s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
        seconds.to_string().parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_shown() {
        let rows: [(&str, Option<(u64, &str)>); 12] = [
            ("10s", Some((10_000, "10s"))),
            ("0", Some((0, "0s"))),
            ("5", Some((5_000, "5s"))),
            ("1500ms", Some((1_500, "1500ms"))),
            ("2 m", Some((120_000, "120s"))),
            ("1h", Some((3_600_000, "3600s"))),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10 days", None),
            ("18446744073709551615h", None),
        ];
        for (text, expected) in rows {
            let found = text.parse::<Span>().ok();
            assert_eq!(found.map(|span| span.duration().as_millis() as u64), expected.map(|(ms, _)| ms), "{text}");
            assert_eq!(found.map(|span| span.to_string()), expected.map(|(_, shown)| shown.to_owned()), "{text}");
        }
    }
}
