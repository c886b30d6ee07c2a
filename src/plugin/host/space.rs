//! A space of keys and values in memory: bounded, with lifetimes, every operation atomic; fed with time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

/// Bytes counted for an entry besides its key and value: what the maps need for it.
const OVERHEAD: usize = 160;
/// Expired entries removed by each operation. More than it can add, so a backlog always shrinks.
const SWEEP: usize = 16;
/// Expired entries removed when room is short, and at each tidying: bounds the time that the lock is held.
const LONG_SWEEP: usize = 4_096;

/// The spaces of all plugins, by name.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    spaces: RwLock<BTreeMap<String, Arc<Space>>>,
}

/// One space. Several plugins may share it.
#[derive(Debug, Default)]
pub(super) struct Space {
    store: Mutex<Store>,
}

/// Why a value was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The quota is used up.
    Full,
    /// What is there is no decimal number of 64 bits.
    NoNumber,
    Overflow,
}

#[derive(Debug, Default)]
struct Store {
    entries: HashMap<Arc<str>, Entry>,
    /// By time of expiry; the number tells entries of one moment apart.
    expiries: BTreeMap<(Duration, u64), Arc<str>>,
    bytes: usize,
    written: u64,
}

#[derive(Debug)]
struct Entry {
    value: Vec<u8>,
    expiry: Option<(Duration, u64)>,
}

impl Spaces {
    /// The space of this name, made if there is none.
    pub(super) fn space(&self, name: &str) -> Arc<Space> {
        let known = self.spaces.read().expect("no holder of this lock panics").get(name).cloned();
        known.unwrap_or_else(|| {
            let mut spaces = self.spaces.write().expect("no holder of this lock panics");
            spaces.entry(name.to_owned()).or_default().clone()
        })
    }

    /// Removes what has expired, a bounded number at a time, and spaces that hold nothing and nobody uses.
    pub(super) fn sweep(&self, now: Duration) {
        let mut spaces = self.spaces.write().expect("no holder of this lock panics");
        spaces.retain(|_, space| {
            let mut store = space.lock();
            store.sweep(now, LONG_SWEEP);
            !store.entries.is_empty() || Arc::strong_count(space) > 1
        });
    }
}

impl Space {
    fn lock(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().expect("no holder of this lock panics")
    }

    /// Locks, and removes a few of the expired.
    fn at(&self, now: Duration) -> std::sync::MutexGuard<'_, Store> {
        let mut store = self.lock();
        store.sweep(now, SWEEP);
        store
    }

    pub(super) fn get(&self, now: Duration, key: &str) -> Option<Vec<u8>> {
        self.at(now).live(now, key).map(<[u8]>::to_vec)
    }

    /// Sets a value. `quota`: most bytes of the whole space afterwards.
    pub(super) fn put(
        &self,
        now: Duration,
        key: &str,
        value: Vec<u8>,
        ttl: Option<Duration>,
        quota: usize,
    ) -> Result<(), Unwritten> {
        self.at(now).write(now, key, value, ttl.map(|ttl| now.saturating_add(ttl)), quota)
    }

    pub(super) fn remove(&self, now: Duration, key: &str) {
        self.at(now).remove(key);
    }

    /// Adds to the decimal text of the value and returns the sum. The lifetime holds for a new entry only.
    pub(super) fn increment(
        &self,
        now: Duration,
        key: &str,
        delta: i64,
        ttl: Option<Duration>,
        quota: usize,
    ) -> Result<i64, Unwritten> {
        let mut store = self.at(now);
        let (old, expiry) = match store.live(now, key) {
            None => (0, ttl.map(|ttl| now.saturating_add(ttl))),
            Some(text) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                let expiry = store.entries.get(key).and_then(|entry| entry.expiry).map(|(at, _)| at);
                (number.ok_or(Unwritten::NoNumber)?, expiry)
            }
        };
        let sum: i64 = i64::checked_add(old, delta).ok_or(Unwritten::Overflow)?;
        store.write(now, key, sum.to_string().into_bytes(), expiry, quota)?;
        Ok(sum)
    }

    /// Sets a value if the present one is the expected; none expects none.
    pub(super) fn compare_and_set(
        &self,
        now: Duration,
        key: &str,
        expected: Option<&[u8]>,
        value: Vec<u8>,
        ttl: Option<Duration>,
        quota: usize,
    ) -> Result<bool, Unwritten> {
        let mut store = self.at(now);
        if store.live(now, key) != expected {
            return Ok(false);
        }
        store.write(now, key, value, ttl.map(|ttl| now.saturating_add(ttl)), quota)?;
        Ok(true)
    }

    /// All that is there, sorted by key.
    pub(super) fn entries(&self, now: Duration) -> BTreeMap<String, Vec<u8>> {
        let store = self.lock();
        let live = store.entries.iter().filter(|(_, entry)| entry.is_live(now));
        live.map(|(key, entry)| (key.to_string(), entry.value.clone())).collect()
    }
}

impl Entry {
    fn is_live(&self, now: Duration) -> bool {
        self.expiry.is_none_or(|(at, _)| at > now)
    }
}

impl Store {
    fn live(&self, now: Duration, key: &str) -> Option<&[u8]> {
        self.entries.get(key).filter(|entry| entry.is_live(now)).map(|entry| entry.value.as_slice())
    }

    fn write(
        &mut self,
        now: Duration,
        key: &str,
        value: Vec<u8>,
        expires: Option<Duration>,
        quota: usize,
    ) -> Result<(), Unwritten> {
        let added = size(key, &value);
        let freed = self.entries.get(key).map_or(0, |old| size(key, &old.value));
        if self.bytes - freed + added > quota {
            self.sweep(now, LONG_SWEEP);
            let freed = self.entries.get(key).map_or(0, |old| size(key, &old.value));
            // What does not grow may always be written, also where the quota was lowered.
            if self.bytes - freed + added > quota && added > freed {
                return Err(Unwritten::Full);
            }
        }
        self.remove(key);
        self.written += 1;
        let key: Arc<str> = key.into();
        let expiry = expires.map(|at| (at, self.written));
        if let Some(expiry) = expiry {
            self.expiries.insert(expiry, key.clone());
        }
        self.bytes += added;
        self.entries.insert(key, Entry { value, expiry });
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= size(key, &entry.value);
            entry.expiry.map(|expiry| self.expiries.remove(&expiry));
        }
    }

    fn sweep(&mut self, now: Duration, most: usize) {
        for _ in 0..most {
            match self.expiries.first_key_value() {
                Some(((at, _), key)) if *at <= now => {
                    let key = key.clone();
                    self.remove(&key);
                }
                _ => return,
            }
        }
    }
}

fn size(key: &str, value: &[u8]) -> usize {
    OVERHEAD + key.len() + value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: usize = 1 << 20;
    const MS: Duration = Duration::from_millis(1);

    fn put(space: &Space, now: Duration, key: &str, value: &str, ttl: Option<Duration>) {
        space.put(now, key, value.into(), ttl, QUOTA).unwrap();
    }

    fn text(space: &Space, now: Duration, key: &str) -> Option<String> {
        space.get(now, key).map(|value| String::from_utf8(value).unwrap())
    }

    /// What the store counts is what it holds.
    fn check(space: &Space) {
        let store = space.lock();
        let bytes: usize = store.entries.iter().map(|(key, entry)| size(key, &entry.value)).sum();
        let expiring = store.entries.values().filter(|entry| entry.expiry.is_some()).count();
        assert_eq!((store.bytes, store.expiries.len()), (bytes, expiring));
    }

    #[test]
    fn entries_live_until_removed_or_expired() {
        let space = Space::default();
        put(&space, Duration::ZERO, "for ever", "1", None);
        put(&space, Duration::ZERO, "short", "2", Some(10 * MS));
        put(&space, Duration::ZERO, "at once", "3", Some(Duration::ZERO));
        put(&space, Duration::ZERO, "longer", "4", Some(10 * MS));
        put(&space, 5 * MS, "longer", "5", Some(10 * MS));
        let rows = [
            (0, ["1", "2", "", "5"]),
            (9, ["1", "2", "", "5"]),
            (10, ["1", "", "", "5"]),
            (14, ["1", "", "", "5"]),
            (15, ["1", "", "", ""]),
        ];
        for (ms, expected) in rows {
            let found =
                ["for ever", "short", "at once", "longer"].map(|key| text(&space, ms * MS, key).unwrap_or_default());
            assert_eq!(found, expected, "at {ms} ms");
        }
        space.remove(15 * MS, "for ever");
        space.remove(15 * MS, "never there");
        assert_eq!(space.entries(15 * MS), BTreeMap::new());
        check(&space);
        assert_eq!(space.lock().bytes, 0);
    }

    #[test]
    fn numbers_are_counted() {
        let space = Space::default();
        let add = |ms: u32, delta: i64, ttl: Option<u32>| {
            space.increment(ms * MS, "n", delta, ttl.map(|ttl| ttl * MS), QUOTA)
        };
        // (time, delta, ttl, sum): the lifetime is that of the call which made the entry.
        let rows = [
            (0, 1, Some(10), Ok(1)),
            (5, 41, Some(100), Ok(42)),
            (9, -2, None, Ok(40)),
            (10, 7, None, Ok(7)),
            (1_000, i64::MAX, None, Err(Unwritten::Overflow)),
            (1_000, i64::MIN, None, Ok(i64::MIN + 7)),
        ];
        for (ms, delta, ttl, expected) in rows {
            assert_eq!(add(ms, delta, ttl), expected, "{delta} at {ms} ms");
        }
        for bad in ["", "x", "1.5", "9223372036854775808"] {
            put(&space, Duration::ZERO, "n", bad, None);
            assert_eq!(add(0, 1, None), Err(Unwritten::NoNumber), "{bad}");
        }
        space.put(Duration::ZERO, "n", vec![0xff], None, QUOTA).unwrap();
        assert_eq!(add(0, 1, None), Err(Unwritten::NoNumber));
        check(&space);
    }

    #[test]
    fn a_value_is_set_only_over_the_expected() {
        let space = Space::default();
        let set = |expected: Option<&str>, value: &str| {
            let expected = expected.map(str::as_bytes);
            space.compare_and_set(Duration::ZERO, "k", expected, value.into(), None, QUOTA).unwrap()
        };
        let rows = [
            (Some("a"), "b", false),
            (None, "a", true),
            (None, "b", false),
            (Some("b"), "c", false),
            (Some("a"), "c", true),
            (Some("c"), "", true),
            (None, "d", false),
            (Some(""), "d", true),
        ];
        for (expected, value, done) in rows {
            assert_eq!(set(expected, value), done, "{expected:?} -> {value}");
        }
    }

    #[test]
    fn the_quota_holds_and_what_expired_makes_room() {
        let space = Space::default();
        let quota = 10 * size("k0", &[0; 100]);
        let put = |ms: u32, key: &str, length: usize, ttl: Option<u32>| {
            space.put(ms * MS, key, vec![0; length], ttl.map(|ttl| ttl * MS), quota)
        };
        for number in 0..10 {
            put(0, &format!("k{number}"), 100, (number < 5).then_some(10)).unwrap();
        }
        let rows = [
            (1, "new", 1, Err(Unwritten::Full)),
            (1, "k9", 100, Ok(())),
            (1, "k9", 101, Err(Unwritten::Full)),
            (1, "k9", 0, Ok(())),
            (1, "k9", 100, Ok(())),
            (10, "new", 400, Ok(())),
            (10, "big", quota, Err(Unwritten::Full)),
        ];
        for (ms, key, length, expected) in rows {
            assert_eq!(put(ms, key, length, None), expected, "{key} of {length} at {ms} ms");
        }
        assert_eq!(space.increment(10 * MS, "n", 1, None, 0), Err(Unwritten::Full));
        assert_eq!(space.get(10 * MS, "k9").map(|value| value.len()), Some(100), "a refused write changes nothing");
        check(&space);
    }

    #[test]
    fn tiny_entries_count_what_they_cost() {
        let space = Space::default();
        let written =
            (0..1_000_000).take_while(|n: &u32| space.put(MS, &n.to_string(), Vec::new(), None, QUOTA).is_ok());
        assert!(written.count() < QUOTA / OVERHEAD);
    }

    #[test]
    fn what_nobody_asks_for_is_swept() {
        let spaces = Spaces::default();
        let space = spaces.space("geo");
        for number in 0..10_000 {
            space.put(Duration::ZERO, &number.to_string(), Vec::new(), Some(MS), 16 * QUOTA).unwrap();
        }
        assert!(Arc::ptr_eq(&space, &spaces.space("geo")));
        spaces.sweep(MS);
        assert_eq!(space.lock().entries.len(), 10_000 - LONG_SWEEP);
        spaces.sweep(MS);
        spaces.sweep(MS);
        check(&space);
        assert_eq!(spaces.spaces.read().unwrap().len(), 1, "somebody uses it");
        drop(space);
        spaces.sweep(MS);
        assert_eq!(spaces.spaces.read().unwrap().len(), 0);
    }
}
