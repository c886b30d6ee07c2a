//! Pages, lists, health, cross-origin access and refusals of the public listener.

use super::super::{Origins, Policy};
use super::fixture::{Fixture, Lines, ask};
use crate::access;
use std::sync::Arc;

#[tokio::test]
async fn pages_and_assets_are_served_with_their_headers() {
    let fixture = Fixture::open();
    let html = "text/html; charset=utf-8";
    let javascript = "text/javascript; charset=utf-8";
    let rows = [
        ("/", html),
        ("/play/demo", html),
        ("/play/a/b/c", html),
        ("/publish/demo", html),
        ("/assets/player.js", javascript),
        ("/assets/whep.js", javascript),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
        ("/favicon.ico", "image/svg+xml"),
    ];
    for (path, content_type) in rows {
        let answer = ask(&fixture.public, "GET", path, &[], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert!(!answer.header("x-request-id").is_empty());
        assert_eq!(answer.header("content-security-policy").contains("default-src 'none'"), content_type == html);
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let head = ask(&fixture.public, "HEAD", path, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));

        let etag = answer.header("etag");
        assert!(etag.starts_with('"'), "strong: {etag}");
        let lists = [etag.to_owned(), format!("\"x\", W/{etag}"), "*".to_owned()];
        for known in &lists {
            let answer = ask(&fixture.public, "GET", path, &[("if-none-match", known)], "").await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (304, ""), "{known}");
            assert_eq!(answer.header("etag"), etag);
        }
        let answer = ask(&fixture.public, "GET", path, &[("if-none-match", "\"other\"")], "").await;
        assert_eq!(answer.status, 200);
    }
    for path in ["/assets/index.html", "/assets/../mod.rs", "/assets/README.md", "/assets/", "/nothing", "/metrics"] {
        let answer = ask(&fixture.public, "GET", path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn the_list_shows_live_streams_that_the_visitor_may_play() {
    let token = "wct_alice-0123456789abcdefghjkmn";
    let hex: String = access::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = format!(
        "play = \"open\"\n[[rules]]\nstream = \"private/*\"\nallow = \"token\"\ntokens = [\"sha256:{hex}\"]\n\
         [[rules]]\nstream = \"hidden\"\nallow = \"denied\""
    );
    let fixture = Fixture::new(toml::from_str(&rules).unwrap(), Policy::default());
    let (_demo, _private, _hidden) =
        (fixture.publish("demo"), fixture.publish("private/cam"), fixture.publish("hidden"));
    let _announced = fixture.state.hub.publish("announced".parse().unwrap(), Vec::new()).unwrap();
    let bearer = format!("Bearer {token}");
    let rows: [(&str, Lines<'_>, &[&str]); 4] = [
        ("/streams", &[], &["demo"]),
        ("/streams", &[("authorization", "Bearer wrong")], &["demo"]),
        ("/streams", &[("authorization", &bearer)], &["demo", "private/cam"]),
        ("/streams?token=wct_alice-0123456789abcdefghjkmn", &[], &["demo", "private/cam"]),
    ];
    for (path, headers, expected) in rows {
        let answer = ask(&fixture.public, "GET", path, headers, "").await;
        let list = answer.json();
        let list = list["streams"].as_array().unwrap();
        let names: Vec<_> = list.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected);
        let demo = &list[0];
        assert_eq!(demo["video"]["codec"], "h264");
        assert_eq!(demo["audio"]["codec"], "opus");
        assert_eq!(demo["viewers"], 0);
        assert!(demo["since"].as_str().unwrap().ends_with('Z') && demo["bitrate_kbps"].is_u64(), "{demo}");
    }
}

#[tokio::test]
async fn methods_that_do_not_fit_are_refused_with_those_that_do() {
    let fixture = Fixture::open();
    let rows = [
        ("PUT", "/whip/demo", "POST,OPTIONS,GET,HEAD"),
        ("DELETE", "/whep/demo", "POST,OPTIONS,GET,HEAD"),
        ("PUT", "/session/test.0", "GET,HEAD,PATCH,DELETE,OPTIONS"),
        ("POST", "/session/test.0", "GET,HEAD,PATCH,DELETE,OPTIONS"),
        ("POST", "/", "GET,HEAD"),
        ("POST", "/streams", "GET,HEAD,OPTIONS"),
    ];
    for (method, path, allow) in rows {
        let answer = ask(&fixture.public, method, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (405, "method-not-allowed"), "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn preflights_need_no_credential_and_allow_what_clients_send() {
    let fixture = Fixture::new(toml::from_str("publish = \"denied\"\nplay = \"denied\"").unwrap(), Policy::default());
    let preflight = [
        ("origin", "https://player.example"),
        ("access-control-request-method", "PATCH"),
        ("access-control-request-headers", "authorization,content-type,if-match"),
    ];
    for path in ["/whip/demo", "/whep/a/b", "/session/test.0", "/session/test.0/events", "/streams", "/assets/x.js"] {
        let answer = ask(&fixture.public, "OPTIONS", path, &preflight, "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-methods"), "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
        assert_eq!(answer.header("access-control-allow-headers"), "Authorization, Content-Type, If-Match");
        assert!(!answer.headers.contains_key("link"));
        if path.starts_with("/wh") {
            assert_eq!(answer.header("accept-post"), "application/sdp");
        }
    }
    let answer = ask(&fixture.public, "POST", "/whip/demo", &[("origin", "https://player.example")], "").await;
    assert_eq!(answer.header("access-control-expose-headers"), "Location, ETag, Link, Retry-After");

    // The policy changes under the running server.
    let origins = Origins::Listed(vec!["https://player.example".to_owned()]);
    fixture.policy.send_replace(Arc::new(Policy { origins, ..Policy::default() }));
    for (origin, allowed) in [("https://player.example", "https://player.example"), ("https://evil.example", "")] {
        let answer = ask(&fixture.public, "OPTIONS", "/whip/demo", &[("origin", origin)], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("vary"), "Origin");
    }
}

#[tokio::test]
async fn health_and_readiness_tell_the_truth() {
    let fixture = Fixture::open();
    for router in [&fixture.public, &fixture.admin] {
        assert_eq!(ask(router, "GET", "/healthz", &[], "").await.status, 200);
        assert_eq!(ask(router, "GET", "/readyz", &[], "").await.status, 200);
    }
    fixture.ready.send_replace(false);
    assert_eq!(ask(&fixture.public, "GET", "/readyz", &[], "").await.problem(), "starting");
    fixture.ready.send_replace(true);
    fixture.state.stopping.cancel();
    assert_eq!(ask(&fixture.public, "GET", "/readyz", &[], "").await.problem(), "stopping");
    assert_eq!(ask(&fixture.public, "GET", "/healthz", &[], "").await.status, 200);

    let sick = fixture.with_health(Arc::new(|| Box::pin(async { Err("shard 1 does not answer".to_owned()) })));
    let answer = ask(&sick.public, "GET", "/healthz", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unhealthy"));
    assert_eq!(answer.json()["detail"], "shard 1 does not answer");
}

#[tokio::test(start_paused = true)]
async fn a_hung_server_is_unhealthy_after_a_second() {
    let fixture = Fixture::open().with_health(Arc::new(|| Box::pin(std::future::pending())));
    let answer = ask(&fixture.public, "GET", "/healthz", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (503, "unhealthy"));
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made() {
    let fixture = Fixture::open();
    let answer = ask(&fixture.public, "GET", "/streams", &[("x-request-id", "abc-1")], "").await;
    assert_eq!(answer.header("x-request-id"), "abc-1");
    let answer = ask(&fixture.public, "GET", "/no", &[("x-request-id", "a b")], "").await;
    assert_eq!(answer.header("x-request-id").len(), 16);
    let counted = fixture.state.metrics.render();
    assert!(counted.contains(r#"route="/streams",status="2xx""#), "{counted}");
    assert!(counted.contains(r#"route="other",status="4xx""#), "{counted}");
}
