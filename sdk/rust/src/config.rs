//! The `[config]` table of the operator's manifest, as a type of the plugin.

use crate::{Error, Result, json};
use serde::de::DeserializeOwned;

/// The table as a type. Hooks that take `&Config` or `&mut State` need not call this.
///
/// # Errors
/// What is wrong with the table, naming the key.
pub fn get<T: DeserializeOwned>() -> Result<T> {
    parse(&json())
}

/// The table as a JSON object; `{}` when there is none. Secrets are filled in.
pub fn json() -> String {
    crate::sandbox::only("config");
    crate::bindings::host::config::json()
}

/// One scalar by its dotted path, such as `keys.0.issuer`, as text.
pub fn value(path: &str) -> Option<String> {
    crate::sandbox::only("config");
    crate::bindings::host::config::value(path)
}

/// Reads a table, and says what is wrong with it in the operator's words.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    let mistake = match json::read(text) {
        Ok(config) => return Ok(config),
        Err(mistake) => mistake,
    };
    // No table is fine for a type that needs none: `()`, an `Option`, a unit struct.
    if text.trim() == "{}"
        && let Ok(config) = json::read("null")
    {
        return Ok(config);
    }
    let place = if mistake.path.is_empty() { String::new() } else { ["`", &mistake.path, "`: "].concat() };
    Err(Error::new(["config: ", &place, &readable(&mistake.what)].concat()))
}

/// Serde's text, with a guess at a misspelt key.
fn readable(text: &str) -> String {
    if text.ends_with(", expected unit") {
        return "this plugin takes none; remove [config] from its manifest".to_owned();
    }
    // "unknown field `tokn`, expected one of `token`, `plan`": the key, then those that are known, in backquotes.
    let Some((key, expected)) = text.strip_prefix("unknown field ").and_then(quoted) else { return text.to_owned() };
    let (mut rest, mut closest) = (expected, (usize::MAX, ""));
    while let Some((name, after)) = quoted(rest) {
        closest = closest.min((distance(key.as_bytes(), name.as_bytes()), name));
        rest = after;
    }
    match closest {
        (edits, name) if edits <= 1 + key.len() / 3 => ["`", key, "` is unknown, did you mean `", name, "`?"].concat(),
        _ => ["`", key, "` is unknown", expected].concat(),
    }
}

/// The first text in backquotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.split_once('`')?.1.split_once('`')
}

/// Edits (Levenshtein) between two keys.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        token: String,
        #[serde(default)]
        plan: Option<String>,
        #[serde(default)]
        seats: u32,
    }

    #[test]
    fn a_mistake_is_told_with_its_key() {
        let rows = [
            (r#"{"tokn":"x"}"#, "config: `tokn` is unknown, did you mean `token`?"),
            (r#"{"token":"x","zzzzzz":1}"#, "config: `zzzzzz` is unknown, expected one of `token`, `plan`, `seats`"),
            ("{}", "config: missing field `token`"),
            (r#"{"token":1}"#, "config: `token`: invalid type: integer `1`, expected a string"),
            (r#"{"token":"x","seats":-1}"#, "config: `seats`: invalid value: integer `-1`, expected u32"),
        ];
        for (json, expected) in rows {
            assert_eq!(parse::<Config>(json).unwrap_err().to_string(), expected, "{json}");
        }
        assert!(parse::<()>(r#"{"a":1}"#).unwrap_err().to_string().contains("takes none"));
    }

    #[test]
    fn what_needs_no_table_takes_none() {
        parse::<()>("{}").unwrap();
        assert_eq!(parse::<Option<Config>>("{}").unwrap(), None);
        assert_eq!(parse::<Config>(r#"{"token":"x"}"#).unwrap().token, "x");
    }
}
