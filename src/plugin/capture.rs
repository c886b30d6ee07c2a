//! Records decisions while somebody asks for them: what was known, what was decided and by whom, credentials left out.

use super::decision::{Answer, Decided, Step};
use super::facts::{Action, Facts, PROTOCOLS};
use super::hook::Hook;
use super::question::Question;
use crate::media::rfc3339;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// What a plugin was asked, or others in its stead, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Counts up by one.
    pub number: u64,
    /// RFC 3339.
    pub at: String,
    /// `auth` or `router`.
    pub hook: String,
    /// Whether credentials were left out.
    pub redacted: bool,
    pub session: Known,
    /// The answer of the last of `steps`, in words.
    pub answer: String,
    /// Each plugin that was asked, in order, and its outcome.
    pub steps: Vec<Asked>,
}

/// One plugin's part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub plugin: String,
    pub generation: u64,
    pub outcome: String,
}

/// What was known of a session, as [`Facts`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub id: String,
    pub action: Action,
    pub protocol: String,
    pub method: String,
    pub path: String,
    pub stream: String,
    pub rendition: Option<String>,
    pub remote_ip: IpAddr,
    pub country: Option<String>,
    pub device: Option<String>,
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub token: Option<String>,
    pub spiffe_id: Option<String>,
    pub certificate_sha256: Option<String>,
    pub subject: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub age_ms: u64,
}

/// Decisions of the latest time.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// Read at each decision, so without the lock.
    on: AtomicBool,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// When nobody has asked until then, it ends.
    until: Option<Instant>,
    number: u64,
    bytes: usize,
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    at: SystemTime,
    hook: Hook,
    facts: Arc<Facts>,
    answer: String,
    steps: Vec<Step>,
    bytes: usize,
}

/// Decisions that wait to be fetched; the oldest go, and the numbers tell that. At 1,000 a second some seconds' worth.
const MOST: usize = 4_096;
/// Of all of them: headers and query of one may have 16 KiB each.
const MOST_BYTES: usize = 16 << 20;
/// Who captures asks several times a second.
const PATIENCE: Duration = Duration::from_secs(10);
/// Decisions of one answer.
const BATCH: usize = 500;
/// Headers that tell nothing of a credential; of others the name is kept.
const HARMLESS: [&str; 7] =
    ["accept", "accept-language", "content-type", "host", "origin", "user-agent", "x-forwarded-proto"];
/// In a credential's place.
const LEFT_OUT: &str = "***";

impl Capture {
    /// Keeps a decision, where somebody captures.
    pub(super) fn note<Q: Question>(&self, facts: &Arc<Facts>, decided: &Decided<Q::Yes>) {
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let answer = Q::said(decided.answer.clone()).map_or_else(String::new, |said| said.words());
        let (at, steps) = (SystemTime::now(), decided.steps.clone());
        let texts =
            |pairs: &[(String, String)]| pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let bytes = 1_024 + answer.len() + texts(&facts.headers) + texts(&facts.query) + facts.path.len();
        let mut ring = self.ring();
        if ring.until.is_none_or(|until| until < Instant::now()) {
            self.on.store(false, Ordering::Relaxed);
            *ring = Ring { number: ring.number, ..Ring::default() };
            return;
        }
        ring.number += 1;
        let number = ring.number;
        ring.bytes += bytes;
        ring.kept.push_back(Kept { number, at, hook: Q::HOOK, facts: facts.clone(), answer, steps, bytes });
        while ring.kept.len() > MOST || ring.bytes > MOST_BYTES {
            let Some(gone) = ring.kept.pop_front() else { return };
            ring.bytes -= gone.bytes;
        }
    }

    /// The decisions after this number, at most 500, and begins or goes on to record. `secrets`: with credentials.
    pub(super) fn after(&self, number: u64, secrets: bool) -> Vec<Decision> {
        let mut ring = self.ring();
        ring.until = Some(Instant::now() + PATIENCE);
        self.on.store(true, Ordering::Relaxed);
        let later = ring.kept.iter().filter(|kept| kept.number > number);
        later.take(BATCH).map(|kept| kept.decision(secrets)).collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().expect("no holder of this lock panics")
    }
}

impl Kept {
    fn decision(&self, secrets: bool) -> Decision {
        let step = |step: &Step| Asked {
            plugin: step.plugin.to_string(),
            generation: step.generation,
            outcome: step.outcome.to_owned(),
        };
        Decision {
            number: self.number,
            at: rfc3339(self.at),
            hook: self.hook.name().to_owned(),
            redacted: !secrets,
            session: Known::of(&self.facts, secrets),
            answer: self.answer.clone(),
            steps: self.steps.iter().filter(|step| step.hook == self.hook).map(step).collect(),
        }
    }
}

impl Known {
    fn of(facts: &Facts, secrets: bool) -> Self {
        let hidden = |pairs: &[(String, String)], harmless: &[&str]| -> Vec<(String, String)> {
            let shown = |name: &String| secrets || harmless.contains(&name.as_str());
            let pair = |(name, value): &(String, String)| {
                (name.clone(), if shown(name) { value.clone() } else { LEFT_OUT.to_owned() })
            };
            pairs.iter().map(pair).collect()
        };
        Known {
            id: facts.id.clone(),
            action: facts.action,
            protocol: facts.protocol.to_owned(),
            method: facts.method.clone(),
            path: facts.path.clone(),
            stream: facts.stream.clone(),
            rendition: facts.rendition.clone(),
            remote_ip: facts.remote_ip,
            country: facts.country.clone(),
            device: facts.device.clone(),
            headers: hidden(&facts.headers, &HARMLESS),
            query: hidden(&facts.query, &[]),
            token: facts.token.as_ref().map(|token| if secrets { token.clone() } else { LEFT_OUT.to_owned() }),
            spiffe_id: facts.spiffe_id.clone(),
            certificate_sha256: facts.certificate_sha256.clone(),
            subject: facts.subject.clone(),
            tags: facts.tags.clone(),
            age_ms: u64::try_from(facts.age.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// What a plugin is asked about; none where the protocol is unknown to this version.
    fn facts(&self) -> Option<Facts> {
        let protocol = PROTOCOLS.into_iter().find(|protocol| *protocol == self.protocol)?;
        let known = self.clone();
        Some(Facts {
            method: known.method,
            path: known.path,
            stream: known.stream,
            rendition: known.rendition,
            country: known.country,
            device: known.device,
            headers: known.headers,
            query: known.query,
            token: known.token,
            spiffe_id: known.spiffe_id,
            certificate_sha256: known.certificate_sha256,
            subject: known.subject,
            tags: known.tags,
            age: Duration::from_millis(known.age_ms),
            ..Facts::new(known.id, known.action, protocol, known.remote_ip)
        })
    }
}

impl Decision {
    /// What a plugin of this name said, in words; none where it was not asked. A failure is told as its outcome.
    pub fn answer_of(&self, plugin: &str) -> Option<String> {
        let at = self.steps.iter().rposition(|step| step.plugin == plugin)?;
        let step = &self.steps[at];
        Some(match step.outcome.as_str() {
            "allow" | "deny" | "route" if at + 1 == self.steps.len() => self.answer.clone(),
            "abstain" => step.outcome.clone(),
            failed => format!("failed, answered `{failed}`"),
        })
    }
}

impl super::Generation {
    /// What this generation says to a recorded question, in words; none where it does not answer that hook, or its manifest's
    /// rules do not give it the session.
    pub async fn replay(&self, decision: &Decision, matching: &super::Matching) -> Option<String> {
        use super::question::{MayIt, Whither};
        let facts = Arc::new(decision.session.facts().filter(|facts| matching.matches(facts))?);
        match decision.hook.as_str() {
            "auth" if self.has_auth() => Some(words::<MayIt>(self.authorize(&facts).await, matching)),
            "router" if self.has_router() => Some(words::<Whither>(self.choose(&facts).await, matching)),
            _ => None,
        }
    }
}

fn words<Q: Question>(answer: Result<Answer<Q::Yes>, super::Fault>, matching: &super::Matching) -> String {
    match answer.and_then(|answer| Q::within(&answer, matching).map(|()| answer)) {
        Ok(answer) => Q::said(answer).map_or_else(String::new, |said| said.words()),
        Err(fault) => format!("failed ({}): {fault}", fault.class().name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::decision::Grant;
    use crate::plugin::question::MayIt;

    fn facts(id: usize) -> Arc<Facts> {
        let facts = Facts::new(id.to_string(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Arc::new(Facts {
            token: Some("SECRET-1".to_owned()),
            headers: vec![pair("user-agent", "x"), pair("authorization", "Bearer SECRET-1"), pair("x-key", "SECRET-2")],
            query: vec![pair("token", "SECRET-1")],
            stream: "live/cam".to_owned(),
            ..facts
        })
    }

    fn decided() -> Decided {
        let step = |plugin: &str, outcome| Step {
            plugin: plugin.into(),
            hook: Hook::Auth,
            generation: 2,
            outcome,
            took: Duration::ZERO,
            error: None,
        };
        Decided { answer: Answer::Allow(Grant::default()), steps: vec![step("a", "abstain"), step("b", "allow")] }
    }

    #[test]
    fn decisions_are_recorded_while_somebody_asks_and_without_credentials() {
        let capture = Capture::default();
        capture.note::<MayIt>(&facts(1), &decided());
        assert!(capture.after(0, false).is_empty(), "nobody asked before");
        capture.note::<MayIt>(&facts(2), &decided());
        let found = capture.after(0, false);
        let text = serde_json::to_string(&found).unwrap();
        assert!(found.len() == 1 && !text.contains("SECRET"), "{text}");
        assert_eq!(
            (found[0].answer_of("a"), found[0].answer_of("b")),
            (Some("abstain".to_owned()), Some("allow".to_owned()))
        );
        assert_eq!(found[0].answer_of("c"), None);
        let whole = capture.after(0, true);
        assert_eq!(*facts(2), whole[0].session.facts().unwrap());
        assert_eq!(serde_json::from_str::<Vec<Decision>>(&text).unwrap(), found);
        assert!(capture.after(found[0].number, false).is_empty());
    }

    #[test]
    fn what_waits_is_bounded_and_numbers_tell_what_was_lost() {
        let capture = Capture::default();
        capture.after(0, false);
        for id in 0..10_000 {
            capture.note::<MayIt>(&facts(id), &decided());
        }
        let first = capture.after(0, false);
        assert_eq!((first.len(), first[0].number), (BATCH, 10_000 - MOST as u64 + 1));
        let large = Facts { query: vec![("q".to_owned(), "x".repeat(1 << 20))], ..(*facts(1)).clone() };
        for _ in 0..100 {
            capture.note::<MayIt>(&Arc::new(large.clone()), &decided());
        }
        assert!(capture.ring().bytes <= MOST_BYTES);
    }
}
