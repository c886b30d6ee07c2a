//! A session as the rules count it, from before auth to its end.

use super::{Force, InForce, Item, Limited, Limiter, Stage, Ticket, pass};
use crate::plugin::decision::Step;
use crate::plugin::facts::Facts;
use crate::plugin::hook::Hook;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

/// What came of the rules for a session that is in: who looked at it, and its places. They are free again when the last clone
/// is gone.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Plugins whose rules it met before auth, and after it.
    pub before: Vec<Step>,
    pub after: Vec<Step>,
    present: Option<Arc<Present>>,
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.present, &other.present) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same && self.before == other.before && self.after == other.after
    }
}

impl Eq for Counted {}

/// A session that is there, or about to be.
#[derive(Debug)]
pub(super) struct Present {
    serial: u64,
    limiter: Weak<Limiter>,
    facts: Arc<Facts>,
    known: Known,
    tickets: Mutex<Vec<Ticket>>,
}

/// What auth said of a session.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub subject: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// The name that it goes on under, where that is another.
    pub stream: Option<String>,
}

/// A session that passed the rules before auth.
#[derive(Debug, Default)]
pub struct Early {
    pub(super) tickets: Vec<Ticket>,
    pub(super) steps: Vec<Step>,
}

impl Known {
    pub(super) fn item<'a>(&'a self, facts: &'a Facts) -> Item<'a> {
        Item {
            subject: self.subject.as_deref(),
            tags: Some(&self.tags),
            stream: self.stream.as_deref().unwrap_or(&facts.stream),
            ..Item::session(facts)
        }
    }
}

impl Limiter {
    /// Counts a session by the rules that need no answer of auth.
    ///
    /// # Errors
    /// When one of them has one too many.
    pub fn early(&self, facts: &Facts, now: Instant) -> Result<Early, Limited> {
        if !self.has_any() {
            return Ok(Early::default());
        }
        let (force, item) = (self.force(), Item::session(facts));
        let rules = self.of_session(&force, &item, Stage::Early);
        let tickets = pass(rules.iter().copied(), &item, now)?;
        Ok(Early { tickets, steps: steps(&rules, now) })
    }

    /// Counts a session by the rules that need it, and takes it among those that are there.
    ///
    /// # Errors
    /// When one of them has one too many.
    pub fn late(
        self: &Arc<Self>,
        facts: &Arc<Facts>,
        known: Known,
        early: Early,
        now: Instant,
    ) -> Result<Counted, Limited> {
        let force = self.force();
        let item = known.item(facts);
        let rules = self.of_session(&force, &item, Stage::Late);
        let Early { mut tickets, steps: before } = early;
        tickets.extend(pass(rules.iter().copied(), &item, now)?);
        let after = steps(&rules, now);
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let (limiter, tickets) = (Arc::downgrade(self), Mutex::new(tickets));
        let one = Arc::new(Present { serial, limiter, facts: facts.clone(), known, tickets });
        let mut present: std::sync::MutexGuard<'_, HashMap<u64, Weak<Present>>> = self.present();
        present.insert(serial, Arc::downgrade(&one));
        // Other rules may have come into force while auth was asked.
        one.count(&self.force());
        drop(present);
        Ok(Counted { before, after, present: Some(one) })
    }
}

impl Limiter {
    /// The rules that plugins answer for a session, once auth let it in: each with its plugin.
    pub fn asks(&self, facts: &Facts, known: &Known) -> Vec<(Arc<str>, Arc<str>)> {
        let (force, item) = (self.force(), known.item(facts));
        let rules = self.of_session(&force, &item, Stage::Late);
        let asks = rules.into_iter().filter(|one| one.is_asked());
        asks.map(|one| (one.plugin.clone(), one.rule.name.clone())).collect()
    }
}

impl Present {
    /// Counts it by the rules of what is there at once that have not counted it, however many there are. Tickets of rules that
    /// went are given back.
    pub(super) fn count(&self, force: &Force) {
        let early = Item { subject: None, tags: None, ..Item::session(&self.facts) };
        let late = self.known.item(&self.facts);
        let mut tickets = self.tickets.lock().expect("no holder of this lock panics");
        tickets.retain(|ticket| force.rules.iter().any(|one| ticket.is_of(&one.ledger)));
        let at_once = |one: &&Arc<InForce>| one.counts_at_once(self.facts.action);
        for one in force.rules.iter().filter(at_once) {
            let item = if one.rule.is_after_auth() { &late } else { &early };
            if one.is_about(item) && !tickets.iter().any(|ticket| ticket.is_of(&one.ledger)) {
                tickets.push(one.ledger.hold(one.ledger.key(&one.rule.per, item)));
            }
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.upgrade() {
            limiter.present().remove(&self.serial);
        }
    }
}

/// One step for each plugin whose rules let it pass.
fn steps(rules: &[&Arc<InForce>], began: Instant) -> Vec<Step> {
    let took = Instant::now().saturating_duration_since(began);
    let mut steps: Vec<Step> = Vec::new();
    for one in rules.iter().filter(|one| !one.is_asked()) {
        if steps.last().is_none_or(|step| step.plugin != one.plugin) {
            let (plugin, generation) = (one.plugin.clone(), one.generation);
            steps.push(Step { plugin, hook: Hook::Ratelimit, generation, outcome: "admit", took, error: None });
        }
    }
    steps
}
