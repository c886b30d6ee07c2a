//! The network between server and clients, as bad as a test wants it: a UDP proxy on the server's public address that loses,
//! delays, reorders and repeats datagrams by numbers that are the same each time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Server, Setup};

/// What happens to the datagrams of one direction. By default nothing does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions {
    /// Part of the datagrams that is lost, 0 to 1.
    pub loss: f64,
    /// Of every datagram.
    pub delay: Duration,
    /// Up to so much more, without change of the order.
    pub jitter: Duration,
    /// Part of the datagrams that others overtake, by up to `DETOUR`.
    pub reordered: f64,
    /// Part of the datagrams that come twice, the second one by up to `DETOUR` later.
    pub repeated: f64,
    /// Bits a second that fit through, with a queue of `QUEUE` in front.
    pub rate: Option<u64>,
    /// The first datagram with each message of a DTLS handshake is lost: so is each flight, once.
    pub flights_once: bool,
}

impl Conditions {
    /// 5 % loss and 50 ms of jitter.
    pub fn bad() -> Self {
        let (delay, jitter) = (Duration::from_millis(20), Duration::from_millis(50));
        Conditions { loss: 0.05, delay, jitter, ..Conditions::default() }
    }
}

/// How far a datagram comes behind those that were sent after it.
const DETOUR: Duration = Duration::from_millis(30);
/// What waits at a narrow place; more is lost.
const QUEUE: Duration = Duration::from_millis(200);

/// Both directions, of one client or of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sky {
    pub up: Conditions,
    pub down: Conditions,
}

impl Sky {
    /// The same both ways.
    pub fn both(conditions: Conditions) -> Self {
        Sky { up: conditions, down: conditions }
    }
}

/// The proxy. It works until the test's process ends.
pub struct Weather {
    shared: Arc<Shared>,
}

/// Small, fast, the same each time.
struct Random(u64);

impl Random {
    /// 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One direction of one client.
struct Way {
    conditions: Conditions,
    random: Random,
    /// When the last datagram arrives.
    last: Instant,
    /// When the narrow place is free.
    free: Instant,
    /// Messages of handshakes that were lost once.
    lost_once: HashSet<Vec<u8>>,
    carried: u64,
    lost: u64,
}

impl Way {
    fn new(conditions: Conditions, seed: u64) -> Self {
        let now = Instant::now();
        let random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        Way { conditions, random, last: now, free: now, lost_once: HashSet::new(), carried: 0, lost: 0 }
    }

    /// When a datagram arrives: never, once or twice.
    fn arrivals(&mut self, datagram: &[u8], now: Instant) -> Vec<Instant> {
        let conditions = self.conditions;
        // One number for each question of each datagram, so that an answer changes none of the later ones.
        let [loss, jitter, detour, again, by] = std::array::from_fn(|_| self.random.next());
        let late = DETOUR.mul_f64(by);
        let drowned = conditions.rate.is_some() && self.free > now + QUEUE;
        let flight = conditions.flights_once && handshake(datagram).is_some_and(|key| self.lost_once.insert(key));
        if loss < conditions.loss || drowned || flight {
            self.lost += 1;
            return Vec::new();
        }
        self.carried += 1;
        let mut start = now;
        if let Some(rate) = conditions.rate {
            start = self.free.max(now) + Duration::from_secs_f64(datagram.len() as f64 * 8.0 / rate as f64);
            self.free = start;
        }
        let mut at = start + conditions.delay + conditions.jitter.mul_f64(jitter);
        if detour < conditions.reordered {
            at += late;
        } else {
            at = at.max(self.last);
            self.last = at;
        }
        if again < conditions.repeated { vec![at, at + late] } else { vec![at] }
    }
}

/// What tells messages of a handshake apart: of those in plain text type, number and place, of encrypted ones only that.
fn handshake(datagram: &[u8]) -> Option<Vec<u8>> {
    match *datagram {
        [22, _, _, 0, 0, ..] if datagram.len() >= 25 => Some(datagram[13..25].to_vec()),
        [kind @ 20..=25, _, _, high, low, ..] => Some(vec![kind, high, low]),
        _ => None,
    }
}

/// A client's way through a translation of addresses.
struct Client {
    number: usize,
    inside: Arc<UdpSocket>,
    up: Way,
    down: Way,
}

/// A datagram on its way.
struct Travelling {
    datagram: Vec<u8>,
    from: Arc<UdpSocket>,
    to: Option<SocketAddr>,
}

#[derive(Default)]
struct State {
    sky: Sky,
    server: Option<SocketAddr>,
    clients: HashMap<SocketAddr, Client>,
    /// By time, and then in the order in which they came.
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    travelling: HashMap<u64, Travelling>,
    count: u64,
    stall: Duration,
}

struct Shared {
    outside: Arc<UdpSocket>,
    state: Mutex<State>,
    sent: Condvar,
}

impl Weather {
    /// A server whose media goes through the proxy, fair weather at first.
    pub fn over(setup: Setup) -> (Server, Weather) {
        Weather::at(Ipv4Addr::LOCALHOST.into(), setup)
    }

    /// Likewise, with the public address at this one of the machine.
    pub fn at(address: IpAddr, setup: Setup) -> (Server, Weather) {
        let outside = Arc::new(UdpSocket::bind((address, 0)).expect("a free port"));
        let public = outside.local_addr().expect("bound");
        let shared = Arc::new(Shared { outside, state: Mutex::default(), sent: Condvar::new() });
        let server = setup.config(&format!("media.public_address = \"{public}\"")).start();
        shared.lock().server = Some(server.media);
        let (incoming, clock) = (shared.clone(), shared.clone());
        thread::spawn(move || incoming.take_from_clients());
        thread::spawn(move || clock.deliver());
        (server, Weather { shared })
    }

    /// Changes the weather for all, those to come included.
    pub fn change(&self, sky: Sky) {
        let mut state = self.shared.lock();
        state.sky = sky;
        for client in state.clients.values_mut() {
            (client.up.conditions, client.down.conditions) = (sky.up, sky.down);
        }
    }

    /// Changes the weather for clients that are still to come.
    pub fn forecast(&self, sky: Sky) {
        self.shared.lock().sky = sky;
    }

    /// How many addresses clients have used so far.
    pub fn clients(&self) -> usize {
        self.shared.lock().clients.len()
    }

    /// These clients, by the order in which they came, get another address before the server, as from a translation that has
    /// forgotten them. What is sent to the old one is lost.
    pub fn rebind(&self, clients: Range<usize>) {
        let mut state = self.shared.lock();
        let server = state.server;
        for (address, client) in state.clients.iter_mut().filter(|(_, client)| clients.contains(&client.number)) {
            client.inside = self.shared.clone().open_inside(*address, server);
        }
    }

    /// Datagrams carried, and lost, from clients and to them.
    pub fn counts(&self) -> [(u64, u64); 2] {
        let state = self.shared.lock();
        let sum = |way: fn(&Client) -> &Way| {
            let ways = state.clients.values().map(way);
            ways.fold((0, 0), |sum, way| (sum.0 + way.carried, sum.1 + way.lost))
        };
        [sum(|client| &client.up), sum(|client| &client.down)]
    }

    /// The longest time by which this machine was late to deliver: no test may blame the server for that.
    pub fn stall(&self) -> Duration {
        self.shared.lock().stall
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    fn take_from_clients(self: Arc<Self>) {
        let mut datagram = [0; 2_048];
        while let Ok((length, address)) = self.outside.recv_from(&mut datagram) {
            let mut state = self.lock();
            if !state.clients.contains_key(&address) {
                let (sky, number) = (state.sky, state.clients.len());
                let seed = number as u64 * 2 + 1;
                let inside = self.clone().open_inside(address, state.server);
                let client = Client { number, inside, up: Way::new(sky.up, seed), down: Way::new(sky.down, seed + 1) };
                state.clients.insert(address, client);
            }
            let client = state.clients.get_mut(&address).expect("it is there now");
            let arrivals = client.up.arrivals(&datagram[..length], Instant::now());
            let from = client.inside.clone();
            self.send(&mut state, &arrivals, &datagram[..length], &from, None);
        }
    }

    /// A socket that stands for a client before the server, and the thread that takes what comes back.
    fn open_inside(self: Arc<Self>, address: SocketAddr, server: Option<SocketAddr>) -> Arc<UdpSocket> {
        let inside = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        inside.connect(server.expect("the server runs")).expect("loopback");
        let socket = inside.clone();
        thread::spawn(move || {
            let mut datagram = [0; 2_048];
            while let Ok(length) = socket.recv(&mut datagram) {
                let mut state = self.lock();
                let Some(client) = state.clients.get_mut(&address) else { continue };
                if Arc::ptr_eq(&client.inside, &socket) {
                    let arrivals = client.down.arrivals(&datagram[..length], Instant::now());
                    self.send(&mut state, &arrivals, &datagram[..length], &self.outside, Some(address));
                }
            }
        });
        inside
    }

    fn send(
        &self,
        state: &mut State,
        arrivals: &[Instant],
        datagram: &[u8],
        from: &Arc<UdpSocket>,
        to: Option<SocketAddr>,
    ) {
        for at in arrivals {
            let number = state.count;
            state.count += 1;
            state.queue.push(Reverse((*at, number)));
            state.travelling.insert(number, Travelling { datagram: datagram.to_vec(), from: from.clone(), to });
        }
        self.sent.notify_one();
    }

    fn deliver(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let wait = match state.queue.peek() {
                Some(Reverse((at, number))) if *at <= now => {
                    let (late, number) = (now - *at, *number);
                    state.stall = state.stall.max(late);
                    state.queue.pop();
                    if let Some(Travelling { datagram, from, to }) = state.travelling.remove(&number) {
                        // A peer that has gone is no concern of the network.
                        let _ = match to {
                            Some(to) => from.send_to(&datagram, to),
                            None => from.send(&datagram),
                        };
                    }
                    continue;
                }
                Some(Reverse((at, _))) => *at - now,
                None => Duration::from_secs(1),
            };
            state = self.sent.wait_timeout(state, wait).expect("nobody panics while holding it").0;
        }
    }
}

#[test]
fn the_same_weather_does_the_same_each_time() {
    let conditions = Conditions { reordered: 0.1, repeated: 0.1, ..Conditions::bad() };
    let run = || {
        let mut way = Way::new(conditions, 7);
        let start = way.last;
        let arrivals = (0..2_000u32).map(|n| way.arrivals(&[128], start + Duration::from_millis(n.into())));
        arrivals.map(|at| at.iter().map(|at| *at - start).collect()).collect::<Vec<Vec<Duration>>>()
    };
    let first = run();
    assert_eq!(first, run());
    let [lost, once, twice] = [0, 1, 2].map(|times| first.iter().filter(|at| at.len() == times).count());
    assert!((60..140).contains(&lost) && (140..260).contains(&twice), "{lost} {once} {twice}");
    let order: Vec<Duration> = first.iter().filter_map(|at| at.first().copied()).collect();
    assert!((50..500).contains(&order.windows(2).filter(|pair| pair[0] > pair[1]).count()));
}

#[test]
fn a_narrow_place_passes_its_rate_and_each_flight_is_lost_once() {
    let mut way = Way::new(Conditions { rate: Some(1_000_000), ..Conditions::default() }, 1);
    let start = way.last;
    let passed: Vec<Instant> =
        (0..1_000u32).flat_map(|n| way.arrivals(&[128; 1_000], start + Duration::from_millis(n.into()))).collect();
    // 125 datagrams a second, and what waits at the end.
    assert!((120..=155).contains(&passed.len()), "{}", passed.len());
    let mut way = Way::new(Conditions { flights_once: true, ..Conditions::default() }, 1);
    let hello =
        |seq: u8| [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, seq, 0, 60, 1, 0, 0, 48, 0, 0][..], &[0; 20]].concat();
    let seen: Vec<usize> =
        [hello(0), hello(1), vec![128; 30], vec![22, 0xfe, 0xfd, 0, 1, 9], vec![22, 0xfe, 0xfd, 0, 1, 8]]
            .iter()
            .map(|datagram| way.arrivals(datagram, start).len())
            .collect();
    assert_eq!(seen, [0, 1, 1, 0, 1]);
}
