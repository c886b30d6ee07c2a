//! Bounds text that comes from guests, before it is kept or shown.

use super::wit::types::Attribute;
use std::borrow::Cow;

/// At most this many bytes, whole characters only. What is cut off is given back to the allocator.
pub(super) fn cut(text: String, bytes: usize) -> String {
    if text.len() <= bytes { text } else { text[..text.floor_char_boundary(bytes)].to_owned() }
}

/// Bounds of a list of attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) count: usize,
    /// Longest key, in bytes.
    pub(super) key: usize,
    /// Longest value, in bytes.
    pub(super) value: usize,
}

/// Attributes within bounds, secrets hidden; of equal keys the later wins.
pub(super) fn attributes(
    list: Vec<Attribute>,
    bounds: Bounds,
    hide: impl Fn(String) -> String,
) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::with_capacity(list.len().min(bounds.count));
    for Attribute { key, value } in list {
        let (key, value) = (cut(hide(key), bounds.key), cut(hide(value), bounds.value));
        if let Some((_, old)) = kept.iter_mut().find(|(known, _)| *known == key) {
            *old = value;
        } else if kept.len() < bounds.count {
            kept.push((key, value));
        }
    }
    kept
}

/// For a log line: `key=value key="two words"`, none where there is nothing.
pub(super) fn line(attributes: &[(String, String)]) -> Option<String> {
    let pairs: Vec<_> = attributes.iter().map(|(key, value)| format!("{}={}", quoted(key), quoted(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join(" "))
}

/// In quotes where it could be taken for more than one word.
fn quoted(text: &str) -> Cow<'_, str> {
    let is_word = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=' | '\\');
    if !text.is_empty() && text.chars().all(is_word) { text.into() } else { format!("{text:?}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        for (text, bytes, expected) in
            [("abc", 3, "abc"), ("abcd", 3, "abc"), ("aéé", 4, "aé"), ("é", 1, ""), ("", 0, "")]
        {
            assert_eq!(cut(text.to_owned(), bytes), expected);
        }
        let long = cut("x".repeat(100_000), 10);
        assert!(long.capacity() < 100, "what was cut off must not be kept");
    }

    #[test]
    fn attributes_are_bounded_and_the_later_wins() {
        let list = |pairs: &[(&str, &str)]| {
            let attribute = |(key, value): &(&str, &str)| Attribute { key: (*key).into(), value: (*value).into() };
            pairs.iter().map(attribute).collect::<Vec<_>>()
        };
        let bounds = Bounds { count: 2, key: 3, value: 4 };
        let rows: [(&[(&str, &str)], Option<&str>); 6] = [
            (&[], None),
            (&[("a", "1"), ("b", "2")], Some("a=1 b=2")),
            (&[("a", "1"), ("b", "2"), ("a", "3")], Some("a=3 b=2")),
            (&[("a", "1"), ("b", "2"), ("c", "3"), ("b", "4")], Some("a=1 b=4")),
            (&[("long", "value too long")], Some("lon=valu")),
            (&[("a", "b c=d"), ("e", "")], Some("a=\"b c=\" e=\"\"")),
        ];
        for (pairs, expected) in rows {
            assert_eq!(line(&attributes(list(pairs), bounds, |text| text)).as_deref(), expected);
        }
    }
}
