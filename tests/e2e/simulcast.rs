//! Simulcast: a browser's layers are renditions that can be addressed, chosen and changed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{browser, ready};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::{Server, wasmcast};

const PATIENCE: Duration = Duration::from_secs(40);

/// The layers of the tests: name, width and height of their picture.
const LAYERS: [(&str, u64, u64); 3] = [("q", 320, 180), ("h", 640, 360), ("f", 1280, 720)];

/// Starts a Chromium that publishes `cam` in three layers, in this order.
fn publish(server: &Server, codec: &str, order: [&str; 3], off: &Value) -> Process {
    let encoding = |rid: &&str| match *rid {
        "q" => json!({ "rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 120_000 }),
        "h" => json!({ "rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 300_000 }),
        _ => json!({ "rid": "f", "scaleResolutionDownBy": 1, "maxBitrate": 800_000 }),
    };
    let options = json!({
        "role": "simulcast",
        "url": server.url("/"),
        "endpoint": server.url("/whip/cam"),
        "codec": codec,
        "encodings": order.iter().map(encoding).collect::<Vec<_>>(),
        "off": off,
    });
    ready(browser("chromium", server, "cam", &options))
}

/// Waits until the API says so of the renditions, and returns them.
fn wait_renditions(server: &Server, what: &str, fine: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    server.wait_until(what, || {
        let stream = server.wait_live("cam");
        let renditions = stream["renditions"].as_array().cloned().unwrap_or_default();
        if fine(&renditions) { Ok(renditions) } else { Err(stream.to_string()) }
    })
}

fn all_sent(renditions: &[Value]) -> bool {
    renditions.len() == 3 && renditions.iter().all(|one| one["active"] == true && one["width"].is_u64())
}

/// What `wasmcast play` sees of an address in three seconds.
fn play(server: &Server, path: &str) -> Value {
    let mut command = wasmcast();
    command.args(["play", "--duration", "3", &server.url(path)]);
    let finished = Process::start(&format!("play {path}"), &mut command).finish(PATIENCE);
    let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log))
}

fn check_size(report: &Value, (rid, width, height): (&str, u64, u64)) {
    assert_eq!((&report["width"], &report["height"]), (&json!(width), &json!(height)), "{rid}: {report}");
    assert_eq!((&report["broken_frames"], &report["lost"]), (&json!(0), &json!(0)), "{rid}: {report}");
    assert!(report["frames"].as_u64() > Some(20) && report["audio_packets"].as_u64() > Some(100), "{rid}: {report}");
}

/// A Chromium views `cam` and asks for these layers in turn; an empty name is the server's choice.
fn change(server: &Server, steps: &[(&str, u64)]) -> Value {
    let step = |(rid, width): &(&str, u64)| json!({ "rid": rid, "width": width });
    let options = json!({
        "role": "change",
        "url": server.url("/play/cam?muted=1"),
        "seconds": 2,
        "patience": 40,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    });
    let finished = browser("chromium", server, "cam", &options).finish(Duration::from_secs(80));
    assert!(finished.status.success(), "the viewer failed\n{}", finished.log);
    let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log))
}

/// Nothing was lost, shown twice or stood still for longer than a keyframe takes; the sound ran through.
fn check_seamless(seen: &Value) {
    let number =
        |pointer: &str| seen.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {seen}"));
    assert!(seen["selected"].as_array().is_some_and(|all| all.iter().all(|status| *status == 200)), "{seen}");
    assert!(
        seen["seen"].as_array().is_some_and(|all| all.iter().all(|one| one["frames"].as_u64() > Some(5))),
        "{seen}"
    );
    assert_eq!((number("/lost"), number("/backwards")), (0.0, 0.0), "{seen}");
    // Media time between two frames that are shown next to each other.
    assert!(number("/longest_ms") < 1_000.0, "{seen}");
    assert_eq!(number("/sound/lost"), 0.0, "{seen}");
    assert!(number("/sound/concealed") < number("/sound/samples") / 10.0, "{seen}");
}

fn changes_without_a_seam(codec: &str) {
    let server = Server::start();
    let _publisher = publish(&server, codec, ["q", "h", "f"], &Value::Null);
    wait_renditions(&server, "three layers", all_sent);
    check_seamless(&change(&server, &[("q", 320), ("f", 1280), ("h", 640), ("q", 320), ("", 1280)]));
}

#[test]
fn a_viewer_changes_between_layers_of_h264_without_a_seam() {
    changes_without_a_seam("H264");
}

#[test]
fn a_viewer_changes_between_layers_of_vp8_without_a_seam() {
    changes_without_a_seam("VP8");
}

#[test]
fn viewers_move_on_when_their_layer_is_not_sent_any_more() {
    let server = Server::start();
    let off = json!({ "rid": "f", "after": 10, "seconds": 6 });
    let _publisher = publish(&server, "VP8", ["q", "h", "f"], &off);
    wait_renditions(&server, "three layers", all_sent);
    let mut command = wasmcast();
    let viewer = Process::start("wasmcast play", command.args(["play", "--duration", "60", &server.url("/whep/cam")]));
    server.wait_connected("play", 1);
    let given = |rid: &str| {
        // A layer that comes back is tried before it is given.
        server.wait_for_long(&format!("the viewer getting {rid}"), Duration::from_secs(25), || {
            let list = server.api("/api/v1/sessions?action=play");
            let given = list["sessions"][0]["rendition"].clone();
            if given["rid"] == rid && given["next"].is_null() { Ok(given) } else { Err(list.to_string()) }
        })
    };
    assert_eq!(given("f")["why"], "the best that is sent");
    given("h");
    let renditions =
        wait_renditions(&server, "the top layer being off", |all| all.len() == 3 && all[2]["active"] == false);
    assert_eq!((&renditions[2]["rid"], &renditions[2]["bitrate_bps"]), (&json!("f"), &json!(0)), "{renditions:?}");
    given("f");
    viewer.signal("INT");
    let finished = viewer.finish(PATIENCE);
    let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
    let seen: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log));
    assert_eq!((&seen["broken_frames"], &seen["lost"]), (&json!(0), &json!(0)), "{seen}");
}

#[test]
fn each_layer_has_an_address_of_its_own() {
    let server = Server::start();
    // Not in the order of their sizes: it is not to be trusted.
    let _publisher = publish(&server, "H264", ["h", "f", "q"], &Value::Null);
    let renditions = wait_renditions(&server, "three layers", all_sent);
    let names: Vec<&Value> = renditions.iter().map(|one| &one["rid"]).collect();
    assert_eq!(names, ["h", "f", "q"], "{renditions:?}");
    for layer in LAYERS {
        check_size(&play(&server, &format!("/whep/cam@{}", layer.0)), layer);
    }
    check_size(&play(&server, "/whep/cam?rendition=h"), LAYERS[1]);
    // Whatever this machine, busy as it may be, carries.
    let report = play(&server, "/whep/cam");
    let layer = LAYERS.into_iter().find(|layer| report["width"] == layer.1);
    check_size(&report, layer.unwrap_or_else(|| panic!("{report}")));
    for path in ["/whep/cam@x", "/whep/cam?rendition=x"] {
        let problem = server.send(&Request::offer(path, CHROME_WHEP)).problem(404);
        assert!(problem.contains("h, f, q"), "{problem}");
    }
    server.send(&Request::offer("/whep/cam@q?rendition=h", CHROME_WHEP)).problem(400);
    server.send(&Request::offer("/whip/cam@q", CHROME_WHEP)).problem(400);
}
