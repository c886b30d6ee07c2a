//! Remembers for a short time which requests to the operator's API a plugin allowed, so that scrapes are cheap.

use crate::plugin::Facts;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Requests remembered at most: an operator has a handful of programs that ask the same again and again. When full,
/// those that are over are forgotten, and then all.
const MOST: usize = 1_024;
/// How long an answer without a time to live is believed, and the longest that any is: an API request has no session
/// that could be ended.
const UNTIMED: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60);

/// A digest of everything that a plugin could have looked at.
pub(super) type Fingerprint = [u8; 32];

/// What was allowed. Refusals are not kept: they are to be lifted at once.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    /// Counts the changes of the plugins; answers from before another change are worth nothing.
    version: u64,
    until: HashMap<Fingerprint, Instant>,
}

impl Allowed {
    /// Whether this very request was allowed a short time ago, by the plugins as they are.
    pub(super) fn holds(&self, request: &Fingerprint, version: u64, now: Instant) -> bool {
        self.version == version && self.until.get(request).is_some_and(|until| now < *until)
    }

    /// A plugin allowed it.
    pub(super) fn keep(&mut self, request: Fingerprint, version: u64, ttl: Option<Duration>, now: Instant) {
        if self.version != version {
            self.forget();
            self.version = version;
        }
        if self.until.len() >= MOST {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() >= MOST {
            self.forget();
        }
        self.until.insert(request, now + ttl.unwrap_or(UNTIMED).min(LONGEST));
    }

    /// Nothing is believed any more.
    pub(super) fn forget(&mut self) {
        self.until.clear();
    }
}

/// The fingerprint of a request. Its id and age say nothing about it.
pub(super) fn fingerprint(facts: &Facts) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut put = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    put(facts.action.name());
    put(facts.protocol);
    put(&facts.method);
    put(&facts.path);
    put(&facts.stream);
    put(&facts.remote_ip.to_string());
    let optional =
        [&facts.rendition, &facts.country, &facts.device, &facts.token, &facts.spiffe_id, &facts.certificate_sha256];
    for text in optional {
        put(if text.is_some() { "1" } else { "0" });
        put(text.as_deref().unwrap_or(""));
    }
    for list in [&facts.headers, &facts.query] {
        put(&list.len().to_string());
        for (name, value) in list {
            put(name);
            put(value);
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::Action;

    #[test]
    fn an_answer_is_believed_for_its_time_and_for_the_same_plugins() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let rows =
            [(None, 9, true), (None, 10, false), (Some(3), 2, true), (Some(3), 3, false), (Some(3_600), 60, false)];
        for (ttl, later, expected) in rows {
            let mut allowed = Allowed::default();
            allowed.keep([1; 32], 7, ttl.map(Duration::from_secs), start);
            assert_eq!(allowed.holds(&[1; 32], 7, at(later)), expected, "{ttl:?} {later}");
            assert!(!allowed.holds(&[2; 32], 7, start) && !allowed.holds(&[1; 32], 8, start));
            allowed.keep([2; 32], 8, None, start);
            assert!(!allowed.holds(&[1; 32], 8, start) && allowed.holds(&[2; 32], 8, start));
        }
    }

    #[test]
    fn it_does_not_grow() {
        let mut allowed = Allowed::default();
        for number in 0..3_000_u32 {
            let mut print = [0; 32];
            print[..4].copy_from_slice(&number.to_le_bytes());
            allowed.keep(print, 0, None, Instant::now());
            assert!(allowed.until.len() <= MOST);
        }
    }

    #[test]
    fn requests_that_differ_have_other_fingerprints() {
        let base = || {
            let mut facts = Facts::new("id".to_owned(), Action::Admin, "api", "192.0.2.1".parse().unwrap());
            facts.method = "GET".to_owned();
            facts
        };
        let mut changed: Vec<Facts> = (0..8).map(|_| base()).collect();
        changed[0].method = "POST".to_owned();
        changed[1].path = "/metrics".to_owned();
        changed[2].token = Some(String::new());
        changed[3].country = Some(String::new());
        changed[4].headers = vec![("a".to_owned(), "b".to_owned())];
        changed[5].headers = vec![("ab".to_owned(), String::new())];
        changed[6].query = vec![("a".to_owned(), "b".to_owned())];
        changed[7].remote_ip = "192.0.2.2".parse().unwrap();
        let mut prints: Vec<_> = changed.iter().map(fingerprint).collect();
        prints.push(fingerprint(&base()));
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), 9);
        let mut again = base();
        (again.id, again.age) = ("other".to_owned(), Duration::from_secs(1));
        assert_eq!(fingerprint(&again), fingerprint(&base()));
    }
}
