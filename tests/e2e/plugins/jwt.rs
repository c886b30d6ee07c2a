//! auth-jwt: every algorithm, what is not taken, expiry, and key sets that are fetched.

use std::time::Duration;

use serde_json::{Value, json};

use super::folder::{Folder, status, wait_generation};
use super::signed::{SECRET, Signer, base64url, link, now};
use super::web::{Said, Web};
use crate::http::{Request, Response};
use crate::offers::{CHROME_WHEP, CHROME_WHIP};
use crate::process::Process;
use crate::server::{Server, wasmcast};

const NO_RIGHTS_USED: &str = "[grants]\nkv = {}\nhttp = []\n";

/// A server that auth-jwt guards, with this configuration.
fn guarded(config: &str) -> (Folder, Server) {
    let folder = Folder::new().with("auth-jwt", &format!("{NO_RIGHTS_USED}[config]\n{config}\n"));
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-jwt", 1);
    server.wait_live("demo");
    (folder, server)
}

fn play(server: &Server, token: &str) -> Response {
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer(token))
}

fn everything(seconds: f64) -> Value {
    json!({ "sub": "alice", "exp": now() + seconds, "wasmcast": { "play": ["**"], "publish": ["live/*"] } })
}

/// A JWK as an inline table of TOML.
fn toml(jwk: &Value) -> String {
    let members: Vec<String> =
        jwk.as_object().into_iter().flatten().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("{{ {} }}", members.join(", "))
}

#[test]
fn every_algorithm_opens_what_its_key_signed_and_nothing_else_does() {
    let signers = [Signer::secret(), Signer::rsa(), Signer::ec(), Signer::ed()];
    let ids = ["h", "r", "e", "d"];
    let keys: Vec<String> = signers.iter().zip(ids).map(|(signer, id)| toml(&signer.jwk(id))).collect();
    let (_folder, server) = guarded(&format!("keys = [{}]", keys.join(", ")));
    for (signer, id) in signers.iter().zip(ids) {
        for id in [Some(id), None] {
            play(&server, &signer.sign(id, &everything(60.0))).expect(201);
        }
        let good = signer.sign(Some(id), &everything(60.0));
        let (signed, signature) = good.rsplit_once('.').expect("three parts");
        let other = signer.sign(Some(id), &everything(61.0));
        let moved = format!("{}.{signature}", other.rsplit_once('.').expect("three parts").0);
        for bad in [format!("{signed}."), format!("{signed}.AAAA"), moved, format!("{good}A")] {
            assert_eq!(play(&server, &bad).problem(401), "This link is not valid.", "{id}: {bad}");
        }
    }
    // A public key is no secret, whatever the header says; and no signature is none.
    let public = signers[1].jwk("r")["n"].as_str().expect("a modulus").to_owned();
    for secret in [public.clone().into_bytes(), signers[1].jwk("r").to_string().into_bytes()] {
        let forged = Signer::Hs256(secret).sign_as(&json!({ "alg": "HS256", "kid": "r" }), &everything(60.0));
        play(&server, &forged).problem(401);
    }
    for algorithm in ["none", "None", "HS512", ""] {
        let header = base64url(json!({ "alg": algorithm }).to_string());
        let forged = format!("{header}.{}.", base64url(everything(60.0).to_string()));
        assert_eq!(play(&server, &forged).problem(401), "This link is not valid.", "{algorithm}");
    }
    let seen = status(&server, "auth-jwt");
    assert_eq!(seen["errors"].as_object().map(|all| all.values().all(|count| count == 0)), Some(true), "{seen}");
}

#[test]
fn claims_say_who_may_do_what_and_denials_say_why() {
    let (_folder, server) = guarded(&format!("shared-secret = \"{SECRET}\"\ntags = [\"plan\"]"));
    let token = link(60.0, &json!({ "play": ["demo"], "publish": ["live/alice"], "max_bitrate_kbps": 3000 }));
    let publish = |stream: &str| server.send(&Request::offer(format!("/whip/{stream}?token={token}"), CHROME_WHIP));
    play(&server, &token).expect(201);
    publish("live/alice").expect(201);
    assert_eq!(publish("live/bob").problem(403), "This link does not allow to publish here.");
    let other = server.send(&Request::offer("/whep/live/alice", CHROME_WHEP).bearer(&token));
    assert_eq!(other.problem(403), "This link is not for this stream.");
    assert_eq!(
        server.send(&Request::offer("/whep/demo", CHROME_WHEP)).problem(401),
        "This stream needs a personal link."
    );
    let expired = link(-5.0, &json!({ "play": ["**"] }));
    assert_eq!(play(&server, &expired).problem(401), "This link has expired.");
    let log = server.stop().log;
    assert!(log.contains("refused: it expired 5 s ago"), "the operator reads why\n{log}");
    assert!(!log.contains(&token) && !log.contains(&expired), "tokens are no one's to read");
}

#[test]
fn the_operators_api_tells_who_decided() {
    let (_folder, server) = guarded(&format!("shared-secret = \"{SECRET}\"\ntags = [\"plan\"]"));
    play(&server, &link(60.0, &json!({ "play": ["**"] }))).expect(201);
    let list = server.api("/api/v1/sessions");
    let viewer = list["sessions"].as_array().into_iter().flatten().find(|session| session["action"] == "play").cloned();
    let id = viewer.as_ref().and_then(|viewer| viewer["id"].as_str()).unwrap_or_else(|| panic!("no viewer in {list}"));
    let told = server.api(&format!("/api/v1/sessions/{id}")).to_string();
    for part in ["auth-jwt", "\"alice\"", "\"gold\"", "allow"] {
        assert!(told.contains(part), "no {part} in {told}");
    }
}

#[test]
fn a_token_that_expires_ends_the_session_and_not_before() {
    let (_folder, server) = guarded(&format!("shared-secret = \"{SECRET}\""));
    // Time to connect; how soon after its expiry a session is asked again is the agenda's test, which has the clock in hand.
    let end = now() + 8.0;
    let claims = json!({ "exp": end, "wasmcast": { "play": ["**"] } });
    let token = Signer::secret().sign(None, &claims);
    let viewer = wasmcast().args(["play", &server.url("/whep/demo"), "--token", &token]).spawn();
    let mut viewer = viewer.expect("the binary starts");
    server.wait_connected("play", 1);
    server.wait_sessions("play", 0);
    let late = now() - end;
    let _ = viewer.kill();
    let _ = viewer.wait();
    assert!(late > -0.1, "it ended {late:.2} s after its expiry");
    let log = server.stop().log;
    assert!(log.contains("access-expired"), "{log}");
}

#[test]
fn a_publishers_token_says_how_many_may_watch() {
    let (_folder, server) = guarded(&format!("shared-secret = \"{SECRET}\""));
    let publisher = link(60.0, &json!({ "publish": ["live/*"], "max_viewers": 1 }));
    let mut publishing = wasmcast();
    publishing.args(["publish", "testsrc", &server.url("/whip/live/few"), "--token", &publisher]);
    let _publisher = Process::start("publish", &mut publishing);
    server.wait_live("live/few");
    let viewer = link(60.0, &json!({ "play": ["live/*"] }));
    let watch = || server.send(&Request::offer("/whep/live/few", CHROME_WHEP).bearer(&viewer));
    let first = watch().expect(201);
    watch().problem(503);
    let location = first.header("location").expect("a Location").to_owned();
    server.send(&Request::new("DELETE", &location).bearer(&viewer)).expect(200);
    server.wait_sessions("play", 0);
    watch().expect(201);
}

#[test]
fn published_keys_are_fetched_again_when_they_change_and_kept_when_they_are_away() {
    let (first, second) = (Signer::ed(), Signer::ec());
    let sets = [json!({ "keys": [first.jwk("1")] }), json!({ "keys": [first.jwk("1"), second.jwk("2")] })];
    let rotated = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let turn = rotated.clone();
    let web = Web::start(move |_| Said::json(&sets[usize::from(turn.load(std::sync::atomic::Ordering::Relaxed))]));
    let config = format!("{}[config]\njwks = \"{}\"\n", web.grants(), web.url("/jwks.json"));
    let folder = Folder::new().with("auth-jwt", &config);
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-jwt", 1);
    server.wait_live("demo");
    play(&server, &first.sign(Some("1"), &everything(60.0))).expect(201);
    assert_eq!(web.asked().len(), 1, "one instance fetched for all");
    // A key that is not in the set has it fetched anew: once, whoever else asks.
    rotated.store(true, std::sync::atomic::Ordering::Relaxed);
    play(&server, &second.sign(Some("2"), &everything(60.0))).expect(201);
    for _ in 0..5 {
        play(&server, &Signer::ed().sign(Some("3"), &everything(60.0))).problem(401);
    }
    assert_eq!(web.asked().len(), 2, "strangers' keys do not make it ask again and again");
    // The endpoint goes away; a new version of the plugin finds the keys all the same.
    web.set_down(true);
    folder.manifest("auth-jwt", &format!("{config}leeway-s = 1\n"));
    wait_generation(&server, "auth-jwt", 2);
    play(&server, &second.sign(Some("2"), &everything(60.0))).expect(201);
}

#[test]
fn without_any_key_it_does_not_serve_and_nobody_gets_in_until_it_can() {
    let signer = Signer::ed();
    let set = json!({ "keys": [signer.jwk("1")] });
    let web = Web::start(move |_| Said::json(&set));
    web.set_down(true);
    let config = format!("{}[config]\njwks = \"{}\"\n", web.grants(), web.url("/jwks.json"));
    let folder = Folder::new().with("auth-jwt", &config);
    let server = folder.setup().demo().start();
    server.wait_live("demo");
    let token = signer.sign(Some("1"), &everything(60.0));
    play(&server, &token).problem(503);
    let seen = status(&server, "auth-jwt");
    assert!(seen["last_error"]["cause"].as_str().is_some_and(|cause| cause.contains("fetch the keys from")), "{seen}");
    web.set_down(false);
    server.wait_for_long("keys", Duration::from_secs(20), || match play(&server, &token).status {
        201 => Ok(()),
        other => Err(other.to_string()),
    });
}
