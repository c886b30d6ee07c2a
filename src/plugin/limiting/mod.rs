//! The hook `ratelimit`: the rules of all plugins, enforced here without a call of any, save where a rule asks for one.

mod asking;
mod counted;
mod door;
mod exposition;
mod ingest;
mod item;
mod ledger;
mod only;
mod rule;
mod shelf;
mod status;
#[cfg(test)]
mod tests;

pub use asking::Refused;
pub use counted::{Counted, Early, Known};
pub use ingest::{Ceiled, Sending};
pub use item::Item;
pub use ledger::Ticket;
pub(super) use rule::Offered;
pub use rule::{Amount, Measure, Part, Rule, Rules};
pub use status::{LimitStatus, RuleStatus};

use super::facts::Action;
use super::matching::Matching;
use counted::Present;
use ledger::{Ledger, Refusal, Taken};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};
use std::time::{Duration, Instant};

/// The rules in force of all plugins. They hold together: what one of them refuses is refused.
#[derive(Debug, Default)]
pub struct Limiter {
    /// The measures that any rule has, as bits: where there is none, nothing is looked up.
    measures: AtomicU8,
    force: RwLock<Arc<Force>>,
    /// The sessions there are, for rules that come later.
    present: Mutex<HashMap<u64, Weak<Present>>>,
    serial: AtomicU64,
}

/// What is in force; replaced as a whole.
#[derive(Debug, Default)]
struct Force {
    /// In the order of plugins, and within one as it gave them.
    rules: Vec<Arc<InForce>>,
}

/// A rule in force.
#[derive(Debug)]
struct InForce {
    plugin: Arc<str>,
    generation: u64,
    /// Which sessions the operator gives to the plugin.
    matching: Arc<Matching>,
    rule: Rule,
    ledger: Arc<Ledger>,
}

/// The rules of one plugin in service.
#[derive(Clone, Debug)]
pub struct Source {
    pub plugin: Arc<str>,
    pub generation: u64,
    pub matching: Arc<Matching>,
    pub rules: Arc<Rules>,
}

/// A no, in words for the client: the rule's name, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct Limited {
    pub plugin: Arc<str>,
    pub generation: u64,
    pub rule: Arc<str>,
    pub measure: Measure,
    /// When another try may succeed.
    pub retry_after: Duration,
    /// Whether others have the places, or it came too soon.
    pub at_once: bool,
    /// Whether to log it, and how many before were not.
    log: Option<u64>,
}

impl Limited {
    fn words(&self) -> String {
        let rule = &self.rule;
        let what = match self.measure {
            Measure::Connection => "connections",
            Measure::Request => "requests",
            Measure::Publish | Measure::IngestKbit => "publishers",
            Measure::Play => "viewers",
        };
        let too_many = if self.at_once { "at once" } else { "in a short time" };
        let seconds = self.retry_after.as_millis().div_ceil(1_000);
        format!("the limit `{rule}` of this server is reached: too many {what} {too_many}; try again in {seconds} s")
    }
}

/// Before or after auth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Early,
    Late,
}

impl Limiter {
    /// Puts the rules of these plugins into force, and no others. A rule that keeps its name and measure keeps what it has
    /// counted.
    pub fn put(&self, sources: &[Source]) {
        let before = self.force();
        let mut rules = Vec::new();
        for source in sources {
            for rule in source.rules.iter() {
                let same = |old: &&Arc<InForce>| old.plugin == source.plugin && old.rule.name == rule.name;
                let ledger = match before.rules.iter().find(same) {
                    Some(old) if goes_on(&old.rule, rule) => old.ledger.clone(),
                    Some(old) => old.ledger.successor(),
                    None => Ledger::new(),
                };
                let Source { plugin, generation, matching, .. } = source.clone();
                rules.push(Arc::new(InForce { plugin, generation, matching, rule: rule.clone(), ledger }));
            }
        }
        let measures = rules.iter().fold(0, |bits, one| bits | bit(one.rule.measure));
        let force = Arc::new(Force { rules });
        // Who comes in meanwhile is counted by the old rules or the new ones, under this lock.
        let present = self.present();
        *self.force.write().expect("no holder of this lock panics") = force.clone();
        self.measures.store(measures, Ordering::Release);
        let all: Vec<Arc<Present>> = present.values().filter_map(Weak::upgrade).collect();
        for one in &all {
            one.count(&force);
        }
        drop(present);
        // The last of a session may be among them: its end takes the lock.
        drop(all);
    }

    /// Whether any rule has this measure.
    pub fn has(&self, measure: Measure) -> bool {
        self.measures.load(Ordering::Acquire) & bit(measure) != 0
    }

    /// Whether any rule is about sessions.
    pub fn has_any(&self) -> bool {
        self.measures.load(Ordering::Acquire) != 0
    }

    /// Counts a connection or a request. The tickets count it as there.
    ///
    /// # Errors
    /// When a rule has one too many.
    pub fn pass(&self, measure: Measure, item: &Item<'_>, now: Instant) -> Result<Vec<Ticket>, Limited> {
        if !self.has(measure) {
            return Ok(Vec::new());
        }
        let force = self.force();
        pass(force.rules.iter().filter(|one| one.rule.measure == measure), item, now)
    }

    /// The rules that count a session at a stage.
    fn of_session<'f>(&self, force: &'f Force, item: &'f Item<'_>, stage: Stage) -> Vec<&'f Arc<InForce>> {
        let measure = match item.action {
            Some(Action::Publish) => Measure::Publish,
            Some(Action::Play) => Measure::Play,
            Some(Action::Admin) | None => return Vec::new(),
        };
        let late = stage == Stage::Late;
        let counts =
            |one: &&Arc<InForce>| one.rule.measure == measure && one.rule.is_after_auth() == late && one.is_about(item);
        force.rules.iter().filter(counts).collect()
    }

    fn force(&self) -> Arc<Force> {
        self.force.read().expect("no holder of this lock panics").clone()
    }

    fn present(&self) -> MutexGuard<'_, HashMap<u64, Weak<Present>>> {
        self.present.lock().expect("no holder of this lock panics")
    }
}

/// Whether what an old rule has counted is of use to a new one. What is there at once is counted anew where it would be told
/// apart otherwise.
fn goes_on(old: &Rule, new: &Rule) -> bool {
    let same = old.measure == new.measure;
    match (old.amount, new.amount) {
        (Amount::Rate(_), Amount::Rate(_)) | (Amount::Ask, Amount::Ask) => same,
        (Amount::AtOnce(_), Amount::AtOnce(_)) => same && old.per == new.per && old.only == new.only,
        _ => false,
    }
}

fn bit(measure: Measure) -> u8 {
    1 << measure as u8
}

impl InForce {
    /// Whether it counts this. Of connections and requests the manifest's match says nothing.
    fn is_about(&self, item: &Item<'_>) -> bool {
        (!self.rule.measure.is_of_sessions() || self.matching.gives(item)) && self.rule.only.holds(item)
    }

    fn limited(&self, refusal: Refusal) -> Limited {
        Limited {
            plugin: self.plugin.clone(),
            generation: self.generation,
            rule: self.rule.name.clone(),
            measure: self.rule.measure,
            retry_after: refusal.retry_after,
            at_once: matches!(self.rule.amount, Amount::AtOnce(_)),
            log: refusal.log,
        }
    }
}

/// Counts one by all of these rules, or by none: who is refused by one uses up nothing of the others.
fn pass<'r>(
    rules: impl Iterator<Item = &'r Arc<InForce>>,
    item: &Item<'_>,
    now: Instant,
) -> Result<Vec<Ticket>, Limited> {
    let mut passed: Vec<(&InForce, Taken)> = Vec::new();
    for one in rules.filter(|one| one.is_about(item)) {
        let key = one.ledger.key(&one.rule.per, item);
        match one.ledger.take(key, one.rule.amount, now) {
            Ok(Some(taken)) => passed.push((one, taken)),
            Ok(None) => {}
            Err(refusal) => {
                passed.iter().for_each(|(one, taken)| one.ledger.give_back(taken, one.rule.amount));
                return Err(one.limited(refusal));
            }
        }
    }
    let ticket = |(one, taken): (&InForce, Taken)| {
        one.ledger.count_allowed(1);
        match taken {
            Taken::Ticket(ticket) => Some(ticket),
            Taken::Tokens(_) => None,
        }
    };
    Ok(passed.into_iter().filter_map(ticket).collect())
}
