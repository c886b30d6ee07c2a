//! Layers of one picture (SVC): a browser sends several sizes and frame rates in one stream, and each viewer gets those it asks for.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clients::{Codec, Viewer, browser, ready};
use crate::http::Request;
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::Server;

/// Pictures a second that the publisher makes.
const FPS: f64 = 15.0;

/// Starts a Chromium that publishes `cam` in these layers, and waits until the API has seen all of them.
pub fn publish(server: &Server, codec: &str, mode: &str, (width, height): (u32, u32), layers: &[&str]) -> Process {
    let options = json!({
        "role": "simulcast",
        "url": server.url("/"),
        "endpoint": server.url("/whip/cam"),
        "codec": codec,
        "encodings": [{ "scalabilityMode": mode, "maxBitrate": 900_000 }],
        "width": width,
        "height": height,
        "fps": FPS,
        "steady": true,
    });
    let publisher = ready(browser("chromium", server, "cam", &options));
    server.wait_until("all layers being sent", || {
        let stream = server.wait_live("cam");
        let names: Vec<&str> =
            stream["layers"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
        if names == layers { Ok(()) } else { Err(stream.to_string()) }
    });
    publisher
}

/// What a step of a viewer asks for, the width of the picture that it shows then, and how many of four pictures it gets.
struct Step {
    select: Value,
    width: u32,
    share: u32,
}

fn step(select: Value, width: u32, share: u32) -> Step {
    Step { select, width, share }
}

/// A Chromium views `path` and takes these steps.
fn view(server: &Server, path: &str, steps: &[Step]) -> Value {
    let picture_ms = 1_000.0 / FPS;
    let step = |step: &Step| {
        let mut told = json!({ "select": step.select, "width": step.width });
        // Media time from one picture to the next: a quarter of them is four apart, half of them two, and never nearer.
        match step.share {
            4 => told["fast_ms"] = json!(picture_ms * 1.5),
            2 => {
                told["slow_ms"] = json!(picture_ms * 1.5);
                told["fast_ms"] = json!(picture_ms * 2.5);
            }
            _ => told["slow_ms"] = json!(picture_ms * 2.5),
        }
        told
    };
    let options = json!({
        "role": "change",
        "url": server.url(path),
        "seconds": 2,
        "patience": 60,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
    });
    let finished = browser("chromium", server, "cam", &options).finish(Duration::from_secs(85));
    assert!(finished.status.success(), "the viewer failed\n{}", finished.log);
    let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log))
}

/// Each step brought its pictures, at its pace; nothing was lost on the way, shown twice, or stood still.
fn check(seen: &Value, steps: usize) {
    let number =
        |pointer: &str| seen.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {seen}"));
    assert_eq!(seen["selected"], json!(vec![200; steps]), "{seen}");
    for one in seen["seen"].as_array().expect("steps") {
        assert!(one["frames"].as_u64() > Some(3), "{seen}");
        let shortest = one["shortest_ms"].as_f64().unwrap_or_default();
        assert!(one["slow_ms"].as_f64().is_none_or(|slow| shortest >= slow), "{one}: {seen}");
        assert!(one["fast_ms"].as_f64().is_none_or(|fast| shortest <= fast), "{one}: {seen}");
    }
    assert_eq!((number("/lost"), number("/backwards"), number("/nack")), (0.0, 0.0, 0.0), "{seen}");
    assert!(number("/longest_ms") < 1_500.0, "{seen}");
}

#[test]
fn frame_rates_of_vp8_are_chosen() {
    let server = Server::start();
    let _publisher = publish(&server, "VP8", "L1T3", (640, 360), &["s0t0", "s0t1", "s0t2"]);
    let temporal = |id: u32| json!({ "temporalLayerId": id });
    let steps = [
        step(temporal(0), 640, 1),
        step(temporal(2), 640, 4),
        step(temporal(1), 640, 2),
        step(json!({ "maxTemporalLayerId": 0 }), 640, 1),
        step(json!({}), 640, 4),
    ];
    check(&view(&server, "/play/cam?muted=1", &steps), steps.len());
    // An independent decoder, which asked for the lowest rate from the start: a quarter of the pictures, each whole.
    let report = Viewer::Aiortc.play_video(Codec::Vp8, &server, "cam@t0");
    let video = &report.measured["video"];
    assert_eq!((&video["width"], &video["height"]), (&json!(640), &json!(360)), "{report:?}");
    let frames = video["frames"].as_u64().unwrap_or_default();
    assert!((6..=25).contains(&frames), "{report:?}");
}

#[test]
fn sizes_and_frame_rates_of_vp9_are_chosen() {
    let server = Server::start();
    let names = ["s0t0", "s0t1", "s0t2", "s1t0", "s1t1", "s1t2", "s2t0", "s2t1", "s2t2"];
    let _publisher = publish(&server, "VP9", "L3T3", (960, 540), &names);
    let layers = server.wait_live("cam")["layers"].clone();
    let sizes: Vec<_> = (0..3).map(|at| (&layers[at * 3]["width"], &layers[at * 3]["height"])).collect();
    assert_eq!(json!(sizes), json!([[240, 135], [480, 270], [960, 540]]), "{layers}");
    for path in ["/whep/cam?rendition=s3", "/whep/cam@s0t3", "/whep/cam?rendition=low"] {
        let problem = server.send(&Request::offer(path, CHROME_WHEP)).problem(404);
        assert!(problem.contains("s2t1, s2t2 and `auto`"), "{problem}");
    }
    let layer = |spatial: u32, temporal: u32| json!({ "spatialLayerId": spatial, "temporalLayerId": temporal });
    let steps = [
        step(layer(0, 0), 240, 1),
        step(layer(0, 2), 240, 4),
        step(layer(2, 2), 960, 4),
        step(layer(1, 1), 480, 2),
        step(json!({ "maxSpatialLayerId": 0 }), 240, 4),
        step(json!({}), 960, 4),
    ];
    check(&view(&server, "/play/cam?muted=1", &steps), steps.len());
}

#[test]
fn frame_rates_of_av1_are_chosen() {
    let server = Server::start();
    let _publisher = publish(&server, "AV1", "L1T3", (640, 360), &["s0t0", "s0t1", "s0t2"]);
    let temporal = |id: u32| json!({ "temporalLayerId": id });
    let steps = [step(temporal(0), 640, 1), step(temporal(2), 640, 4), step(temporal(1), 640, 2)];
    check(&view(&server, "/play/cam?muted=1", &steps), steps.len());
}

#[test]
fn sizes_of_av1_are_chosen() {
    let server = Server::start();
    let _publisher = publish(&server, "AV1", "L2T2", (640, 360), &["s0t0", "s0t1", "s1t0", "s1t1"]);
    let layer = |spatial: u32, temporal: u32| json!({ "spatialLayerId": spatial, "temporalLayerId": temporal });
    let steps =
        [step(layer(0, 1), 320, 4), step(layer(1, 1), 640, 4), step(layer(1, 0), 640, 2), step(layer(0, 0), 320, 2)];
    check(&view(&server, "/play/cam?muted=1", &steps), steps.len());
}
