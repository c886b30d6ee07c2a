//! Where a rule counts: action, protocol, stream, country and tags, as its plugin says.

use super::item::Item;
use super::rule::{shown, tag_key};
use crate::media::Pattern;
use crate::plugin::facts::{Action, PROTOCOLS};

/// All keys must hold, each by one of its values. None at all: always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    actions: Vec<Action>,
    protocols: Vec<&'static str>,
    streams: Vec<Pattern>,
    /// Upper case.
    countries: Vec<String>,
    tags: Vec<(String, Vec<String>)>,
}

/// Entries of one rule: each may be compared at each session.
const MAX_ENTRIES: usize = 64;
/// Longest value of a tag, in bytes: no session has a longer one.
const MAX_VALUE: usize = 1_024;

impl Only {
    /// Reads what a plugin gave, and tells what is wrong with it.
    pub fn read(entries: &[(String, String)], tell: &mut impl FnMut(String)) -> Self {
        let mut only = Only::default();
        if entries.len() > MAX_ENTRIES {
            tell(format!("only has {} entries; at most {MAX_ENTRIES} are possible", entries.len()));
            return only;
        }
        for (key, value) in entries {
            if let Err(why) = only.add(key, value) {
                tell(format!("only: {why}"));
            }
        }
        only
    }

    fn add(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "action" => {
                let known = [Action::Publish, Action::Play].into_iter().find(|action| action.name() == value);
                self.actions.push(known.ok_or_else(|| format!("action `{}`: expected publish or play", shown(value)))?);
            }
            "protocol" => {
                let known = PROTOCOLS.into_iter().find(|protocol| *protocol == value);
                let wrong = || format!("`{}` is no protocol; there are {}", shown(value), PROTOCOLS.join(", "));
                self.protocols.push(known.ok_or_else(wrong)?);
            }
            "stream" => self.streams.push(value.parse().map_err(|error| format!("{error}"))?),
            "country" => {
                if value.len() != 2 || !value.bytes().all(|b| b.is_ascii_alphabetic()) {
                    return Err(format!("`{}` is no country; write two letters, as in DE", shown(value)));
                }
                self.countries.push(value.to_ascii_uppercase());
            }
            _ => {
                let wrong = || format!("`{}` is none of action, protocol, stream, country, tag:KEY", shown(key));
                let tag = tag_key(key).ok_or_else(wrong)?;
                if value.len() > MAX_VALUE {
                    return Err(format!("a value of {} bytes; no tag has more than {MAX_VALUE}", value.len()));
                }
                match self.tags.iter_mut().find(|(known, _)| known == tag) {
                    Some((_, values)) => values.push(value.to_owned()),
                    None => self.tags.push((tag.to_owned(), vec![value.to_owned()])),
                }
            }
        }
        Ok(())
    }

    /// Whether the rule counts here.
    pub fn holds(&self, item: &Item<'_>) -> bool {
        (self.actions.is_empty() || item.action.is_some_and(|action| self.actions.contains(&action)))
            && (self.protocols.is_empty() || self.protocols.contains(&item.protocol))
            && (self.countries.is_empty() || item.country.is_some_and(|code| self.countries.iter().any(|c| c == code)))
            && (self.streams.is_empty() || self.streams.iter().any(|pattern| pattern.matches(item.stream)))
            && self.tags.iter().all(|(key, values)| item.tag(key).is_some_and(|tag| values.iter().any(|v| v == tag)))
    }

    /// Whether it says nothing.
    pub fn is_always(&self) -> bool {
        *self == Only::default()
    }

    /// Whether only auth can tell if it holds.
    pub fn is_of_auth(&self) -> bool {
        !self.tags.is_empty()
    }

    pub fn is_about_countries(&self) -> bool {
        !self.countries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn all_keys_must_hold_each_by_one_of_its_values() {
        let tags = BTreeMap::from([("plan".to_owned(), "free".to_owned())]);
        let item = Item {
            action: Some(Action::Play),
            protocol: "whep",
            stream: "live/cam1",
            country: Some("DE"),
            tags: Some(&tags),
            ..Item::connection("192.0.2.1".parse().unwrap())
        };
        let bare = Item::connection("192.0.2.1".parse().unwrap());
        let rows: &[(&[(&str, &str)], bool, bool)] = &[
            (&[], true, true),
            (&[("action", "play")], true, false),
            (&[("action", "publish")], false, false),
            (&[("action", "publish"), ("action", "play")], true, false),
            (&[("action", "play"), ("protocol", "hls")], false, false),
            (&[("stream", "live/*"), ("country", "de"), ("country", "AT")], true, false),
            (&[("stream", "other"), ("country", "DE")], false, false),
            (&[("tag:plan", "paid"), ("tag:plan", "free")], true, false),
            (&[("tag:plan", "paid")], false, false),
            (&[("tag:plan", "free"), ("tag:team", "a")], false, false),
        ];
        for (entries, expected, of_bare) in rows {
            let entries: Vec<_> = entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            let only = Only::read(&entries, &mut |wrong| panic!("{wrong}"));
            assert_eq!((only.holds(&item), only.holds(&bare)), (*expected, *of_bare), "{entries:?}");
        }
    }
}
