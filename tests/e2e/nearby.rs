//! A server without access rules serves this machine alone: not web pages of others in its browsers, not clients behind a proxy.

use crate::http::Request;
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::server::{Server, Setup};

/// Asks to publish and to play, and for the list; returns the two statuses and how many streams are listed.
fn ask(server: &Server, headers: &[(&str, &str)]) -> (u16, u16, usize) {
    let with = |request: Request| headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let offer = |path, sdp| server.send(&with(Request::offer(path, sdp))).status;
    let list = server.send(&with(Request::get("/streams"))).expect(200).json();
    let streams = list["streams"].as_array().map_or(0, Vec::len);
    (offer("/whip/cam", CHROME_WHIP), offer("/whep/demo", CHROME_WHEP), streams)
}

#[test]
fn a_page_of_another_site_can_not_use_a_server_that_serves_this_machine_alone() {
    const EVIL: (&str, &str) = ("Origin", "https://evil.example");
    let server = Server::demo();
    assert_eq!(ask(&server, &[EVIL]), (403, 403, 0));
    assert_eq!(ask(&server, &[("Host", "cam.example:8080")]), (403, 403, 0));
    let refused = server.send(&Request::offer("/whep/demo", CHROME_WHEP).header(EVIL.0, EVIL.1));
    assert!(refused.problem(403).contains("localhost"), "{}", refused.text());
    assert_eq!(ask(&server, &[("Origin", "http://localhost:3000")]), (201, 201, 1));
    let open = Setup::new().config("access.publish = \"open\"\naccess.play = \"open\"").demo().start();
    open.wait_live("demo");
    assert_eq!(ask(&open, &[EVIL]), (201, 201, 1));
}

#[test]
fn clients_behind_a_proxy_are_not_this_machine() {
    let server = Setup::new().config("http.trusted_proxies = [\"127.0.0.1\"]").demo().start();
    server.wait_live("demo");
    assert_eq!(ask(&server, &[("X-Forwarded-For", "198.51.100.7")]), (403, 403, 0));
    assert_eq!(ask(&server, &[]), (201, 201, 1));
    let log = server.stop().log;
    assert!(log.contains("http.trusted_proxies is set, but not access.publish and access.play"), "{log}");
    let refused = log.lines().find(|line| line.contains("\"status\":403")).unwrap_or_default();
    for told in ["198.51.100.7", "not-local", "cam"] {
        assert!(refused.contains(told), "{told} in: {refused}");
    }
}
