//! ICE-TCP: media by a connection to the media port, for those who get no UDP through, and what strangers do there.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::checks::Checks;
use crate::clients::{Codec, Viewer, browser, ready};
use crate::http::Request;
use crate::offers::{self, CHROME_WHEP};
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, Setup, wasmcast};

const LIMIT: Duration = Duration::from_secs(40);

fn start(arguments: &[&str]) -> Process {
    Process::start(&format!("wasmcast {}", arguments[0]), wasmcast().args(arguments).args(["--transport", "tcp"]))
}

fn publish(server: &Server, stream: &str) -> Process {
    let process = start(&[
        "publish",
        "testsrc",
        "--size",
        "640x360",
        "--bitrate",
        "800",
        &server.url(&format!("/whip/{stream}")),
    ]);
    server.wait_live(stream);
    process
}

fn last_report(viewer: Process) -> Value {
    let finished = viewer.finish(LIMIT);
    let last = finished.data.last().and_then(|line| serde_json::from_str(line).ok());
    last.unwrap_or_else(|| panic!("no report:\n{}", finished.log))
}

/// Everything came that was sent, and there was something.
fn check_whole(viewer: Process) {
    let report = last_report(viewer);
    for name in ["lost", "broken_frames", "not_understood"] {
        assert_eq!(report[name], 0, "{name} in {report}");
    }
    assert!(report["frames"].as_u64() >= Some(40) && report["audio_packets"].as_u64() >= Some(60), "{report}");
}

/// What carries the media of the sessions with an action.
fn transports(server: &Server, action: &str) -> Vec<String> {
    let list = server.api(&format!("/api/v1/sessions?action={action}"));
    let entries = list["sessions"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["media_transport"].as_str().map(str::to_owned)).collect()
}

fn metric(server: &Server, name: &str) -> u64 {
    let text = Request::get("/metrics").send(server.admin).expect(200).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn frame(packet: &[u8]) -> Vec<u8> {
    [&(packet.len() as u16).to_be_bytes()[..], packet].concat()
}

/// A connection to the media port; reading from it gives up after some time.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.media).expect("connections are taken");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a timeout above zero");
    stream
}

/// Whether the server ends a connection without having said a word.
fn is_closed_silently(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 16]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn read_packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("the length of a packet");
    let mut packet = vec![0; usize::from(u16::from_be_bytes(head))];
    stream.read_exact(&mut packet).expect("a packet");
    packet
}

#[test]
fn our_own_clients_publish_and_play_without_udp() {
    let server = Setup::new().config("media.shards = 2").start();
    let _publisher = publish(&server, "cam");
    let viewer = start(&["play", &server.url("/whep/cam"), "--duration", "4"]);
    server.wait_connected("play", 1);
    assert_eq!((transports(&server, "publish"), transports(&server, "play")), (vec!["tcp".into()], vec!["tcp".into()]));
    Report::read(viewer, LIMIT).check();
    // Who comes by UDP sees the same stream.
    Viewer::Wasmcast.play(Codec::H264, &server, "cam").check();
}

#[test]
fn a_session_is_served_on_whichever_shard_its_connections_land() {
    let server = Setup::new().config("media.shards = 4").demo().start();
    server.wait_live("demo");
    let answer = server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201).text();
    let checks = Checks::new(CHROME_WHEP, &answer);
    let mut connections: Vec<TcpStream> = (0..8).map(|_| connect(&server)).collect();
    for round in 0..3 {
        for (index, stream) in connections.iter_mut().enumerate() {
            let number = (index + 10 * round) as u8;
            stream.write_all(&frame(&checks.request(number, index == 5))).expect("the connection is open");
            assert!(checks.is_answer(number, &read_packet(stream)), "connection {index}, round {round}");
        }
    }
    assert_eq!(transports(&server, "play"), ["tcp"]);
    let media = &server.api("/api/v1/sessions?action=play")["sessions"][0]["media_address"];
    let nominated = connections[5].local_addr().expect("it is connected").to_string();
    assert_eq!(media.as_str(), Some(&*nominated));
    // More than one session may have: the first ones go.
    let mut another = connect(&server);
    another.write_all(&frame(&checks.request(99, false))).expect("the connection is open");
    assert!(checks.is_answer(99, &read_packet(&mut another)));
    assert!(is_closed_silently(&mut connections[0]));
    assert!(transports(&server, "play") == ["tcp"], "the one in use stays");
}

#[test]
fn answers_name_tcp_after_udp_unless_it_is_off() {
    let answer = |server: &Server| server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201).text();
    let server = Server::demo();
    let named = answer(&server);
    let lines = offers::lines(&named, "a=candidate:");
    let protocols: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(protocols, ["udp", "tcp"], "{lines:?}");
    assert!(lines[1].ends_with(&format!("127.0.0.1 {} typ host tcptype passive", server.media.port())), "{lines:?}");
    let without = Setup::new().config("media.tcp = false").demo().start();
    without.wait_live("demo");
    assert!(!answer(&without).contains("tcptype"));
    assert!(TcpStream::connect(without.media).is_err());
}

#[test]
fn what_is_no_ice_check_ends_the_connection_without_a_word() {
    let server = Server::demo();
    let answer = server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201).text();
    let good = Checks::new(CHROME_WHEP, &answer).request(1, true);
    let (mut forged, mut unknown) = (good.clone(), good.clone());
    *forged.last_mut().expect("a message") ^= 1;
    unknown[24] ^= 1;
    let firsts: Vec<(Vec<u8>, &str)> = vec![
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "oversize"),
        (vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc], "oversize"),
        (frame(&[7; 2_049]), "oversize"),
        (frame(&[]), "unknown"),
        (frame(&[0x80; 300]), "unknown"),
        (frame(&[7; 2_048]), "unknown"),
        (frame(&forged), "unknown"),
        (frame(&unknown), "unknown"),
        (good[..60].to_vec(), "unknown"),
    ];
    for (first, _) in &firsts {
        let mut stream = connect(&server);
        // The server may be gone before all of it is written.
        let _ = stream.write_all(first);
        assert!(is_closed_silently(&mut stream), "{:?}", &first[..first.len().min(16)]);
    }
    for reason in ["oversize", "unknown"] {
        let expected = firsts.iter().filter(|(_, own)| *own == reason).count() as u64;
        assert_eq!(metric(&server, &format!("wasmcast_tcp_refusals_total{{reason=\"{reason}\"}}")), expected);
    }
    // The same on a connection that had begun well.
    let mut stream = connect(&server);
    stream.write_all(&frame(&good)).expect("the connection is open");
    read_packet(&mut stream);
    stream.write_all(&[0xff, 0xff, 1, 2, 3]).expect("the connection is open");
    while !is_closed_silently(&mut stream) {}
}

#[test]
fn thousands_of_connections_that_say_nothing_keep_nobody_out() {
    let server = Setup::new().config("media.shards = 2").demo().start();
    server.wait_live("demo");
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (0..900).map(|_| connect(&server)).collect();
    // Each sends the length of a packet, and a byte of it from time to time.
    for stream in silent.iter_mut().step_by(3) {
        let _ = stream.write_all(&[0, 200, 0]);
    }
    let viewer = start(&["play", &server.url("/whep/demo"), "--duration", "3"]);
    check_whole(viewer);
    silent.iter_mut().for_each(|stream| assert!(is_closed_silently(stream)));
    let gone = |reason: &str| metric(&server, &format!("wasmcast_tcp_refusals_total{{reason=\"{reason}\"}}"));
    // One address may have 256 on each shard; the others had to go for newer ones.
    assert_eq!(gone("crowded-out") + gone("silent"), 900);
    assert!(gone("crowded-out") >= 900 - 512, "{} had to go", gone("crowded-out"));
    assert!(began.elapsed() < LIMIT);
}

#[test]
fn a_viewer_by_tcp_that_stops_reading_disturbs_no_other_and_comes_back_to_a_whole_picture() {
    let server = Setup::new().config("media.shards = 1").demo().start();
    server.wait_live("demo");
    let frozen = start(&["play", &server.url("/whep/demo"), "--interval", "0.5"]);
    server.wait_connected("play", 1);
    let frames = |wanted: u64| {
        frozen.wait_for("frames", LIMIT, |line| {
            let report: Value = serde_json::from_str(line).ok()?;
            report["frames"].as_u64().filter(|frames| *frames >= wanted)
        })
    };
    let before = frames(20);
    let memory = resident_kib(&server);
    frozen.signal("STOP");
    // Longer than what the ring holds, so that it has to go on elsewhere.
    let others: Vec<Process> = (0..2).map(|_| start(&["play", &server.url("/whep/demo"), "--duration", "9"])).collect();
    for other in others {
        check_whole(other);
    }
    let grown = resident_kib(&server).saturating_sub(memory);
    assert!(grown < 30 << 10, "the server has {grown} KiB more");
    frozen.signal("CONT");
    frames(before + 60);
    frozen.signal("TERM");
    check_whole(frozen);
    let dropped = metric(&server, "wasmcast_queue_dropped_packets_total{queue=\"send\"}");
    assert!(dropped > 0, "nothing was left out for it");
}

fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).expect("the size of a process")
}

#[test]
fn a_connection_that_breaks_leaves_the_session_for_the_next_one() {
    let server = Server::demo();
    let answer = server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201).text();
    let checks = Checks::new(CHROME_WHEP, &answer);
    for number in 0..3 {
        let mut stream = connect(&server);
        stream.write_all(&frame(&checks.request(number, true))).expect("the connection is open");
        assert!(checks.is_answer(number, &read_packet(&mut stream)));
        let own = stream.local_addr().expect("it is connected").to_string();
        server.wait_until("media by that connection", || {
            let list = server.api("/api/v1/sessions?action=play");
            if list["sessions"][0]["media_address"] == own.as_str() { Ok(()) } else { Err(list.to_string()) }
        });
    }
}

#[test]
fn load_comes_by_tcp_too() {
    let server = Setup::new().config("media.shards = 2").demo().start();
    server.wait_live("demo");
    let arguments = ["bench", "whep", &server.url("/whep/demo"), "--viewers", "12", "--ramp", "40", "--duration", "2"];
    let report = last_report(start(&[&arguments[..], &["--settle", "0.5"]].concat()));
    assert_eq!(
        (&report["sessions_ok"], &report["lost"], &report["srtp_auth_fail"]),
        (&json!(12), &json!(0), &json!(0))
    );
    let url = server.url("/whip/load{i}");
    let arguments = ["bench", "whip", &url, "--publishers", "2", "--bitrate", "300", "--duration", "2"];
    let report = last_report(start(&[&arguments[..], &["--settle", "0.5"]].concat()));
    assert_eq!(report["publishers_ok"], 2, "{report}");
}

/// Browsers with UDP switched off, as a firewall does it.
mod browsers {
    use super::*;

    /// What Chromium calls the policy has changed its name.
    const WITHOUT_UDP: [&str; 2] = [
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    ];

    #[test]
    fn chromium_publishes_and_plays_where_no_udp_gets_through() {
        let server = Server::start();
        let page = "/publish/cam?source=test&autostart=1&codec=vp8&width=640&height=360&fps=30&kbps=1000";
        let options = json!({ "role": "publish", "url": server.url(page), "args": WITHOUT_UDP });
        let _publisher = ready(browser("chromium", &server, "cam", &options));
        server.wait_live("cam");
        assert_eq!(transports(&server, "publish"), ["tcp"]);
        let options =
            json!({ "role": "play", "url": server.url("/play/cam?muted=1"), "seconds": 4, "args": WITHOUT_UDP });
        let viewer = browser("chromium", &server, "cam", &options);
        server.wait_connected("play", 1);
        assert_eq!(transports(&server, "play"), ["tcp"]);
        Report::read(viewer, LIMIT).check_media();
        Viewer::Aiortc.play(Codec::Vp8, &server, "cam").check_media();
    }
}
