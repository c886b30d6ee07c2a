//! Tells requests of this machine from those of others, and from web pages that only pretend to be of this machine.

use super::request::Client;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Uri, header};
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a request is of this machine: the client's address is, behind trusted proxies the one that they tell; the host
/// that it names is, since a page may reach the listener under a name of its own that resolves to loopback; and so is the
/// page that sends it, where a browser tells one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local(pub(super) bool);

impl<S: Sync> FromRequestParts<S> for Local {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let near = parts.extensions.get::<Client>().is_some_and(|Client(ip)| ip.to_canonical().is_loopback());
        let page =
            parts.headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_local_origin));
        Ok(Local(near && page && names_this_machine(parts)))
    }
}

/// Whether the host that a request is meant for is this machine. It may be named in the target, in a header, or in both:
/// then both must be.
pub(super) fn names_this_machine(parts: &Parts) -> bool {
    let header = parts.headers.get(header::HOST).map(|host| host.to_str().unwrap_or(""));
    let mut hosts = header.into_iter().chain(authority(&parts.uri)).peekable();
    hosts.peek().is_some() && hosts.all(is_loopback_name)
}

fn authority(uri: &Uri) -> Option<&str> {
    uri.authority().map(|authority| authority.as_str())
}

fn is_local_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, host)| is_loopback_name(host))
}

/// Whether a host, with or without its port, is this machine for certain: no name server is asked for these.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let v6 = || name.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || v6().is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;
    use futures_util::FutureExt;

    #[test]
    fn a_page_of_another_site_and_a_client_behind_a_proxy_are_not_of_this_machine() {
        let rows = [
            ("127.0.0.1", "localhost:8080", None, true),
            ("::1", "[::1]:8080", None, true),
            ("::ffff:127.0.0.1", "127.0.0.1", None, true),
            ("127.0.0.1", "127.0.0.2:8080", Some("http://127.0.0.2:8080"), true),
            ("127.0.0.1", "localhost:8080", Some("http://localhost:3000"), true),
            ("127.0.0.1", "localhost:8080", Some("https://evil.example"), false),
            ("127.0.0.1", "localhost:8080", Some("https://localhost.evil.example"), false),
            ("127.0.0.1", "localhost:8080", Some("null"), false),
            ("127.0.0.1", "cam.example:8080", None, false),
            ("127.0.0.1", "", None, false),
            ("198.51.100.7", "localhost:8080", None, false),
        ];
        for (client, host, origin, expected) in rows {
            let mut request = Request::builder().uri("/whep/demo").header("host", host);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(Client(client.parse().unwrap()));
            let Local(found) = Local::from_request_parts(&mut parts, &()).now_or_never().unwrap().unwrap();
            assert_eq!(found, expected, "{client} {host} {origin:?}");
        }
    }
}
