//! Which sessions a plugin is asked about: action, stream, protocol and country, as its manifest's `[match]` says.

use super::facts::{Action, Facts, PROTOCOLS};
use super::manifest::{Section, choice};
use crate::media::Pattern;

/// The rules of `[match]`; all must hold, and those left out hold always. But for the operator's API: a plugin is asked
/// about that only where `action` names it, since one that lets viewers in by a token must not hand them the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    actions: Option<Vec<Action>>,
    streams: Option<Streams>,
    protocols: Option<Vec<String>>,
    /// Upper case.
    countries: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Streams {
    /// Empty: all.
    included: Vec<Pattern>,
    excluded: Vec<Pattern>,
}

/// Entries of one rule: each is compared at each session.
const MAX_ENTRIES: usize = 256;

impl Matching {
    /// Whether the plugin is asked about this session.
    pub fn matches(&self, facts: &Facts) -> bool {
        self.matches_parts(facts.action, facts.protocol, facts.country.as_deref(), &facts.stream)
    }

    /// As [`Matching::matches`], of a session with these.
    pub(super) fn matches_parts(&self, action: Action, protocol: &str, country: Option<&str>, stream: &str) -> bool {
        let any =
            |list: &Option<Vec<String>>, value: &str| list.as_ref().is_none_or(|list| list.iter().any(|v| v == value));
        self.actions.as_ref().map_or(action != Action::Admin, |actions| actions.contains(&action))
            && any(&self.protocols, protocol)
            && any(&self.countries, country.unwrap_or_default())
            && self.covers_stream(stream)
    }

    /// Whether a stream of this name is given to the plugin.
    pub fn covers_stream(&self, name: &str) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.match_name(name))
    }

    /// Whether it is asked about some countries only.
    pub fn names_countries(&self) -> bool {
        self.countries.is_some()
    }

    /// The same rules, wherever clients are.
    pub fn anywhere(&self) -> Self {
        Matching { countries: None, ..self.clone() }
    }

    /// Reads the table of a manifest.
    pub(super) fn read(section: Section<'_>) -> Self {
        let matching = Matching {
            actions: actions(&section),
            streams: streams(&section),
            protocols: protocols(&section),
            countries: words(&section, "country", "a country is two letters (ISO 3166-1), as in \"DE\"", |text| {
                let valid = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
                valid.then(|| text.to_ascii_uppercase())
            }),
        };
        section.finish();
        matching
    }
}

impl Streams {
    fn match_name(&self, name: &str) -> bool {
        let covers = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.included.is_empty() || covers(&self.included)) && !covers(&self.excluded)
    }
}

fn actions(section: &Section<'_>) -> Option<Vec<Action>> {
    let known = [Action::Publish, Action::Play, Action::Admin];
    words(section, "action", "expected \"publish\", \"play\" or \"admin\"", |text| {
        known.into_iter().find(|action| action.name() == text)
    })
}

fn protocols(section: &Section<'_>) -> Option<Vec<String>> {
    let hint = format!("is no protocol; expected {}", choice(PROTOCOLS.into_iter()));
    words(section, "protocol", &hint, |text| PROTOCOLS.contains(&text).then(|| text.to_owned()))
}

fn streams(section: &Section<'_>) -> Option<Streams> {
    let texts = section.texts("stream", MAX_ENTRIES)?;
    refuse_empty(section, "stream", texts.is_empty());
    let mut streams = Streams::default();
    for (text, offset) in texts {
        let (list, pattern) = match text.strip_prefix('!') {
            Some(pattern) => (&mut streams.excluded, pattern),
            None => (&mut streams.included, text),
        };
        match pattern.parse() {
            Ok(pattern) => list.push(pattern),
            Err(error) => section.wrong_at("stream", offset, &format!("{error}")),
        }
    }
    Some(streams)
}

/// A list of texts, each understood by `parse`.
fn words<T>(section: &Section<'_>, key: &'static str, hint: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let texts = section.texts(key, MAX_ENTRIES)?;
    refuse_empty(section, key, texts.is_empty());
    let mut values = Vec::with_capacity(texts.len());
    for (text, offset) in texts {
        match parse(text) {
            Some(value) => values.push(value),
            None if text.starts_with('!') => {
                section.wrong_at(
                    key,
                    offset,
                    "`!` excludes only in `stream`; list here what the plugin is asked about",
                );
            }
            None => section.wrong_at(key, offset, &format!("`{}`: {hint}", text.escape_debug())),
        }
    }
    Some(values)
}

fn refuse_empty(section: &Section<'_>, key: &'static str, is_empty: bool) {
    if is_empty && let Some(item) = section.item(key) {
        section.wrong(key, item, "is empty, so the plugin would never be asked; leave the key out to mean all");
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::Manifest;
    use super::*;

    fn facts(action: Action, protocol: &'static str, stream: &str, country: Option<&str>) -> Facts {
        let (country, stream) = (country.map(str::to_owned), stream.to_owned());
        Facts { stream, country, ..Facts::new("s-1".to_owned(), action, protocol, "192.0.2.1".parse().unwrap()) }
    }

    #[test]
    fn all_rules_must_hold() {
        use Action::{Admin, Play, Publish};
        let cam = facts(Play, "whep", "live/cam1", Some("DE"));
        let rows = [
            ("", cam.clone(), true),
            ("", facts(Admin, "api", "", None), false),
            ("action = [\"admin\"]", facts(Admin, "api", "", None), true),
            ("action = [\"play\"]", cam.clone(), true),
            ("action = [\"publish\", \"admin\"]", cam.clone(), false),
            ("action = [\"publish\", \"play\"]", facts(Publish, "whip", "a", None), true),
            ("stream = [\"live/**\"]", cam.clone(), true),
            ("stream = [\"live/**\", \"!live/cam*\"]", cam.clone(), false),
            ("stream = [\"!live/test/*\", \"live/**\"]", facts(Play, "whep", "live/test/a", None), false),
            ("stream = [\"!live/test/*\"]", cam.clone(), true),
            ("stream = [\"a\", \"live/*\"]", cam.clone(), true),
            ("stream = [\"a\"]", cam.clone(), false),
            ("action = [\"admin\"]\nstream = [\"live/*\"]", facts(Admin, "api", "", None), false),
            ("action = [\"admin\"]\nstream = [\"**\"]", facts(Admin, "api", "", None), true),
            ("protocol = [\"whep\", \"hls\"]", cam.clone(), true),
            ("protocol = [\"hls\"]", cam.clone(), false),
            ("country = [\"at\", \"de\"]", cam.clone(), true),
            ("country = [\"AT\"]", cam.clone(), false),
            ("country = [\"AT\"]", facts(Play, "whep", "a", None), false),
            ("action = [\"play\"]\nprotocol = [\"whep\"]\nstream = [\"live/*\"]\ncountry = [\"FR\"]", cam, false),
        ];
        for (text, facts, expected) in rows {
            let manifest = Manifest::parse(&format!("[match]\n{text}"), "a", "a.toml").unwrap();
            assert_eq!(manifest.matching.matches(&facts), expected, "{text} {facts:?}");
        }
    }
}
