//! What a viewer's grant says of bitrates: the best rendition that fits, and a refusal where none does.

use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, wait_generation};
use super::signed::{SECRET, link};
use crate::clients::{browser, ready};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::process::Process;
use crate::server::{Server, wasmcast};

/// A server that auth-jwt guards.
fn guarded() -> (Folder, Server) {
    let manifest = format!("[grants]\nkv = {{}}\nhttp = []\n[config]\nshared-secret = \"{SECRET}\"\n");
    let folder = Folder::new().with("auth-jwt", &manifest);
    let server = folder.setup().start();
    wait_generation(&server, "auth-jwt", 1);
    (folder, server)
}

/// Asks to play with a link that grants so much.
fn ask(server: &Server, path: &str, kbps: Option<u32>) -> Response {
    let mut grants = json!({ "play": ["**"] });
    if let Some(kbps) = kbps {
        grants["max_bitrate_kbps"] = kbps.into();
    }
    server.send(&Request::offer(path, CHROME_WHEP).bearer(&link(60.0, &grants)))
}

/// Waits until the stream is measured at about its bitrate, and returns that in kbit/s.
fn measured(server: &Server, stream: &str, at_least: u64) -> u64 {
    server.wait_until("the stream being measured", || {
        let entry = server.wait_live(stream);
        let kbps = entry["bitrate_bps"].as_u64().unwrap_or(0) / 1_000;
        if kbps >= at_least { Ok(kbps) } else { Err(entry.to_string()) }
    })
}

#[test]
fn a_stream_above_the_grant_is_refused_in_words() {
    let (_folder, server) = guarded();
    let token = link(120.0, &json!({ "publish": ["cam"] }));
    let mut command = wasmcast();
    command.args(["publish", "testsrc", "--bitrate", "800", &server.url("/whip/cam"), "--token", &token]);
    let _publisher = Process::start("publisher", &mut command);
    measured(&server, "cam", 300);
    let detail = ask(&server, "/whep/cam", Some(100)).problem(403);
    assert!(detail.ends_with("and you may watch up to 100 kbit/s"), "{detail}");
    let told = server.api("/api/v1/sessions").to_string();
    assert!(!told.contains("\"play\""), "it holds no place: {told}");
    for enough in [Some(10_000), None] {
        ask(&server, "/whep/cam", enough).expect(201);
    }
    server.wait_until("the refusal being logged", || {
        let log = server.process.log();
        if log.contains("bitrate-above-grant") || log.contains("up to 100 kbit/s") { Ok(()) } else { Err(log) }
    });
}

#[test]
fn of_several_renditions_the_best_that_the_grant_allows_is_given_and_none_where_all_are_too_large() {
    let (_folder, server) = guarded();
    let publish = link(120.0, &json!({ "publish": ["cam"], "play": ["cam"] }));
    let options = json!({
        "role": "simulcast",
        "url": server.url("/"),
        "endpoint": format!("{}?token={publish}", server.url("/whip/cam")),
        "codec": "VP8",
        "encodings": [
            { "rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 120_000 },
            { "rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 300_000 },
            { "rid": "f", "scaleResolutionDownBy": 1, "maxBitrate": 1_200_000 },
        ],
        "off": Value::Null,
    });
    let _publisher = ready(browser("chromium", &server, "cam", &options));
    server.wait_for_long("three layers at their bitrates", Duration::from_secs(30), || {
        let stream = server.wait_live("cam");
        let rates: Vec<u64> = stream["renditions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["active"] == true)
            .filter_map(|one| one["bitrate_bps"].as_u64())
            .map(|bps| bps / 1_000)
            .collect();
        // So far apart that a grant lies between them, also when they are not quite the same a moment later.
        match rates[..] {
            [q, _, f] if q >= 60 && f >= 650 => Ok(()),
            _ => Err(stream.to_string()),
        }
    });
    // Below what the pictures of the least size take whose rate is halved, too.
    let detail = ask(&server, "/whep/cam", Some(10)).problem(403);
    assert!(detail.contains("and you may watch up to 10 kbit/s"), "{detail}");
    // Of VP8 a part of the pictures may be left out, which takes it below a half.
    ask(&server, "/whep/cam?rendition=f", Some(60)).problem(403);
    let token = link(120.0, &json!({ "play": ["cam"], "max_bitrate_kbps": 450 }));
    let mut command = wasmcast();
    command.args(["play", &server.url("/whep/cam"), "--duration", "60", "--token", &token]);
    let _viewer = Process::start("viewer", &mut command);
    server.wait_connected("play", 1);
    server.wait_until("the viewer getting the middle layer", || {
        let list = server.api("/api/v1/sessions?action=play");
        let connected = list["sessions"].as_array().into_iter().flatten().find(|one| one["state"] == "connected");
        match connected.map(|one| &one["rendition"]) {
            Some(given) if given["rid"] == "h" && given["next"].is_null() => Ok(()),
            _ => Err(list.to_string()),
        }
    });
}
