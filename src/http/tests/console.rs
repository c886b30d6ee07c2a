//! The console's page: what is served of it, to whom, and with which rules for browsers.

use super::super::Policy;
use super::super::request::Peer;
use super::fixture::{Fixture, ask, request, send};
use crate::access;
use std::sync::Arc;

#[tokio::test]
async fn the_page_and_what_it_loads_are_served_by_the_admin_listener_alone() {
    let fixture = Fixture::open();
    let page = ask(&fixture.admin, "GET", "/", &[], "").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]
    {
        assert!(policy.contains(rule) && !policy.contains("unsafe"), "{policy}");
    }
    assert!(!page.body.contains("style=") && !page.body.contains("onclick") && !page.body.contains("<style"));
    let mut wanted: Vec<String> =
        page.body.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned).collect();
    let mut seen = 0;
    while let Some(path) = wanted.get(seen).cloned() {
        seen += 1;
        let answer = ask(&fixture.admin, "GET", &path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-cache"), "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
        let etag = answer.header("etag");
        assert_eq!(ask(&fixture.admin, "GET", &path, &[("if-none-match", etag)], "").await.status, 304);
        // What its modules import is there too.
        for line in answer.body.lines().filter(|line| line.contains(" from \"")) {
            let name = line.rsplit(" from \"").next().unwrap().trim_end_matches("\";");
            let target = match name.strip_prefix("../") {
                Some(name) => format!("/assets/{name}"),
                None => format!("/assets/console/{}", name.trim_start_matches("./")),
            };
            if path.ends_with(".js") && !wanted.contains(&target) {
                wanted.push(target);
            }
        }
        let public = ask(&fixture.public, "GET", &path, &[], "").await;
        assert_eq!(public.status == 200, !path.contains("/console/"), "{path}");
    }
    assert!(seen >= 20, "{wanted:?}");
    for path in
        ["/assets/console/console.html", "/assets/console/README.md", "/assets/player.js", "/assets/", "/play/demo"]
    {
        assert_eq!(ask(&fixture.admin, "GET", path, &[], "").await.problem(), "not-found", "{path}");
    }
    assert_eq!(ask(&fixture.admin, "POST", "/", &[("x-wasmcast", "1")], "").await.problem(), "method-not-allowed");
}

#[tokio::test]
async fn without_a_token_the_page_is_for_this_machine_and_with_one_for_all_who_may_enter_it() {
    let open = Fixture::open();
    let token = "wct_admin-0123456789abcdefghjkmn";
    let policy = Policy { admin_token: Some(access::digest(token)), ..Policy::default() };
    let locked = Fixture::new(access::Config::default(), policy);
    for path in ["/", "/assets/console/console.js", "/favicon.ico"] {
        for (fixture, peer, host, status) in [
            (&open, "127.0.0.1:40000", "localhost", 200),
            (&open, "192.0.2.7:40000", "localhost", 403),
            (&locked, "192.0.2.7:40000", "console.example", 200),
        ] {
            let mut wanted = request("GET", path, &[], "");
            wanted.headers_mut().insert("host", host.parse().unwrap());
            wanted.extensions_mut().insert(Peer(peer.parse().unwrap()));
            assert_eq!(send(&fixture.admin, wanted).await.status, status, "{path} {peer} {host}");
        }
        let mut elsewhere = request("GET", path, &[], "");
        elsewhere.headers_mut().insert("host", "evil.example".parse().unwrap());
        assert_eq!(send(&open.admin, elsewhere).await.problem(), "not-local", "{path}");
    }
    assert_eq!(ask(&locked.admin, "GET", "/api/v1/overview", &[], "").await.status, 401);
}

#[tokio::test]
async fn one_answer_has_all_of_the_first_page() {
    let fixture = Fixture::open();
    let publisher = fixture.publish("live/cam");
    publisher.stream().stats.bitrate.store(2_000_000, std::sync::atomic::Ordering::Relaxed);
    let _viewers = [fixture.viewer(&publisher, None), fixture.viewer(&publisher, None)];
    let told = ask(&fixture.admin, "GET", "/api/v1/overview", &[], "").await.json();
    assert_eq!((&told["streams"], &told["viewers"], &told["publishers"]), (&1.into(), &2.into(), &0.into()), "{told}");
    assert_eq!((&told["received_bps"], &told["state"]), (&2_000_000.into(), &"running".into()));
    assert!(told["process"]["cpu_s"].is_number() && told["process"]["cores"].as_u64() > Some(0), "{told}");
    assert!(told["process"]["resident_bytes"].as_u64() > Some(1 << 20) && told["uptime_ms"].is_u64(), "{told}");
    assert_eq!((&told["plugins"], &told["plugins_dir"]), (&serde_json::json!([]), &serde_json::Value::Null));
}

#[tokio::test]
async fn lists_are_searched_by_what_an_operator_knows() {
    let fixture = Fixture::open();
    let (cam, other) = (fixture.publish("live/cam"), fixture.publish("other"));
    let _viewers = [fixture.viewer(&cam, None), fixture.viewer(&other, None)];
    let rows = [
        ("streams?q=CAM", 1),
        ("streams?q=", 2),
        ("streams?q=nothing", 0),
        ("sessions?q=live%2Fc", 1),
        ("sessions?q=192.0.2", 2),
        ("sessions?q=tests", 2),
        ("sessions?q=tests&stream=other", 1),
        ("sessions?q=nobody", 0),
    ];
    for (path, expected) in rows {
        let told = ask(&fixture.admin, "GET", &format!("/api/v1/{path}"), &[], "").await.json();
        assert_eq!(told["total"], expected, "{path}");
    }
}

/// The guard looks at the policy of the moment.
#[tokio::test]
async fn a_token_that_is_taken_away_closes_the_page_to_others() {
    let fixture = Fixture::open();
    let policy = Policy { admin_token: Some([0; 32]), ..Policy::default() };
    let far = || {
        let mut wanted = request("GET", "/", &[], "");
        wanted.extensions_mut().insert(Peer("192.0.2.7:40000".parse().unwrap()));
        wanted
    };
    for (policy, status) in [(policy, 200), (Policy::default(), 403)] {
        fixture.policy.send_replace(Arc::new(policy));
        assert_eq!(send(&fixture.admin, far()).await.status, status);
    }
}
