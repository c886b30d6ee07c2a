//! Every refusal of the HTTP surface as problem+json (RFC 9457): status, type and words are chosen here, by type.

use crate::access::{Denial, Routing};
use crate::egress::WhepError;
use crate::ingest::WhipError;
use crate::media::InvalidStreamName;
use crate::protocol::webrtc::sdp::{OfferError, OfferErrorClass};
use crate::shard::NoRoom;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// A refusal: what was wrong with the request and what its sender can do.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Stays with the response of a refusal, for the log.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) detail: Arc<str>,
}

/// Seconds after which a client may try again while the server stops: another instance may have the address by then.
const STOPPING_RETRY_S: u32 = 5;
/// Seconds after which a client may try again when the server has no room.
const FULL_RETRY_S: u32 = 10;

impl Problem {
    /// `kind` is the last part of the type URN; it never changes once it is out. `detail` must hold no secret.
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem { status, kind, title, detail: detail.into(), headers: Vec::new() }
    }

    /// Adds a header to the response.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }

    fn retry_after(self, seconds: u32) -> Problem {
        self.with(header::RETRY_AFTER, seconds)
    }

    /// Another server serves it: 307, so that the client sends the same request there (RFC 9110, 15.4.8).
    pub(super) fn elsewhere(routing: &Routing) -> Problem {
        let location = routing.elsewhere.as_ref().and_then(|url| HeaderValue::from_str(url.as_str()).ok());
        let problem = Problem::new(
            StatusCode::TEMPORARY_REDIRECT,
            "elsewhere",
            "Another server serves this",
            "send the same request to the address in the Location header",
        );
        match location {
            Some(location) => problem.with(header::LOCATION, location),
            None => problem,
        }
    }

    /// Nothing is at this path.
    pub(super) fn no_route() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", "nothing is served at this path")
    }

    /// The session of the URL is not there, or not any more.
    pub(super) fn no_session() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-session",
            "No such session",
            "the session has ended or never was; start a new one with a POST",
        )
    }

    /// The method does not go with the path. The router adds `Allow`.
    pub(super) fn method_not_allowed() -> Problem {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
            "this path takes other methods; the Allow header lists them",
        )
    }

    /// The credential of a session's URL is absent or another one.
    pub(super) fn wrong_credential() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Not authorized",
            "send the same token that created the session, as `Authorization: Bearer TOKEN` or as `?token=TOKEN`",
        )
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wasmcast\""))
    }

    /// The body is not of the type that the path takes.
    pub(super) fn wrong_type(expected: &'static str) -> Problem {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong-content-type",
            "Wrong content type",
            format!("send the body with `Content-Type: {expected}`"),
        )
    }

    /// The body is compressed or coded otherwise.
    pub(super) fn encoded() -> Problem {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong-content-encoding",
            "Wrong content encoding",
            "send the body as it is, without `Content-Encoding`",
        )
        // What would be taken (RFC 9110, 15.5.16).
        .with(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
    }

    /// Nobody can tell whom the request is meant for (RFC 9112, 3.2).
    pub(super) fn two_hosts() -> Problem {
        Problem::bad_request("two-hosts", "the request has more than one Host header; send one")
    }

    /// The body is larger than what any honest request needs.
    pub(super) fn too_large(limit: usize) -> Problem {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Body too large",
            format!("the body is longer than {limit} bytes"),
        )
    }

    /// The body did not come in time.
    pub(super) fn too_slow(seconds: u64) -> Problem {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-too-slow",
            "Body too slow",
            format!("the body did not arrive within {seconds} s"),
        )
        .with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// The request makes no sense.
    pub(super) fn bad_request(kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, kind, "Bad request", detail)
    }

    /// The server is about to stop and takes nothing new.
    pub(super) fn stopping() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "The server is stopping",
            "no new sessions are taken; try again soon",
        )
        .retry_after(STOPPING_RETRY_S)
    }

    /// The operator empties the server.
    pub(super) fn draining() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "The server is being emptied",
            "no new sessions are taken; try again soon, another server may be there by then",
        )
        .retry_after(STOPPING_RETRY_S)
    }

    /// Somebody speaks plain HTTP to a TLS port.
    pub(super) fn plain_http() -> Problem {
        Problem::bad_request("plain-http", "this port speaks TLS; use https:// in the address")
    }

    /// A bound of the server is reached.
    pub(super) fn full(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "full", "The server is full", detail).retry_after(FULL_RETRY_S)
    }

    /// The body.
    pub(super) fn to_json(&self) -> String {
        serde_json::json!({
            "type": format!("urn:wasmcast:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        })
        .to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        response.extensions_mut().insert(Refusal { kind: self.kind, detail: self.detail.into() });
        response
    }
}

impl From<InvalidStreamName> for Problem {
    fn from(error: InvalidStreamName) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-stream-name", "Invalid stream name", error.to_string())
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let status = StatusCode::from_u16(denial.status()).unwrap_or(StatusCode::FORBIDDEN);
        let (kind, title) = match (&denial, status) {
            (Denial::NotLocal, _) => ("not-local", "Only for this machine"),
            (Denial::Limited(_), _) => ("limited", "Too many at once or in a short time"),
            (Denial::StreamFull(_) | Denial::StreamAtLimit(_), _) => ("stream-full", "The stream is full"),
            (Denial::BitrateAboveGrant { .. }, _) => ("bitrate-above-grant", "The stream's bitrate is too high"),
            (_, StatusCode::UNAUTHORIZED) => ("unauthorized", "Not authorized"),
            (_, StatusCode::FORBIDDEN) => ("forbidden", "Forbidden"),
            // A plugin chose the status, and says more in its own words.
            _ => ("denied", "Denied"),
        };
        let mut problem = Problem::new(status, kind, title, denial.to_string());
        if let Some(challenge) = denial.www_authenticate() {
            problem = problem.with(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        match denial.retry_after() {
            // Whole seconds, never too early.
            Some(wait) => problem.retry_after(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)),
            None => problem,
        }
    }
}

impl From<OfferError> for Problem {
    fn from(error: OfferError) -> Self {
        let (status, kind, title) = match error.class() {
            OfferErrorClass::Malformed => (StatusCode::BAD_REQUEST, "malformed-sdp", "Malformed SDP"),
            OfferErrorClass::Unprocessable => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable-sdp", "The offer can not be answered")
            }
        };
        Problem::new(status, kind, title, error.to_string())
    }
}

impl From<NoRoom> for Problem {
    fn from(error: NoRoom) -> Self {
        let (status, kind, title) = match error {
            NoRoom::JoinsOfAddress(_) => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-joins", "Too many requests for sessions from one address")
            }
            error if error.is_of_address() => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-sessions", "Too many sessions from one address")
            }
            NoRoom::ViewersOfStream(_) => (StatusCode::SERVICE_UNAVAILABLE, "stream-full", "The stream is full"),
            NoRoom::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The server is overloaded"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "full", "The server is full"),
        };
        Problem::new(status, kind, title, error.to_string()).retry_after(error.retry_after_s())
    }
}

impl From<WhipError> for Problem {
    fn from(error: WhipError) -> Self {
        match error {
            WhipError::Access(denial) => denial.into(),
            WhipError::Elsewhere(routing) => Problem::elsewhere(&routing),
            WhipError::Offer(error) => error.into(),
            WhipError::Taken(detail) => {
                Problem::new(StatusCode::CONFLICT, "stream-taken", "The stream is being published already", detail)
            }
            WhipError::Full(detail) => Problem::full(detail),
            WhipError::NoRoom(error) => error.into(),
            WhipError::Draining => Problem::draining(),
            WhipError::Stopping => Problem::stopping(),
        }
    }
}

impl From<WhepError> for Problem {
    fn from(error: WhepError) -> Self {
        match error {
            WhepError::Access(denial) => denial.into(),
            WhepError::Elsewhere(routing) => Problem::elsewhere(&routing),
            WhepError::Offer(error) => error.into(),
            WhepError::NoRendition { stream, asked, have } => {
                let detail = if have.is_empty() {
                    format!("`{stream}` has one rendition only, without layers; leave `{asked}` out")
                } else {
                    format!("`{stream}` has no rendition `{asked}`; there are {} and `auto`", have.join(", "))
                };
                Problem::new(StatusCode::NOT_FOUND, "no-rendition", "No such rendition", detail)
            }
            WhepError::NotLive { stream, retry_after_s } => Problem::new(
                StatusCode::CONFLICT,
                "not-live",
                "The stream is not live",
                format!("nobody publishes `{stream}` now; try again later"),
            )
            .retry_after(retry_after_s),
            WhepError::Full(detail) => Problem::full(detail),
            WhepError::NoRoom(error) => error.into(),
            WhepError::Draining => Problem::draining(),
            WhepError::Stopping => Problem::stopping(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin;

    #[tokio::test]
    async fn problems_have_the_members_of_rfc_9457_and_their_headers() {
        let taken = || WhipError::Taken("`demo` is being published already".to_owned());
        let not_live = || WhepError::NotLive { stream: "demo".parse().unwrap(), retry_after_s: 3 };
        let name = || "a b".parse::<crate::media::StreamName>().unwrap_err();
        let denied = |status, retry_ms: Option<u64>| {
            let retry_after = retry_ms.map(std::time::Duration::from_millis);
            Denial::Plugin(plugin::Denial { status, reason: "No.".to_owned(), retry_after }).into()
        };
        type Header = Option<(&'static str, &'static str)>;
        let rows: Vec<(Problem, u16, &str, Header)> = vec![
            (taken().into(), 409, "stream-taken", None),
            (WhipError::Full("full".to_owned()).into(), 503, "full", Some(("retry-after", "10"))),
            (WhipError::NoRoom(NoRoom::Sessions(5)).into(), 503, "full", Some(("retry-after", "10"))),
            (WhepError::NoRoom(NoRoom::Pending(5)).into(), 503, "full", Some(("retry-after", "10"))),
            (NoRoom::PendingOfAddress(5).into(), 429, "too-many-sessions", Some(("retry-after", "10"))),
            (NoRoom::SessionsOfAddress(5).into(), 429, "too-many-sessions", Some(("retry-after", "10"))),
            (NoRoom::ViewersOfStream(5).into(), 503, "stream-full", Some(("retry-after", "10"))),
            (NoRoom::Overloaded.into(), 503, "overloaded", Some(("retry-after", "5"))),
            (NoRoom::Egress(5).into(), 503, "full", Some(("retry-after", "10"))),
            (NoRoom::JoinsOfAddress(5).into(), 429, "too-many-joins", Some(("retry-after", "1"))),
            (WhipError::Stopping.into(), 503, "stopping", Some(("retry-after", "5"))),
            (WhipError::Draining.into(), 503, "draining", Some(("retry-after", "5"))),
            (WhepError::Draining.into(), 503, "draining", Some(("retry-after", "5"))),
            (not_live().into(), 409, "not-live", Some(("retry-after", "3"))),
            (WhepError::Stopping.into(), 503, "stopping", Some(("retry-after", "5"))),
            (name().into(), 400, "invalid-stream-name", None),
            (Denial::TokenMissing.into(), 401, "unauthorized", Some(("www-authenticate", "Bearer realm=\"wasmcast\""))),
            (Denial::Forbidden.into(), 403, "forbidden", None),
            (denied(402, None), 402, "denied", None),
            (denied(429, Some(1_001)), 429, "denied", Some(("retry-after", "2"))),
            (denied(401, None), 401, "unauthorized", Some(("www-authenticate", "Bearer realm=\"wasmcast\""))),
            (Denial::StreamFull(9).into(), 503, "stream-full", Some(("retry-after", "10"))),
            (Denial::BitrateAboveGrant { kbps: 9, allowed: 1 }.into(), 403, "bitrate-above-grant", None),
            (Problem::wrong_type("application/sdp"), 415, "wrong-content-type", None),
            (Problem::too_slow(10), 408, "body-too-slow", Some(("connection", "close"))),
        ];
        for (problem, status, kind, expected) in rows {
            let response = problem.into_response();
            assert_eq!(response.status().as_u16(), status, "{kind}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            if let Some((name, value)) = expected {
                assert_eq!(response.headers()[name], value, "{kind}");
            }
            let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["type"], format!("urn:wasmcast:problem:{kind}"));
            assert_eq!(body["status"], status);
            assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
        }
    }
}
