//! What an observer wants to hear, as its manifest's `[observer]` says.

use crate::media::Pattern;
use crate::observe::Event;
use crate::plugin::manifest::{Section, choice};
use std::time::Duration;

/// The table `[observer]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Kinds of events; empty: all but those excluded.
    included: Vec<Pattern>,
    excluded: Vec<Pattern>,
    /// Events that make a batch, at most.
    pub batch: usize,
    /// How long the first of them waits for others.
    pub wait: Duration,
    /// Between two looks at the tracks.
    pub stats_interval: Duration,
    /// Numbers of tracks beyond the fixed ones.
    pub extras: Vec<&'static str>,
}

/// Entries of a list.
const MAX_ENTRIES: usize = 64;

impl Default for Wants {
    fn default() -> Self {
        Wants {
            included: Vec::new(),
            excluded: Vec::new(),
            batch: 256,
            wait: Duration::from_secs(1),
            stats_interval: Duration::from_secs(5),
            extras: Vec::new(),
        }
    }
}

impl Wants {
    /// All kinds, at this pace.
    #[cfg(test)]
    pub(super) fn paced(batch: usize, wait: Duration) -> Self {
        Wants { batch, wait, ..Wants::default() }
    }

    /// Whether an event of this kind is for it.
    pub fn covers(&self, event: &Event) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&event.kind));
        (self.included.is_empty() || any(&self.included)) && !any(&self.excluded)
    }

    /// Reads the table of a manifest.
    pub(in crate::plugin) fn read(section: Section<'_>) -> Self {
        let mut wants = Wants::default();
        for (text, offset) in section.texts("kinds", MAX_ENTRIES).unwrap_or_default() {
            let (list, pattern) = match text.strip_prefix('!') {
                Some(pattern) => (&mut wants.excluded, pattern),
                None => (&mut wants.included, text),
            };
            match pattern.parse::<Pattern>() {
                Ok(pattern) if !pattern.as_str().contains('/') => list.push(pattern),
                _ => section.wrong_at(
                    "kinds",
                    offset,
                    &format!("`{}` is no glob over kinds; write for example \"session.*\"", text.escape_debug()),
                ),
            }
        }
        let number = |key, range, unit| section.integer(key, range, unit).and_then(|number| u64::try_from(number).ok());
        if let Some(batch) = number("batch", 1..=1_000, "events") {
            wants.batch = batch as usize;
        }
        if let Some(ms) = number("wait-ms", 0..=60_000, "milliseconds") {
            wants.wait = Duration::from_millis(ms);
        }
        if let Some(seconds) = number("stats-interval-s", 1..=3_600, "seconds") {
            wants.stats_interval = Duration::from_secs(seconds);
        }
        for (text, offset) in section.texts("extras", MAX_ENTRIES).unwrap_or_default() {
            match super::rates::EXTRAS.into_iter().find(|known| *known == text) {
                Some(known) => wants.extras.push(known),
                None => {
                    let known = choice(super::rates::EXTRAS.into_iter());
                    let text = format!("`{}` is not known; expected {known}", text.escape_debug());
                    section.wrong_at("extras", offset, &text);
                }
            }
        }
        section.finish();
        wants
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::Events;
    use crate::observe::Happening;
    use crate::plugin::manifest::Manifest;
    use std::sync::Arc;

    #[test]
    fn kinds_are_chosen_by_globs() {
        let rows = [
            ("", "session.started", true),
            ("kinds = [\"session.*\"]", "session.started", true),
            ("kinds = [\"session.*\"]", "stream.started", false),
            ("kinds = [\"session.*\", \"!session.limited\"]", "session.limited", false),
            ("kinds = [\"!plugin.*\"]", "plugin.mine.alert", false),
            ("kinds = [\"!plugin.*\"]", "stream.started", true),
        ];
        for (text, kind, expected) in rows {
            let manifest = Manifest::parse(&format!("[observer]\n{text}"), "a", "a.toml").unwrap();
            let events = Events::default();
            let all = events.listen(1, None, Arc::new(|_| true));
            events.tell(Happening::by_plugin(&"p".into(), kind));
            let event = all.with_queue(|queue| queue.take(1, 1).events.remove(0));
            assert_eq!(manifest.observer.covers(&event), expected, "{text} {kind}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let text = "[observer]\nbatch = 0\nwait-ms = -1\nstats-interval-s = \"1\"\nkinds = [\"a/b\", \"a b\"]\nextras = \
                    [\"colour\"]\nbatches = 3";
        let told = Manifest::parse(text, "a", "a.toml").unwrap_err().to_string();
        for part in [
            "a.toml:2: `observer.batch`: 0 is out of range: 1 to 1000 events",
            "a.toml:3: `observer.wait-ms`",
            "a.toml:4: `observer.stats-interval-s`: expected a whole number",
            "`a/b` is no glob over kinds",
            "`a b` is no glob over kinds",
            "`colour` is not known; expected \"packets\"",
            "unknown key `observer.batches`; did you mean `observer.batch`?",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }
}
