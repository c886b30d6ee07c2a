//! What a rate limit plugin lets pass: its rules enforced on real clients, beside auth, over swaps and failures.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, status, wait_generation, wait_status};
use super::router::{open, told};
use crate::clients::browser;
use crate::http::{Request, Response};
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::server::{Server, wasmcast};

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "ratelimit-basic";

/// One `[[config.rule]]`.
fn rule(name: &str, measure: &str, rest: &str) -> String {
    format!("[[config.rule]]\nname = \"{name}\"\nmeasure = \"{measure}\"\n{rest}\n")
}

fn limited(rules: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, rules);
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    (folder, server)
}

fn view(server: &Server, stream: &str) -> Response {
    server.send(&Request::offer(format!("/whep/{stream}"), CHROME_WHEP))
}

fn leave(server: &Server, answer: &Response) {
    let location = answer.header("location").expect("a session").to_owned();
    server.send(&Request::new("DELETE", location)).expect(200);
}

/// Checks a refusal by a rule. Returns the seconds that the client is told to wait.
#[track_caller]
fn check_limited(refused: &Response, rule: &str) -> u32 {
    let problem = refused.problem(429);
    assert!(problem.contains(&format!("the limit `{rule}` of this server")), "{problem}");
    assert_eq!(refused.json()["type"], "urn:wasmcast:problem:limited", "{}", refused.text());
    let seconds = refused.header("retry-after").and_then(|seconds| seconds.parse().ok());
    seconds.unwrap_or_else(|| panic!("{:?}", refused.headers))
}

fn counts(server: &Server, rule: &str, result: &str) -> f64 {
    server.metric(&format!("wasmcast_plugins_limited_total{{plugin=\"{NAME}\",rule=\"{rule}\",result=\"{result}\"}}"))
}

/// What the server tells of a rule.
fn shown(server: &Server, rule: &str) -> Value {
    let rules = status(server, NAME)["rules"].clone();
    rules.as_array().into_iter().flatten().find(|one| one["name"] == rule).cloned().unwrap_or_default()
}

#[test]
fn an_address_joins_so_often_and_a_flood_reaches_no_auth_plugin() {
    let folder = Folder::new().with("auth-token", "[config]\ntoken = \"secret\"\n");
    folder.install(NAME, NAME, &rule("joins", "play", "per = [\"ip\"]\nper_second = 0.01\nburst = 3"));
    let server = open(&folder).config("http.trusted_proxies = [\"127.0.0.1\"]").start();
    wait_generation(&server, NAME, 1);
    wait_generation(&server, "auth-token", 1);
    server.wait_live("demo");
    let join = |from: &str| {
        let offer = Request::offer("/whep/demo", CHROME_WHEP).bearer("secret").header("X-Forwarded-For", from);
        server.send(&offer.header("Origin", "https://pages.example"))
    };
    let seen = told(&server, &join("192.0.2.1").expect(201));
    let steps: Vec<(&Value, &Value)> =
        seen["decision"].as_array().into_iter().flatten().map(|step| (&step["plugin"], &step["outcome"])).collect();
    assert_eq!(steps, [(&json!(NAME), &json!("admit")), (&json!("auth-token"), &json!("allow"))], "{seen}");
    (0..2).for_each(|_| drop(join("192.0.2.1").expect(201)));
    for _ in 0..20 {
        let refused = join("192.0.2.1");
        let seconds = check_limited(&refused, "joins");
        assert!((90..=100).contains(&seconds), "{seconds}");
        assert_eq!(refused.header("access-control-allow-origin"), Some("*"), "a page can read it: {refused:?}");
    }
    assert_eq!(status(&server, "auth-token")["calls"], 3, "auth is not asked about those who are refused");
    join("192.0.2.2").expect(201);
    let rule = shown(&server, "joins");
    assert_eq!((&rule["allowed"], &rule["refused"], &rule["buckets"]), (&json!(4), &json!(20), &json!(2)), "{rule}");
    assert_eq!(rule["limit"], json!({ "rate": { "per_second": 0.01, "burst": 3.0 } }), "{rule}");
    assert_eq!((counts(&server, "joins", "allowed"), counts(&server, "joins", "refused")), (4.0, 20.0));
    let denials = server.metric("wasmcast_access_denials_total{action=\"play\",reason=\"limited\"}");
    assert_eq!(denials, 20.0);
    assert_eq!(status(&server, NAME)["calls"], 0, "nobody asked the plugin about sessions");
    let log = server.stop().log;
    assert!(log.contains("`joins` (play) refuses session") && log.contains("of 192.0.2.1"), "{log}");
    let lines = log.lines().filter(|line| line.contains("`joins` (play) refuses")).count();
    assert!(lines < 20, "{lines} lines: a flood does not fill the log");
}

#[test]
fn a_stream_has_so_many_viewers_until_one_leaves() {
    let (_folder, server) =
        limited(&rule("audience", "play", "per = [\"stream\"]\nat_once = 2\nonly = { stream = \"demo\" }"));
    let viewers: Vec<Process> = (0..2)
        .map(|number| {
            let mut viewer = wasmcast();
            Process::start(
                &format!("play {number}"),
                viewer.args(["play", "--duration", "60"]).arg(server.url("/whep/demo")),
            )
        })
        .collect();
    server.wait_connected("play", 2);
    assert_eq!(check_limited(&view(&server, "demo"), "audience"), 10);
    assert_eq!(view(&server, "other").status, 409, "of another stream nothing is said");
    viewers[0].signal("INT");
    server.wait_sessions("play", 1);
    let third = view(&server, "demo").expect(201);
    check_limited(&view(&server, "demo"), "audience");
    leave(&server, &third);
    view(&server, "demo").expect(201);
    assert_eq!(shown(&server, "audience")["buckets"], 1);
}

#[test]
fn requests_are_refused_before_anything_is_done_for_them() {
    let (_folder, server) = limited(&rule("requests", "request", "per = [\"ip-prefix\"]\nper_second = 0.5\nburst = 5"));
    let answers: Vec<Response> = (0..8).map(|_| server.send(&Request::get("/streams"))).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((5..=6).contains(&passed), "{passed}");
    assert!((1..=2).contains(&check_limited(&answers[7], "requests")));
    check_limited(&view(&server, "demo"), "requests");
    server.send(&Request::get("/healthz")).expect(200);
    server.send(&Request::get("/readyz")).expect(200);
    let preflight = Request::new("OPTIONS", "/whep/demo").header("Origin", "https://pages.example");
    server.send(&preflight.header("Access-Control-Request-Method", "POST")).expect(200);
    // The operator gets in whatever plugins say.
    (0..20).for_each(|_| drop(server.api("/api/v1/info")));
    assert!(counts(&server, "requests", "refused") >= 3.0);
}

#[test]
fn connections_of_an_address_are_closed_beyond_the_rule() {
    let (_folder, server) = limited(&rule("connections", "connection", "per = [\"ip\"]\nat_once = 3"));
    let media = server.api("/api/v1/info")["listeners"].as_array().into_iter().flatten().find_map(|listener| {
        (listener["listener"] == "media").then(|| listener["address"].as_str()?.parse().ok()).flatten()
    });
    let media: std::net::SocketAddr = media.expect("a media listener");
    let connect = |address| {
        let stream = TcpStream::connect(address).expect("a listener");
        stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a time-out");
        stream
    };
    let is_closed = |stream: &mut TcpStream| match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    };
    let before = counts(&server, "connections", "allowed");
    let held = [connect(server.http), connect(server.http), connect(media)];
    server.wait_until("three connections", || {
        let allowed = counts(&server, "connections", "allowed") - before;
        if allowed >= 3.0 { Ok(()) } else { Err(allowed.to_string()) }
    });
    assert!(is_closed(&mut connect(server.http)), "HTTP");
    assert!(is_closed(&mut connect(media)), "TCP for media");
    assert!(counts(&server, "connections", "refused") >= 2.0);
    drop(held);
    server.wait_until("room again", || {
        let mut stream = connect(server.http);
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a time-out");
        if is_closed(&mut stream) { Err("closed".to_owned()) } else { Ok(()) }
    });
}

#[test]
fn a_publisher_above_its_bitrate_is_ended_and_others_go_on() {
    let (folder, server) =
        limited(&rule("bitrate", "ingest-kbit", "per = [\"stream\"]\nper_second = 400\nburst = 400"));
    let publish = |stream: &str, kbps: &str| {
        let mut publisher = wasmcast();
        publisher.args(["publish", "testsrc", "--size", "640x360", "--no-audio", "--bitrate", kbps]);
        let publisher = Process::start("publish", publisher.arg(server.url(&format!("/whip/{stream}"))));
        server.wait_live(stream);
        publisher
    };
    let fast = publish("fast", "1500");
    let _slow = publish("slow", "200");
    // Our client does not listen to what it is told.
    fast.finish(PATIENCE);
    server.wait_until("the end being counted", || {
        let count = server.metric("wasmcast_sessions_closed_total{action=\"publish\",reason=\"limit-exceeded\"}");
        if count == 1.0 { Ok(()) } else { Err(count.to_string()) }
    });
    assert_eq!(counts(&server, "bitrate", "refused"), 1.0);
    assert!(counts(&server, "bitrate", "allowed") > 1_000.0, "kilobits");
    assert_eq!(server.wait_live("slow")["name"], "slow", "who sends less goes on");
    let log = server.process.log();
    assert!(log.contains("`bitrate` (ingest-kbit) refuses session"), "{log}");
    // Without the rule nobody is held to it.
    folder.manifest(NAME, &rule("other", "connection", "at_once = 1000"));
    wait_status(&server, NAME, "the rule gone", |status| status["rules"][0]["name"] == "other");
    let again = publish("fast", "1500");
    again.signal("INT");
    again.finish(PATIENCE);
}

#[test]
fn a_browser_heeds_the_share_that_it_is_told_and_goes_on() {
    let (_folder, server) = limited(&rule("bitrate", "ingest-kbit", "per = [\"ip\"]\nper_second = 300\nburst = 1500"));
    let page = server.url("/publish/cam?source=test&autostart=1");
    let options = json!({ "role": "look", "url": page, "until": "there is no such text" });
    let _publisher = browser("chromium", &server, "cam", &options);
    server.wait_connected("publish", 1);
    let session = server.api("/api/v1/sessions?action=publish")["sessions"][0]["id"].clone();
    // Left alone it sends a Mbit/s.
    server.wait_for_long("the bitrate going down", Duration::from_secs(40), || {
        let bits = server.wait_live("cam")["bitrate_bps"].as_u64().unwrap_or_default();
        if (1..=375_000).contains(&bits) { Ok(()) } else { Err(bits.to_string()) }
    });
    let sent = counts(&server, "bitrate", "allowed");
    server.wait_for_long("some seconds more of it", Duration::from_secs(40), || {
        let more = counts(&server, "bitrate", "allowed") - sent;
        if more > 2_000.0 { Ok(()) } else { Err(more.to_string()) }
    });
    assert_eq!(counts(&server, "bitrate", "refused"), 0.0);
    assert_eq!(server.api("/api/v1/sessions?action=publish")["sessions"][0]["id"], session, "the same session");
}

#[test]
fn subjects_and_tags_are_counted_after_auth() {
    let folder = Folder::new().with("auth-token", "[config]\ntoken = \"secret\"\nplan = \"free\"\n");
    let rules = rule("devices", "play", "per = [\"subject\"]\nat_once = 2")
        + &rule(
            "free-streams",
            "publish",
            "per = [\"tag:plan\"]\nonly = { \"tag:plan\" = [\"free\", \"trial\"] }\nat_once = 1",
        );
    folder.install(NAME, NAME, &rules);
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    wait_generation(&server, "auth-token", 1);
    server.wait_live("demo");
    let view = || server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer("secret"));
    let seen = told(&server, &view().expect(201));
    let plugins: Vec<&Value> = seen["decision"].as_array().into_iter().flatten().map(|step| &step["plugin"]).collect();
    assert_eq!(plugins, ["auth-token", NAME], "{seen}");
    let second = view().expect(201);
    assert_eq!(check_limited(&view(), "devices"), 10);
    leave(&server, &second);
    view().expect(201);
    // Who has no name counts as one, apart from alice.
    let nameless = || server.send(&Request::offer("/whep/demo", CHROME_WHEP));
    nameless().expect(201);
    nameless().expect(201);
    check_limited(&nameless(), "devices");
    let publish = |stream: &str| server.send(&Request::offer(format!("/whip/{stream}"), CHROME_WHIP).bearer("secret"));
    publish("a").expect(201);
    check_limited(&publish("b"), "free-streams");
    server.send(&Request::offer("/whip/c", CHROME_WHIP)).expect(201);
}

#[test]
fn buckets_outlast_swaps_and_rules_outlast_what_does_not_begin() {
    let joins = |burst: u32| rule("joins", "play", &format!("per = [\"ip\"]\nper_second = 0.001\nburst = {burst}"));
    let (folder, server) = limited(&joins(2));
    view(&server, "demo").expect(201);
    view(&server, "demo").expect(201);
    check_limited(&view(&server, "demo"), "joins");
    // A changed configuration, and then another generation: the bucket is as it was.
    folder.manifest(NAME, &(joins(2) + &rule("other", "publish", "at_once = 9")));
    wait_status(&server, NAME, "two rules", |status| status["rules"].as_array().is_some_and(|rules| rules.len() == 2));
    check_limited(&view(&server, "demo"), "joins");
    folder.manifest(NAME, &format!("priority = 3\n{}", joins(2)));
    wait_generation(&server, NAME, 2);
    check_limited(&view(&server, "demo"), "joins");
    assert_eq!(shown(&server, "joins")["refused"], 3);
    // Rules that can not be used, and a plugin that does not begin, change nothing.
    for (wrong, why) in [
        (rule("joins", "play", "per = [\"device\"]\nat_once = 1"), "`device` is none of"),
        (rule("joins", "play", "per_second = -1"), "per-second is -1.0"),
        (rule("joins", "connection", "at_once = 1\nper = [\"subject\"]"), "is known by its address only"),
        (rule("joins", "packets", "at_once = 1"), "packets"),
        (rule("joins", "play", "per = [\"country\"]\nat_once = 1"), "does not learn where clients are"),
    ] {
        folder.manifest(NAME, &wrong);
        let told = wait_status(&server, NAME, why, |status| {
            status["last_error"]["cause"].as_str().is_some_and(|cause| cause.contains(why))
        });
        assert_eq!((&told["state"], &told["last_error"]["class"]), (&json!("active"), &json!("init")), "{told}");
        check_limited(&view(&server, "demo"), "joins");
    }
}

#[test]
fn who_is_there_counts_by_rules_that_come_later_and_rules_go_with_their_plugin() {
    let (folder, server) = limited(&rule("other", "publish", "at_once = 9"));
    let first = view(&server, "demo").expect(201);
    view(&server, "demo").expect(201);
    folder.manifest(NAME, &rule("audience", "play", "per = [\"stream\"]\nat_once = 2"));
    wait_status(&server, NAME, "the new rule", |status| status["rules"][0]["name"] == "audience");
    check_limited(&view(&server, "demo"), "audience");
    leave(&server, &first);
    view(&server, "demo").expect(201);
    // Without the plugin there are no rules; it begins where it was left.
    Request::new("POST", format!("/api/v1/plugins/{NAME}/disable"))
        .header("X-Wasmcast", "1")
        .send(server.admin)
        .expect(200);
    (0..3).for_each(|_| drop(view(&server, "demo").expect(201)));
    Request::new("POST", format!("/api/v1/plugins/{NAME}/enable"))
        .header("X-Wasmcast", "1")
        .send(server.admin)
        .expect(200);
    check_limited(&view(&server, "demo"), "audience");
}
