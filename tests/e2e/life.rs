//! Start, readiness, addresses and the end of the server.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};

#[test]
fn it_says_where_it_listens() {
    let server = Server::start();
    assert!([server.http, server.media, server.admin].iter().all(|address| address.port() != 0));
    let info = server.api("/api/v1/info");
    for address in [server.http, server.media, server.admin] {
        assert!(info["listeners"].to_string().contains(&address.to_string()), "{address} in {info}");
    }
}

#[test]
fn the_limit_of_open_files_is_raised_as_far_as_it_may_be() {
    let server = Server::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id())).expect("the process runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("every process has one");
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
}

#[test]
fn it_is_ready_and_healthy_on_both_listeners() {
    let server = Server::start();
    for address in [server.http, server.admin] {
        server.wait_until("readiness", || {
            let response = Request::get("/readyz").send(address);
            if response.status == 200 { Ok(()) } else { Err(response.text()) }
        });
        Request::get("/healthz").send(address).expect(200);
    }
    let mut command = wasmcast();
    command.args(["healthcheck", &server.url("/readyz")]);
    let check = Process::start("healthcheck", &mut command).finish(Duration::from_secs(10));
    assert_eq!(check.status.code(), Some(0), "{}", check.log);
    let url = server.url("/readyz");
    drop(server);
    let check = Process::start("healthcheck", wasmcast().args(["healthcheck", &url])).finish(Duration::from_secs(10));
    assert_eq!(check.status.code(), Some(1), "{}", check.log);
}

#[test]
fn sigterm_and_sigint_end_it_well() {
    for signal in ["TERM", "INT"] {
        let server = Server::demo();
        server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201);
        server.send(&Request::offer("/whep/demo", CHROME_WHEP)).expect(201);
        server.process.signal(signal);
        let finished = server.process.finish(Duration::from_secs(20));
        assert_eq!(finished.status.code(), Some(0), "SIG{signal}\n{}", finished.log);
    }
}

#[test]
fn a_port_in_use_is_told_with_the_key_to_change() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    for (variable, key) in [("WASMCAST_HTTP__LISTEN", "http.listen"), ("WASMCAST_ADMIN__LISTEN", "admin.listen")] {
        let refused = Setup::new().env(variable, &address).refused();
        assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
        assert!(refused.log.contains(&address) && refused.log.contains(key), "{}", refused.log);
    }
}

#[test]
fn a_media_port_in_use_is_told_even_if_it_could_be_shared() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let refused = Setup::new().env("WASMCAST_MEDIA__LISTEN", &address).refused();
    assert!(refused.log.contains(&address) && refused.log.contains("media.listen"), "{}", refused.log);

    let first = Server::start();
    let address = first.media.to_string();
    let refused = Setup::new().env("WASMCAST_MEDIA__LISTEN", &address).refused();
    assert!(refused.log.contains(&address) && refused.log.contains("media.listen"), "{}", refused.log);
}

#[test]
fn it_listens_on_ipv6_and_on_both_families() {
    let setup = Setup::new().address("::1".parse().expect("an address"));
    let server = setup.start();
    assert!(server.http.is_ipv6() && server.media.is_ipv6());
    let answer = server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201).text();
    assert!(answer.contains(&format!(" ::1 {} typ host", server.media.port())), "{answer}");
}

#[test]
fn a_public_address_is_announced_instead_of_its_own() {
    let server = Setup::new().config("media.public_address = \"203.0.113.7\"").start();
    let answer = server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201).text();
    assert!(answer.contains(&format!(" 203.0.113.7 {} typ host", server.media.port())), "{answer}");
    assert!(!answer.contains(" 127.0.0.1 "), "{answer}");
}
