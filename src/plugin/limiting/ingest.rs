//! What publishers may send by the rules on `ingest-kbit`: their share of each bucket, and whether a bucket is used up.

use super::{Amount, InForce, Item, Limited, Limiter, Measure};
use crate::plugin::facts::Facts;
use crate::plugin::matching::Matching;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A publisher, and what it has sent since the last look.
#[derive(Debug)]
pub struct Sending<'a> {
    pub facts: &'a Facts,
    pub subject: Option<&'a str>,
    pub tags: BTreeMap<String, String>,
    /// The stream that it publishes.
    pub stream: &'a str,
    pub kilobits: f64,
}

/// The least that a rule leaves to a publisher.
#[derive(Clone, Debug)]
pub struct Ceiled {
    /// Its share: the rule's pace, divided by all that send into one bucket.
    pub kbps: u32,
    /// Whether the bucket has not held all that was sent.
    pub spent: bool,
    rule: Arc<InForce>,
}

impl Ceiled {
    /// The rule's name.
    pub fn rule(&self) -> &str {
        &self.rule.rule.name
    }

    /// The publisher is ended for it. What to log and to tell, as of any refusal.
    pub fn ended(&self, now: Instant) -> Limited {
        self.rule.limited(self.rule.ledger.count_refused(Duration::ZERO, now))
    }
}

impl Limiter {
    /// Takes what was sent out of the buckets. One answer for each publisher, in order: none where no rule is about it.
    pub fn ingest(&self, sending: &[Sending<'_>], now: Instant) -> Vec<Option<Ceiled>> {
        let mut answers: Vec<Option<Ceiled>> = sending.iter().map(|_| None).collect();
        if !self.has(Measure::IngestKbit) {
            return answers;
        }
        let force = self.force();
        for one in force.rules.iter().filter(|one| one.rule.measure == Measure::IngestKbit) {
            let Amount::Rate(pace) = one.rule.amount else { continue };
            let mut buckets: HashMap<u128, Vec<usize>> = HashMap::new();
            for (index, publisher) in sending.iter().enumerate() {
                let item = publisher.item();
                if one.is_about(&item) {
                    buckets.entry(one.ledger.key(&one.rule.per, &item)).or_default().push(index);
                }
            }
            for (key, members) in buckets {
                let kilobits: f64 = members.iter().map(|index| sending[*index].kilobits).sum();
                let spent = !one.ledger.drain(key, kilobits, pace, now);
                one.ledger.count_allowed(kilobits as u64);
                let kbps = ((pace.per_second / members.len() as f64) as u32).max(1);
                for index in members {
                    let answer = &mut answers[index];
                    let stricter = |other: &Ceiled| (spent, other.kbps) > (other.spent, kbps);
                    if answer.as_ref().is_none_or(stricter) {
                        *answer = Some(Ceiled { kbps, spent, rule: one.clone() });
                    }
                }
            }
        }
        answers
    }
}

impl Sending<'_> {
    fn item(&self) -> Item<'_> {
        Item { subject: self.subject, tags: Some(&self.tags), stream: self.stream, ..Item::session(self.facts) }
    }
}

impl Matching {
    /// Whether the operator gives this session to the plugin.
    pub(super) fn gives(&self, item: &Item<'_>) -> bool {
        item.action.is_some_and(|action| self.matches_parts(action, item.protocol, item.country, item.stream))
    }
}
