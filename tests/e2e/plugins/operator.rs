//! What operators do to a plugin directory, and what they may rely on: restarts, config maps, the API by token.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::folder::{Folder, guest, wait_generation, wait_status};
use super::signed::{SECRET, link};
use crate::http::{Request, Response};
use crate::offers::CHROME_WHEP;
use crate::server::{Server, Setup};

const NAME: &str = "door";
/// The operator's own token.
const OWN: &str = "q8ZtKp3vXw2LrN5yBf7HjD4mGs9CaT6e";
const MANIFEST: &str = "[config]\ntoken = \"secret\"\n";

fn play(server: &Server, token: &str) -> Response {
    server.send(&Request::offer("/whep/demo", CHROME_WHEP).bearer(token))
}

#[test]
fn the_last_good_version_serves_again_after_a_restart() {
    let folder = Folder::new();
    folder.install(NAME, "auth-c", MANIFEST);
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.stop();
    folder.file(NAME, b"\0asm, half of a copy");
    folder.manifest(NAME, "[config\n");
    let server = folder.setup().demo().start();
    server.wait_live("demo");
    let seen = wait_status(&server, NAME, "the last good one", |status| status["state"] == "active");
    assert_eq!(seen["origin"], "last-good", "{seen}");
    assert_eq!(seen["last_error"]["class"], "load", "{seen}");
    play(&server, "secret").expect(201);
    play(&server, "wrong").problem(401);
}

#[test]
fn a_config_map_of_links_is_followed_when_it_turns() {
    // As Kubernetes mounts them: NAME is a link to `..data/NAME`, and `..data` a link to a folder that is replaced as a whole.
    let folder = Folder::new();
    let path = folder.path();
    let version = |number: u8, token: &str| {
        let data = path.join(format!("..{number}"));
        fs::create_dir(&data).expect("a writable folder");
        fs::write(data.join("door.wasm"), guest("auth-c")).expect("a writable folder");
        fs::write(data.join("door.toml"), format!("[config]\ntoken = \"{token}\"\n")).expect("a writable folder");
        symlink(format!("..{number}"), path.join("..fresh")).expect("a writable folder");
        fs::rename(path.join("..fresh"), path.join("..data")).expect("a writable folder");
    };
    version(1, "first");
    for file in ["door.wasm", "door.toml"] {
        symlink(format!("..data/{file}"), path.join(file)).expect("a writable folder");
    }
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    play(&server, "first").expect(201);
    version(2, "second");
    fs::remove_dir_all(path.join("..1")).expect("a writable folder");
    wait_generation(&server, NAME, 2);
    play(&server, "first").problem(401);
    play(&server, "second").expect(201);
}

#[test]
fn a_directory_that_vanishes_and_returns_opens_no_door() {
    let folder = Folder::new();
    folder.install(NAME, "auth-c", MANIFEST);
    let server = folder.setup().demo().start();
    wait_generation(&server, NAME, 1);
    server.wait_live("demo");
    let away = folder.path().with_extension("away");
    fs::rename(folder.path(), &away).expect("a writable folder");
    for _ in 0..10 {
        let answered = play(&server, "wrong").status;
        assert!(answered == 401 || answered == 403, "{answered}");
    }
    fs::rename(&away, folder.path()).expect("a writable folder");
    wait_status(&server, NAME, "in service", |status| status["state"] == "active");
    server.wait_until("the door again", || match play(&server, "secret").status {
        201 => Ok(()),
        other => Err(other.to_string()),
    });
    play(&server, "wrong").problem(401);
}

#[test]
fn rules_about_countries_need_a_server_that_learns_them() {
    let folder = Folder::new();
    folder.install(NAME, "auth-c", &format!("[match]\ncountry = [\"DE\"]\n{MANIFEST}"));
    let server = folder.setup().demo().start();
    server.wait_live("demo");
    let seen = wait_status(&server, NAME, "refused", |status| status["state"] == "failed");
    let cause = seen["last_error"]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("door.toml:2: `match.country`") && cause.contains("http.country_header"), "{cause}");
    assert_eq!(play(&server, "secret").status, 503, "it may have guarded this server before");
    // The key is live: the plugin follows by itself.
    let config = fs::read_to_string(&server.config).expect("the server's configuration");
    let country = "http.country_header = \"x-country\"\nhttp.trusted_proxies = [\"127.0.0.1\"]\n";
    fs::write(&server.config, format!("{country}{config}")).expect("a writable folder");
    wait_generation(&server, NAME, 1);
    let from = |country: &str, token: &str| {
        let offer = Request::offer("/whep/demo", CHROME_WHEP).bearer(token);
        server.send(&offer.header("X-Forwarded-For", "192.0.2.7").header("X-Country", country)).status
    };
    assert_eq!((from("DE", "secret"), from("DE", "wrong"), from("AT", "secret")), (201, 401, 403));
}

#[test]
fn a_token_may_open_the_api_where_the_manifest_says_so() {
    let jwt = format!(
        "[match]\naction = [\"publish\", \"play\", \"admin\"]\n[grants]\nkv = {{}}\nhttp = []\n\
         [config]\nshared-secret = \"{SECRET}\"\n"
    );
    let folder = Folder::new().with("auth-jwt", &jwt);
    let setup: Setup = folder.setup().config("admin.token = \"env:OPERATOR\"").env("OPERATOR", OWN);
    let server = setup.start();
    let ask = |token: &str| Request::get("/api/v1/plugins").bearer(token).send(server.admin);
    server.wait_until("auth-jwt in service", || {
        let seen = ask(OWN).expect(200).json();
        if seen[0]["state"] == "active" { Ok(()) } else { Err(seen.to_string()) }
    });
    ask(&link(60.0, &json!({ "admin": true }))).expect(200);
    assert_eq!(ask(&link(60.0, &json!({ "play": ["**"] }))).problem(403), "This token is not for the API.");
    assert_eq!(ask(&link(-1.0, &json!({ "admin": true }))).problem(401), "This link has expired.");
    ask("guessed").problem(401);
    Request::get("/api/v1/plugins").send(server.admin).problem(401);
}
