//! Draining by the operator, waiting viewers, and the TURN servers that a session is told of.

use super::super::{IceServer, Login, Policy};
use super::fixture::{Fixture, ask, offer, request, send};
use crate::access::{self, Password};
use crate::shard::Doors;
use std::sync::Arc;
use std::time::Duration;

const SDP: (&str, &str) = ("content-type", "application/sdp");
const MARK: (&str, &str) = ("x-wasmcast", "1");

#[tokio::test]
async fn the_operator_drains_and_takes_it_back() {
    let fixture = Fixture::open();
    let _publisher = fixture.publish("demo");
    let state = async || {
        let info = ask(&fixture.admin, "GET", "/api/v1/info", &[], "").await.json();
        let ready = ask(&fixture.public, "GET", "/readyz", &[], "").await;
        (info["state"].as_str().unwrap().to_owned(), info["ready"] == true, ready.status.as_u16())
    };
    assert_eq!(state().await, ("running".to_owned(), true, 200));
    assert_eq!(ask(&fixture.admin, "POST", "/api/v1/drain", &[], "").await.status, 403, "not by a page");
    let drained = ask(&fixture.admin, "POST", "/api/v1/drain?leave=false", &[MARK], "").await;
    assert_eq!((drained.status.as_u16(), &drained.json()["leave"]), (202, &false.into()));
    assert_eq!(state().await, ("draining".to_owned(), false, 503));
    for (path, sdp) in [("/whip/new", "chrome-whip"), ("/whep/demo", "chrome-whep")] {
        let refused = ask(&fixture.public, "POST", path, &[SDP], &offer(sdp)).await;
        assert_eq!((refused.status.as_u16(), refused.problem().as_str()), (503, "draining"));
        assert!(refused.header("retry-after").parse::<u32>().is_ok());
    }
    assert_eq!(ask(&fixture.admin, "DELETE", "/api/v1/drain", &[MARK], "").await.json()["state"], "running");
    assert_eq!(state().await, ("running".to_owned(), true, 200));
    assert_eq!(ask(&fixture.public, "POST", "/whep/demo", &[SDP], &offer("chrome-whep")).await.status, 201);

    assert_eq!(ask(&fixture.admin, "POST", "/api/v1/drain", &[MARK], "").await.json()["leave"], true);
    assert!(*fixture.state.leave.borrow());
    assert_eq!(ask(&fixture.admin, "POST", "/api/v1/drain?stay=1", &[MARK], "").await.problem(), "malformed-query");
    fixture.state.sessions.stop();
    for method in ["POST", "DELETE"] {
        let late = ask(&fixture.admin, method, "/api/v1/drain", &[MARK], "").await;
        assert_eq!((late.status.as_u16(), late.problem().as_str()), (503, "stopping"), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_stream_gets_it_or_is_sent_away() {
    let fixture = Fixture::open();
    fixture.state.whep.set_wait(Duration::from_secs(30));
    let watch = || send(&fixture.public, request("POST", "/whep/cam", &[SDP], offer("chrome-whep")));
    let mut waiting = Box::pin(watch());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let _publisher = fixture.publish("cam");
    assert_eq!(waiting.await.status, 201);

    let absent = || send(&fixture.public, request("POST", "/whep/absent", &[SDP], offer("chrome-whep")));
    let start = tokio::time::Instant::now();
    let answer = absent().await;
    assert_eq!((answer.status.as_u16(), start.elapsed().as_secs()), (409, 30));
    assert!(answer.header("retry-after").parse::<u32>().is_ok());

    // A client that hangs up leaves nothing.
    let mut given_up = Box::pin(absent());
    assert!(futures_util::poll!(&mut given_up).is_pending());
    drop(given_up);
    assert_eq!(fixture.state.access.book().list().len(), 1);
    assert_eq!(fixture.state.sessions.len(), 1);

    let mut waiting = Box::pin(absent());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert!(fixture.state.sessions.drain());
    let sent_away = waiting.await;
    assert_eq!((sent_away.status.as_u16(), sent_away.problem().as_str()), (503, "draining"));
    assert_eq!(fixture.state.sessions.doors(), Doors::Draining);
}

#[tokio::test]
async fn sessions_are_told_of_turn_servers_and_nobody_else_is() {
    let fixture = Fixture::open();
    let password = |text| Password::read(text).unwrap();
    let servers = vec![
        IceServer { url: "stun:stun.example".to_owned(), login: Login::None },
        IceServer {
            url: "turn:turn.example?transport=udp".to_owned(),
            login: Login::Fixed { username: "u".to_owned(), credential: password("p") },
        },
        IceServer {
            url: "turns:turn.example".to_owned(),
            login: Login::Made { secret: password("north"), ttl: Duration::from_secs(60) },
        },
    ];
    fixture.policy.send_replace(Arc::new(Policy { ice_servers: servers, ..Policy::default() }));
    let _publisher = fixture.publish("demo");
    for (path, sdp) in [("/whip/new", "chrome-whip"), ("/whep/demo", "chrome-whep")] {
        let origin = ("origin", "http://localhost:3000");
        let answer = ask(&fixture.public, "POST", path, &[SDP, origin], &offer(sdp)).await;
        assert_eq!(answer.status, 201);
        assert!(answer.header("access-control-expose-headers").contains("Link"));
        let links = answer.headers.get_all("link").iter().map(|value| value.to_str().unwrap());
        let servers: Vec<&str> = links.filter(|link| link.contains("rel=\"ice-server\"")).collect();
        assert_eq!(servers.len(), 3, "{servers:?}");
        assert_eq!(servers[0], "<stun:stun.example>; rel=\"ice-server\"");
        assert_eq!(
            servers[1],
            "<turn:turn.example?transport=udp>; rel=\"ice-server\"; username=\"u\"; credential=\"p\"; \
             credential-type=\"password\""
        );
        assert!(servers[2].starts_with("<turns:turn.example>; rel=\"ice-server\"; username=\"1"), "{}", servers[2]);
        for method in ["OPTIONS", "GET"] {
            assert!(!ask(&fixture.public, method, path, &[origin], "").await.headers.contains_key("link"), "{method}");
        }
    }
    let rules = access::Config { publish: Some(access::Fallback::Denied), ..access::Config::default() };
    fixture.state.access.update(rules);
    let refused = ask(&fixture.public, "POST", "/whip/other", &[SDP], &offer("chrome-whip")).await;
    assert!(refused.status == 403 && !refused.headers.contains_key("link"), "{refused:?}");
}
