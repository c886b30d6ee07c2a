//! Connections whose peer has not shown yet which session it belongs to: few, for a short time, and the newest before the oldest.

use super::link::LinkId;
use crate::shard::census::client_network;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A peer has so long from its connection to a STUN request with valid integrity, however slowly it sends: a few round trips.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// So many may be waiting on one shard. An ICE client sends its first check at once, so it is through in one round trip; where
/// there are more, the one that has been silent for the longest goes.
const MAX_STRANGERS: usize = 2_048;
/// And so many of one client: a company behind one address whose people all start at one moment.
const MAX_OF_CLIENT: usize = 256;

/// Those that wait on one shard, in the order in which they came.
#[derive(Debug, Default)]
pub struct Strangers {
    waiting: VecDeque<Stranger>,
}

#[derive(Clone, Copy, Debug)]
struct Stranger {
    id: LinkId,
    client: IpAddr,
    until: Instant,
}

impl Strangers {
    /// Another one has come. Returns the one that has to go for it.
    pub fn add(&mut self, id: LinkId, address: IpAddr, now: Instant) -> Option<LinkId> {
        let client = client_network(address);
        let own = self.waiting.iter().filter(|stranger| stranger.client == client).count();
        let goes = if own >= MAX_OF_CLIENT {
            self.waiting.iter().position(|stranger| stranger.client == client)
        } else {
            (self.waiting.len() >= MAX_STRANGERS).then_some(0)
        };
        let gone = goes.and_then(|index| self.waiting.remove(index)).map(|stranger| stranger.id);
        self.waiting.push_back(Stranger { id, client, until: now + PATIENCE });
        gone
    }

    /// It has shown itself, or has gone.
    pub fn remove(&mut self, id: LinkId) {
        // Who comes in shows itself soon: look among the newest first.
        if let Some(index) = self.waiting.iter().rposition(|stranger| stranger.id == id) {
            self.waiting.remove(index);
        }
    }

    /// Takes one whose time is over.
    pub fn take_late(&mut self, now: Instant) -> Option<LinkId> {
        self.waiting.pop_front_if(|stranger| stranger.until <= now).map(|stranger| stranger.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u32) -> LinkId {
        LinkId { index, serial: index }
    }

    #[test]
    fn each_has_its_time_from_the_moment_it_came() {
        let start = Instant::now();
        let mut strangers = Strangers::default();
        for index in 0..3 {
            let now = start + Duration::from_secs(u64::from(index));
            assert_eq!(strangers.add(id(index), "192.0.2.1".parse().unwrap(), now), None);
        }
        strangers.remove(id(1));
        assert_eq!(strangers.take_late(start + PATIENCE - Duration::from_millis(1)), None);
        assert_eq!(strangers.take_late(start + PATIENCE), Some(id(0)));
        assert_eq!(strangers.take_late(start + PATIENCE + Duration::from_secs(1)), None);
        assert_eq!(strangers.take_late(start + PATIENCE + Duration::from_secs(2)), Some(id(2)));
    }

    #[test]
    fn a_client_pushes_out_its_own_silent_ones_and_all_together_the_oldest() {
        let now = Instant::now();
        let mut strangers = Strangers::default();
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(strangers.add(id(0), "192.0.2.2".parse().unwrap(), now), None);
        let of_one = 1..=MAX_OF_CLIENT as u32;
        assert!(of_one.clone().all(|index| strangers.add(id(index), one, now).is_none()));
        assert_eq!(strangers.add(id(900), one, now), Some(id(1)));
        assert_eq!(strangers.add(id(901), "::ffff:192.0.2.1".parse().unwrap(), now), Some(id(2)), "the same client");
        let mut next = 1_000;
        while strangers.waiting.len() < MAX_STRANGERS {
            let client = IpAddr::from([10, 0, (next >> 8) as u8, next as u8]);
            assert_eq!(strangers.add(id(next), client, now), None);
            next += 1;
        }
        assert_eq!(strangers.add(id(next), "192.0.2.3".parse().unwrap(), now), Some(id(0)));
    }
}
