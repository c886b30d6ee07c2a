//! The session URL: trickle, ICE restart, end.

use crate::http::{Request, Response};
use crate::offers::{self, CHROME_WHIP};
use crate::server::Server;

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

struct Created {
    server: Server,
    location: String,
    etag: String,
    answer: String,
}

fn created() -> Created {
    let server = Server::start();
    let response = server.send(&Request::offer("/whip/cam", CHROME_WHIP)).expect(201);
    let header = |name| response.header(name).unwrap_or_else(|| panic!("no {name}")).to_owned();
    Created { location: header("location"), etag: header("etag"), answer: response.text(), server }
}

impl Created {
    fn patch(&self, if_match: Option<&str>, body: &str) -> Response {
        let mut request = Request::new("PATCH", &self.location).header("Content-Type", FRAGMENT).body(body);
        if let Some(tag) = if_match {
            request = request.header("If-Match", tag);
        }
        self.server.send(&request)
    }

    /// A candidate of the running ICE session.
    fn trickle() -> String {
        let (ufrag, pwd) = (offers::lines(CHROME_WHIP, "a=ice-ufrag:")[0], offers::lines(CHROME_WHIP, "a=ice-pwd:")[0]);
        fragment(ufrag, pwd, "candidate:1 1 udp 2113937151 127.0.0.1 50000 typ host")
    }

    fn restart() -> String {
        fragment("fresh", "freshfreshfreshfreshfresh", "candidate:1 1 udp 2113937151 127.0.0.1 50001 typ host")
    }
}

fn fragment(ufrag: &str, pwd: &str, candidate: &str) -> String {
    format!(
        "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
         a={candidate}\r\na=end-of-candidates\r\n"
    )
}

#[test]
fn trickled_candidates_are_taken_without_content() {
    let session = created();
    let response = session.patch(Some(&session.etag), &Created::trickle()).expect(204);
    assert!(response.body.is_empty() && response.header("etag").is_none(), "{:?}", response.headers);
}

#[test]
fn candidates_that_mean_nothing_to_us_are_skipped_silently() {
    let session = created();
    let (ufrag, pwd) = (offers::lines(CHROME_WHIP, "a=ice-ufrag:")[0], offers::lines(CHROME_WHIP, "a=ice-pwd:")[0]);
    for candidate in [
        "candidate:1 1 udp 2113937151 0f6ff1a2-43ab-4e38-a2c4-0f6d9b1d5b4e.local 50000 typ host",
        "candidate:1 1 sctp 2113937151 127.0.0.1 50000 typ host",
        "candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
    ] {
        session.patch(Some(&session.etag), &fragment(ufrag, pwd, candidate)).expect(204);
    }
}

#[test]
fn a_patch_names_the_ice_session_it_is_about() {
    let session = created();
    session.patch(None, &Created::trickle()).problem(428);
    session.patch(Some("\"another\""), &Created::trickle()).problem(412);
    session.patch(Some("\"another\""), &Created::restart()).problem(412);
    session.patch(Some(&session.etag), &Created::trickle()).expect(204);
}

#[test]
fn ice_restarts_and_the_old_etag_is_over() {
    let session = created();
    let mut etags = vec![session.etag.clone()];
    for star in ["*", "\"*\""] {
        let offered = Created::restart().replace("fresh", if star == "*" { "fresha" } else { "freshb" });
        let response = session.patch(Some(star), &offered).expect(200);
        assert_eq!(response.header("content-type"), Some(FRAGMENT));
        let etag = response.header("etag").expect("a new ETag").to_owned();
        assert!(etag.starts_with('"') && !etags.contains(&etag), "{etag} after {etags:?}");
        let body = response.text();
        let (ufrag, old) = (offers::lines(&body, "a=ice-ufrag:"), offers::lines(&session.answer, "a=ice-ufrag:"));
        assert!(!ufrag.is_empty() && ufrag[0] != old[0], "a new ufrag in {body}");
        assert!(!offers::lines(&body, "a=ice-pwd:").is_empty(), "{body}");
        etags.push(etag);
    }
    session.patch(Some(&session.etag), &Created::trickle()).problem(412);
}

#[test]
fn a_failed_restart_leaves_the_session_alive() {
    let session = created();
    let response = session.patch(Some("*"), "a=ice-ufrag:\u{1}\r\n");
    assert!(matches!(response.status, 400 | 422), "{}", response.status);
    session.patch(Some(&session.etag), &Created::trickle()).expect(204);
}

#[test]
fn a_patch_of_another_type_is_refused() {
    let session = created();
    let request = Request::new("PATCH", &session.location).header("If-Match", &session.etag);
    let response = session.server.send(&request.header("Content-Type", "application/sdp").body(Created::trickle()));
    assert!(response.problem(415).contains(FRAGMENT));
}

#[test]
fn delete_ends_it_whatever_if_match_says_and_only_once() {
    let session = created();
    let delete = Request::new("DELETE", &session.location).header("If-Match", "\"another\"");
    session.server.send(&delete).expect(200);
    session.server.send(&Request::new("DELETE", &session.location)).problem(404);
    session.patch(Some(&session.etag), &Created::trickle()).problem(404);
    session.server.wait_sessions("publish", 0);
}

#[test]
fn get_and_head_succeed_without_content_and_options_tell_what_may_be_sent() {
    let session = created();
    for method in ["GET", "HEAD"] {
        let response = session.server.send(&Request::new(method, &session.location));
        assert!(matches!(response.status, 200 | 204) && response.body.is_empty(), "{method}: {}", response.status);
    }
    let response = session.server.send(&Request::new("OPTIONS", &session.location));
    assert!(matches!(response.status, 200 | 204), "{}", response.status);
    let preflight = Request::new("OPTIONS", &session.location)
        .header("Origin", "https://player.example")
        .header("Access-Control-Request-Method", "DELETE")
        .header("Access-Control-Request-Headers", "authorization,if-match");
    let allowed = session.server.send(&preflight).list("access-control-allow-methods");
    assert!(allowed.contains(&"delete".to_owned()) && allowed.contains(&"patch".to_owned()), "{allowed:?}");
}

#[test]
fn unknown_sessions_are_not_found() {
    let server = Server::start();
    for path in ["/session/n.0123456789abcdef0123456789abcdef", "/session/x", "/session/..%2f"] {
        for method in ["DELETE", "GET", "PATCH"] {
            let request = Request::new(method, path).header("Content-Type", FRAGMENT).header("If-Match", "*");
            let response = server.send(&request.body("a=ice-ufrag:abcd\r\n"));
            response.problem(404);
        }
    }
}
