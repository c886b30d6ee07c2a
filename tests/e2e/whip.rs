//! WHIP (RFC 9725) row by row, as raw HTTP.

use crate::http::{Request, Response};
use crate::offers::{self, CHROME_WHIP, CHROME_WHIP_DATA, FFMPEG_WHIP, FFMPEG_WHIP_ACTIVE, OBS_WHIP};
use crate::server::{Server, Setup};

fn post(server: &Server, path: &str, offer: &str) -> Response {
    server.send(&Request::offer(path, offer))
}

#[test]
fn a_post_creates_a_session() {
    let server = Server::start();
    let created = post(&server, "/whip/live/cam1", CHROME_WHIP).expect(201);
    assert_eq!(created.header("content-type"), Some("application/sdp"));
    let etag = created.header("etag").expect("an ETag");
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 6, "a strong quoted ETag: {etag}");
    let location = created.header("location").expect("a Location");
    let id = location.strip_prefix("/session/").unwrap_or_else(|| panic!("Location {location}"));
    let (_, secret) = id.split_once('.').expect("node and random part");
    assert!(secret.len() >= 22, "128 random bits take 22 characters or more: {secret}");
}

#[test]
fn each_session_has_a_location_and_an_etag_of_its_own() {
    let server = Server::start();
    let (a, b) = (post(&server, "/whip/a", CHROME_WHIP).expect(201), post(&server, "/whip/b", CHROME_WHIP).expect(201));
    assert_ne!(a.header("location"), b.header("location"));
    assert_ne!(a.header("etag"), b.header("etag"));
}

#[test]
fn the_answer_receives_only_and_has_all_candidates() {
    let server = Server::start();
    let answer = post(&server, "/whip/cam", CHROME_WHIP).expect(201).text();
    let sections = offers::sections(&answer);
    assert_eq!(sections.len(), offers::sections(CHROME_WHIP).len());
    for section in &sections {
        assert!(section.contains("a=recvonly\r\n"), "{section}");
        assert!(section.contains("a=rtcp-mux\r\n"), "{section}");
        assert!(section.contains("a=setup:passive\r\n"), "{section}");
    }
    assert!(answer.contains("a=ice-lite\r\n"), "{answer}");
    assert_eq!(offers::lines(&answer, "a=group:BUNDLE "), ["0 1"]);
    let candidate = format!(" {} {} typ host", server.media.ip(), server.media.port());
    assert!(offers::lines(&answer, "a=candidate:").iter().any(|line| line.contains(&candidate)), "{answer}");
    assert!(answer.contains("a=end-of-candidates"), "{answer}");
}

#[test]
fn one_codec_is_answered_in_the_servers_order() {
    let server = Server::start();
    for (offer, codec) in [
        (CHROME_WHIP.to_owned(), "H264/90000"),
        (offers::only_video(CHROME_WHIP, "VP8"), "VP8/90000"),
        (offers::only_video(CHROME_WHIP, "VP9"), "VP9/90000"),
        (offers::only_video(CHROME_WHIP, "AV1"), "AV1/90000"),
    ] {
        let stream = format!("/whip/{}", codec.replace('/', "-"));
        let answer = post(&server, &stream, &offer).expect(201).text();
        let video =
            offers::sections(&answer).into_iter().find(|section| section.starts_with("m=video")).expect("video");
        let codecs = offers::lines(&video, "a=rtpmap:");
        let primary: Vec<_> = codecs.iter().filter(|line| !line.contains("rtx/")).collect();
        assert!(primary.len() == 1 && primary[0].contains(codec), "wanted {codec} alone: {codecs:?}");
        for refused in ["red/", "ulpfec/", "flexfec"] {
            assert!(!video.contains(refused), "{refused} is answered: {video}");
        }
        assert!(!video.contains("urn:3gpp:video-orientation"), "{video}");
    }
}

#[test]
fn publishers_that_are_in_use_are_understood() {
    let server = Server::start();
    for (name, offer) in [("obs", OBS_WHIP), ("ffmpeg", FFMPEG_WHIP_ACTIVE)] {
        post(&server, &format!("/whip/{name}"), offer).expect(201);
    }
}

#[test]
fn a_publisher_that_wants_to_be_the_dtls_server_may() {
    let server = Server::start();
    let answer = post(&server, "/whip/cam", FFMPEG_WHIP).expect(201).text();
    assert!(offers::lines(&answer, "a=setup:").iter().all(|role| *role == "active"), "{answer}");
}

#[test]
fn an_application_section_is_answered_with_port_zero() {
    let server = Server::start();
    let answer = post(&server, "/whip/cam", CHROME_WHIP_DATA).expect(201).text();
    assert!(answer.contains("\r\nm=application 0 "), "{answer}");
}

#[test]
fn wrong_content_types_are_refused() {
    let server = Server::start();
    for kind in ["application/json", "text/plain", "application/sdpx", ""] {
        let request = Request::new("POST", "/whip/cam").header("Content-Type", kind).body(CHROME_WHIP);
        assert!(server.send(&request).problem(415).contains("application/sdp"));
    }
    server.send(&Request::new("POST", "/whip/cam").body(CHROME_WHIP)).problem(415);
    let spelled = Request::new("POST", "/whip/cam").header("Content-Type", "Application/SDP; charset=utf-8");
    server.send(&spelled.body(CHROME_WHIP)).expect(201);
}

#[test]
fn unusable_offers_are_refused_and_leave_nothing_behind() {
    let server = Server::start();
    let second = |kind: &str| {
        let index = offers::sections(CHROME_WHIP).iter().position(|section| section.starts_with(kind)).expect(kind);
        offers::with_second(CHROME_WHIP, index)
    };
    for (what, offer, status) in [
        ("nothing", String::new(), 400),
        ("no SDP", "hello".to_owned(), 400),
        ("half an SDP", CHROME_WHIP[..60].to_owned(), 400),
        ("too long", format!("{CHROME_WHIP}{}", "a=x\r\n".repeat(30_000)), 413),
        ("no fingerprint", CHROME_WHIP.replace("a=fingerprint:", "a=x-fingerprint:"), 422),
        ("no ufrag", CHROME_WHIP.replace("a=ice-ufrag:", "a=x-ufrag:"), 422),
        ("no bundle", CHROME_WHIP.replace("a=group:BUNDLE 0 1\r\n", ""), 422),
        ("receives only", CHROME_WHIP.replace("a=sendonly", "a=recvonly"), 422),
        ("unknown codecs", CHROME_WHIP.replace("/90000", "-X/90000"), 422),
        ("two videos", second("m=video"), 422),
        ("two audios", second("m=audio"), 422),
    ] {
        let response = post(&server, "/whip/cam", &offer);
        // Some of these are as well called unparsable as unusable.
        let accepted = if status == 413 { vec![413, 400] } else { vec![400, 422] };
        assert!(accepted.contains(&response.status), "{what}: {} {}", response.status, response.text());
        if matches!(what, "two videos" | "two audios" | "unknown codecs") {
            assert_eq!(response.status, 422, "{what}: {}", response.text());
        }
        response.problem(response.status);
    }
    server.wait_sessions("publish", 0);
    post(&server, "/whip/cam", CHROME_WHIP).expect(201);
}

#[test]
fn stream_names_are_checked() {
    let server = Server::start();
    let long = "x".repeat(65);
    for name in ["", "a b", "a%20b", "../x", "a/../b", "a//b", "a/b/c/d/e", "a@b", "caf%C3%A9", long.as_str()] {
        let response = post(&server, &format!("/whip/{}", name.replace(' ', "+")), CHROME_WHIP);
        assert!(matches!(response.status, 400 | 404), "{name:?}: {} {}", response.status, response.text());
        response.problem(response.status);
    }
    for name in ["a", "a/b/c/d", "A.b_c-9", &"x".repeat(64)] {
        post(&server, &format!("/whip/{name}"), CHROME_WHIP).expect(201);
    }
}

#[test]
fn a_name_in_use_is_not_taken_over() {
    let server = Server::start();
    let first = post(&server, "/whip/cam", CHROME_WHIP).expect(201);
    post(&server, "/whip/cam", CHROME_WHIP).problem(409);
    let location = first.header("location").expect("a Location");
    server.send(&Request::new("DELETE", location)).expect(200);
    post(&server, "/whip/cam", CHROME_WHIP).expect(201);
}

#[test]
fn get_and_head_succeed_without_content() {
    let server = Server::start();
    for path in ["/whip/cam", "/whep/cam"] {
        for method in ["GET", "HEAD"] {
            let response = server.send(&Request::new(method, path));
            assert!(matches!(response.status, 200 | 204), "{method} {path}: {}", response.status);
            assert!(response.body.is_empty(), "{}", response.text());
        }
    }
}

#[test]
fn other_methods_are_refused_with_a_list_of_the_right_ones() {
    let server = Server::start();
    for path in ["/whip/cam", "/whep/cam"] {
        let response = server.send(&Request::new("PUT", path).body("x"));
        response.problem(405);
        assert!(response.list("allow").contains(&"post".to_owned()), "{:?}", response.headers);
    }
}

#[test]
fn options_tell_what_may_be_posted() {
    let server = Server::start();
    for path in ["/whip/cam", "/whep/cam"] {
        let response = server.send(&Request::new("OPTIONS", path));
        assert!(matches!(response.status, 200 | 204), "{}", response.status);
        assert_eq!(response.header("accept-post"), Some("application/sdp"));
    }
}

#[test]
fn pages_of_other_origins_may_publish_and_play() {
    let server = Setup::new().config("access.publish = \"open\"\naccess.play = \"open\"").start();
    for path in ["/whip/cam", "/whep/cam"] {
        let preflight = server.send(
            &Request::new("OPTIONS", path)
                .header("Origin", "https://player.example")
                .header("Access-Control-Request-Method", "POST")
                .header("Access-Control-Request-Headers", "authorization,content-type"),
        );
        assert!(matches!(preflight.status, 200 | 204), "{}", preflight.status);
        let headers = preflight.list("access-control-allow-headers");
        for wanted in ["authorization", "content-type", "if-match"] {
            assert!(headers.contains(&wanted.to_owned()), "{wanted} in {headers:?}");
        }
        let methods = preflight.list("access-control-allow-methods");
        for wanted in ["post", "patch", "delete"] {
            assert!(methods.contains(&wanted.to_owned()), "{wanted} in {methods:?}");
        }
        assert!(preflight.header("link").is_none(), "a preflight tells no TURN credentials");
    }
    let request = Request::offer("/whip/cam", CHROME_WHIP).header("Origin", "https://player.example");
    let created = server.send(&request).expect(201);
    assert!(matches!(created.header("access-control-allow-origin"), Some("*" | "https://player.example")));
    let exposed = created.list("access-control-expose-headers");
    for wanted in ["location", "etag", "link"] {
        assert!(exposed.contains(&wanted.to_owned()), "{wanted} in {exposed:?}");
    }
}

#[test]
fn nothing_is_redirected() {
    let server = Server::start();
    for path in ["/whip/cam/", "/whip", "/whep/cam/", "//whip/cam"] {
        let status = post(&server, path, CHROME_WHIP).status;
        assert!(!(300..400).contains(&status) || matches!(status, 307 | 308), "{path}: {status}");
    }
}
