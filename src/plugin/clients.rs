//! How a plugin does with its latest clients: one that it keeps failing with waits, and the others do not.

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Clients that are remembered; of more the longest unseen is forgotten. Enough to tell one from everybody, few enough to be
/// walked through at each call.
const CLIENTS: usize = 32;
/// So many failures in a row, and a client is tried ...
const FAILURES: u32 = 10;
/// ... once in this time. What a client costs that makes it fail at will is so bounded: a call and a fresh instance a second.
const PAUSE: Duration = Duration::from_secs(1);
/// Outcomes older than this say nothing.
const WINDOW: Duration = Duration::from_secs(60);

/// The latest clients.
#[derive(Debug, Default)]
pub(super) struct Clients(Vec<Client>);

#[derive(Debug)]
struct Client {
    network: IpAddr,
    seen: Instant,
    /// The latest outcome.
    at: Option<Instant>,
    /// Failures since it was answered last.
    failures: u32,
    /// Until when it waits.
    shut: Option<Instant>,
    /// Whether a call is on its way that is to tell whether it goes on waiting.
    trial: bool,
}

/// Whether a client's call goes through, as far as it lies with the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Pass,
    /// To see; the next one waits for its outcome.
    Trial,
    Shut,
}

impl Clients {
    /// Asks whether a call goes through. `strict`: one failure makes a client wait.
    pub(super) fn gate(&mut self, address: IpAddr, now: Instant, strict: bool) -> Gate {
        let Some(client) = self.known(address) else { return Gate::Pass };
        client.seen = now;
        let suspected = client.failures >= if strict { 1 } else { FAILURES };
        if client.shut.is_some_and(|until| now < until) || (suspected && client.trial) {
            return Gate::Shut;
        }
        client.trial = suspected;
        if suspected { Gate::Trial } else { Gate::Pass }
    }

    /// A trial ended.
    pub(super) fn trial_ended(&mut self, address: IpAddr) {
        if let Some(client) = self.known(address) {
            client.trial = false;
        }
    }

    /// A call failed.
    pub(super) fn failed(&mut self, address: IpAddr, now: Instant) {
        let client = self.client(address, now);
        let fresh = client.at.is_some_and(|at| now.saturating_duration_since(at) < WINDOW);
        client.failures = if fresh { client.failures.saturating_add(1) } else { 1 };
        client.at = Some(now);
        if client.failures >= FAILURES {
            client.shut = Some(now + PAUSE);
        }
    }

    /// A call gave an answer.
    pub(super) fn answered(&mut self, address: IpAddr, now: Instant) {
        let client = self.client(address, now);
        (client.at, client.failures, client.shut) = (Some(now), 0, None);
    }

    /// How many of them the plugin fails with, and how many it answers.
    pub(super) fn count(&self, now: Instant) -> (usize, usize) {
        let (failing, answered): (Vec<_>, Vec<_>) = self.recent(now).partition(|client| client.failures > 0);
        (failing.len(), answered.len())
    }

    /// How many of them it failed with and did not answer since, however long ago.
    pub(super) fn unanswered(&self) -> usize {
        self.0.iter().filter(|client| client.failures > 0).count()
    }

    /// Failures of those that it fails with.
    pub(super) fn failures(&self, now: Instant) -> u32 {
        self.recent(now).fold(0, |sum, client| sum.saturating_add(client.failures))
    }

    /// Lets a client wait.
    pub(super) fn shut(&mut self, address: IpAddr, until: Instant) {
        if let Some(client) = self.known(address) {
            client.shut = Some(until);
        }
    }

    /// Lets all wait that it fails with.
    pub(super) fn shut_failing(&mut self, until: Instant) {
        for client in self.0.iter_mut().filter(|client| client.failures > 0) {
            client.shut = Some(until);
        }
    }

    /// Nobody waits; who failed is tried one call at a time.
    pub(super) fn open_all(&mut self) {
        for client in &mut self.0 {
            client.shut = None;
        }
    }

    /// Forgets whom it failed with.
    pub(super) fn forgive(&mut self) {
        self.0.retain(|client| client.failures == 0);
    }

    /// Whether any client waits, or is tried.
    pub(super) fn are_any_shut(&self) -> bool {
        self.0.iter().any(|client| client.failures >= FAILURES || client.shut.is_some())
    }

    fn recent(&self, now: Instant) -> impl Iterator<Item = &Client> {
        let fresh = move |client: &&Client| client.at.is_some_and(|at| now.saturating_duration_since(at) < WINDOW);
        self.0.iter().filter(fresh)
    }

    fn known(&mut self, address: IpAddr) -> Option<&mut Client> {
        let network = network(address);
        self.0.iter_mut().find(|client| client.network == network)
    }

    fn client(&mut self, address: IpAddr, now: Instant) -> &mut Client {
        let network = network(address);
        let fresh = Client { network, seen: now, at: None, failures: 0, shut: None, trial: false };
        let index = self.0.iter().position(|client| client.network == network).unwrap_or_else(|| {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, client)| client.seen).map(|(index, _)| index);
            match oldest.filter(|_| self.0.len() >= CLIENTS) {
                Some(oldest) => {
                    self.0[oldest] = fresh;
                    oldest
                }
                None => {
                    self.0.push(fresh);
                    self.0.len() - 1
                }
            }
        });
        let client = &mut self.0[index];
        client.seen = now;
        client
    }
}

/// Whose an address is: with IPv6 one client has a whole /64.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_longest_unseen_goes() {
        let (mut clients, mut now) = (Clients::default(), Instant::now());
        let first: IpAddr = "192.0.2.1".parse().unwrap();
        for number in 0..100_000u128 {
            now += Duration::from_millis(1);
            clients.failed(first, now);
            clients.failed(Ipv6Addr::from_bits(number << 64).into(), now);
        }
        assert_eq!((clients.0.len(), clients.count(now)), (CLIENTS, (CLIENTS, 0)));
        assert_eq!(clients.gate(first, now, false), Gate::Shut);
    }

    #[test]
    fn an_ipv6_client_has_a_whole_network() {
        for (a, b, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
        ] {
            assert_eq!(network(a.parse().unwrap()) == network(b.parse().unwrap()), same, "{a} {b}");
        }
    }
}
