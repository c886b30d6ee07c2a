//! WHEP (draft-ietf-wish-whep) row by row, as raw HTTP.

use std::io::BufRead;

use crate::http::{Request, Response};
use crate::offers::{self, CHROME_WHEP, CHROME_WHIP, FIREFOX_WHEP, LIVE777_WHEP, SAFARI_WHEP};
use crate::server::Server;

fn post(server: &Server, path: &str, offer: &str) -> Response {
    server.send(&Request::offer(path, offer))
}

#[test]
fn a_post_creates_a_session() {
    let server = Server::demo();
    let created = post(&server, "/whep/demo", CHROME_WHEP).expect(201);
    assert_eq!(created.header("content-type"), Some("application/sdp"));
    assert!(created.header("location").is_some_and(|location| location.starts_with("/session/")));
    assert!(created.header("etag").is_some_and(|etag| etag.starts_with('"')));
    let answer = created.text();
    for section in offers::sections(&answer) {
        assert!(section.contains("a=sendonly\r\n"), "{section}");
        assert!(section.contains("a=rtcp-mux\r\n"), "{section}");
    }
    let streams: Vec<_> = offers::lines(&answer, "a=msid:").iter().map(|msid| msid.split(' ').next()).collect();
    assert!(!streams.is_empty() && streams.iter().all(|stream| *stream == streams[0]), "one MediaStream: {answer}");
}

#[test]
fn viewers_that_are_in_use_are_understood() {
    let server = Server::demo();
    for (name, offer) in
        [("Safari, with an mDNS candidate", SAFARI_WHEP), ("live777, without candidates", LIVE777_WHEP)]
    {
        let response = post(&server, "/whep/demo", offer);
        assert_eq!(response.status, 201, "{name}: {}", response.text());
    }
}

#[test]
fn a_stream_that_is_not_live_is_told_with_the_time_to_try_again() {
    let server = Server::start();
    let response = post(&server, "/whep/nobody", CHROME_WHEP);
    response.problem(409);
    let seconds: u32 = response.header("retry-after").and_then(|value| value.parse().ok()).expect("Retry-After");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[test]
fn a_viewer_without_a_codec_in_common_is_told_what_the_stream_has() {
    let server = Server::demo();
    let detail = post(&server, "/whep/demo", FIREFOX_WHEP).problem(422);
    assert!(detail.to_uppercase().contains("H264") || detail.contains("H.264"), "{detail}");
    let detail = post(&server, "/whep/demo", &offers::only_video(CHROME_WHEP, "VP8")).problem(422);
    assert!(detail.to_uppercase().contains("H264") || detail.contains("H.264"), "{detail}");
    server.wait_sessions("play", 0);
}

#[test]
fn an_offer_to_send_is_refused() {
    let server = Server::demo();
    let response = post(&server, "/whep/demo", CHROME_WHIP);
    response.problem(422);
}

#[test]
fn wrong_content_types_and_garbage_are_refused() {
    let server = Server::demo();
    let json = Request::new("POST", "/whep/demo").header("Content-Type", "application/json").body("{}");
    server.send(&json).problem(415);
    post(&server, "/whep/demo", "hello").problem(400);
}

#[test]
fn viewers_are_counted_and_gone_after_delete() {
    let server = Server::demo();
    let created = post(&server, "/whep/demo", CHROME_WHEP).expect(201);
    server.wait_sessions("play", 1);
    server.send(&Request::new("DELETE", created.header("location").expect("a Location"))).expect(200);
    server.wait_sessions("play", 0);
}

#[test]
fn events_are_offered_by_a_link_and_followed_with_the_same_credential() {
    let server = Server::demo();
    let created = post(&server, "/whep/demo", CHROME_WHEP).expect(201);
    let link = created
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("link"))
        .map(|(_, value)| value.as_str())
        .find(|value| value.contains("urn:ietf:params:whep:ext:core:server-sent-events"))
        .unwrap_or_else(|| panic!("no Link to the events: {:?}", created.headers));
    let target = link.trim_start_matches('<').split('>').next().expect("a URL in the Link");
    let wanted = Request::new("POST", target).header("Content-Type", "application/json").body(r#"["viewercount"]"#);
    let made = server.send(&wanted).expect(201);
    let url = made.header("location").expect("the URL of the event stream");
    let (response, mut events) = Request::get(url).header("Accept", "text/event-stream").follow(server.http);
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    let (mut line, mut named) = (String::new(), false);
    loop {
        line.clear();
        assert!(events.read_line(&mut line).is_ok_and(|length| length > 0), "the events ended too early");
        named |= line.trim_end() == "event: viewercount";
        if named && line.starts_with("data: ") {
            assert!(line.contains("\"viewercount\""), "{line}");
            return;
        }
    }
}
