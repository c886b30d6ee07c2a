//! Bad days: what one peer does wrong, the others never notice.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::clients::{Codec, Publisher, Viewer};
use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::report::Report;
use crate::server::{Server, Setup};

/// Small, fast, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

/// Datagrams that look like STUN, DTLS, RTP or nothing, whole and cut.
fn garbage(random: &mut Random) -> Vec<u8> {
    let stun =
        [0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 6, 0, 4, b'a', b':', b'b', 0];
    let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48, 254, 253];
    let rtp = [0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    let mut datagram = match random.next() % 4 {
        0 => stun.to_vec(),
        1 => hello.to_vec(),
        2 => rtp.to_vec(),
        _ => Vec::new(),
    };
    let tail = random.next() as usize % 1200;
    datagram.extend(random.bytes(tail));
    datagram.truncate(1 + random.next() as usize % datagram.len().max(1));
    datagram
}

#[test]
fn garbage_on_the_media_port_is_answered_by_silence() {
    let server = Server::demo();
    server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
    let watching = Viewer::Wasmcast.launch(Codec::H264, &server, "demo", 4.0, true);
    server.wait_until("a viewer", || {
        let seen = server.api("/api/v1/streams");
        if seen["streams"][0]["viewers"] == 1 { Ok(()) } else { Err(seen.to_string()) }
    });
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout above zero");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..5000 {
        socket.send_to(&garbage(&mut random), server.media).expect("loopback takes datagrams");
    }
    let mut answer = [0; 2048];
    assert!(socket.recv_from(&mut answer).is_err(), "garbage got an answer of {} bytes", answer.len());
    Request::get("/healthz").send(server.http).expect(200);
    // Its report of lost or broken frames would fail the test.
    let watched = Report::read(watching, Duration::from_secs(20)).measured;
    assert!(watched["video"]["frames"].as_u64().is_some_and(|frames| frames >= 40), "{watched}");
    Viewer::Aiortc.play(Codec::H264, &server, "demo").check_alive();
}

#[test]
fn half_sent_requests_hold_nobody_up() {
    let server = Server::start();
    let halves: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = TcpStream::connect(server.http).expect("connections are accepted");
            stream
                .write_all(b"POST /whip/cam HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nv=0")
                .expect("written");
            stream
        })
        .collect();
    server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201);
    drop(halves);
}

#[test]
fn a_viewer_that_stops_reading_disturbs_no_other() {
    let server = Server::demo();
    let frozen = Viewer::Aiortc.launch(Codec::H264, &server, "demo", 60.0, true);
    server.wait_connected("play", 1);
    frozen.signal("STOP");
    Viewer::Aiortc.play(Codec::H264, &server, "demo").check_alive();
    frozen.signal("CONT");
}

#[test]
fn a_publisher_that_vanishes_frees_its_name_for_the_next() {
    let server = Setup::new().start();
    let publisher = Publisher::Aiortc.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
    drop(publisher);
    // Nobody said goodbye: the server has to find out by itself, by consent that is not renewed.
    server.wait_for_long("the stream's end", Duration::from_secs(45), || {
        let list = server.api("/api/v1/streams");
        let gone = !list["streams"].to_string().contains("\"cam\"");
        if gone { Ok(()) } else { Err(list.to_string()) }
    });
    let _again = Publisher::Aiortc.start(Codec::Vp8, &server, "cam");
    server.wait_live("cam");
}

#[test]
fn many_sessions_that_never_connect_go_by_themselves() {
    let server = Server::start();
    for n in 0..40 {
        server.send(&Request::offer(format!("/whip/s{n}"), CHROME_WHIP)).expect(201);
    }
    server.wait_for_long("their end", Duration::from_secs(30), || {
        let list = server.api("/api/v1/sessions");
        if list["total"] == 0 { Ok(()) } else { Err(list.to_string()) }
    });
    server.send(&Request::offer("/whip/s0", CHROME_WHIP)).expect(201);
}

#[test]
fn one_client_can_not_take_the_sessions_of_all() {
    let server = Setup::new()
        .config("access.publish = \"open\"\nlimits.sessions = 50\nhttp.trusted_proxies = [\"127.0.0.1\"]")
        .start();
    let offer = |client: &str, n: usize| {
        let request = Request::offer(format!("/whip/s{n}"), CHROME_WHIP).header("X-Forwarded-For", client);
        server.send(&request)
    };
    // A quarter of the sessions is what one address may have pending, be it one IPv4 address or one /64.
    for (client, neighbour, first) in [("203.0.113.7", "203.0.113.7", 0), ("2001:db8::7", "2001:db8::ffff:8", 100)] {
        for n in first..first + 12 {
            offer(client, n).expect(201);
        }
        let refused = offer(neighbour, first + 12);
        assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
        assert!(refused.problem(429).contains("limits.pending_per_address"));
    }
    offer("203.0.113.8", 200).expect(201);
    // And half of them what all together may.
    assert!(offer("203.0.113.9", 201).problem(503).contains("limits.pending"));
    let metrics = Request::get("/metrics").send(server.admin).expect(200).text();
    for (limit, count) in [("pending-per-address", 2), ("pending", 1)] {
        let line = format!("wasmcast_session_refusals_total{{action=\"publish\",limit=\"{limit}\"}} {count}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[test]
fn a_log_that_can_not_be_written_is_told_and_stops_nothing() {
    // /dev/full refuses every write as a full disk does.
    for file in ["/no/such/folder/wasmcast.log", "/dev/full"] {
        let http = free_port();
        let setup =
            Setup::new().config(&format!("log.file = \"{file}\"")).env("WASMCAST_HTTP__LISTEN", http.to_string());
        let process = setup.launch_only();
        process.wait_for("the complaint", Duration::from_secs(10), |line| line.contains(file).then_some(()));
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(http).is_err() {
            assert!(Instant::now() < end, "{}", process.log());
            std::thread::park_timeout(Duration::from_millis(25));
        }
        Request::offer("/whip/cam", CHROME_WHIP).send(http).expect(201);
    }
}

/// A port that was free a moment ago, for a server that can not tell which one it took.
fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
