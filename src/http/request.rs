//! What every request gets: an id, a span and a line in the log, the client's address, and headers of caution.

use super::App;
use super::client_address::client_address;
use super::error::{Problem, Refusal};
use super::traced::Traced;
use crate::observe::trace;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tracing::Instrument;

/// The other end of the connection; the listener adds it to each request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The client's address, behind trusted proxies the one that they tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client(pub(super) IpAddr);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Client>().copied().ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "no-client-address",
                "Internal error",
                "the listener did not tell the client's address",
            )
        })
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer of both listeners.
pub(super) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let peer = request.extensions().get::<Peer>().copied();
    let client = peer.map(|Peer(peer)| client_address(peer.ip(), request.headers(), &app.policy().trusted_proxies));
    if let Some(client) = client {
        request.extensions_mut().insert(Client(client));
    }
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!(
        "request",
        request_id = %id.to_str().unwrap_or(""),
        %method,
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        client = client.map(tracing::field::display),
        session = tracing::field::Empty,
        stream = tracing::field::Empty,
        subject = tracing::field::Empty,
    );
    let (peer, policy) = (peer.map(|Peer(peer)| peer.ip()), app.policy());
    let pattern = route.as_ref().map(MatchedPath::as_str);
    let headers = request.headers();
    let traced = Traced::begin(&app.state.tracer, &method, pattern, headers, peer, &policy.trusted_proxies);
    let mut response = if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
        Problem::two_hosts().into_response()
    } else {
        traced.serve(next.run(request).instrument(span.clone())).await
    };
    span.in_scope(|| log(&method, &response, began));
    app.state.metrics.http_request(label(route.as_ref().map(MatchedPath::as_str)), response.status().as_u16());
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// Every route that is counted under its own name. Assets and pages that only send files share `other`.
const ROUTES: [&str; 21] = [
    "/",
    "/play/{*stream}",
    "/publish/{*stream}",
    "/whip/{*stream}",
    "/whep/{*stream}",
    "/session/{id}",
    "/session/{id}/events",
    "/session/{id}/events/{stream}",
    "/streams",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/info",
    "/api/v1/config",
    "/api/v1/streams",
    "/api/v1/sessions",
    "/api/v1/sessions/{id}",
    "/api/v1/drain",
    "/api/v1/plugins",
    "/api/v1/plugins/{name}",
    "/api/v1/plugins/{name}/log",
];

/// The route as a metric's label.
fn label(route: Option<&str>) -> &'static str {
    ROUTES.into_iter().find(|known| route == Some(known)).unwrap_or("other")
}

/// Puts the session's id on the request's span.
pub(super) fn name_session(id: &str) {
    tracing::Span::current().record("session", id);
    trace::root().set("session.id", id);
}

/// Puts the stream that was asked for on the request's span.
pub(super) fn name_stream(stream: &str) {
    tracing::Span::current().record("stream", stream);
    trace::root().set("stream", stream);
}

/// Puts on the request's span who it is: as a plugin said, or the name of the token.
pub(super) fn name_subject(subject: &str) {
    tracing::Span::current().record("subject", subject);
}

/// Reads and polls are told only to those who ask, and so are refusals for lack of room, which are counted: a flood must not fill
/// the disk. What changes something is told to everyone.
fn log(method: &Method, response: &Response, began: Instant) {
    let ms = began.elapsed().as_millis() as u64;
    let status = response.status().as_u16();
    let refusal = response.extensions().get::<Refusal>();
    let (problem, detail) = (refusal.map(|refusal| refusal.kind), refusal.map(|refusal| &*refusal.detail));
    let quiet = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match status {
        429 | 503 => tracing::debug!(status, ms, problem, detail, "request"),
        500..=599 => tracing::warn!(status, ms, problem, detail, "request failed"),
        _ if quiet => tracing::debug!(status, ms, problem, detail, "request"),
        _ => tracing::info!(status, ms, problem, detail, "request"),
    }
}

/// The id that the client or a proxy chose, when it is harmless in a log; else a random one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let harmless = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    headers.get(REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        let text = random_hex();
        HeaderValue::from_str(&text).expect("hexadecimal digits are valid in a header")
    })
}

/// 64 random bits as text.
pub(super) fn random_hex() -> String {
    let mut bits = [0u8; 8];
    getrandom::fill(&mut bits).expect("the system's random source works");
    format!("{:016x}", u64::from_be_bytes(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_ids_are_kept_others_replaced() {
        let long = "a".repeat(65);
        for (given, kept) in
            [("abc-1.2_3", true), ("", false), ("a b", false), ("\"x\"", false), (long.as_str(), false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            let id = request_id(&headers);
            assert_eq!(id == given, kept, "{given}");
            assert!(!id.is_empty());
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
