//! What a rule has counted: its buckets, or how many there are now, and what it allowed and refused.

use super::item::Item;
use super::rule::{Amount, Part};
use super::shelf::{Key, Shelf};
use crate::media::{Bucket, Pace};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Buckets of a rule, and likewise keys with something there: about 10 MB.
const MAX_BUCKETS: usize = 100_000;
/// When another try may find a place that others have now.
const PLACE_RETRY: Duration = Duration::from_secs(10);
/// Between logged refusals of one rule: a flood must not fill the log.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// The book-keeping of a rule, which outlasts generations of its plugin.
#[derive(Debug)]
pub struct Ledger {
    seeds: [RandomState; 2],
    pages: Mutex<Pages>,
    allowed: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Pages {
    buckets: Shelf<Bucket>,
    held: Shelf<Held>,
    logged: Option<Instant>,
    /// Refusals since then that were not logged.
    silent: u64,
}

/// How many there are now.
#[derive(Debug, Default)]
struct Held {
    count: u32,
    /// Tells it from one that was forgotten and counted anew.
    serial: u64,
}

/// One that is counted as there; given back by drop.
#[derive(Debug)]
pub struct Ticket {
    ledger: Arc<Ledger>,
    key: Key,
    serial: u64,
}

/// What a rule took of one that it let pass.
#[derive(Debug)]
pub enum Taken {
    Tokens(Key),
    Ticket(Ticket),
}

/// A no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub retry_after: Duration,
    /// Whether to log it, and how many before were not.
    pub log: Option<u64>,
}

impl Ledger {
    pub fn new() -> Arc<Self> {
        let pages = Pages { buckets: Shelf::new(MAX_BUCKETS), held: Shelf::new(MAX_BUCKETS), logged: None, silent: 0 };
        Arc::new(Ledger {
            seeds: [RandomState::new(), RandomState::new()],
            pages: Mutex::new(pages),
            allowed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// An empty one that goes on counting what was allowed and refused.
    pub fn successor(&self) -> Arc<Self> {
        let next = Ledger::new();
        next.allowed.store(self.allowed(), Ordering::Relaxed);
        next.refused.store(self.refused(), Ordering::Relaxed);
        next
    }

    /// The key of an item.
    pub fn key(&self, per: &[Part], item: &Item<'_>) -> Key {
        let [high, low] = [&self.seeds[0], &self.seeds[1]].map(|seed| {
            let mut hasher = seed.build_hasher();
            per.iter().for_each(|part| part.hash(item, &mut hasher));
            hasher.finish()
        });
        u128::from(high) << 64 | u128::from(low)
    }

    /// Counts one. None: there is nothing to count, as its plugin is asked.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn take(self: &Arc<Self>, key: Key, amount: Amount, now: Instant) -> Result<Option<Taken>, Refusal> {
        let mut pages = self.pages();
        match amount {
            Amount::Rate(pace) => match pages.buckets.take(key).take(1.0, pace, now) {
                Ok(()) => Ok(Some(Taken::Tokens(key))),
                Err(wait) => Err(self.refuse(&mut pages, wait, now)),
            },
            Amount::AtOnce(most) => {
                let count = pages.held.get_mut(key).map_or(0, |held| held.count);
                if count >= most {
                    return Err(self.refuse(&mut pages, PLACE_RETRY, now));
                }
                Ok(Some(Taken::Ticket(self.hold_in(&mut pages, key))))
            }
            Amount::Ask => Ok(None),
        }
    }

    /// Counts one that is there already, however many are.
    pub fn hold(self: &Arc<Self>, key: Key) -> Ticket {
        self.hold_in(&mut self.pages(), key)
    }

    fn hold_in(self: &Arc<Self>, pages: &mut Pages, key: Key) -> Ticket {
        let fresh = pages.held.next_use();
        let held = pages.held.take(key);
        if held.count == 0 {
            held.serial = fresh;
        }
        held.count += 1;
        Ticket { ledger: self.clone(), key, serial: held.serial }
    }

    /// Takes what was used of a bucket, as far as it is there. True: all of it.
    pub fn drain(&self, key: Key, tokens: f64, pace: Pace, now: Instant) -> bool {
        self.pages().buckets.take(key).drain(tokens, pace, now)
    }

    /// Puts back what was taken of one that another rule refused. A ticket comes back by itself.
    pub fn give_back(&self, taken: &Taken, amount: Amount) {
        if let (Taken::Tokens(key), Amount::Rate(pace)) = (taken, amount)
            && let Some(bucket) = self.pages().buckets.get_mut(*key)
        {
            bucket.give_back(1.0, pace);
        }
    }

    /// Some passed this rule and all others.
    pub fn count_allowed(&self, count: u64) {
        self.allowed.fetch_add(count, Ordering::Relaxed);
    }

    /// One was refused, by the plugin's own answer or for what it sends.
    pub fn count_refused(&self, retry_after: Duration, now: Instant) -> Refusal {
        self.refuse(&mut self.pages(), retry_after, now)
    }

    fn refuse(&self, pages: &mut Pages, retry_after: Duration, now: Instant) -> Refusal {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let due = pages.logged.is_none_or(|logged| now.saturating_duration_since(logged) >= LOG_INTERVAL);
        let log = if due {
            pages.logged = Some(now);
            Some(std::mem::take(&mut pages.silent))
        } else {
            pages.silent += 1;
            None
        };
        Refusal { retry_after, log }
    }

    pub fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Buckets that are remembered, or keys with something there now.
    pub fn buckets(&self, amount: Amount) -> usize {
        let pages = self.pages();
        match amount {
            Amount::Rate(_) => pages.buckets.len(),
            Amount::AtOnce(_) => pages.held.len(),
            Amount::Ask => 0,
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().expect("no holder of this lock panics")
    }
}

impl Ticket {
    /// Whether it is of this ledger.
    pub fn is_of(&self, ledger: &Arc<Ledger>) -> bool {
        Arc::ptr_eq(&self.ledger, ledger)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut pages = self.ledger.pages();
        let Some(held) = pages.held.get_mut(self.key).filter(|held| held.serial == self.serial) else { return };
        held.count -= 1;
        if held.count == 0 {
            pages.held.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const TWO: Amount = Amount::Rate(Pace { per_second: 1.0, burst: 2.0 });

    fn refusal(ms: u64, log: Option<u64>) -> Refusal {
        Refusal { retry_after: Duration::from_millis(ms), log }
    }

    #[test]
    fn refusals_are_counted_and_told_once_a_second() {
        let start = Instant::now();
        let ledger = Ledger::new();
        let take = |at: u64| ledger.take(7, TWO, start + Duration::from_millis(at)).map(drop);
        assert!(take(0).is_ok() && take(0).is_ok());
        assert_eq!(take(0), Err(refusal(1_000, Some(0))));
        assert_eq!(take(250), Err(refusal(750, None)));
        assert_eq!(take(500), Err(refusal(500, None)));
        assert_eq!(take(1_000), Ok(()));
        assert_eq!(take(1_000), Err(refusal(1_000, Some(2))));
        assert_eq!((ledger.refused(), ledger.buckets(TWO)), (4, 1));
        assert!(ledger.take(8, TWO, start).is_ok(), "another bucket");
    }

    #[test]
    fn places_come_back_with_their_tickets() {
        let now = Instant::now();
        let ledger = Ledger::new();
        let most = Amount::AtOnce(2);
        let take = || ledger.take(1, most, now);
        let (first, second) = (take().unwrap(), take().unwrap());
        assert_eq!(take().unwrap_err(), refusal(10_000, Some(0)));
        drop(first);
        let third = ledger.hold(1);
        let fourth = ledger.hold(1);
        drop((second, third));
        assert!(take().is_ok(), "of three one is left, and one comes");
        drop(fourth);
        assert_eq!((ledger.buckets(most), ledger.pages().held.len()), (0, 0));
        assert!(ledger.take(1, Amount::AtOnce(0), now).is_err());
    }

    #[test]
    fn a_ticket_of_what_was_forgotten_takes_nothing_from_others() {
        let ledger = Ledger::new();
        ledger.pages().held = Shelf::new(2);
        let old = ledger.hold(1);
        let others = (ledger.hold(2), ledger.hold(3));
        let new = ledger.hold(1);
        drop(old);
        assert_eq!(ledger.pages().held.get_mut(1).map(|held| held.count), Some(1));
        drop((others, new));
        assert_eq!(ledger.pages().held.len(), 0);
    }

    #[test]
    fn many_clients_take_no_more_memory_than_is_said() {
        let now = Instant::now();
        let ledger = Ledger::new();
        let slow = Amount::Rate(Pace { per_second: 0.001, burst: 1.0 });
        let ask = |number: u32| {
            let item = Item::connection(IpAddr::V4(Ipv4Addr::from_bits(number)));
            ledger.take(ledger.key(&[Part::Ip], &item), slow, now).is_ok()
        };
        for number in 0..300_000 {
            assert!(ask(number));
        }
        assert_eq!(ledger.buckets(slow), MAX_BUCKETS);
        assert!(!ask(299_999) && ask(5), "who came first was forgotten");
    }

    #[test]
    fn keys_tell_apart_what_differs() {
        let ledger = Ledger::new();
        let item = |ip: &str, subject| Item { subject, ..Item::connection(ip.parse().unwrap()) };
        let key = |per: &[Part], ip, subject| ledger.key(per, &item(ip, subject));
        let (ip, prefix) = ([Part::Ip], [Part::IpPrefix]);
        assert_eq!(key(&ip, "192.0.2.1", None), key(&ip, "::ffff:192.0.2.1", Some("a")));
        assert_ne!(key(&ip, "192.0.2.1", None), key(&ip, "192.0.2.2", None));
        assert_eq!(key(&prefix, "192.0.2.1", None), key(&prefix, "192.0.2.255", None));
        assert_ne!(key(&prefix, "192.0.2.1", None), key(&prefix, "192.0.3.1", None));
        assert_eq!(key(&prefix, "2001:db8::1", None), key(&prefix, "2001:db8::ffff:1", None));
        assert_ne!(key(&prefix, "2001:db8::1", None), key(&prefix, "2001:db8:0:1::1", None));
        let both = [Part::Subject, Part::Tag("plan".to_owned())];
        assert_eq!(key(&both, "192.0.2.1", Some("a")), key(&both, "192.0.2.9", Some("a")));
        assert_ne!(key(&both, "192.0.2.1", Some("a")), key(&both, "192.0.2.1", None));
        assert_eq!(key(&[], "192.0.2.1", None), key(&[], "2001:db8::1", Some("a")), "one for the node");
        assert_ne!(Ledger::new().key(&ip, &item("192.0.2.1", None)), key(&ip, "192.0.2.1", None));
    }
}
