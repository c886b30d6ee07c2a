//! `auto`: viewers behind a link that changes get the rendition that it carries, and sound and picture run through.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::bottleneck::Bottleneck;
use crate::clients::{Codec, Viewer, browser, ready};
use crate::follow::{Follower, count};
use crate::http::Request;
use crate::layers as svc;
use crate::netns;
use crate::process::Process;
use crate::server::{Server, Setup, wasmcast};

const GOOD: u64 = 10_000;
const BAD: u64 = 300;
/// RTP ticks of a picture's second.
const TICKS: f64 = 90_000.0;

/// Starts a Chromium that publishes `cam` in three layers. Together with sound and headers only the lowest fits through a bad link.
pub fn publish(server: &Server, codec: &str) -> Process {
    let encoding =
        |rid: &str, by: u32, kbps: u32| json!({ "rid": rid, "scaleResolutionDownBy": by, "maxBitrate": kbps * 1_000 });
    let options = json!({
        "role": "simulcast",
        "url": server.url("/"),
        "endpoint": server.url("/whip/cam"),
        "codec": codec,
        "encodings": [encoding("q", 4, 100), encoding("h", 2, 350), encoding("f", 1, 900)],
    });
    let publisher = ready(browser("chromium", server, "cam", &options));
    server.wait_until("three layers", || {
        let stream = server.wait_live("cam");
        let renditions = stream["renditions"].as_array().cloned().unwrap_or_default();
        let sent =
            |one: &Value| one["active"] == true && one["width"].is_u64() && one["bitrate_bps"].as_u64() > Some(0);
        if renditions.len() == 3 && renditions.iter().all(sent) { Ok(()) } else { Err(stream.to_string()) }
    });
    publisher
}

/// Waits until the API says that the one viewer gets a rendition and is on no way to another.
fn wait_given(server: &Server, rid: &str, limit: u64) -> Value {
    server.wait_for_long(&format!("the viewer getting {rid}"), Duration::from_secs(limit), || {
        let list = server.api("/api/v1/sessions?action=play");
        let given = list["sessions"][0]["rendition"].clone();
        if given["rid"] == rid && given["next"].is_null() { Ok(given) } else { Err(list.to_string()) }
    })
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs_f64() * 1e3
}

/// One frame that was shown: when, its RTP timestamp, its width.
#[derive(Clone, Copy, Debug)]
struct Shown {
    at_ms: f64,
    timestamp: u32,
    width: u64,
}

fn shown(viewer: &Follower) -> Vec<Shown> {
    let lines = viewer.all();
    let frames = lines.iter().flat_map(|line| line["shown"].as_array().cloned().unwrap_or_default());
    let frame = |frame: Value| Shown {
        at_ms: frame[0].as_f64().unwrap_or_default(),
        timestamp: frame[1].as_u64().unwrap_or_default() as u32,
        width: frame[2].as_u64().unwrap_or_default(),
    };
    frames.map(frame).collect()
}

/// Seconds of media from the last frame that was shown before a moment to the first one of a width after it.
fn seconds_until(frames: &[Shown], at_ms: f64, width: u64) -> f64 {
    let next = frames.iter().position(|frame| frame.at_ms > at_ms).expect("it played on");
    let from = frames[next.saturating_sub(1)].timestamp;
    let to = frames[next..].iter().find(|frame| frame.width == width).expect("it was shown");
    f64::from(to.timestamp.wrapping_sub(from)) / TICKS
}

fn steps_down_and_up_again(codec: &str) {
    let (server, link) = Bottleneck::start(Setup::new(), GOOD);
    let _publisher = publish(&server, codec);
    let viewer = Follower::start(&server, "cam");
    let given = wait_given(&server, "f", 30);
    assert!(given["asked"] == "auto" && given["why"] == "the best that is sent", "{given}");
    let wide = viewer.wait("the best picture", |seen| seen["width"] == 1280);
    let before = viewer.wait_playing(&wide, 60);
    let dropped_ms = now_ms();
    link.set(BAD);
    let given = wait_given(&server, "q", 15);
    assert!(given["estimate_kbps"].as_u64().is_some_and(|kbps| kbps < BAD), "{given}");
    let low = viewer.wait("the lowest picture", |seen| seen["width"] == 320);
    // It holds for as long as the link is bad.
    let low = viewer.wait_playing(&low, 150);
    assert_eq!(low["width"], 320, "{low}");
    let restored_ms = now_ms();
    link.set(GOOD);
    wait_given(&server, "f", 30);
    let wide = viewer.wait("the best picture again", |seen| seen["width"] == 1280);
    let after = viewer.wait_playing(&wide, 60);
    let frames = shown(&viewer);
    let (down, up) = (seconds_until(&frames, dropped_ms, 320), seconds_until(&frames, restored_ms, 1280));
    let mut freezes: Vec<(f64, f64)> = Vec::new();
    for pair in frames.windows(2) {
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32;
        assert!(step > 0, "back in time: {pair:?}");
        freezes.push((f64::from(step) / TICKS, (pair[1].at_ms - dropped_ms) / 1e3));
    }
    let of_drop = |at: f64| (0.0..3.0).contains(&at);
    let longest = |during: &dyn Fn(f64) -> bool| {
        freezes.iter().filter(|(_, at)| during(*at)).map(|(long, _)| *long).fold(0.0, f64::max)
    };
    let (at_drop, else_where) = (longest(&of_drop), longest(&|at| !of_drop(at)));
    let concealed = count(&after, "concealed") - count(&before, "concealed");
    let samples = count(&after, "samples") - count(&before, "samples");
    eprintln!(
        "{codec}: down after {down:.2} s, up after {up:.2} s of media; longest gap {at_drop:.2} s at the drop, {else_where:.2} s \
         elsewhere; {concealed} of {samples} samples of sound made up"
    );
    assert!(down < 2.0, "{down} s until the lowest");
    assert!(up < 15.0, "{up} s until the best");
    assert!(at_drop < 2.0 && else_where < 1.0, "{at_drop} s and {else_where} s without a frame");
    assert!(concealed * 20 < samples, "{concealed} of {samples} samples of sound are made up");
    // At the drop it may go by way of the middle one, or not.
    assert!(counter(&server, "wasmcast_rendition_moves_total{direction=\"up\"}") >= 1);
    assert!(counter(&server, "wasmcast_rendition_moves_total{direction=\"down\"}") >= 1);
    assert!(counter(&server, "wasmcast_bandwidth_probes_total") >= 1);
}

/// What the API says of the layers of the only viewer.
fn layers(server: &Server) -> Value {
    server.api("/api/v1/sessions?action=play")["sessions"][0]["layers"].clone()
}

/// One stream has all sizes and frame rates, and a viewer who leaves the choice to us gets those that the link carries.
fn layers_follow_the_link(codec: &str, mode: &str, size: (u32, u32), bad: u64) {
    let (server, link) = Bottleneck::start(Setup::new(), GOOD);
    let names: &[&str] = match mode {
        "L1T3" => &["s0t0", "s0t1", "s0t2"],
        _ => &["s0t0", "s0t1", "s0t2", "s1t0", "s1t1", "s1t2", "s2t0", "s2t1", "s2t2"],
    };
    let _publisher = svc::publish(&server, codec, mode, size, names);
    let viewer = Follower::start(&server, "cam");
    let limit = Duration::from_secs(30);
    let all = |given: &Value| given["given"].is_null() && given["estimate_kbps"].as_u64() > Some(0);
    let wait_all = || {
        server.wait_for_long("all layers, as the way is measured", limit, || {
            let given = layers(&server);
            if all(&given) { Ok(()) } else { Err(given.to_string()) }
        });
    };
    wait_all();
    let full = viewer.wait("the full picture", |seen| seen["width"] == size.0);
    let before = viewer.wait_playing(&full, 30);
    let dropped_ms = now_ms();
    link.set(bad);
    server.wait_for_long("fewer layers", limit, || {
        let given = layers(&server);
        if given["given"].is_string() { Ok(()) } else { Err(given.to_string()) }
    });
    let stepped_s = (now_ms() - dropped_ms) / 1e3;
    let less = viewer.wait_playing(&before, 60);
    let given = layers(&server);
    assert!(given["given"].is_string() && given["asked"].is_null(), "it holds while the link is bad: {given}");
    if mode != "L1T3" {
        assert!(less["width"].as_u64() < Some(size.0.into()), "{less}");
    }
    let restored_ms = now_ms();
    link.set(GOOD);
    wait_all();
    let wide = viewer.wait("the full picture again", |seen| seen["width"] == size.0);
    let climbed_s = (now_ms() - restored_ms) / 1e3;
    let after = viewer.wait_playing(&wide, 30);
    let frames = shown(&viewer);
    let steps: Vec<f64> = frames
        .windows(2)
        .map(|pair| f64::from(pair[1].timestamp.wrapping_sub(pair[0].timestamp) as i32) / TICKS)
        .collect();
    let longest = steps.iter().copied().fold(0.0, f64::max);
    eprintln!(
        "{codec} {mode}: less after {stepped_s:.2} s ({}), all again after {climbed_s:.2} s; longest gap {longest:.2} s; {} lost, {} plis",
        given["given"],
        count(&after, "lost") - count(&before, "lost"),
        count(&after, "plis") - count(&before, "plis")
    );
    assert!(steps.iter().all(|step| *step > 0.0), "back in time: {steps:?}");
    assert!(stepped_s < 2.0 && climbed_s < 15.0 && longest < 2.0, "{stepped_s} s, {climbed_s} s, {longest} s");
}

/// A counter among the metrics.
fn counter(server: &Server, name: &str) -> u64 {
    let metrics = Request::get("/metrics").send(server.admin).expect(200).text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {metrics}"))
}

/// For `make test-all`: links take their time.
mod long {
    use super::*;

    #[test]
    fn a_browser_steps_down_within_two_seconds_and_up_again_vp8() {
        steps_down_and_up_again("VP8");
    }

    #[test]
    fn a_browser_steps_down_within_two_seconds_and_up_again_h264() {
        steps_down_and_up_again("H264");
    }

    #[test]
    fn a_browser_that_comes_by_a_bad_link_gets_what_it_carries() {
        let (server, link) = Bottleneck::start(Setup::new(), GOOD);
        let _publisher = publish(&server, "VP8");
        link.set(BAD);
        let viewer = Follower::start(&server, "cam");
        let given = wait_given(&server, "q", 30);
        let low = viewer.wait("the lowest picture", |seen| seen["width"] == 320);
        let later = viewer.wait_playing(&low, 150);
        let stayed = wait_given(&server, "q", 1);
        assert!(later["width"] == 320, "{given} {stayed} {later}");
    }

    #[test]
    fn sizes_of_one_picture_follow_the_link_vp9() {
        layers_follow_the_link("VP9", "L3T3", (960, 540), BAD);
    }

    /// Smaller sizes are needed at keyframes alone.
    #[test]
    fn sizes_of_one_picture_follow_the_link_vp9_with_sizes_apart() {
        layers_follow_the_link("VP9", "L3T3_KEY", (960, 540), BAD);
    }

    #[test]
    fn frame_rates_of_one_picture_follow_the_link_vp8() {
        layers_follow_the_link("VP8", "L1T3", (640, 360), 600);
    }

    /// Firefox does not use loopback for media.
    #[test]
    fn firefox_climbs_as_tries_show_that_its_way_carries_more() {
        let open = "access.publish = \"open\"\naccess.play = \"open\"";
        netns::within("adaptation::long::firefox_climbs_as_tries_show_that_its_way_carries_more", |address| {
            let server = Setup::new().address(address).config(open).start();
            let _publisher = publish(&server, "VP8");
            let viewer = Viewer::Firefox.launch(Codec::Vp8, &server, "cam", 25.0, true);
            server.wait_connected("play", 1);
            let list = server.api("/api/v1/sessions?action=play");
            let id = list["sessions"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}"));
            let choose = |body: &str| {
                let request =
                    Request::new("POST", format!("/session/{id}/layer")).header("Content-Type", "application/json");
                server.send(&request.body(body)).expect(200);
            };
            choose(r#"{"encodingId":"q"}"#);
            let given = wait_given(&server, "q", 15);
            assert!(given["asked"] == "q" && given["why"] == "asked for", "{given}");
            choose("{}");
            let given = wait_given(&server, "f", 30);
            assert!(given["asked"] == "auto" && given["estimate_kbps"].as_u64() > Some(300), "{given}");
            assert!(counter(&server, "wasmcast_bandwidth_probes_total") >= 2);
            let seen = viewer.finish(Duration::from_secs(40));
            assert!(seen.status.success(), "{}", seen.log);
        });
    }

    #[test]
    fn our_own_player_is_adapted_to_its_link_too() {
        let (server, link) = Bottleneck::start(Setup::new(), GOOD);
        let _publisher = publish(&server, "VP8");
        let mut command = wasmcast();
        let viewer =
            Process::start("wasmcast play", command.args(["play", "--duration", "70", &server.url("/whep/cam")]));
        wait_given(&server, "f", 30);
        link.set(BAD);
        wait_given(&server, "q", 15);
        link.set(GOOD);
        wait_given(&server, "f", 30);
        viewer.signal("INT");
        let finished = viewer.finish(Duration::from_secs(10));
        let line = finished.data.last().unwrap_or_else(|| panic!("it printed nothing\n{}", finished.log));
        let seen: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", finished.log));
        assert_eq!((&seen["width"], &seen["not_understood"]), (&json!(1280), &json!(0)), "{seen}");
    }
}
