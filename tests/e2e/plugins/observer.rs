//! observer-webhook with a real HTTP server, and observers that misbehave: what arrived, and that nobody noticed the rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::folder::{Folder, status, wait_generation, wait_status};
use super::router::open;
use super::web::{Asked, Said, Web};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::own_clients::start;
use crate::process::Process;
use crate::server::Server;

const NAME: &str = "observer-webhook";
const BATCHES: &str = "application/cloudevents-batch+json; charset=utf-8";

/// A server that sends to this endpoint. `tables`: further lines of the manifest, before `[config]`.
fn sending(web: &Web, tables: &str) -> (Folder, Server) {
    let folder = Folder::new().with(NAME, &manifest(web, tables, ""));
    let server = open(&folder).start();
    wait_generation(&server, NAME, 1);
    (folder, server)
}

fn manifest(web: &Web, tables: &str, config: &str) -> String {
    let grants = web.grants().replace("private = true", "private = true, timeout-ms = 5000");
    let limits = "[limits]\ncpu-ms = 1000\nwall-ms = 10000\nhostcall-kib = 4096\n";
    format!("{tables}\n{limits}{grants}[config]\nurl = \"{}\"\n{config}", web.url("/events"))
}

fn said(status: u16) -> Said {
    Said { status, ..Said::json(&Value::Null) }
}

/// The events of a request.
fn events(asked: &Asked) -> Vec<Value> {
    asked.json().as_array().cloned().unwrap_or_default()
}

/// The kinds of all that came, in their order.
fn kinds(asked: &[Asked]) -> Vec<String> {
    asked.iter().flat_map(events).filter_map(|event| Some(event["type"].as_str()?.to_owned())).collect()
}

fn sequences(asked: &[Asked]) -> Vec<u64> {
    asked.iter().flat_map(events).filter_map(|event| event["sequence"].as_str()?.parse().ok()).collect()
}

/// Waits until events of these kinds have come.
fn wait_kinds(server: &Server, web: &Web, wanted: &[&str]) {
    server.wait_for_long("events", Duration::from_secs(40), || {
        let found: BTreeSet<String> = kinds(&web.asked()).into_iter().collect();
        match wanted.iter().find(|kind| !found.contains(&format!("wasmcast.{kind}"))) {
            None => Ok(()),
            Some(kind) => Err(format!("no {kind} in {found:?}")),
        }
    });
}

/// A stream that is published and watched for a moment, by sessions of ours.
fn show(server: &Server) {
    let publisher =
        start(&["publish", "testsrc", &server.url("/whip/live/cam"), "--size", "320x180", "--bitrate", "300"]);
    server.wait_live("live/cam");
    let viewer = start(&["play", &server.url("/whep/live/cam"), "--expect-frames", "5"]);
    assert!(viewer.finish(Duration::from_secs(30)).status.success());
    publisher.signal("TERM");
    publisher.finish(Duration::from_secs(20));
    server.wait_sessions("publish", 0);
}

#[test]
fn the_life_of_real_sessions_arrives_as_cloud_events() {
    let web = Web::start(|_| said(204));
    let (_folder, server) = sending(&web, "[observer]\nwait-ms = 100");
    show(&server);
    wait_kinds(&server, &web, &["stream.started", "stream.ended", "session.started", "session.ended"]);
    let asked = web.asked();
    assert!(asked.iter().all(|asked| asked.header("content-type") == Some(BATCHES)), "{:?}", asked[0].headers);
    let all: Vec<Value> = asked.iter().flat_map(events).collect();
    let find = |kind: &str, action: &str| {
        let wanted = |event: &&Value| event["type"] == kind && event["data"]["action"] == action;
        all.iter().find(wanted).unwrap_or_else(|| panic!("no {kind} {action} in {all:#?}"))
    };
    let (began, ended) = (find("wasmcast.session.started", "play"), find("wasmcast.session.ended", "play"));
    assert_eq!((&began["specversion"], &began["subject"]), (&"1.0".into(), &ended["subject"]), "{began} {ended}");
    assert_eq!((&ended["data"]["stream"], &ended["data"]["protocol"]), (&"live/cam".into(), &"whep".into()), "{ended}");
    assert!(ended["data"]["bytes"].as_str().is_some_and(|bytes| bytes.len() > 3), "{ended}");
    assert_eq!(began["source"], format!("/wasmcast/{}", began["data"]["node"].as_str().unwrap_or_default()));
    find("wasmcast.session.started", "publish");
    let is_start = |event: &&Value| event["type"] == "wasmcast.stream.started" && event["subject"] == "live/cam";
    let stream = all.iter().find(is_start).expect("the stream's start");
    assert_eq!((&stream["subject"], &stream["data"]["codecs"]), (&"live/cam".into(), &"h264,opus".into()), "{stream}");
    let numbers = sequences(&asked);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    let told = &status(&server, NAME)["observer"];
    assert!(told["delivered"].as_u64() >= Some(6) && told["dropped"] == 0, "{told}");
    assert!(server.metric("wasmcast_plugins_observer_events_total{plugin=\"observer-webhook\"}") >= 6.0);
}

#[test]
fn an_endpoint_that_fails_gets_everything_at_least_once_and_in_order_when_it_is_back() {
    let failures = Arc::new(AtomicUsize::new(2));
    let left = failures.clone();
    let web = Web::start(move |_| {
        let fail = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        said(if fail { 500 } else { 200 })
    });
    let (_folder, server) = sending(&web, "[observer]\nwait-ms = 50\nbatch = 4");
    show(&server);
    web.set_down(true);
    show(&server);
    server.wait_until("the outage to be seen", || {
        let cause = status(&server, NAME)["last_error"]["cause"].to_string();
        if cause.contains("events to http") { Ok(()) } else { Err(cause) }
    });
    web.set_down(false);
    wait_status_long(&server, "nothing waits", |status| status["observer"]["queue"] == 0);
    show(&server);
    wait_status_long(&server, "nothing waits", |status| status["observer"]["queue"] == 0);
    assert_eq!(failures.load(Ordering::Relaxed), 0);
    let (mut next, mut seen) = (None, 0);
    for number in sequences(&web.asked()) {
        // What came before may come again; what is new follows on.
        if let Some(expected) = next.filter(|expected| number >= *expected) {
            assert_eq!(number, expected);
        }
        next = next.max(Some(number + 1));
        seen += 1;
    }
    let told = &status(&server, NAME)["observer"];
    assert!(told["dropped"] == 0 && told["failed"].as_u64() >= Some(3) && seen > 12, "{seen} {told}");
    let log = server.stop().log;
    assert!(log.contains("answered 500") && log.contains("are delivered again in"), "{log}");
}

fn wait_status_long(server: &Server, what: &str, wanted: impl Fn(&Value) -> bool) {
    server.wait_for_long(what, Duration::from_secs(90), || {
        let status = status(server, NAME);
        if wanted(&status) { Ok(()) } else { Err(status.to_string()) }
    });
}

#[test]
fn a_slow_endpoint_delays_nobody() {
    let web = Web::start(|_| Said { after: Duration::from_secs(3), ..said(200) });
    let (_folder, server) = sending(&web, "[observer]\nwait-ms = 0");
    show(&server);
    wait_kinds(&server, &web, &["session.started", "session.ended"]);
    let told = &status(&server, NAME)["observer"];
    assert_eq!((&told["dropped"], &told["failed"]), (&0.into(), &0.into()), "{told}");
}

#[test]
fn a_swap_loses_no_event() {
    let web = Web::start(|_| said(200));
    let (folder, server) = sending(&web, "[observer]\nwait-ms = 20\nbatch = 8");
    for number in 2..=6 {
        // Each version in service is an event too; the requests are refused as there is no such stream.
        let source = format!("source = \"/v{number}/\"\n");
        folder.manifest(NAME, &manifest(&web, "[observer]\nwait-ms = 20\nbatch = 8", &source));
        wait_generation(&server, NAME, number);
        show(&server);
    }
    wait_status_long(&server, "nothing waits", |status| status["observer"]["queue"] == 0);
    let numbers = sequences(&web.asked());
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert!(numbers.len() > 30, "{}", numbers.len());
    let sources: BTreeSet<String> = web
        .asked()
        .iter()
        .flat_map(events)
        .map(|event| event["source"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(sources.len() >= 5, "each generation delivered: {sources:?}");
}

#[test]
fn what_the_endpoint_never_takes_is_left_out_and_what_comes_last_arrives() {
    let web = Web::start(|asked| said(if asked.json()[0]["type"] == "wasmcast.stream.started" { 422 } else { 200 }));
    let (_folder, server) = sending(&web, "[observer]\nwait-ms = 0\nbatch = 1\nkinds = [\"stream.*\", \"server.*\"]");
    show(&server);
    wait_kinds(&server, &web, &["stream.ended"]);
    server.wait_until("what was left out", || {
        let left_out = server.metric("wasmcast_plugin_refused_events_total{plugin=\"observer-webhook\",generation=\"1\",hook=\"observer/events\"}");
        if left_out >= 1.0 { Ok(()) } else { Err(left_out.to_string()) }
    });
    let log = server.stop().log;
    assert!(log.contains("the endpoint refuses these events"), "{log}");
    assert!(kinds(&web.asked()).contains(&"wasmcast.server.stopping".to_owned()), "{:?}", kinds(&web.asked()));
}

const HOSTILE: &str = "observer-hostile";

/// A server with an observer that behaves this way, and a viewer.
fn hostile(way: &str, web: &Web) -> (Folder, Server, Process) {
    let manifest = format!(
        "[observer]\nwait-ms = 0\nstats-interval-s = 1\nextras = [\"packets\", \"width\"]\n[limits]\nwall-ms = {}\n{}[config]\nway = \"{way}\"\nurl = \"{}\"\n",
        // What computes for ever waits for its turn too.
        if way == "wait" { 1_000 } else { 5_000 },
        web.grants(),
        web.url("/")
    );
    let folder = Folder::new().with(HOSTILE, &manifest);
    let server = open(&folder).start();
    wait_generation(&server, HOSTILE, 1);
    server.wait_live("demo");
    let viewer = start(&["play", &server.url("/whep/demo"), "--duration", "4"]);
    (folder, server, viewer)
}

#[test]
fn an_observer_that_misbehaves_hurts_nobody() {
    let web = Web::start(|_| Said { after: Duration::from_secs(30), ..said(200) });
    let rows = [
        ("error", "error", "the observer does not want to"),
        ("panic", "trap", "the observer panics as it was told"),
        ("loop", "deadline", "10 ms of CPU"),
        ("wait", "deadline", "limits.wall-ms"),
        ("flood", "", ""),
    ];
    for (way, class, cause) in rows {
        let (_folder, server, viewer) = hostile(way, &web);
        let seen = crate::own_clients::report(&viewer.finish(Duration::from_secs(30)));
        assert_eq!(crate::own_clients::number(&seen, "lost"), 0.0, "{way}: {seen}");
        assert!(crate::own_clients::number(&seen, "frames") > 30.0, "{way}: {seen}");
        if !class.is_empty() {
            wait_status(&server, HOSTILE, way, |status| {
                status["last_error"]["class"] == class && status["last_error"]["cause"].to_string().contains(cause)
            });
        }
        // Others are served as if it were not there.
        assert_eq!(server.send(&Request::offer("/whep/absent", CHROME_WHEP)).status, 409, "{way}");
        let finished = server.stop();
        assert!(finished.status.success(), "{way}: {}", finished.log);
        let lines = finished.log.lines().filter(|line| line.contains("flood")).count();
        assert!(lines < 2_000, "{way}: {lines} lines");
    }
}

#[test]
fn tracks_are_told_as_they_are() {
    let web = Web::start(|_| said(200));
    let (_folder, server, viewer) = hostile("fine", &web);
    let publisher =
        start(&["publish", "testsrc", &server.url("/whip/live/cam"), "--size", "320x180", "--bitrate", "300"]);
    let lines = |wanted: &dyn Fn(&[(String, String)]) -> bool| {
        server.wait_until("figures", || {
            let log = server.api(&format!("/api/v1/plugins/{HOSTILE}/log"));
            let fields = |line: &Value| -> Vec<(String, String)> {
                let fields = line["fields"].as_array().cloned().unwrap_or_default();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                fields.iter().map(|field| (text(&field[0]), text(&field[1]))).collect()
            };
            let tracks = log.as_array().into_iter().flatten().filter(|line| line["message"] == "track").map(fields);
            let all: Vec<_> = tracks.collect();
            if all.iter().any(|fields| wanted(fields)) { Ok(()) } else { Err(format!("{all:?}")) }
        });
    };
    let value = |fields: &[(String, String)], name: &str| {
        fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let number = |fields: &[(String, String)], name: &str| value(fields, name).parse::<f64>().unwrap_or(-1.0);
    for (stream, inbound) in [("demo", "false"), ("live/cam", "true")] {
        lines(&|fields| {
            value(fields, "stream") == stream
                && value(fields, "inbound") == inbound
                && value(fields, "kind") == "video"
                && (50.0..5_000.0).contains(&number(fields, "kbps"))
                && (15.0..70.0).contains(&number(fields, "fps"))
                && number(fields, "loss") < 0.2
        });
        lines(&|fields| {
            value(fields, "stream") == stream && value(fields, "kind") == "audio" && number(fields, "kbps") > 5.0
        });
    }
    publisher.signal("TERM");
    publisher.finish(Duration::from_secs(20));
    viewer.finish(Duration::from_secs(30));
}
