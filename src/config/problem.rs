//! What is wrong with a configuration, with its place, in words for whoever must mend it.

use super::keys::{self, KEYS};
use figment::error::{Actual, Kind};
use std::fmt;
use std::path::PathBuf;

/// The configuration can not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the configuration file {0} can not be read: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the configuration file {0} {1}")]
    Content(PathBuf, &'static str),
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `FILE:LINE`, `env NAME` or a flag.
    place: Option<String>,
    text: String,
}

impl Problem {
    /// A problem without a place.
    pub(super) fn new(text: String) -> Self {
        Problem { place: None, text }
    }

    /// The problem at a place.
    pub(super) fn at(self, place: String) -> Self {
        Problem { place: Some(place), ..self }
    }

    /// A key that does not exist, with what was probably meant.
    pub(super) fn unknown_key(path: &str) -> Self {
        Problem::new(format!("unknown key `{path}`; {}", suggestion(path)))
    }

    /// A value that does not fit its key. `inner` is the path within the key's value.
    pub(super) fn value(key: &str, inner: &[String], kind: &Kind) -> Self {
        let mut path = key.to_owned();
        for part in inner {
            match part.parse::<usize>() {
                Ok(index) => path += &format!("[{index}]"),
                Err(_) => path += &format!(".{part}"),
            }
        }
        Problem::new(format!("`{path}`: {}", describe(kind)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.text)
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Says what is wrong with a value without repeating texts: they can be secrets.
fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Message(text) => text.clone(),
        Kind::InvalidType(found, expected) => format!("expected {}, found {}", words(expected), name(found)),
        Kind::InvalidValue(Actual::Unsigned(number), expected) => {
            format!("{number} is out of range: expected {}", words(expected))
        }
        Kind::InvalidValue(Actual::Signed(number), expected) => {
            format!("{number} is out of range: expected {}", words(expected))
        }
        Kind::InvalidValue(found, expected) => format!("expected {}, found {}", words(expected), name(found)),
        Kind::UnknownField(field, known) => {
            let near = nearest(field, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("unknown key `{field}`{near} (known here: {})", known.join(", "))
        }
        Kind::MissingField(field) => format!("the key `{field}` is missing"),
        other => other.to_string(),
    }
}

/// What serde expects, in words.
fn words(expected: &str) -> &str {
    match expected {
        "a string" | "string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "a map" => "a table",
        "path string" => "a path in quotes",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        text if text.starts_with("struct ") => "a table",
        text => text,
    }
}

fn name(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(true) => "true",
        Actual::Bool(false) => "false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a fraction, or one that is too large",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        Actual::Char(_) | Actual::Str(_) => "a text",
        _ => "something else",
    }
}

/// What was probably meant by an unknown path.
fn suggestion(path: &str) -> String {
    let normal = path.to_ascii_lowercase().replace('-', "_");
    let sections = || {
        let mut sections: Vec<&str> = KEYS.iter().map(keys::Key::section).collect();
        sections.dedup();
        sections
    };
    if !normal.contains('.') {
        let same_name: Vec<_> = KEYS.iter().filter(|key| key.name() == normal).map(|key| key.path).collect();
        if !same_name.is_empty() {
            return format!("did you mean `{}`?", same_name.join("`, `"));
        }
        if let Some(section) = nearest(&normal, sections().into_iter()) {
            return format!("did you mean the section [{section}]?");
        }
    } else if let Some(near) = nearest(&normal, KEYS.iter().map(|key| key.path)) {
        return format!("did you mean `{near}`?");
    }
    let (section, name) = normal.split_once('.').unwrap_or((&normal, ""));
    let elsewhere: Vec<_> = KEYS.iter().filter(|key| key.name() == name).map(|key| key.path).collect();
    if !elsewhere.is_empty() {
        return format!("did you mean `{}`?", elsewhere.join("`, `"));
    }
    let here: Vec<_> = KEYS.iter().filter(|key| key.section() == section).map(keys::Key::name).collect();
    if here.is_empty() {
        format!("the sections are {}", sections().join(", "))
    } else {
        format!("the keys of [{section}] are {}", here.join(", "))
    }
}

/// The candidate that a few mistyped letters separate from the text.
fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(text, candidate);
    let (distance, candidate) = candidates.map(|candidate| (distance(candidate), candidate)).min()?;
    // About a third of the letters: more is another word.
    (distance <= (text.len() / 3).clamp(1, 4)).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_name_what_was_meant() {
        let rows = [
            ("http.listn", "did you mean `http.listen`?"),
            ("HTTP.Listen", "did you mean `http.listen`?"),
            ("http.trusted-proxies", "did you mean `http.trusted_proxies`?"),
            ("htp.listen", "did you mean `http.listen`?"),
            ("listen", "did you mean `http.listen`, `media.listen`, `rtmp.listen`, `admin.listen`?"),
            ("acess", "did you mean the section [access]?"),
            ("http.level", "did you mean `log.level`?"),
            ("log.verbosity", "the keys of [log] are level, format, file"),
            ("quux.frobnicate", "the sections are http, media,"),
            ("quux", "the sections are http, media,"),
        ];
        for (path, expected) in rows {
            let text = Problem::unknown_key(path).to_string();
            assert!(text.starts_with(&format!("unknown key `{path}`; {expected}")), "{text}");
        }
    }
}
