//! Holds the requests of visitors to the rules of rate limit plugins, before anything is done for them.

use super::App;
use super::error::Problem;
use super::facts::client_country;
use super::request::{Client, Peer};
use crate::access::Denial;
use crate::media::StreamName;
use crate::plugin::{Action, Ticket};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Paths that tell load balancers how the server is: to refuse them would take it out of service.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses what a rule has one too many of. Who passes counts as there until the response is through.
pub(super) async fn limit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !app.state.plugins.limits_requests() || HEALTH.contains(&path) || is_preflight(&request) {
        return next.run(request).await;
    }
    let Some(Client(address)) = request.extensions().get::<Client>().copied() else { return next.run(request).await };
    let country = client_country(&app, request.extensions().get::<Peer>(), request.headers());
    let (action, protocol, stream) = about(path);
    match app.state.plugins.limit_request(address, action, protocol, stream, country.as_deref()) {
        Ok(tickets) if tickets.is_empty() => next.run(request).await,
        Ok(tickets) => {
            let response = next.run(request).await;
            response.map(|body| Body::new(Counted { body, _tickets: tickets }))
        }
        Err(limited) => Problem::from(Denial::Limited(limited)).into_response(),
    }
}

/// A browser asks whether it may ask: of a no there the page would learn nothing.
fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a request is about, as its path tells: nothing but requests for sessions names a stream.
fn about(path: &str) -> (Option<Action>, &'static str, &str) {
    let session = [("/whip/", Action::Publish, "whip"), ("/whep/", Action::Play, "whep")];
    let found = session.into_iter().find_map(|(prefix, action, protocol)| {
        let stream = path.strip_prefix(prefix)?;
        let name = stream.split('@').next().unwrap_or_default();
        // What is no name is refused later on, and could be very long.
        let stream = if name.parse::<StreamName>().is_ok() { name } else { "" };
        Some((Some(action), protocol, stream))
    });
    found.unwrap_or((None, "", ""))
}

/// A response that counts as there until its body is through, as that of an event stream may last.
struct Counted {
    body: Body,
    _tickets: Vec<Ticket>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_tells_what_a_request_is_about() {
        let rows = [
            ("/whip/live/cam", (Some(Action::Publish), "whip", "live/cam")),
            ("/whep/live/cam@h", (Some(Action::Play), "whep", "live/cam")),
            ("/whep/a//b", (Some(Action::Play), "whep", "")),
            ("/whep", (None, "", "")),
            ("/session/a.b", (None, "", "")),
            ("/", (None, "", "")),
        ];
        for (path, expected) in rows {
            assert_eq!(about(path), expected, "{path}");
        }
    }
}
