//! The controlling side of ICE for one socket: checks every address of the answer, nominates the first that works, and keeps
//! asking for consent (RFC 8445, RFC 7675). No sockets, no clock.

use super::error::TransportError;
use crate::protocol::webrtc::stun::{self, IceRole, Request, TransactionId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Nothing answered in this time: give up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The first checks come fast, since a server may know our credentials a moment after its answer.
const FAST_CHECK: Duration = Duration::from_millis(50);
const SLOW_CHECK: Duration = Duration::from_millis(250);
const FAST_CHECKS: u32 = 4;
/// Between two requests for consent, on average; RFC 7675 says 5 s or less.
const CONSENT_INTERVAL: Duration = Duration::from_millis(2500);
/// Where no media came for so long, a NAT on the way may have given us another address: the server hears of it by a check.
const QUIET: Duration = Duration::from_millis(400);
/// Consent ends when no answer came for this long (RFC 7675, 5.1).
const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Of a host candidate on the only interface (RFC 8445, 5.1.2.1), as peer reflexive.
const PRIORITY: u32 = 1_862_270_975;
const UFRAG_LEN: usize = 8;
const PWD_LEN: usize = 24;

/// User fragment and password of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub pwd: String,
}

impl Credentials {
    /// New random ones, 48 and 144 bits.
    pub fn random() -> Self {
        Credentials { ufrag: random_text(UFRAG_LEN), pwd: random_text(PWD_LEN) }
    }
}

fn random_text(len: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = vec![0u8; len];
    getrandom::fill(&mut bits).expect("the system's random source works");
    bits.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 63)])).collect()
}

/// The agent of one session.
#[derive(Debug)]
pub struct Ice {
    local: Credentials,
    remote: Credentials,
    tie_breaker: u64,
    /// State of the generator of transaction ids, seeded at random.
    random: u64,
    pairs: Vec<Pair>,
    selected: Option<usize>,
    started: Option<Instant>,
    last_answer: Option<Instant>,
    /// When media came last.
    heard: Option<Instant>,
    rtt: Option<Duration>,
    outgoing: VecDeque<(SocketAddr, Vec<u8>)>,
}

/// Our socket and one address of the server.
#[derive(Debug)]
struct Pair {
    remote: SocketAddr,
    transaction: TransactionId,
    /// When the request of `transaction` left.
    asked: Instant,
    checks: u32,
    next: Instant,
}

impl Ice {
    /// An agent that knows only itself yet.
    pub fn new(local: Credentials) -> Self {
        let mut seed = [0u8; 16];
        getrandom::fill(&mut seed).expect("the system's random source works");
        let seed = u128::from_le_bytes(seed);
        Ice {
            local,
            remote: Credentials::default(),
            tie_breaker: (seed >> 64) as u64,
            random: seed as u64,
            pairs: Vec::new(),
            selected: None,
            started: None,
            last_answer: None,
            heard: None,
            rtt: None,
            outgoing: VecDeque::new(),
        }
    }

    /// Our credentials.
    pub fn local(&self) -> &Credentials {
        &self.local
    }

    /// The server's address in use, once one answered.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected.map(|index| self.pairs[index].remote)
    }

    /// Round trip time of the last answered request.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Starts the checks.
    pub fn start(&mut self, remote: Credentials, candidates: &[SocketAddr], now: Instant) {
        self.remote = remote;
        self.started = Some(now);
        self.pairs = candidates
            .iter()
            .map(|remote| Pair { remote: *remote, transaction: [0; 12], asked: now, checks: 0, next: now })
            .collect();
        for index in 0..self.pairs.len() {
            self.check(index, now);
        }
    }

    /// Sends what is due; fails when the server does not answer.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), TransportError> {
        let Some(started) = self.started else { return Ok(()) };
        match self.selected {
            Some(index) => {
                let last = self.last_answer.unwrap_or(started);
                if now.saturating_duration_since(last) >= CONSENT_TIMEOUT {
                    return Err(TransportError::ConsentLost(CONSENT_TIMEOUT.as_secs()));
                }
                if self.due(index) <= now {
                    self.check(index, now);
                }
            }
            None => {
                if now.saturating_duration_since(started) >= CONNECT_TIMEOUT {
                    let candidates: Vec<_> = self.pairs.iter().map(|pair| pair.remote.to_string()).collect();
                    let seconds = CONNECT_TIMEOUT.as_secs();
                    return Err(TransportError::NoIce { candidates: candidates.join(", "), seconds });
                }
                for index in 0..self.pairs.len() {
                    if self.pairs[index].next <= now {
                        self.check(index, now);
                    }
                }
            }
        }
        Ok(())
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.selected {
            Some(index) => Some(self.due(index)),
            None => self.pairs.iter().map(|pair| pair.next).chain(self.started.map(|at| at + CONNECT_TIMEOUT)).min(),
        }
    }

    /// Media came from the server.
    pub fn heard(&mut self, now: Instant) {
        self.heard = Some(now);
    }

    /// When the pair in use is checked again.
    fn due(&self, index: usize) -> Instant {
        let pair = &self.pairs[index];
        self.heard.map_or(pair.next, |heard| pair.next.min(heard.max(pair.asked) + QUIET))
    }

    /// Feeds a STUN message. True: the server's address has just been found.
    pub fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        if let Ok(request) = stun::parse(datagram) {
            if request.verify(self.local.pwd.as_bytes()) {
                let mut answer = Vec::new();
                stun::write_success(&mut answer, &request, from, self.local.pwd.as_bytes());
                self.queue(from, answer);
            }
            return false;
        }
        let Ok(response) = stun::parse_response(datagram) else { return false };
        let id = response.transaction_id();
        let Some(index) = self.pairs.iter().position(|pair| pair.checks > 0 && pair.transaction == id) else {
            return false;
        };
        if !response.is_success() || !response.verify(self.remote.pwd.as_bytes()) {
            return false;
        }
        self.last_answer = Some(now);
        self.rtt = Some(now.saturating_duration_since(self.pairs[index].asked));
        if self.selected.is_some() {
            return false;
        }
        self.selected = Some(index);
        if self.pairs.len() > 1 {
            // The check that found it did not nominate yet.
            self.check(index, now);
        } else {
            self.pairs[index].next = now + self.consent_pause();
        }
        true
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    fn check(&mut self, index: usize, now: Instant) {
        let nominate = self.pairs.len() == 1 || self.selected == Some(index);
        let pause = match (self.selected, self.pairs[index].checks) {
            (Some(_), _) => self.consent_pause(),
            (None, checks) if checks < FAST_CHECKS => FAST_CHECK,
            _ => SLOW_CHECK,
        };
        let fresh = self.transaction();
        let waiting = self.selected.is_none();
        let pair = &mut self.pairs[index];
        // While connecting, an answer to any of the checks counts, so they share their id.
        if pair.checks == 0 || !waiting {
            pair.transaction = fresh;
            pair.asked = now;
        }
        pair.checks += 1;
        pair.next = now + pause;
        let request = Request {
            transaction_id: pair.transaction,
            remote_ufrag: &self.remote.ufrag,
            local_ufrag: &self.local.ufrag,
            role: IceRole::Controlling(self.tie_breaker),
            priority: PRIORITY,
            use_candidate: nominate,
        };
        let mut datagram = Vec::with_capacity(128);
        stun::write_request(&mut datagram, &request, self.remote.pwd.as_bytes());
        let remote = pair.remote;
        self.queue(remote, datagram);
    }

    fn queue(&mut self, to: SocketAddr, datagram: Vec<u8>) {
        // Drained after each input; the bound only holds if a caller forgets to.
        if self.outgoing.len() < 64 {
            self.outgoing.push_back((to, datagram));
        }
    }

    /// 0.8 to 1.2 times the interval, so that sessions spread out (RFC 7675, 5.1).
    fn consent_pause(&mut self) -> Duration {
        let share = (self.next_random() % 401) as u32;
        CONSENT_INTERVAL / 1000 * (800 + share)
    }

    fn transaction(&mut self) -> TransactionId {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.next_random().to_le_bytes());
        id[8..].copy_from_slice(&(self.next_random() as u32).to_le_bytes());
        id
    }

    /// SplitMix64: ids have to differ, not to be secret; the password protects.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(candidates: &[&str], now: Instant) -> (Ice, Credentials) {
        let server = Credentials::random();
        let mut ice = Ice::new(Credentials::random());
        let candidates: Vec<_> = candidates.iter().map(|text| text.parse().unwrap()).collect();
        ice.start(server.clone(), &candidates, now);
        (ice, server)
    }

    fn answer(request: &[u8], server: &Credentials) -> Vec<u8> {
        let request = stun::parse(request).unwrap();
        assert!(request.verify(server.pwd.as_bytes()) && request.local_ufrag() == Some(&server.ufrag));
        let mut answer = Vec::new();
        stun::write_success(&mut answer, &request, "127.0.0.1:4".parse().unwrap(), server.pwd.as_bytes());
        answer
    }

    #[test]
    fn one_address_is_nominated_at_once() {
        let now = Instant::now();
        let (mut ice, server) = agent(&["127.0.0.1:1"], now);
        let (to, request) = ice.poll_transmit().unwrap();
        assert!(stun::parse(&request).unwrap().use_candidate);
        let forged = answer(&request, &Credentials { pwd: server.pwd.clone(), ..server.clone() });
        let mut bad = forged.clone();
        bad[30] ^= 1;
        assert!(!ice.receive(now, to, &bad));
        assert!(ice.receive(now + Duration::from_millis(3), to, &forged));
        assert_eq!((ice.selected(), ice.rtt()), (Some(to), Some(Duration::from_millis(3))));
    }

    #[test]
    fn of_many_addresses_the_first_that_answers_is_nominated() {
        let now = Instant::now();
        let (mut ice, server) = agent(&["127.0.0.1:1", "127.0.0.1:2"], now);
        let first = ice.poll_transmit().unwrap();
        let second = ice.poll_transmit().unwrap();
        assert!(!stun::parse(&second.1).unwrap().use_candidate);
        assert!(ice.receive(now, second.0, &answer(&second.1, &server)));
        let (to, nomination) = ice.poll_transmit().unwrap();
        assert!(to == second.0 && stun::parse(&nomination).unwrap().use_candidate);
        // A late answer of the other one changes nothing.
        assert!(!ice.receive(now, first.0, &answer(&first.1, &server)));
        assert_eq!(ice.selected(), Some(second.0));
    }

    #[test]
    fn checks_repeat_until_the_timeout() {
        let mut now = Instant::now();
        let (mut ice, _) = agent(&["127.0.0.1:1"], now);
        let mut requests = 0;
        let error = loop {
            while ice.poll_transmit().is_some() {
                requests += 1;
            }
            now = ice.poll_timeout().unwrap();
            if let Err(error) = ice.handle_timeout(now) {
                break error;
            }
        };
        assert_eq!(error, TransportError::NoIce { candidates: "127.0.0.1:1".to_owned(), seconds: 10 });
        assert!((40..50).contains(&requests), "{requests}");
    }

    #[test]
    fn consent_is_asked_for_and_lost() {
        let start = Instant::now();
        let mut now = start;
        let (mut ice, server) = agent(&["127.0.0.1:1"], now);
        let mut last_answer = now;
        let error = loop {
            while let Some((to, request)) = ice.poll_transmit() {
                if now - start < Duration::from_secs(60) {
                    ice.receive(now, to, &answer(&request, &server));
                    last_answer = now;
                }
            }
            let next = ice.poll_timeout().unwrap();
            assert!(next - now <= Duration::from_secs(3), "{:?}", next - now);
            now = next;
            if let Err(error) = ice.handle_timeout(now) {
                break error;
            }
        };
        assert_eq!(error, TransportError::ConsentLost(30));
        assert!(now - last_answer >= CONSENT_TIMEOUT);
    }

    #[test]
    fn silence_after_media_is_asked_about_soon_and_again() {
        let now = Instant::now();
        let (mut ice, server) = agent(&["127.0.0.1:1"], now);
        let (to, request) = ice.poll_transmit().unwrap();
        ice.receive(now, to, &answer(&request, &server));
        assert!(ice.poll_timeout().unwrap() >= now + Duration::from_secs(2), "no media yet");
        ice.heard(now + Duration::from_millis(100));
        for asked in 1..4 {
            let due = ice.poll_timeout().unwrap();
            assert_eq!(due, now + Duration::from_millis(100) + QUIET * asked);
            ice.handle_timeout(due).unwrap();
            assert!(stun::parse(&ice.poll_transmit().unwrap().1).unwrap().use_candidate);
        }
    }

    #[test]
    fn requests_of_the_server_are_answered_if_it_knows_our_password() {
        let now = Instant::now();
        let (mut ice, server) = agent(&["127.0.0.1:1"], now);
        drop(ice.poll_transmit());
        let local = ice.local().clone();
        for (pwd, answered) in [(local.pwd.as_str(), true), ("another password here!", false)] {
            let request = Request {
                transaction_id: [9; 12],
                remote_ufrag: &local.ufrag,
                local_ufrag: &server.ufrag,
                role: IceRole::Controlled(1),
                priority: 1,
                use_candidate: false,
            };
            let mut datagram = Vec::new();
            stun::write_request(&mut datagram, &request, pwd.as_bytes());
            ice.receive(now, "127.0.0.1:77".parse().unwrap(), &datagram);
            let sent = ice.poll_transmit();
            assert_eq!(sent.is_some(), answered);
            if let Some((to, response)) = sent {
                assert_eq!(to.port(), 77);
                assert!(stun::parse_response(&response).unwrap().verify(local.pwd.as_bytes()));
            }
        }
    }
}
