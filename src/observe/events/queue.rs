//! The queue of one listener: bounded, the oldest go first; what is being delivered stays until that has ended.

use super::Event;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// Memory of the events of one queue: events are some 500 bytes, so that this bounds only those with long texts.
const MAX_BYTES: usize = 32 << 20;

/// The queue.
#[derive(Debug)]
pub struct Queue {
    limit: usize,
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    /// So many at the front are being delivered.
    in_flight: usize,
    /// Dropped since that was told last.
    untold: u64,
    /// Dropped in all.
    missed: u64,
}

/// What is to be delivered, and how many before it were dropped since the last time.
#[derive(Debug, Default)]
pub struct Taken {
    pub events: Vec<Arc<Event>>,
    pub missed: u64,
}

impl Queue {
    /// Empty, with room for so many events.
    pub fn new(limit: usize) -> Self {
        Queue { limit, events: VecDeque::new(), bytes: 0, in_flight: 0, untold: 0, missed: 0 }
    }

    /// Has room for so many from the next event on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds an event. Where there is no room the oldest that is not being delivered goes.
    pub fn push(&mut self, event: Arc<Event>) {
        self.bytes += event.size();
        self.events.push_back(event);
        while self.events.len() > self.limit.max(self.in_flight) || self.bytes > MAX_BYTES {
            let Some(dropped) = self.events.remove(self.in_flight) else { break };
            self.bytes -= dropped.size();
            self.miss(1);
        }
    }

    /// Counts events that never came here.
    pub fn miss(&mut self, count: u64) {
        self.untold += count;
        self.missed += count;
    }

    /// The oldest events, at most so many and about so many bytes, but at least one. They stay until [`Queue::delivered`].
    pub fn take(&mut self, most: usize, most_bytes: usize) -> Taken {
        let mut bytes = 0;
        let fits = |event: &&Arc<Event>| {
            let first = bytes == 0;
            bytes += event.size();
            first || bytes <= most_bytes
        };
        let events: Vec<_> = self.events.iter().take(most).take_while(fits).cloned().collect();
        self.in_flight = events.len();
        Taken { events, missed: std::mem::take(&mut self.untold) }
    }

    /// What was taken has arrived. Returns how many that were.
    pub fn delivered(&mut self) -> usize {
        let delivered = std::mem::take(&mut self.in_flight);
        self.bytes -= self.events.drain(..delivered).map(|event| event.size()).sum::<usize>();
        delivered
    }

    /// What was taken has not arrived: it waits again.
    pub fn put_back(&mut self) {
        self.in_flight = 0;
    }

    /// Events that wait, those that are being delivered among them.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Instant> {
        self.events.front().map(|event| event.at)
    }

    /// How many were dropped in all.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::super::Happening;
    use super::*;

    fn event(sequence: u64, text: usize) -> Arc<Event> {
        let Happening(event) = Happening::new("a").stream("x".repeat(text));
        Arc::new(Event { sequence, ..event })
    }

    fn numbers(taken: &Taken) -> Vec<u64> {
        taken.events.iter().map(|event| event.sequence).collect()
    }

    #[test]
    fn what_did_not_arrive_comes_again_in_order() {
        let mut queue = Queue::new(10);
        (1..=5).for_each(|number| queue.push(event(number, 0)));
        assert_eq!(numbers(&queue.take(3, usize::MAX)), [1, 2, 3]);
        queue.put_back();
        queue.push(event(6, 0));
        assert_eq!(numbers(&queue.take(3, usize::MAX)), [1, 2, 3]);
        assert_eq!((queue.delivered(), queue.len()), (3, 3));
        assert_eq!(numbers(&queue.take(10, usize::MAX)), [4, 5, 6]);
        assert_eq!((queue.delivered(), queue.delivered()), (3, 0));
        assert!(queue.is_empty() && queue.bytes == 0 && queue.oldest().is_none());
    }

    #[test]
    fn beyond_its_room_the_oldest_go_but_not_those_under_way() {
        let mut queue = Queue::new(4);
        (1..=4).for_each(|number| queue.push(event(number, 0)));
        assert_eq!(numbers(&queue.take(2, usize::MAX)), [1, 2]);
        (5..=7).for_each(|number| queue.push(event(number, 0)));
        // 3, 4 and 5 went.
        assert_eq!(queue.delivered(), 2);
        let taken = queue.take(10, usize::MAX);
        assert_eq!((numbers(&taken), taken.missed, queue.missed()), (vec![6, 7], 3, 3));
        queue.put_back();
        (8..=11).for_each(|number| queue.push(event(number, 0)));
        let taken = queue.take(10, usize::MAX);
        assert_eq!((numbers(&taken), taken.missed, queue.missed()), (vec![8, 9, 10, 11], 2, 5));
        assert_eq!(queue.take(0, usize::MAX).events.len(), 0);
    }

    #[test]
    fn memory_is_bounded_too() {
        let mut queue = Queue::new(1_000_000);
        for number in 0..100 {
            queue.push(event(number, 1 << 20));
        }
        assert!((30..33).contains(&queue.len()) && queue.missed() == 100 - queue.len() as u64);
        assert_eq!(queue.take(100, 3 << 20).events.len(), 2, "with what each takes besides");
        assert_eq!(queue.take(100, 1).events.len(), 1);
    }
}
