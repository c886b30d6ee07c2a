//! Tokens in a browser: a publisher and a viewer by link, and what the page shows when the door stays or falls shut.

use std::time::Duration;

use serde_json::json;

use super::folder::{Folder, wait_generation};
use super::signed::{SECRET, link, now};
use crate::clients::browser;
use crate::report::Report;
use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(60);
const LINK_SECONDS: f64 = 20.0;

fn guarded() -> (Folder, Server) {
    let grants = "[grants]\nkv = {}\nhttp = []\n";
    let folder = Folder::new().with("auth-jwt", &format!("{grants}[config]\nshared-secret = \"{SECRET}\"\n"));
    let server = folder.setup().demo().start();
    wait_generation(&server, "auth-jwt", 1);
    server.wait_live("demo");
    (folder, server)
}

/// What a page shows once the text is there.
fn look(server: &Server, page: &str, until: &str) -> Report {
    let options = json!({ "role": "look", "url": server.url(page), "until": until });
    Report::read(browser("chromium", server, "look", &options), PATIENCE)
}

#[test]
fn a_publisher_and_a_viewer_come_in_by_their_links() {
    let (_folder, server) = guarded();
    let (send, watch) = (link(60.0, &json!({ "publish": ["live/cam"] })), link(60.0, &json!({ "play": ["live/*"] })));
    let page = format!("/publish/live/cam?source=test&autostart=1&codec=vp8&width=640&height=360&fps=30&token={send}");
    let options = json!({ "role": "publish", "url": server.url(&page) });
    let _publisher = browser("chromium", &server, "live/cam", &options);
    server.wait_live("live/cam");
    let page = format!("/play/live/cam?muted=1&token={watch}");
    let options = json!({ "role": "play", "url": server.url(&page), "seconds": 3 });
    Report::read(browser("chromium", &server, "live/cam", &options), PATIENCE).check_video();
}

#[test]
fn an_expired_link_ends_the_picture_and_the_page_says_why() {
    let (_folder, server) = guarded();
    // Long enough for a browser to start on a busy machine.
    let end = now() + LINK_SECONDS;
    let token = link(LINK_SECONDS, &json!({ "play": ["demo"] }));
    let options = json!({ "role": "look", "url": server.url(&format!("/play/demo?muted=1&token={token}")),
        "until": "This link has expired." });
    let viewer = browser("chromium", &server, "look", &options);
    server.wait_connected("play", 1);
    let seen = Report::read(viewer, PATIENCE);
    assert_eq!(seen.measured["found"], true, "{}", seen.measured);
    assert!(now() > end - 0.1, "it ended before its expiry");
    server.wait_sessions("play", 0);
    let log = server.stop().log;
    assert!(log.contains("the session was asked about again and is ended"), "{log}");
}

#[test]
fn a_refusal_is_shown_in_the_plugins_words() {
    let (_folder, server) = guarded();
    let other = link(60.0, &json!({ "play": ["other"] }));
    let rows = [
        ("/play/demo?muted=1".to_owned(), "This stream needs a personal link."),
        (format!("/play/demo?muted=1&token={other}"), "This link is not for this stream."),
        (format!("/publish/demo?source=test&autostart=1&token={other}"), "This link does not allow to publish here."),
    ];
    for (page, words) in rows {
        let seen = look(&server, &page, words);
        assert_eq!(seen.measured["found"], true, "{words}: {}", seen.measured);
    }
}
