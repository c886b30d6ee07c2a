//! Who may use the admin listener: holders of the token, whom a plugin lets in, or, without a token, programs on this machine.

use super::App;
use super::credential::Credential;
use super::error::Problem;
use super::facts::Gathered;
use super::local::names_this_machine;
use super::request::Peer;
use crate::plugin::Action;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets a request through or answers it with the refusal.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match check(&app, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(problem) => problem.into_response(),
    }
}

/// Lets a request for the console's page through. With a token the page is everybody's: it holds nothing, and asks for the token
/// to get anything. Without one it is for this machine, as all is.
pub(super) async fn guard_page(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match app.policy().admin_token {
        Some(_) => next.run(Request::from_parts(parts, body)).await,
        None => match check_local(&parts) {
            Ok(()) => next.run(Request::from_parts(parts, body)).await,
            Err(problem) => problem.into_response(),
        },
    }
}

async fn check(app: &Arc<App>, parts: &mut Parts) -> Result<(), Problem> {
    let policy = app.policy();
    let credential = Credential::from_request_parts(parts, app).await?;
    match policy.admin_token {
        Some(_) if policy.open_metrics && parts.uri.path() == "/metrics" => Ok(()),
        Some(expected) if credential.matches(&expected) => Ok(()),
        // Plugins can let others in, never lock the operator out: who holds the token, or stands at the machine, must be
        // able to switch a faulty plugin off.
        Some(_) => ask_plugins(app, parts, &credential).await,
        None => check_local(parts),
    }
}

async fn ask_plugins(app: &Arc<App>, parts: &mut Parts, credential: &Credential) -> Result<(), Problem> {
    let facts = Gathered::new(app, parts, Action::Admin, "api").await?.about("", None)?;
    match app.state.access.check_admin(&facts).await {
        // A plugin may know somebody by what browsers send on their own, such as a cookie or an address.
        Some(Ok(())) if credential.token().is_none() => check_marked(parts),
        Some(Ok(())) => Ok(()),
        Some(Err(denial)) => Err(denial.into()),
        None => Err(unauthorized()),
    }
}

/// Without a token, whoever runs programs on this machine is trusted, but not the web pages in their browser: a page
/// could reach the listener under a name of its own that resolves to loopback, or post to it blindly.
fn check_local(parts: &Parts) -> Result<(), Problem> {
    let local_peer = parts.extensions.get::<Peer>().is_some_and(|Peer(peer)| peer.ip().to_canonical().is_loopback());
    if !local_peer || !names_this_machine(parts) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-local",
            "Only for this machine",
            "without `admin.token` the admin listener serves only http://localhost and loopback addresses",
        ));
    }
    check_marked(parts)
}

/// What changes something carries a header that no web page can send to another origin unasked.
fn check_marked(parts: &Parts) -> Result<(), Problem> {
    if !parts.method.is_safe() && !parts.headers.contains_key("x-wasmcast") {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "header-missing",
            "A header is missing",
            "send `X-Wasmcast: 1` with requests that change something, so that no web page can drive this API",
        ));
    }
    Ok(())
}

fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Not authorized",
        "send the token of `admin.token`, or one that a plugin lets in, as `Authorization: Bearer TOKEN`",
    )
    .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wasmcast admin\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn only_loopback_names_and_marked_writes_pass_without_a_token() {
        let rows = [
            ("GET", "127.0.0.1", "localhost:8081", false, true),
            ("GET", "127.0.0.1", "LOCALHOST", false, true),
            ("GET", "127.0.0.1", "127.0.0.1:8081", false, true),
            ("GET", "::1", "[::1]:8081", false, true),
            ("GET", "::1", "[::1]", false, true),
            ("GET", "::ffff:127.0.0.1", "localhost", false, true),
            ("HEAD", "127.0.0.1", "localhost", false, true),
            ("GET", "127.0.0.1", "evil.example:8081", false, false),
            ("GET", "127.0.0.1", "localhost.evil.example", false, false),
            ("GET", "127.0.0.1", "127.0.0.1.evil.example", false, false),
            ("GET", "127.0.0.1", "evil:localhost", false, false),
            ("GET", "127.0.0.1", "", false, false),
            ("GET", "192.0.2.7", "localhost", false, false),
            ("DELETE", "127.0.0.1", "localhost", false, false),
            ("DELETE", "127.0.0.1", "localhost", true, true),
            ("POST", "127.0.0.1", "localhost", false, false),
            ("POST", "127.0.0.1", "evil.example", true, false),
        ];
        for (method, peer, host, marked, expected) in rows {
            let mut request = Request::builder().method(method).uri("/").header("host", host);
            if marked {
                request = request.header("x-wasmcast", "1");
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(Peer((peer.parse::<std::net::IpAddr>().unwrap(), 40_000).into()));
            assert_eq!(check_local(&parts).is_ok(), expected, "{method} {peer} {host} {marked}");
        }
    }

    #[test]
    fn a_target_that_names_a_foreign_host_is_refused() {
        let rows = [
            ("http://localhost:8081/api/v1/info", "localhost:8081", true),
            ("http://[::1]:8081/api/v1/info", "", false),
            ("http://evil.example/api/v1/info", "127.0.0.1", false),
            ("http://127.0.0.1/api/v1/info", "evil.example", false),
            ("http://127.0.0.1@evil.example/", "127.0.0.1", false),
            ("/api/v1/info", "127.0.0.1", true),
        ];
        for (target, host, expected) in rows {
            let (mut parts, ()) = Request::builder().uri(target).header("host", host).body(()).unwrap().into_parts();
            parts.extensions.insert(Peer("127.0.0.1:40000".parse().unwrap()));
            assert_eq!(check_local(&parts).is_ok(), expected, "{target} {host}");
        }
        // HTTP/2 names the host in the target alone; a request without any host is nobody's.
        for (target, expected) in [("http://localhost:8081/", true), ("http://evil.example/", false), ("/", false)] {
            let (mut parts, ()) = Request::builder().uri(target).body(()).unwrap().into_parts();
            parts.extensions.insert(Peer("127.0.0.1:40000".parse().unwrap()));
            assert_eq!(check_local(&parts).is_ok(), expected, "{target}");
        }
    }
}
