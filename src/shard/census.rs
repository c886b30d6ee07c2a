//! Counts sessions in all and by client address, connected or not yet, and says when there is no room for another.

use super::room::{NoRoom, SessionLimits};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};

/// The sessions there are.
#[derive(Debug, Default)]
pub(super) struct Census {
    all: Count,
    /// Only clients that have sessions.
    clients: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    sessions: usize,
    pending: usize,
}

impl Census {
    /// Counts another session of a client, pending.
    pub(super) fn admit(&mut self, limits: &SessionLimits, address: IpAddr) -> Result<(), NoRoom> {
        let client = client_network(address);
        let own = self.clients.get(&client).copied().unwrap_or_default();
        // A client's own limits first: they tell more.
        if own.pending >= limits.pending_per_address() {
            return Err(NoRoom::PendingOfAddress(own.pending));
        }
        if limits.sessions_per_address > 0 && own.sessions >= limits.sessions_per_address {
            return Err(NoRoom::SessionsOfAddress(own.sessions));
        }
        if self.all.sessions >= limits.sessions {
            return Err(NoRoom::Sessions(limits.sessions));
        }
        if self.all.pending >= limits.pending() {
            return Err(NoRoom::Pending(self.all.pending));
        }
        for count in [&mut self.all, self.clients.entry(client).or_default()] {
            count.sessions += 1;
            count.pending += 1;
        }
        Ok(())
    }

    /// A pending session of a client has connected.
    pub(super) fn connected(&mut self, address: IpAddr) {
        self.all.pending -= 1;
        if let Some(own) = self.clients.get_mut(&client_network(address)) {
            own.pending -= 1;
        }
    }

    /// A session of a client has ended; `pending`: it had not connected.
    pub(super) fn left(&mut self, address: IpAddr, pending: bool) {
        self.all.sessions -= 1;
        self.all.pending -= usize::from(pending);
        if let Entry::Occupied(mut entry) = self.clients.entry(client_network(address)) {
            let own = entry.get_mut();
            own.sessions -= 1;
            own.pending -= usize::from(pending);
            if own.sessions == 0 {
                entry.remove();
            }
        }
    }
}

/// Whom an address is counted for: with IPv6 one client has a whole /64.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        canonical => canonical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Admits sessions from an address until one is refused; at most 100.
    fn fill(census: &mut Census, limits: &SessionLimits, from: &str) -> (usize, Option<NoRoom>) {
        for count in 0..100 {
            if let Err(error) = census.admit(limits, address(from)) {
                return (count, Some(error));
            }
        }
        (100, None)
    }

    #[test]
    fn one_client_can_not_take_the_places_of_all() {
        let limits = SessionLimits { sessions: 50, pending: 20, pending_per_address: 8, ..SessionLimits::default() };
        let mut census = Census::default();
        assert_eq!(fill(&mut census, &limits, "192.0.2.1"), (8, Some(NoRoom::PendingOfAddress(8))));
        assert_eq!(fill(&mut census, &limits, "::ffff:192.0.2.1").0, 0, "the same client");
        assert_eq!(fill(&mut census, &limits, "2001:db8::1").0, 8);
        assert_eq!(fill(&mut census, &limits, "2001:db8::ffff:1").0, 0, "one /64 is one client");
        assert_eq!(fill(&mut census, &limits, "2001:db8:0:1::1"), (4, Some(NoRoom::Pending(20))));
        (0..8).for_each(|_| census.connected(address("192.0.2.1")));
        assert_eq!(fill(&mut census, &limits, "192.0.2.1"), (8, Some(NoRoom::PendingOfAddress(8))));
    }

    #[test]
    fn limits_hold_in_all_and_by_address_and_places_come_back() {
        let limits = SessionLimits {
            sessions: 12,
            sessions_per_address: 5,
            pending: 100,
            pending_per_address: 100,
            ..SessionLimits::default()
        };
        let mut census = Census::default();
        let mut connect = |from: &str| {
            let result = census.admit(&limits, address(from));
            if result.is_ok() {
                census.connected(address(from));
            }
            result
        };
        let fill = |from: &str, connect: &mut dyn FnMut(&str) -> Result<(), NoRoom>| {
            let mut count = 0;
            loop {
                match connect(from) {
                    Ok(()) => count += 1,
                    Err(error) => return (count, error),
                }
            }
        };
        assert_eq!(fill("192.0.2.1", &mut connect), (5, NoRoom::SessionsOfAddress(5)));
        assert_eq!(fill("192.0.2.2", &mut connect), (5, NoRoom::SessionsOfAddress(5)));
        assert_eq!(fill("192.0.2.3", &mut connect), (2, NoRoom::Sessions(12)));
        (0..5).for_each(|_| census.left(address("192.0.2.1"), false));
        assert_eq!(census.clients.len(), 2, "only who has sessions is remembered");
        let endless = SessionLimits { sessions_per_address: 0, ..limits };
        for _ in 0..5 {
            census.admit(&endless, address("192.0.2.2")).unwrap();
            census.connected(address("192.0.2.2"));
        }
        (0..10).for_each(|_| census.left(address("192.0.2.2"), false));
        (0..2).for_each(|_| census.left(address("192.0.2.3"), false));
        assert!(census.clients.is_empty() && census.all.sessions == 0 && census.all.pending == 0);
    }

    #[test]
    fn a_small_server_keeps_room_for_those_that_connect() {
        for (sessions, of_address, in_all) in [(1, 1, 1), (2, 2, 2), (8, 4, 4), (50, 12, 25), (400, 100, 200)] {
            let limits = SessionLimits { sessions, ..SessionLimits::default() };
            let mut census = Census::default();
            let mut admitted = fill(&mut census, &limits, "192.0.2.1").0;
            assert_eq!(admitted, of_address, "{sessions}");
            admitted += (2..8).map(|last| fill(&mut census, &limits, &format!("192.0.2.{last}")).0).sum::<usize>();
            assert_eq!(admitted, in_all, "{sessions}");
        }
    }
}
