//! Those who were not let in, or only as far as an answer: floods on the media port.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use wasmcast::protocol::webrtc::stun::{self, IceRole};

use super::Watched;
use crate::http::Request;
use crate::offers::{CHROME_WHEP, lines};
use crate::server::{Server, Setup};

/// Datagrams between two looks at the server: few enough to fit into its socket's buffer.
const BURST: usize = 200;

/// What an answer tells of the server's side of a session, and the offer's user fragment.
pub struct Pending {
    server_ufrag: String,
    server_pwd: String,
    ufrag: String,
}

impl Pending {
    /// A viewer's session, from this client as far as the server knows.
    pub fn offered(server: &Server, client: &str) -> Self {
        let request = Request::offer("/whep/demo", CHROME_WHEP).header("X-Forwarded-For", client);
        let answer = server.send(&request).expect(201).text();
        let first = |prefix: &str| lines(&answer, prefix)[0].trim_end().to_owned();
        Pending {
            server_ufrag: first("a=ice-ufrag:"),
            server_pwd: first("a=ice-pwd:"),
            ufrag: lines(CHROME_WHEP, "a=ice-ufrag:")[0].trim_end().to_owned(),
        }
    }

    /// A binding request of that session, with this password instead of the right one.
    fn request(&self, number: u64, pwd: &str) -> Vec<u8> {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let mut datagram = Vec::new();
        let request = stun::Request {
            transaction_id: id,
            remote_ufrag: &self.server_ufrag,
            local_ufrag: &self.ufrag,
            role: IceRole::Controlling(7),
            priority: 1,
            use_candidate: true,
        };
        stun::write_request(&mut datagram, &request, pwd.as_bytes());
        datagram
    }

    /// Connects as far as ICE goes.
    pub fn check_in(&self, socket: &UdpSocket, media: SocketAddr) {
        socket.send_to(&self.request(1, &self.server_pwd), media).expect("loopback takes datagrams");
        let mut answer = [0; 512];
        socket.set_read_timeout(Some(super::PATIENCE)).expect("a timeout above zero");
        socket.recv_from(&mut answer).expect("an answer to a valid request");
    }
}

/// A socket at another of this machine's addresses each time: a flood comes from everywhere.
pub fn anywhere(number: usize) -> UdpSocket {
    let address = Ipv4Addr::new(127, 1, (number / 250) as u8, (number % 250) as u8 + 1);
    UdpSocket::bind((address, 0)).expect("a free port at every address of loopback")
}

/// Sends so many datagrams, in bursts that the server has time to take, from sockets by turns.
fn flood(watched: &Watched, count: usize, sockets: &[UdpSocket], datagram: impl Fn(usize) -> Vec<u8>) {
    for number in 0..count {
        let socket = &sockets[number % sockets.len()];
        socket.send_to(&datagram(number), watched.server.media).expect("loopback takes datagrams");
        if number % BURST == BURST - 1 {
            Request::get("/healthz").send(watched.server.http).expect(200);
        }
    }
}

#[test]
fn requests_of_nobody_from_everywhere_are_dropped_at_little_cost() {
    let watched = Watched::start(Server::demo());
    let real = Pending::offered(&watched.server, "203.0.113.1");
    let nobody = Pending { server_ufrag: "nobodyhere".to_owned(), server_pwd: String::new(), ufrag: "x".to_owned() };
    let sockets: Vec<UdpSocket> = (0..500).map(anywhere).collect();
    let before = watched.counter("wasmcast_ignored_datagrams_total");
    let count = 40_000;
    flood(&watched, count, &sockets, |number| {
        let of = if number % 2 == 0 { &real } else { &nobody };
        of.request(number as u64, "a password that is not the right one")
    });
    let ignored = watched.counter("wasmcast_ignored_datagrams_total") - before;
    assert!(ignored * 2 > count as u64, "only {ignored} of {count} reached the server");
    sockets[0].set_nonblocking(true).expect("it is open");
    assert!(sockets[0].recv(&mut [0; 512]).is_err(), "something was answered");
    watched.check(ignored, 20.0, 8);
}

/// A handshake record with pieces of a message that never gets complete, as many as fit.
fn pieces(number: usize) -> Vec<u8> {
    let piece = |seq: usize| [&[1, 0, 0, 200][..], &(seq as u16).to_be_bytes(), &[0, 0, 9, 0, 0, 0]].concat();
    let content: Vec<u8> = (0..90).flat_map(|n| piece(number.wrapping_mul(90) + n + 2)).collect();
    record(22, 0, &content)
}

fn record(kind: u8, epoch: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16).to_be_bytes();
    [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 9, 9][..], &length, content].concat()
}

#[test]
fn dtls_garbage_of_those_who_were_answered_is_bounded() {
    let setup = Setup::new().demo().config("access.play = \"open\"\nhttp.trusted_proxies = [\"127.0.0.1\"]");
    let server = setup.start();
    server.wait_live("demo");
    let watched = Watched::start(server);
    let sockets: Vec<UdpSocket> = (0..50).map(anywhere).collect();
    for (number, socket) in sockets.iter().enumerate() {
        let session = Pending::offered(&watched.server, &format!("203.0.113.{number}"));
        session.check_in(socket, watched.server.media);
    }
    let hello = [1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let count = 40_000;
    flood(&watched, count, &sockets, |number| match number / 50 % 4 {
        0 => pieces(number),
        1 => record(22, 1, &[7; 1_100]),
        2 => record(22, 0, &hello),
        _ => vec![22, 0xfe, 0xfd, 0, 0, 1],
    });
    watched.check(count as u64, 20.0, 24);
}
