//! WHIP and WHEP endpoints up to the media plane, and the session URL.

use super::super::Policy;
use super::fixture::{Fixture, Lines, ask, offer};
use crate::access;
use crate::shard::{CloseReason, Load, SessionLimits, SessionState, ShardLoad};

const SDP: (&str, &str) = ("content-type", "application/sdp");
const FRAGMENT: (&str, &str) = ("content-type", "application/trickle-ice-sdpfrag");
const TRICKLE: &str = "a=ice-ufrag:oldufrag\r\na=ice-pwd:oldpasswordoldpassword\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\na=end-of-candidates\r\n";
const RESTART: &str = "a=ice-ufrag:newufrag\r\na=ice-pwd:newpasswordnewpassword\r\n";

#[tokio::test]
async fn requests_that_are_no_offers_are_refused() {
    let fixture = Fixture::open();
    let large = "v".repeat((64 << 10) + 1);
    for endpoint in ["/whip", "/whep"] {
        let (path, lines) = (format!("{endpoint}/demo"), [SDP, ("content-encoding", "gzip")]);
        let gzip = ask(&fixture.public, "POST", &path, &lines, &offer("chrome-whip")).await;
        assert_eq!((gzip.status.as_u16(), gzip.problem().as_str()), (415, "wrong-content-encoding"));
        assert!(gzip.json()["detail"].as_str().unwrap().contains("without `Content-Encoding`"));
        let rows = [
            ("/demo", ("content-type", "text/plain"), "v=0", 415, "wrong-content-type"),
            ("/demo", ("x-none", ""), "v=0", 415, "wrong-content-type"),
            ("/demo", SDP, large.as_str(), 413, "body-too-large"),
            ("/a/b/c/d/e", SDP, "v=0", 400, "invalid-stream-name"),
            ("/a%2fb", SDP, "v=0", 400, "invalid-stream-name"),
            ("/a@b@c", SDP, "v=0", 400, "invalid-stream-name"),
            ("/demo/", SDP, "v=0", 400, "invalid-stream-name"),
            ("/a/../b", SDP, "v=0", 400, "invalid-stream-name"),
            ("/demo?token=a&token=b", SDP, "v=0", 400, "malformed-query"),
            ("/", SDP, "v=0", 404, "not-found"),
            ("", SDP, "v=0", 404, "not-found"),
        ];
        for (path, content_type, body, status, problem) in rows {
            let path = format!("{endpoint}{path}");
            let answer = ask(&fixture.public, "POST", &path, &[content_type], body).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{path}");
        }
        for method in ["GET", "HEAD"] {
            let answer = ask(&fixture.public, method, &format!("{endpoint}/demo"), &[], "").await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{method} {endpoint}");
        }
    }
}

#[tokio::test]
async fn offers_are_answered_with_the_address_of_the_session() {
    let fixture = Fixture::open();
    let origin = ("origin", "http://localhost:3000");
    let answer = ask(&fixture.public, "POST", "/whip/live/new", &[SDP, origin], &offer("chrome-whip")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/sdp");
    assert!(answer.body.starts_with("v=0\r\n") && answer.body.contains("a=recvonly"), "{}", answer.body);
    assert!(answer.body.contains("a=candidate:"), "all candidates are in the answer");
    assert!(!answer.headers.contains_key("link"));
    let id = answer.header("location").strip_prefix("/session/").unwrap();
    let (node, random) = id.split_once('.').unwrap();
    assert_eq!((node, random.len()), ("test", 32));
    let session = fixture.state.sessions.get(id).unwrap();
    assert_eq!(answer.header("etag"), session.etag());
    assert_eq!((session.client.protocol, session.client.remote_ip), ("whip", "127.0.0.1".parse().unwrap()));

    let taken = ask(&fixture.public, "POST", "/whip/live/new", &[SDP], &offer("chrome-whip")).await;
    assert_eq!((taken.status.as_u16(), taken.problem().as_str()), (409, "stream-taken"));
    assert_eq!(fixture.state.sessions.list().len(), 1, "no half session is left");

    let publisher = fixture.publish("demo");
    let typed = ("content-type", "application/sdp; charset=utf-8");
    let answer = ask(&fixture.public, "POST", "/whep/demo", &[typed, origin], &offer("chrome-whep")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(answer.body.contains("a=sendonly"), "{}", answer.body);
    let location = answer.header("location");
    assert_eq!(
        answer.header("link"),
        format!(
            "<{location}/events>; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; \
             events=\"active,inactive,layers,viewercount,reconnect,ended\""
        )
    );
    drop(publisher);
    let absent = ask(&fixture.public, "POST", "/whep/absent", &[SDP], &offer("chrome-whep")).await;
    assert_eq!((absent.status.as_u16(), absent.problem().as_str()), (409, "not-live"));
    assert!(absent.header("retry-after").parse::<u32>().is_ok());
    let garbage = ask(&fixture.public, "POST", "/whip/other", &[SDP], "garbage").await;
    assert_eq!((garbage.status.as_u16(), garbage.problem().as_str()), (400, "malformed-sdp"));
}

#[tokio::test]
async fn access_rules_decide_who_gets_a_session() {
    let token = "wct_alice-0123456789abcdefghjkmn";
    let hex: String = access::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = format!(
        "[[rules]]\nstream = \"live/*\"\nallow = \"token\"\ntokens = [\"sha256:{hex}\"]\n\
         [[rules]]\nstream = \"**\"\nallow = \"denied\""
    );
    let fixture = Fixture::new(toml::from_str(&rules).unwrap(), Policy::default());
    let bearer = format!("Bearer {token}");
    let by_query = format!("/whip/live/b?token={token}");
    let rows: [(&str, Option<&str>, u16); 5] = [
        ("/whip/live/a", None, 401),
        ("/whip/live/a", Some("Bearer wrong"), 401),
        ("/whip/live/a", Some(&bearer), 201),
        (&by_query, None, 201),
        ("/whip/else", Some(&bearer), 403),
    ];
    for (path, authorization, status) in rows {
        let mut headers = vec![SDP];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let answer = ask(&fixture.public, "POST", path, &headers, &offer("chrome-whip")).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("www-authenticate").starts_with("Bearer"), status == 401);
        assert!(!answer.body.contains(token));
        if status == 201 {
            let location = answer.header("location");
            assert_eq!(ask(&fixture.public, "DELETE", location, &[], "").await.status, 401);
            assert_eq!(ask(&fixture.public, "DELETE", location, &[("authorization", &bearer)], "").await.status, 200);
        }
    }
    let metrics = fixture.state.metrics.render();
    for reason in ["token-missing", "token-wrong", "forbidden"] {
        let line = format!("wasmcast_access_denials_total{{action=\"publish\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn who_has_too_many_sessions_is_told_which_limit_and_when_to_try_again() {
    let fixture = Fixture::open();
    let _publisher = fixture.publish("demo");
    let roomy = SessionLimits::default();
    let rows = [
        (SessionLimits { sessions_per_address: 1, ..roomy }, 429, "too-many-sessions", "limits.sessions_per_address"),
        (SessionLimits { pending_per_address: 1, ..roomy }, 429, "too-many-sessions", "limits.pending_per_address"),
        (SessionLimits { pending: 1, ..roomy }, 503, "full", "limits.pending"),
        (SessionLimits { sessions: 1, ..roomy }, 503, "full", "limits.sessions"),
    ];
    let first = ask(&fixture.public, "POST", "/whep/demo", &[SDP], &offer("chrome-whep")).await;
    assert_eq!(first.status, 201, "{first:?}");
    for (limits, status, problem, key) in rows {
        fixture.state.sessions.set_limits(limits);
        for (endpoint, offered) in [("/whep/demo", "chrome-whep"), ("/whip/other", "chrome-whip")] {
            let answer = ask(&fixture.public, "POST", endpoint, &[SDP], &offer(offered)).await;
            assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{key}");
            assert!(answer.json()["detail"].as_str().unwrap().contains(&format!("`{key}`")), "{answer:?}");
            assert_eq!(answer.header("retry-after"), "10");
        }
    }
    assert!(fixture.state.hub.stream(&"other".parse().unwrap()).is_none(), "no half session is left");
    fixture.state.sessions.set_limits(roomy);
    let again = ask(&fixture.public, "POST", "/whip/other", &[SDP], &offer("chrome-whip")).await;
    assert_eq!(again.status, 201, "{again:?}");
}

#[tokio::test]
async fn a_stopping_server_takes_no_offers() {
    let fixture = Fixture::open();
    fixture.state.stopping.cancel();
    for path in ["/whip/demo", "/whep/demo"] {
        let answer = ask(&fixture.public, "POST", path, &[SDP], "v=0").await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "stopping"));
        assert!(!answer.header("retry-after").is_empty());
    }
}

#[tokio::test]
async fn patch_trickles_or_restarts_by_its_etag() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let path = format!("/session/{}", session.id);
    let first = session.etag();
    assert!(first.starts_with('"') && first.ends_with('"'), "strong: {first}");
    let json = ("content-type", "application/json");
    let gzip = ("content-encoding", "gzip");
    let refusals: [(Lines<'_>, &str, u16, &str); 9] = [
        (&[FRAGMENT], TRICKLE, 428, "if-match-required"),
        (&[FRAGMENT, ("if-match", "\"other\"")], TRICKLE, 412, "etag-mismatch"),
        (&[FRAGMENT, ("if-match", "\"other\"")], RESTART, 412, "etag-mismatch"),
        (&[json, ("if-match", &first)], TRICKLE, 415, "wrong-content-type"),
        (&[FRAGMENT, ("if-match", &first)], "a=ice-ufrag:half\r\n", 400, "malformed-sdp"),
        // The condition is judged before the body.
        (&[FRAGMENT], "a=ice-ufrag:half\r\n", 428, "if-match-required"),
        (&[FRAGMENT, ("if-match", "\"other\"")], "a=ice-ufrag:half\r\n", 412, "etag-mismatch"),
        (&[json], "a=ice-ufrag:half\r\n", 415, "wrong-content-type"),
        (&[FRAGMENT, gzip, ("if-match", &first)], TRICKLE, 415, "wrong-content-encoding"),
    ];
    for (headers, body, status, problem) in refusals {
        let answer = ask(&fixture.public, "PATCH", &path, headers, body).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem));
        assert_eq!(session.etag(), first, "a failed PATCH leaves the session as it was");
    }

    let answer = ask(&fixture.public, "PATCH", &path, &[FRAGMENT, ("if-match", &first)], TRICKLE).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str(), answer.header("etag")), (204, "", ""));

    let mut before = first;
    for (round, star) in ["*", "\"*\"", "current"].into_iter().enumerate() {
        let condition = if star == "current" { before.clone() } else { star.to_owned() };
        let body = RESTART.replace("newufrag", &format!("newufrag{round}"));
        let answer = ask(&fixture.public, "PATCH", &path, &[FRAGMENT, ("if-match", &condition)], &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/trickle-ice-sdpfrag");
        let etag = answer.header("etag").to_owned();
        assert!(etag != before && etag == session.etag());
        assert!(answer.body.contains("a=ice-ufrag:") && answer.body.contains("a=ice-pwd:"), "{}", answer.body);

        // What trickles after a restart belongs to the new ICE session.
        let old = ask(&fixture.public, "PATCH", &path, &[FRAGMENT, ("if-match", &before)], &body).await;
        assert_eq!(old.status, 412);
        let new = ask(&fixture.public, "PATCH", &path, &[FRAGMENT, ("if-match", &etag)], &body).await;
        assert_eq!(new.status, 204);
        before = etag;
    }
}

#[tokio::test]
async fn delete_ends_the_session_once() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, None);
    let path = format!("/session/{}", session.id);
    for method in ["GET", "HEAD"] {
        let answer = ask(&fixture.public, method, &path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    }
    let answer = ask(&fixture.public, "DELETE", &path, &[("if-match", "\"stale\"")], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(session.state(), SessionState::Closed(CloseReason::ByPeer));
    for method in ["DELETE", "PATCH", "GET"] {
        let answer = ask(&fixture.public, method, &path, &[], "").await;
        assert_eq!(answer.status, 404, "{method}");
    }
    let answer = ask(&fixture.public, "DELETE", "/session/unknown", &[], "").await;
    assert_eq!(answer.problem(), "no-session");
}

#[tokio::test]
async fn the_session_url_wants_the_credential_that_created_it() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("demo");
    let session = fixture.viewer(&publisher, Some("secret-token"));
    let path = format!("/session/{}", session.id);
    let events = format!("{path}/events");
    for authorization in [None, Some("Bearer wrong"), Some("Basic secret-token")] {
        let mut headers = vec![FRAGMENT, ("if-match", "*")];
        headers.extend(authorization.map(|value| ("authorization", value)));
        for (method, path) in [("PATCH", &path), ("DELETE", &path), ("GET", &path), ("POST", &events)] {
            let answer = ask(&fixture.public, method, path, &headers, RESTART).await;
            assert_eq!(answer.status, 401, "{method} {authorization:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"wasmcast\"");
            if method != "HEAD" {
                assert_eq!(answer.problem(), "unauthorized");
            }
            assert!(!answer.body.contains("secret-token"));
        }
    }
    let right = ("authorization", "Bearer secret-token");
    let trickle = [FRAGMENT, right, ("if-match", "*")];
    assert_eq!(ask(&fixture.public, "PATCH", &path, &trickle, TRICKLE).await.status, 204);
    let by_query = format!("{path}?token=secret-token");
    assert_eq!(ask(&fixture.public, "GET", &by_query, &[], "").await.status, 204);
    assert_eq!(ask(&fixture.public, "OPTIONS", &path, &[], "").await.status, 200);
    assert_eq!(ask(&fixture.public, "DELETE", &path, &[right], "").await.status, 200);
}

#[tokio::test]
async fn a_flood_is_refused_by_its_head_and_others_are_not() {
    let fixture = Fixture::open();
    fixture.state.sessions.set_limits(SessionLimits { joins_per_address: 1, ..SessionLimits::default() });
    let nonsense = ("content-type", "text/plain");
    for endpoint in ["/whip/demo", "/whep/demo"] {
        let answer = ask(&fixture.public, "POST", endpoint, &[nonsense], "").await;
        assert_eq!(answer.status, 415, "the first two are judged as ever");
    }
    // A token a second may come back, however slow the machine is.
    let mut refused = 0;
    for _ in 0..10 {
        let answer = ask(&fixture.public, "POST", "/whip/demo", &[nonsense], "").await;
        if answer.status == 429 {
            refused += 1;
            assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("too-many-joins", "1"));
        }
    }
    assert!(refused >= 5, "{refused}");
    let line = format!("wasmcast_session_refusals_total{{action=\"publish\",limit=\"joins-per-address\"}} {refused}");
    assert!(fixture.state.metrics.render().contains(&line), "{line}");
    // What is no offer is not counted: a session can be left, and pages are served.
    assert_eq!(ask(&fixture.public, "GET", "/whip/demo", &[], "").await.status, 204);
    assert_eq!(ask(&fixture.public, "DELETE", "/session/none", &[], "").await.status, 404);
}

#[tokio::test]
async fn an_overloaded_server_takes_nobody_but_publishers_who_come_back() {
    let fixture = Fixture::open();
    let _publisher = fixture.publish("demo");
    let busy = ShardLoad { share: 0.97, overloaded: true };
    let set = |shards: Vec<ShardLoad>| fixture.state.sessions.set_load(Load { shards, sent: 0 });
    let rows = [
        ("/whep/demo", "chrome-whep", 503, "overloaded"),
        ("/whip/new", "chrome-whip", 503, "overloaded"),
        ("/whip/demo", "chrome-whip", 409, "stream-taken"),
    ];
    set(vec![busy]);
    for (path, offered, status, problem) in rows {
        let answer = ask(&fixture.public, "POST", path, &[SDP], &offer(offered)).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, problem), "{path}");
        assert_eq!(answer.header("retry-after"), if status == 503 { "5" } else { "" });
    }
    let info = ask(&fixture.admin, "GET", "/api/v1/info", &[], "").await.json();
    assert_eq!((&info["overloaded"], &info["shards"][0]["load"]), (&true.into(), &0.97.into()), "{info}");
    assert_eq!(ask(&fixture.public, "GET", "/readyz", &[], "").await.status, 200);
    let metrics = fixture.state.metrics.render();
    for action in ["play", "publish"] {
        let line = format!("wasmcast_session_refusals_total{{action=\"{action}\",limit=\"shard-load\"}} 1");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    set(vec![busy, ShardLoad::default()]);
    let answer = ask(&fixture.public, "POST", "/whep/demo", &[SDP], &offer("chrome-whep")).await;
    assert_eq!(answer.status, 201, "one shard has room");
}
