//! How often clients ask for sessions: a bucket of tokens for each, so that nobody can keep the server busy by asking alone.

use super::census::client_network;
use super::room::NoRoom;
use crate::media::{Bucket, Pace};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// A client that was quiet may ask for so many seconds' worth at once: an office whose people all come at the hour.
const BURST: Duration = Duration::from_secs(2);
/// Clients that are remembered, some 1 MiB. One is forgotten when its bucket is full again, so within `BURST`. While all are
/// taken, those who are not among them share one bucket.
const MOST_CLIENTS: usize = 16_384;
/// How often those to forget are looked for while there is no room.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The buckets of those who asked lately. Fed the time.
#[derive(Debug, Default)]
pub(super) struct Joins {
    clients: HashMap<IpAddr, Bucket>,
    /// The bucket of all for whom there is no room.
    crowd: Bucket,
    swept: Option<Instant>,
}

impl Joins {
    /// A client asks for a session; `rate`: how many it may ask for in a second, 0: as many as it likes. Who is refused
    /// loses nothing by having asked.
    pub(super) fn ask(&mut self, address: IpAddr, rate: u32, now: Instant) -> Result<(), NoRoom> {
        if rate == 0 {
            self.clients.clear();
            return Ok(());
        }
        let client = client_network(address);
        if self.clients.len() >= MOST_CLIENTS {
            self.sweep(now);
        }
        let room = self.clients.len() < MOST_CLIENTS || self.clients.contains_key(&client);
        let bucket = if room { self.clients.entry(client).or_default() } else { &mut self.crowd };
        let per_second = f64::from(rate);
        let pace = Pace { per_second, burst: per_second * BURST.as_secs_f64() };
        bucket.take(1.0, pace, now).map_err(|_| NoRoom::JoinsOfAddress(rate))
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now >= swept + SWEEP_INTERVAL) {
            self.swept = Some(now);
            self.clients.retain(|_, bucket| !bucket.is_full(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// How many of 1,000 that ask in one instant are let in.
    fn flood(joins: &mut Joins, from: &str, rate: u32, now: Instant) -> usize {
        (0..1_000).filter(|_| joins.ask(from.parse().unwrap(), rate, now).is_ok()).count()
    }

    #[test]
    fn a_client_gets_a_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut joins = Joins::default();
        let rows = [
            ("192.0.2.1", 10, 0, 20),
            ("::ffff:192.0.2.1", 10, 0, 0),
            ("192.0.2.2", 10, 0, 20),
            ("192.0.2.1", 10, 99, 0),
            ("192.0.2.1", 10, 100, 1),
            ("192.0.2.1", 10, 1_100, 10),
            // A change of the limit counts from where the bucket is.
            ("192.0.2.1", 100, 1_200, 10),
            ("192.0.2.1", 1, 1_200, 0),
            ("192.0.2.1", 1, 60_000, 2),
            ("192.0.2.1", 0, 60_000, 1_000),
            ("2001:db8::1", 5, 60_000, 10),
            ("2001:db8::ffff:1", 5, 60_000, 0),
            ("2001:db8:0:1::1", 5, 60_000, 10),
        ];
        for (from, rate, at, expected) in rows {
            assert_eq!(flood(&mut joins, from, rate, start + ms(at)), expected, "{from} {rate} {at}");
        }
        assert_eq!(joins.ask("192.0.2.9".parse().unwrap(), 7, start), Ok(()));
        let refused = (0..1_000).find_map(|_| joins.ask("192.0.2.9".parse().unwrap(), 7, start).err());
        assert_eq!(refused, Some(NoRoom::JoinsOfAddress(7)));
    }

    #[test]
    fn a_million_clients_take_no_more_memory_than_is_said() {
        let mut now = Instant::now();
        let mut joins = Joins::default();
        for number in 0..1_000_000u32 {
            let client = IpAddr::V4(Ipv4Addr::from_bits(number));
            now += Duration::from_micros(1);
            // One each second: nobody can be forgotten for a second.
            let _ = joins.ask(client, 1, now);
            assert!(joins.clients.len() <= MOST_CLIENTS);
        }
        // Strangers share what is left; who is known is not affected, and later there is room again.
        assert_eq!(joins.ask("203.0.113.1".parse().unwrap(), 1, now), Err(NoRoom::JoinsOfAddress(1)));
        assert_eq!(joins.ask(IpAddr::V4(Ipv4Addr::from_bits(5)), 1, now + ms(500)), Ok(()));
        assert_eq!(joins.ask("203.0.113.1".parse().unwrap(), 1, now + ms(2_000)), Ok(()));
        assert!(joins.clients.len() < 10, "{}", joins.clients.len());
    }
}
