//! Keeps a value for each key, as many as there is room for: the longest unused is forgotten.

use std::collections::{BTreeMap, HashMap};

/// What tells one bucket of a rule from another: a keyed hash of its parts, so that a bucket takes some 100 bytes whatever
/// texts clients send, and nobody can choose two that are the same.
pub type Key = u128;

/// Values by key.
#[derive(Debug)]
pub struct Shelf<V> {
    room: usize,
    places: HashMap<Key, (u64, V)>,
    /// Keys by when they were last used.
    order: BTreeMap<u64, Key>,
    uses: u64,
}

impl<V: Default> Shelf<V> {
    pub fn new(room: usize) -> Self {
        Shelf { room, places: HashMap::new(), order: BTreeMap::new(), uses: 0 }
    }

    /// The value of a key, the default where it was not known.
    pub fn take(&mut self, key: Key) -> &mut V {
        self.uses += 1;
        if self.places.len() >= self.room && !self.places.contains_key(&key) {
            self.forget_one();
        }
        let (used, value) = self.places.entry(key).or_default();
        self.order.remove(used);
        *used = self.uses;
        self.order.insert(self.uses, key);
        value
    }

    /// The value of a key that is known; it does not count as used.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        self.places.get_mut(&key).map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: Key) {
        if let Some((used, _)) = self.places.remove(&key) {
            self.order.remove(&used);
        }
    }

    /// A number that no use before had.
    pub fn next_use(&self) -> u64 {
        self.uses + 1
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    fn forget_one(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.places.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_longest_unused_goes() {
        let mut shelf: Shelf<u32> = Shelf::new(1_000);
        for key in 0..1_000 {
            *shelf.take(key) = 7;
        }
        assert_eq!(*shelf.take(0), 7);
        shelf.take(5_000);
        assert_eq!((shelf.len(), shelf.order.len()), (1_000, 1_000));
        assert_eq!((shelf.get_mut(0).copied(), shelf.get_mut(1).copied()), (Some(7), None));
        for key in 10_000..1_000_000 {
            shelf.take(key);
        }
        assert_eq!((shelf.len(), shelf.order.len()), (1_000, 1_000));
        shelf.remove(999_999);
        shelf.remove(3);
        assert_eq!((shelf.len(), shelf.order.len()), (999, 999));
    }
}
