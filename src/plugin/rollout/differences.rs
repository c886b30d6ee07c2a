//! Where a generation in the shadow would have decided otherwise: kept in words, the latest of them, and counted.

use super::shadow::Said;
use crate::media::rfc3339;
use crate::plugin::decision::{Answer, Denial, Grant};
use crate::plugin::facts::Facts;
use crate::plugin::hook::Hook;
use crate::plugin::route::{Place, Route};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

/// A session that two generations decide differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// RFC 3339.
    pub at: String,
    /// The generation in the shadow.
    pub generation: u64,
    /// `auth/check` or `router/routing`.
    pub hook: &'static str,
    pub session: String,
    pub stream: String,
    /// What holds, in words.
    pub in_service: String,
    /// What the one in the shadow says, or how it failed.
    pub candidate: String,
}

/// What was compared for one plugin, over all generations.
#[derive(Debug, Default)]
pub struct Comparisons {
    compared: AtomicU64,
    differences: AtomicU64,
    dropped: AtomicU64,
    kept: Mutex<VecDeque<Difference>>,
}

/// Differences that are kept; the oldest go. Some 200 KiB at most.
const KEPT: usize = 200;
/// Of a decision in words, in bytes.
const MAX_WORDS: usize = 400;
/// Of a stream's name.
const MAX_STREAM: usize = 128;

impl Comparisons {
    /// A session was decided by both.
    pub fn compared(&self) {
        self.compared.fetch_add(1, Ordering::Relaxed);
    }

    /// A session was not put to the one in the shadow: it was behind, or failed with everybody.
    pub fn dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps a difference. The texts are bounded here; secrets are hidden by the caller.
    pub fn note(&self, generation: u64, hook: Hook, facts: &Facts, in_service: String, candidate: String) {
        self.differences.fetch_add(1, Ordering::Relaxed);
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Difference {
            at: rfc3339(SystemTime::now()),
            generation,
            hook: hook.export(),
            session: facts.id.clone(),
            stream: cut(facts.stream.clone(), MAX_STREAM),
            in_service: cut(in_service, MAX_WORDS),
            candidate: cut(candidate, MAX_WORDS),
        });
    }

    /// The newest first.
    pub fn list(&self) -> Vec<Difference> {
        self.kept().iter().rev().cloned().collect()
    }

    /// Compared, different, dropped.
    pub fn counts(&self) -> [u64; 3] {
        [&self.compared, &self.differences, &self.dropped].map(|count| count.load(Ordering::Relaxed))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Difference>> {
        self.kept.lock().expect("no holder of this lock panics")
    }
}

impl Said {
    /// Whether what a generation says differs from what was decided. `beside`: it stands in the place of the one that decided;
    /// else an abstention changes nothing, and of the access rules only yes or no can be compared.
    pub(super) fn differs(&self, candidate: &Said, beside: bool) -> bool {
        let abstains = matches!(candidate, Said::Auth(Answer::Abstain) | Said::Router(Answer::Abstain));
        match (self, candidate) {
            _ if abstains && !beside => false,
            (Said::Rules(allowed), Said::Auth(answer)) => *allowed != matches!(answer, Answer::Allow(_)),
            _ => self != candidate,
        }
    }

    /// For the operator, without what a URL's query may hold.
    pub(in crate::plugin) fn words(&self) -> String {
        match self {
            Said::Auth(answer) => words(answer, grant),
            Said::Router(answer) => words(answer, route),
            Said::Rules(true) => "allow (access rules)".to_owned(),
            Said::Rules(false) => "deny (access rules)".to_owned(),
        }
    }
}

fn words<Y>(answer: &Answer<Y>, yes: impl Fn(&Y) -> String) -> String {
    match answer {
        Answer::Allow(answer) => yes(answer),
        Answer::Deny(Denial { status, reason, retry_after }) => {
            let retry = retry_after.map(|after| format!(", retry after {} s", after.as_secs())).unwrap_or_default();
            format!("deny {status} \"{reason}\"{retry}")
        }
        Answer::Abstain => "abstain".to_owned(),
    }
}

fn grant(grant: &Grant) -> String {
    let mut parts = Vec::new();
    parts.extend(grant.subject.as_ref().map(|subject| format!("subject {subject}")));
    parts.extend(grant.stream_name.as_ref().map(|name| format!("stream {name}")));
    parts.extend(grant.ttl.map(|ttl| format!("for {} s", ttl.as_secs_f64())));
    parts.extend(grant.max_bitrate_kbps.map(|kbps| format!("at most {kbps} kbit/s")));
    parts.extend(grant.max_viewers.map(|viewers| format!("at most {viewers} viewers")));
    parts.extend(tags(&grant.tags));
    joined("allow", parts)
}

fn route(route: &Route) -> String {
    let mut parts = Vec::new();
    if !route.places.is_empty() {
        let places: Vec<String> = route.places.iter().map(place).collect();
        parts.push(format!("to {}", places.join(", ")));
    }
    parts.extend(route.stream_name.as_ref().map(|name| format!("stream {name}")));
    parts.extend(route.rendition.as_ref().map(|name| format!("rendition {name}")));
    parts.extend(tags(&route.tags));
    joined("route", parts)
}

fn place(place: &Place) -> String {
    match place {
        Place::Node(name) => name.clone(),
        Place::Server(url) | Place::Address(url) => {
            let mut url = url.clone();
            if url.query().is_some() {
                url.set_query(Some("***"));
            }
            url.into()
        }
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!pairs.is_empty()).then(|| format!("tags {}", pairs.join(" ")))
}

fn joined(word: &str, parts: Vec<String>) -> String {
    if parts.is_empty() { word.to_owned() } else { format!("{word}: {}", parts.join(", ")) }
}

fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::facts::Action;
    use std::time::Duration;

    fn allow(subject: &str) -> Said {
        Said::Auth(Answer::Allow(Grant { subject: Some(subject.to_owned()), ..Grant::default() }))
    }

    fn deny() -> Said {
        Said::Auth(Answer::Deny(Denial::checked(403, "no", Some(Duration::from_secs(5)))))
    }

    #[test]
    fn decisions_differ_where_a_session_would_notice() {
        let abstain = || Said::Auth(Answer::Abstain);
        let rows = [
            (allow("a"), allow("a"), true, false),
            (allow("a"), allow("b"), true, true),
            (allow("a"), deny(), true, true),
            (allow("a"), abstain(), true, true),
            (allow("a"), abstain(), false, false),
            (Said::Rules(true), allow("a"), false, false),
            (Said::Rules(false), allow("a"), false, true),
            (Said::Rules(true), deny(), false, true),
            (Said::Rules(false), deny(), false, false),
            (Said::Rules(true), abstain(), false, false),
        ];
        for (decided, candidate, beside, expected) in rows {
            assert_eq!(decided.differs(&candidate, beside), expected, "{decided:?} {candidate:?}");
        }
    }

    #[test]
    fn decisions_are_told_in_words_without_queries() {
        let tags = BTreeMap::from([("plan".to_owned(), "gold".to_owned())]);
        let ttl = Some(Duration::from_secs(60));
        let granted = Grant { subject: Some("alice".to_owned()), ttl, tags: tags.clone(), ..Grant::default() };
        let nodes = ["eu-1".to_owned(), "https://a.example/whep/b?sig=SECRET".to_owned()];
        let routed = Route::checked(&nodes, Some("cam2"), Some("low".to_owned()), tags).unwrap();
        let rows = [
            (Said::Auth(Answer::Allow(granted)), "allow: subject alice, for 60 s, tags plan=gold"),
            (Said::Auth(Answer::Allow(Grant::default())), "allow"),
            (deny(), "deny 403 \"no\", retry after 5 s"),
            (
                Said::Router(Answer::Allow(routed)),
                "route: to eu-1, https://a.example/whep/b?***, stream cam2, rendition low, tags plan=gold",
            ),
            (Said::Rules(true), "allow (access rules)"),
        ];
        for (said, expected) in rows {
            assert_eq!(said.words(), expected);
        }
    }

    #[test]
    fn the_latest_are_kept_within_bounds() {
        let comparisons = Comparisons::default();
        for number in 0..1_000 {
            let facts = Facts::new(number.to_string(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
            comparisons.note(2, Hook::Auth, &facts, "é".repeat(1_000), String::new());
        }
        let list = comparisons.list();
        assert_eq!((list.len(), list[0].session.as_str(), comparisons.counts()[1]), (KEPT, "999", 1_000));
        assert!(list[0].in_service.len() <= MAX_WORDS + 4);
    }
}
