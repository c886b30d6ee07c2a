//! The pages and their assets, embedded in the binary.

use super::App;
use super::error::Problem;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// `/`, `/play/{stream}`, `/publish/{stream}` and `/assets/{file}`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", page("index.html"))
        .route("/play/{*stream}", page("play.html"))
        .route("/publish/{*stream}", page("publish.html"))
        .route("/assets/{file}", get(asset).options(options))
        .route("/favicon.ico", page("favicon.svg"))
}

/// A file that is part of the binary.
pub(super) struct File {
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) content: &'static str,
}

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";

macro_rules! files {
    ($($name:literal: $content_type:expr),+ $(,)?) => {
        [$(File { name: $name, content_type: $content_type, content: include_str!(concat!("pages/", $name)) }),+]
    };
}
pub(super) use files;

static FILES: [File; 16] = files! {
    "index.html": HTML,
    "play.html": HTML,
    "publish.html": HTML,
    "index.js": JAVASCRIPT,
    "play.js": JAVASCRIPT,
    "publish.js": JAVASCRIPT,
    "page.js": JAVASCRIPT,
    "player.js": JAVASCRIPT,
    "player-style.js": JAVASCRIPT,
    "whep.js": JAVASCRIPT,
    "publisher.js": JAVASCRIPT,
    "signalling.js": JAVASCRIPT,
    "figures.js": JAVASCRIPT,
    "sources.js": JAVASCRIPT,
    "style.css": CSS,
    "favicon.svg": "image/svg+xml",
};

/// Only what is embedded may run or load; players may be framed by anyone, since nothing on them acts with a visitor's
/// standing. `$connect`: where requests may go.
macro_rules! content_security_policy {
    ($connect:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; ",
            "media-src 'self' blob: mediastream:; connect-src ",
            $connect,
            "; base-uri 'none'; form-action 'self'; frame-ancestors *"
        )
    };
}

const CONTENT_SECURITY_POLICY: &str = content_security_policy!("'self'");
/// Where a router plugin may send the page's requests to another server, whose name nobody knows before.
const ROUTED_CONTENT_SECURITY_POLICY: &str = content_security_policy!("http: https:");

const PERMISSIONS_POLICY: &str =
    "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), fullscreen=*";

fn page(name: &'static str) -> axum::routing::MethodRouter<Arc<App>> {
    get(move |State(app): State<Arc<App>>, headers: HeaderMap| async move { send(&app, name, &headers) })
}

async fn asset(State(app): State<Arc<App>>, Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    if file.ends_with(".html") {
        return Err(Problem::no_route());
    }
    send(&app, &file, &headers)
}

async fn options() -> Response {
    [(header::ALLOW, "GET,HEAD,OPTIONS")].into_response()
}

fn send(app: &App, name: &str, request: &HeaderMap) -> Result<Response, Problem> {
    let file = shared(name).ok_or_else(Problem::no_route)?;
    let mut response = deliver(file, request);
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    if file.content_type == HTML {
        let routed = app.state.plugins.routes();
        let policy = if routed { ROUTED_CONTENT_SECURITY_POLICY } else { CONTENT_SECURITY_POLICY };
        set(header::CONTENT_SECURITY_POLICY, policy);
        set(header::HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY);
        set(header::REFERRER_POLICY, "no-referrer");
    } else {
        // Other sites embed the player as a module, whatever origins may use WHEP.
        set(header::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    }
    Ok(response)
}

/// A file of the pages.
pub(super) fn shared(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

/// The file, or that the client has it.
pub(super) fn deliver(file: &File, request: &HeaderMap) -> Response {
    let etag = etag(file.content);
    let mut response = if is_current(request, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response()
    };
    // The names carry no version: browsers ask each time, and mostly hear that nothing changed.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    super::offer::insert(response.headers_mut(), header::ETAG, &etag);
    response
}

fn etag(content: &str) -> String {
    let digest = Sha256::digest(content);
    let hex: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether If-None-Match names what we would send; compared weakly (RFC 9110, 13.1.2), since proxies that compress
/// weaken tags.
fn is_current(request: &HeaderMap, etag: &str) -> bool {
    request.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        let text = value.to_str().unwrap_or("");
        text.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}
