//! The operator's console: the files of its page on the admin listener, embedded in the binary.

use super::App;
use super::admin_guard::guard_page;
use super::error::Problem;
use super::pages::{CSS, File, HTML, JAVASCRIPT, deliver, files, shared};
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// `/` and `/assets/{file}`. The page holds no secret and asks for the token itself, so it is served without one.
pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/", get(|headers: HeaderMap| async move { page(&headers) }))
        .route("/assets/{*file}", get(asset))
        .route("/favicon.ico", get(|headers: HeaderMap| async move { send("favicon.svg", &headers) }))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn_with_state(app.clone(), guard_page))
}

static FILES: [File; 18] = files! {
    "console/console.html": HTML,
    "console/console.css": CSS,
    "console/act.js": JAVASCRIPT,
    "console/api.js": JAVASCRIPT,
    "console/config.js": JAVASCRIPT,
    "console/console.js": JAVASCRIPT,
    "console/deeds.js": JAVASCRIPT,
    "console/events.js": JAVASCRIPT,
    "console/overview.js": JAVASCRIPT,
    "console/plugin.js": JAVASCRIPT,
    "console/plugins.js": JAVASCRIPT,
    "console/rollout.js": JAVASCRIPT,
    "console/sessions.js": JAVASCRIPT,
    "console/story.js": JAVASCRIPT,
    "console/streams.js": JAVASCRIPT,
    "console/table.js": JAVASCRIPT,
    "console/upload.js": JAVASCRIPT,
    "console/words.js": JAVASCRIPT,
};
/// What it has in common with the players' pages.
const SHARED: [&str; 4] = ["style.css", "favicon.svg", "page.js", "signalling.js"];

/// Only what is embedded may run or load, requests go to this server alone, and no other page may put this one into a frame,
/// where a click could be stolen.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page(request: &HeaderMap) -> Result<Response, Problem> {
    let mut response = send("console/console.html", request)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    Ok(response)
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    if file.ends_with(".html") {
        return Err(Problem::no_route());
    }
    send(&file, &headers)
}

fn send(name: &str, request: &HeaderMap) -> Result<Response, Problem> {
    let shared = || SHARED.contains(&name).then(|| shared(name)).flatten();
    let file = FILES.iter().find(|file| file.name == name).or_else(shared).ok_or_else(Problem::no_route)?;
    let mut response = deliver(file, request);
    let headers = response.headers_mut();
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    Ok(response)
}
