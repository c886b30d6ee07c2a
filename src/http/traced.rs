//! Which requests are traced, and how a trace goes on between servers (W3C Trace Context).

use super::error::Refusal;
use crate::access::Network;
use crate::observe::trace::{self, Parent, Span, Tracer};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use std::future::Future;
use std::net::IpAddr;

const TRACEPARENT: &str = "traceparent";
/// How the answer names the trace (W3C Trace Context, response header).
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// A request that may be traced: its root, and the span of the request itself.
pub(super) struct Traced {
    root: Span,
    request: Span,
}

/// The root of a request's trace; none for what is read often and decides nothing.
fn root(method: &Method, route: &str) -> Option<&'static str> {
    match (method, route) {
        (&Method::POST, "/whip/{*stream}") => Some("whip.publish"),
        (&Method::POST, "/whep/{*stream}") => Some("whep.join"),
        (&Method::PATCH | &Method::DELETE, "/session/{id}") => Some("session.request"),
        (_, route) if route.starts_with("/api/") => Some("api.request"),
        _ => None,
    }
}

impl Traced {
    /// Begins the trace of a request. A `traceparent` is believed from trusted proxies only: anyone else could mix other
    /// people's traces up, or put a thousand requests into one.
    pub(super) fn begin(
        tracer: &Tracer,
        method: &Method,
        route: Option<&str>,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        trusted: &[Network],
    ) -> Self {
        let none = || Traced { root: Span::default(), request: Span::default() };
        if !tracer.is_on() {
            return none();
        }
        let Some((route, name)) = route.and_then(|route| Some((route, root(method, route)?))) else { return none() };
        let peer = peer.map(|peer| peer.to_canonical());
        let is_trusted = peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(peer)));
        let root = tracer.begin(name, if is_trusted { parent(headers) } else { None });
        root.set("http.request.method", method.as_str());
        root.set("http.route", route);
        // The start of a session goes on after its answer.
        let goes_on = matches!(name, "whip.publish" | "whep.join");
        let request = if goes_on { root.child("http.request") } else { root.clone() };
        Traced { root, request }
    }

    /// Serves the request as part of the trace.
    pub(super) async fn serve(&self, serving: impl Future<Output = Response>) -> Response {
        if !self.root.is_recorded() {
            return serving.await;
        }
        let mut response = trace::within(&self.root, trace::within(&self.request, serving)).await;
        let status = response.status();
        self.root.set("http.response.status_code", status.as_u16());
        if let Some(refusal) = response.extensions().get::<Refusal>() {
            self.root.set("problem", refusal.kind);
        }
        if status.is_server_error() {
            self.root.fail(format!("answered {}", status.as_u16()));
        }
        let parent = self.root.parent().map(|parent| parent.to_string());
        if let Some(value) = parent.and_then(|parent| HeaderValue::from_str(&parent).ok()) {
            response.headers_mut().insert(TRACERESPONSE, value);
        }
        response
    }
}

/// The one valid `traceparent` of a request; more than one is none (Trace Context, 4.3).
fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    Parent::parse(value.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::metrics::TraceMetrics;

    #[test]
    fn traces_go_on_from_trusted_proxies_only() {
        let (tracer, _queue) = Tracer::new(TraceMetrics::default());
        let trusted: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let begin = |peer: &str, headers: &HeaderMap| {
            let peer = peer.parse().unwrap();
            let route = Some("/whep/{*stream}");
            let traced = Traced::begin(&tracer, &Method::POST, route, headers, Some(peer), &trusted);
            traced.root.parent().map(|parent| parent.trace.to_string())
        };
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, format!("00-{id}-00f067aa0ba902b7-01").parse().unwrap());
        assert_eq!(begin("10.1.1.1", &headers), None, "it is off");
        tracer.switch(true);
        assert_eq!(begin("::ffff:10.1.1.1", &headers).as_deref(), Some(id));
        assert!(begin("192.0.2.1", &headers).is_some_and(|other| other != id));
        headers.append(TRACEPARENT, format!("00-{id}-00f067aa0ba902b7-01").parse().unwrap());
        assert!(begin("10.1.1.1", &headers).is_some_and(|other| other != id), "two are none");
    }

    #[test]
    fn only_what_decides_is_traced() {
        let rows = [
            (Method::POST, "/whep/{*stream}", Some("whep.join")),
            (Method::OPTIONS, "/whep/{*stream}", None),
            (Method::POST, "/whip/{*stream}", Some("whip.publish")),
            (Method::DELETE, "/session/{id}", Some("session.request")),
            (Method::GET, "/session/{id}/events", None),
            (Method::GET, "/api/v1/sessions", Some("api.request")),
            (Method::GET, "/healthz", None),
            (Method::GET, "/metrics", None),
        ];
        for (method, route, expected) in rows {
            assert_eq!(root(&method, route), expected, "{method} {route}");
        }
    }
}
