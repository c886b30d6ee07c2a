//! Where a router plugin sends sessions: to a cohort, another stream or another server, with real clients, and through swaps.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, wait_generation, wait_status};
use crate::clients::browser;
use crate::http::{Request, Response};
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, Setup, wasmcast};

const PATIENCE: Duration = Duration::from_secs(60);
const NAME: &str = "router-canary";

/// A server that is open where no plugin decides, also for pages of other sites, with the plugins of this folder.
pub fn open(folder: &Folder) -> Setup {
    let (dir, state) = (folder.path(), folder.state());
    Setup::new()
        .config(&format!(
            // The tests ask hundreds of times in a row.
            "limits.joins_per_address = 0\nplugins.dir = {dir:?}\nplugins.state_dir = {state:?}\naccess.publish = \"open\"\naccess.play = \"open\""
        ))
        .demo()
}

fn routed(manifest: &str) -> (Folder, Server) {
    routed_with(manifest, "")
}

fn routed_with(manifest: &str, config: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, manifest);
    let server = open(&folder).config(config).start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    (folder, server)
}

fn offer(path: &str) -> Request {
    Request::offer(path, if path.starts_with("/whip/") { CHROME_WHIP } else { CHROME_WHEP })
}

/// What the operator is told of the session that an answer made.
pub fn told(server: &Server, answer: &Response) -> Value {
    let location = answer.header("location").unwrap_or_default();
    server.api(&format!("/api/v1/sessions/{}", location.rsplit('/').next().unwrap_or_default()))
}

fn metrics(server: &Server) -> String {
    Request::get("/metrics").send(server.admin).expect(200).text()
}

#[test]
fn country_device_and_header_choose_a_cohort_and_everybody_sees_it() {
    let config = "http.country_header = \"x-country\"\nhttp.trusted_proxies = [\"127.0.0.1\"]";
    let manifest = "[config]\notherwise = \"stable\"\n\
        [[config.rules]]\ncohort = \"testers\"\nheader = { x-try = \"*\" }\n\
        [[config.rules]]\ncohort = \"alps\"\ncountry = [\"AT\", \"CH\"]\n\
        [[config.rules]]\ncohort = \"nobody\"\nshare = 0\n\
        [[config.rules]]\ncohort = \"phones\"\ndevice = [\"mobile\"]\n";
    let (_folder, server) = routed_with(manifest, config);
    let phone =
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";
    let rows = [
        (offer("/whep/demo").header("X-Try", "1").header("X-Country", "AT"), "testers"),
        (offer("/whep/demo").header("X-Country", "at"), "alps"),
        (offer("/whep/demo").header("X-Country", "DE").header("User-Agent", phone), "phones"),
        (offer("/whep/demo"), "stable"),
        (offer("/whip/cam"), "stable"),
    ];
    for (request, cohort) in rows {
        let seen = told(&server, &server.send(&request).expect(201));
        assert_eq!(seen["tags"]["cohort"], cohort, "{seen}");
        let steps = seen["decision"].as_array().cloned().unwrap_or_default();
        let step = steps.last().unwrap_or(&Value::Null);
        assert!(step["plugin"] == NAME && step["hook"] == "router" && step["outcome"] == "route", "{seen}");
        assert!(step["took_us"].as_f64() > Some(0.0) && steps[0]["plugin"] == "static rules", "{seen}");
    }
    let metrics = metrics(&server);
    for line in [
        "wasmcast_sessions_routed_total{action=\"play\",cohort=\"testers\",served=\"here\"} 1",
        "wasmcast_sessions_routed_total{action=\"publish\",cohort=\"stable\",served=\"here\"} 1",
        "wasmcast_plugins_calls_total{plugin=\"router-canary\",hook=\"router/routing\"} 5",
    ] {
        assert!(metrics.contains(line), "no {line}\n{metrics}");
    }
    assert!(!metrics.contains("hook=\"auth/check\""), "{metrics}");
}

#[test]
fn viewers_of_a_cohort_play_another_stream() {
    let manifest = "[match]\nstream = [\"live/*\"]\n[[config.rules]]\ncohort = \"next\"\naction = \"play\"\nstream = \"{stream}-next\"\n";
    let (folder, server) = routed(manifest);
    let mut publisher = wasmcast();
    publisher.args(["publish", "testsrc", "--size", "320x180", "--no-audio"]).arg(server.url("/whip/live/cam-next"));
    let _publisher = Process::start("publish", &mut publisher);
    server.wait_live("live/cam-next");
    let mut viewer = wasmcast();
    viewer.args(["play", "--duration", "20", "--expect-frames", "10"]).arg(server.url("/whep/live/cam"));
    let finished = Process::start("play", &mut viewer).finish(PATIENCE);
    assert!(finished.status.success(), "{}", finished.log);
    let seen = told(&server, &server.send(&offer("/whep/live/cam")).expect(201));
    assert_eq!((&seen["stream"], &seen["stream_asked"]), (&json!("live/cam-next"), &json!("live/cam")), "{seen}");
    assert_eq!(seen["route"]["stream"], "live/cam-next", "{seen}");
    // A stream that the operator did not give to the plugin is none of its business.
    let seen = told(&server, &server.send(&offer("/whep/demo")).expect(201));
    assert_eq!((&seen["stream"], &seen["route"]), (&json!("demo"), &Value::Null), "{seen}");
    drop(folder);
}

#[test]
fn a_subject_is_in_the_same_cohort_each_time() {
    let token = "secret-of-alice-0123456789";
    let manifest =
        |share: f64| format!("[config]\notherwise = \"b\"\n[[config.rules]]\ncohort = \"a\"\nshare = {share}\n");
    let folder = Folder::new().with("auth-token", &format!("[config]\ntoken = \"{token}\"\n"));
    folder.install(NAME, NAME, &manifest(50.0));
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    wait_generation(&server, "auth-token", 1);
    server.wait_live("demo");
    let cohort = || {
        let seen = told(&server, &server.send(&offer("/whep/demo").bearer(token)).expect(201));
        assert_eq!(seen["subject"], "alice", "{seen}");
        seen["tags"]["cohort"].as_str().unwrap_or_default().to_owned()
    };
    let first = cohort();
    assert!((0..10).all(|_| cohort() == first));
    // A larger share keeps who was in, and a swap makes nobody change sides.
    folder.manifest(NAME, &manifest(if first == "a" { 90.0 } else { 10.0 }));
    wait_generation(&server, NAME, 2);
    assert_eq!(cohort(), first);
    folder.manifest(NAME, &manifest(if first == "a" { 0.0 } else { 100.0 }));
    wait_generation(&server, NAME, 3);
    assert_ne!(cohort(), first);
}

#[test]
fn a_redirect_tells_the_address_and_no_credential() {
    let manifest = |to: &str| format!("[[config.rules]]\ncohort = \"away\"\nto = [{to:?}]\n");
    let (folder, server) = routed(&manifest("https://b.example:8443"));
    let token = "token=open-sesame-0123";
    let rows = [
        (format!("/whep/demo?{token}&x=1"), "https://b.example:8443/whep/demo"),
        (format!("/whep/live/cam@low?{token}"), "https://b.example:8443/whep/live/cam@low"),
        ("/whip/live/cam".to_owned(), "https://b.example:8443/whip/live/cam"),
    ];
    for (path, location) in rows {
        let answer = server.send(&offer(&path).header("Origin", "https://pages.example"));
        assert_eq!((answer.status, answer.header("location")), (307, Some(location)), "{answer:?}");
        // Without these a page of another origin could not follow.
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert!(!answer.text().contains("sesame"), "{}", answer.text());
    }
    assert_eq!(server.api("/api/v1/sessions?action=play")["total"], 0, "nothing is left behind here");
    let metrics = metrics(&server);
    let line = "wasmcast_sessions_routed_total{action=\"play\",cohort=\"away\",served=\"elsewhere\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    // A whole address goes out as it is, and the log keeps what may be a credential in it to itself.
    folder.manifest(NAME, &manifest("https://b.example/in?sig=hush-hush"));
    wait_generation(&server, NAME, 2);
    let answer = server.send(&offer("/whep/demo"));
    assert_eq!(answer.header("location"), Some("https://b.example/in?sig=hush-hush"), "{answer:?}");
    let log = server.stop().log;
    assert!(log.contains("session sent elsewhere") && log.contains("https://b.example/in"), "{log}");
    assert!(!log.contains("hush-hush") && !log.contains("open-sesame"), "{log}");
}

#[test]
fn our_own_clients_follow_to_the_other_server_and_leave_the_token_behind() {
    let other = Setup::new().demo().start();
    other.wait_live("demo");
    let (_folder, server) = routed(&format!("[[config.rules]]\ncohort = \"away\"\nto = [\"{}\"]\n", other.url("")));
    let mut viewer = wasmcast();
    viewer.args(["play", "--duration", "20", "--expect-frames", "30", "--token", "not-for-others-0123"]);
    let finished = Process::start("play", viewer.arg(server.url("/whep/demo"))).finish(PATIENCE);
    assert!(finished.status.success(), "{}", finished.log);
    let mut publisher = wasmcast();
    publisher.args(["publish", "testsrc", "--size", "320x180", "--no-audio"]).arg(server.url("/whip/live/cam"));
    let publisher = Process::start("publish", &mut publisher);
    other.wait_live("live/cam");
    publisher.signal("INT");
    publisher.finish(PATIENCE);
    // They said farewell to the server that had them.
    other.wait_sessions("play", 0);
    other.wait_sessions("publish", 0);
    assert_eq!(server.api("/api/v1/sessions")["total"], 0);
}

#[test]
fn two_servers_with_the_same_rules_do_not_send_a_client_back_and_forth() {
    let folders = [Folder::new(), Folder::new()];
    let servers = [open(&folders[0]).start(), open(&folders[1]).start()];
    let rule = format!("[[config.rules]]\ncohort = \"one\"\nto = [\"{}\"]\n", servers[1].url(""));
    for (folder, server) in folders.iter().zip(&servers) {
        folder.install(NAME, NAME, &rule);
        wait_generation(server, NAME, 1);
        server.wait_live("demo");
    }
    assert_eq!(servers[0].send(&offer("/whep/demo")).status, 307);
    let seen = told(&servers[1], &servers[1].send(&offer("/whep/demo")).expect(201));
    assert_eq!(seen["tags"]["cohort"], "one", "{seen}");
}

#[test]
fn a_client_in_a_circle_gives_up_and_says_so() {
    let folders = [Folder::new(), Folder::new()];
    let servers = [open(&folders[0]).start(), open(&folders[1]).start()];
    for (this, other) in [(0, 1), (1, 0)] {
        let rule = format!("[[config.rules]]\ncohort = \"other\"\nto = [\"{}\"]\n", servers[other].url(""));
        folders[this].install(NAME, NAME, &rule);
        wait_generation(&servers[this], NAME, 1);
    }
    let mut viewer = wasmcast();
    viewer.args(["play", "--duration", "5"]).arg(servers[0].url("/whep/demo"));
    let finished = Process::start("play", &mut viewer).finish(PATIENCE);
    assert!(!finished.status.success() && finished.log.contains("more than 5 redirects"), "{}", finished.log);
}

#[test]
fn a_page_follows_to_the_other_server() {
    let other = Setup::new().demo().start();
    other.wait_live("demo");
    let (_folder, server) = routed(&format!("[[config.rules]]\ncohort = \"away\"\nto = [\"{}\"]\n", other.url("")));
    // A token makes the browser ask with a preflight, and must not go along.
    let page = "/play/demo?muted=1&token=not-for-others-0123";
    let options = json!({ "role": "play", "url": server.url(page), "seconds": 3 });
    let viewer = browser("chromium", &server, "demo", &options);
    other.wait_connected("play", 1);
    Report::read(viewer, PATIENCE).check_alive();
    assert_eq!(server.api("/api/v1/sessions?action=play")["total"], 0);
    // A browser that quits has no time for the preflight of its DELETE: then the session ends for want of consent.
    other.wait_for_long("the page's session ending", Duration::from_secs(45), || {
        let list = other.api("/api/v1/sessions");
        let mut left = list["sessions"].as_array().into_iter().flatten();
        if left.all(|session| session["action"] != "play" || session["state"] == "closed") {
            Ok(())
        } else {
            Err(list.to_string())
        }
    });
}

#[test]
fn routers_are_exchanged_while_sessions_join_and_nobody_notices() {
    let manifest = |cohort: &str| format!("[[config.rules]]\ncohort = \"{cohort}\"\n");
    let (folder, server) = routed(&manifest("g-1"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let joining = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let answer = server.send(&offer("/whep/demo")).expect(201);
                seen.push(told(&server, &answer)["tags"]["cohort"].as_str().unwrap_or_default().to_owned());
                let location = answer.header("location").unwrap_or_default().to_owned();
                server.send(&Request::new("DELETE", location)).expect(200);
            }
            seen
        });
        for number in 2..=6 {
            folder.manifest(NAME, &manifest(&format!("g-{number}")));
            wait_generation(&server, NAME, number);
        }
        // One that does not begin changes nothing.
        folder.manifest(NAME, "[config]\nrules = []\n");
        wait_status(&server, NAME, "refused", |status| status["refused"] == 1);
        done.store(true, Ordering::Relaxed);
        let seen = joining.join().expect("every join is answered");
        assert!(!seen.is_empty() && seen.iter().all(|cohort| cohort.starts_with("g-")), "{seen:?}");
        assert!(seen.is_sorted(), "nobody gets an older generation than the one before: {seen:?}");
    });
    let seen = told(&server, &server.send(&offer("/whep/demo")).expect(201));
    assert_eq!(seen["tags"]["cohort"], "g-6", "{seen}");
}
