//! The pages in a real browser: what is shown, said and done.

use std::time::Duration;

use serde_json::{Value, json};

use crate::adaptation;
use crate::clients::{Codec, Publisher, Viewer, browser};
use crate::http::Request;
use crate::layers;
use crate::report::Report;
use crate::server::{Server, Setup};

const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn the_demo_plays_in_a_browser_at_once() {
    let server = Server::demo();
    let options = json!({ "role": "play", "url": server.url("/play/demo?muted=1"), "seconds": 3 });
    let report = Report::read(browser("chromium", &server, "demo", &options), PATIENCE);
    let video = &report.measured["video"];
    assert!(video["frames"].as_u64() > Some(30), "{video}");
    assert!(video["motion"].as_f64() > Some(0.3), "{video}");
    assert!(report.measured["audio"]["left_hz"].as_f64() > Some(100.0), "{}", report.measured);
}

#[test]
fn a_viewer_goes_on_over_an_ice_restart() {
    let server = Server::demo();
    let options = json!({ "role": "restart", "url": server.url("/play/demo?muted=1") });
    let seen = Report::read(browser("chromium", &server, "demo", &options), PATIENCE).measured;
    assert_eq!((&seen["moved"]["local"], &seen["moved"]["state"]), (&seen["ufrag"], &json!("succeeded")), "{seen}");
    assert_ne!(seen["before"]["local"], seen["ufrag"], "{seen}");
    let frames = |at: &str| seen[at]["frames"].as_u64().unwrap_or_default();
    assert!(frames("before") > 10 && frames("after") > frames("moved") + 30, "{seen}");
    assert_eq!(seen["connection"], "connected", "{seen}");
    assert!(seen["longest_ms"].as_f64().is_some_and(|longest| longest > 0.0 && longest < 1_000.0), "{seen}");
}

#[test]
fn a_publisher_trickles_its_candidates_and_goes_on_over_an_ice_restart() {
    let server = Server::start();
    let options = json!({ "role": "trickle", "url": server.url("/"), "endpoint": server.url("/whip/cam") });
    let publisher = browser("chromium", &server, "cam", &options);
    let seen: Value = publisher.wait_for("being connected, and again", PATIENCE, |line| {
        serde_json::from_str(line).ok().filter(|said: &Value| said["ready"] == true)
    });
    let trickled = seen["trickled"].as_array().expect("a list");
    assert!(trickled.len() >= 2 && trickled.iter().all(|sent| sent[1] == 204), "{seen}");
    assert_eq!((&seen["moved"]["local"], &seen["moved"]["state"]), (&seen["ufrag"], &json!("succeeded")), "{seen}");
    let frames = |at: &str| seen[at]["frames"].as_u64().unwrap_or_default();
    assert!(frames("before") > 10 && frames("after") > frames("moved") + 30, "{seen}");
    // What it says it sends does arrive, after the restart too.
    Viewer::Aiortc.play_video(Codec::H264, &server, "cam").check_video();
}

#[test]
fn the_camera_is_published_through_the_page() {
    let server = Server::start();
    let page = "/publish/cam?source=camera&autostart=1&codec=vp8&width=640&height=360&fps=30";
    let options = json!({ "role": "publish", "url": server.url(page) });
    let _publisher = browser("chromium", &server, "cam", &options);
    server.wait_live("cam");
    let options = json!({ "role": "play", "url": server.url("/play/cam?muted=1"), "seconds": 3 });
    Report::read(browser("chromium", &server, "cam", &options), PATIENCE).check_video();
}

#[test]
fn the_first_page_lists_what_is_live() {
    let server = Server::demo();
    let options = json!({ "role": "look", "url": server.url("/"), "until": "demo" });
    let seen = Report::read(browser("chromium", &server, "index", &options), PATIENCE);
    assert_eq!(seen.measured["errors"], json!([]), "{}", seen.measured);
    let links = seen.measured["links"].to_string();
    assert!(links.contains("/play/demo"), "{links}");
}

#[test]
fn a_player_waits_in_words_for_a_stream_and_plays_when_it_comes() {
    let server = Server::start();
    let options = json!({ "role": "look", "url": server.url("/play/later"), "until": "live" });
    let seen = Report::read(browser("chromium", &server, "waiting", &options), PATIENCE);
    assert!(seen.measured["text"].as_str().is_some_and(|text| text.contains("later")), "{}", seen.measured);
    let options = json!({ "role": "play", "url": server.url("/play/later?muted=1"), "seconds": 3, "patience": 30 });
    let viewer = browser("chromium", &server, "later", &options);
    let _publisher = Publisher::Aiortc.start(Codec::Vp8, &server, "later");
    Report::read(viewer, PATIENCE).check();
}

#[test]
fn what_went_wrong_is_said_in_words() {
    let server = Setup::new().config("access.play = \"denied\"").demo().start();
    server.wait_live("demo");
    let options = json!({ "role": "look", "url": server.url("/play/demo"), "until": "allow" });
    let seen = Report::read(browser("chromium", &server, "denied", &options), PATIENCE);
    assert!(seen.measured["found"].as_bool().unwrap_or(false), "{}", seen.measured);
}

/// Each size can be chosen in the player, and the server's choice again.
fn sizes_are_chosen(server: &Server, labels: [&str; 4]) {
    let options =
        json!({ "role": "menu", "url": server.url("/play/cam?muted=1"), "sizes": labels.len() - 1, "patience": 50 });
    let seen = Report::read(browser("chromium", server, "cam", &options), Duration::from_secs(70)).measured;
    assert_eq!((&seen["labels"], &seen["sessions"]), (&json!(labels), &json!(1)), "{seen}");
    let order = [labels[1], labels[2], labels[3], labels[0]];
    let shown: Vec<&Value> = seen["chosen"].as_array().into_iter().flatten().map(|one| &one["shown"]).collect();
    assert_eq!(json!(shown), json!(order), "{seen}");
}

#[test]
fn a_visitor_chooses_among_the_layers_of_a_publisher() {
    let server = Server::start();
    let _publisher = adaptation::publish(&server, "VP8");
    sizes_are_chosen(&server, ["Auto", "720p", "360p", "180p"]);
}

#[test]
fn a_visitor_chooses_among_the_sizes_of_one_picture() {
    let server = Server::start();
    let names = ["s0t0", "s1t0", "s2t0"];
    let _publisher = layers::publish(&server, "VP9", "L3T1", (1280, 720), &names);
    sizes_are_chosen(&server, ["Auto", "720p", "360p", "180p"]);
}

#[test]
fn pages_are_served_with_a_strict_policy() {
    let server = Server::start();
    for path in ["/", "/play/a/b", "/publish/a"] {
        let page = server.send(&Request::get(path)).expect(200);
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let text = page.text();
        for asset in text.split('"').filter(|part| part.starts_with("/assets/")) {
            server.send(&Request::get(asset)).expect(200);
        }
        assert!(!text.contains("https://") && !text.contains("http://"), "a page needs no other server");
    }
}
