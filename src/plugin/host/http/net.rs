//! Requests over the network: names resolved and checked here, and connected to as checked.

use super::super::refusal::{Code, refuse};
use super::super::wit::http::Response;
use super::super::wit::types::HostError;
use super::outgoing::{Outgoing, checked_address};
use super::{response, timed_out, too_large};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, redirect, retry};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// Names looked up at once: each takes a thread of the runtime until the system answers, also when nobody waits.
const LOOKUPS: usize = 16;
/// Connections kept open to a peer, and for how long.
const IDLE: usize = 4;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// HTTP clients, made when first needed. Those for private addresses are apart: no connection serves both.
#[derive(Debug)]
pub(in super::super) struct Net {
    public: OnceCell<Result<Client, String>>,
    private: OnceCell<Result<Client, String>>,
    lookups: Arc<Semaphore>,
}

/// Gives the addresses of a name that the grant covers: the connection goes to one of them, with no second look-up.
#[derive(Debug)]
struct Resolver {
    private: bool,
    lookups: Arc<Semaphore>,
}

/// A name stands for nothing that may be reached.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Net {
    pub(in super::super) fn new() -> Self {
        Net { public: OnceCell::new(), private: OnceCell::new(), lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    pub(super) async fn exchange(&self, mut outgoing: Outgoing) -> Result<Response, HostError> {
        let body = std::mem::take(&mut outgoing.body);
        let exchanged = tokio::time::timeout(outgoing.timeout, self.send(&outgoing, body)).await;
        exchanged.unwrap_or_else(|_| Err(timed_out(&outgoing)))
    }

    async fn send(&self, outgoing: &Outgoing, body: Vec<u8>) -> Result<Response, HostError> {
        let client = self.client(outgoing.private).await?;
        let mut request =
            client.request(outgoing.method.clone(), outgoing.url.clone()).headers(outgoing.headers.clone());
        if !body.is_empty() {
            request = request.body(body);
        }
        let mut answer = request.send().await.map_err(|error| failed(outgoing, &error))?;
        if answer.content_length().is_some_and(|length| length > outgoing.max_bytes as u64) {
            return Err(too_large(outgoing));
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| failed(outgoing, &error))? {
            if chunk.len() > outgoing.max_bytes - body.len() {
                return Err(too_large(outgoing));
            }
            body.extend_from_slice(&chunk);
        }
        response(answer.status().as_u16(), answer.headers(), body, &outgoing.line())
    }

    async fn client(&self, private: bool) -> Result<&Client, HostError> {
        let cell = if private { &self.private } else { &self.public };
        let resolver = Arc::new(Resolver { private, lookups: self.lookups.clone() });
        // Certificates are read from disk.
        let made = cell.get_or_init(|| async {
            let building = tokio::task::spawn_blocking(move || client(&resolver));
            building.await.unwrap_or_else(|_| Err("it broke off".to_owned()))
        });
        made.await.as_ref().map_err(|why| refuse(Code::Unavailable, format!("HTTP can not be set up: {why}")))
    }
}

fn client(resolver: &Arc<Resolver>) -> Result<Client, String> {
    // Already installed by another part of the process: the same provider, nothing to do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        Client::builder()
            .user_agent(concat!("wasmcast/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // A proxy would resolve names by itself, unchecked.
            .no_proxy()
            .dns_resolver(resolver.clone())
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_TIMEOUT)
    };
    // A machine without any certificate store can still use http.
    let client = builder().build().or_else(|_| builder().tls_certs_only(std::iter::empty()).build());
    client.map_err(|error| innermost(&error))
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (private, lookups) = (self.private, self.lookups.clone());
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let found = look_up(name.clone(), lookups).await?;
            let allowed = allowed(&name, &found, private)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Asks the system. The look-up itself can not be given up, so it holds on to its permit without us.
async fn look_up(name: String, lookups: Arc<Semaphore>) -> io::Result<Vec<SocketAddr>> {
    let permit = lookups.acquire_owned().await.map_err(io::Error::other)?;
    let looking = tokio::spawn(async move {
        let _permit = permit;
        tokio::net::lookup_host((name, 0)).await.map(Iterator::collect)
    });
    looking.await.map_err(io::Error::other)?
}

fn allowed(name: &str, found: &[SocketAddr], private: bool) -> Result<Vec<SocketAddr>, Refused> {
    let (mut allowed, mut refused) = (Vec::new(), None);
    for address in found {
        match checked_address(address.ip(), private, false) {
            Ok(()) => allowed.push(*address),
            Err(why) => refused = Some(why),
        }
    }
    if allowed.is_empty() {
        let why = refused.unwrap_or_else(|| "it has no address".to_owned());
        return Err(Refused(format!("{name}: {why}")));
    }
    Ok(allowed)
}

fn failed(outgoing: &Outgoing, error: &reqwest::Error) -> HostError {
    let line = outgoing.line();
    if let Some(Refused(why)) = cause(error) {
        return refuse(Code::Denied, format!("{line}: {why}"));
    }
    let what = innermost(error);
    let advice = if what.contains("certificate") {
        "; the server's certificate must be from an authority that this machine trusts"
    } else if error.is_dns() {
        "; is the name right, and does this machine resolve it?"
    } else if error.is_connect() {
        "; is the server up and reachable from here?"
    } else {
        ""
    };
    refuse(Code::Unavailable, format!("{line}: {what}{advice}"))
}

/// The cause of this type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

/// The last cause: the outer ones only repeat that a request failed.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_connected_to_where_they_may() {
        let rows = [
            ("1.1.1.1 10.0.0.1", false, Ok("1.1.1.1:0")),
            ("1.1.1.1 10.0.0.1", true, Ok("1.1.1.1:0 10.0.0.1:0")),
            ("10.0.0.1 127.0.0.1", false, Err("a.example: the address 127.0.0.1 is refused: it is a private address")),
            ("169.254.169.254", true, Err("a.example: the address 169.254.169.254 is refused: it is a link-local")),
            ("", true, Err("a.example: it has no address")),
        ];
        for (found, private, expected) in rows {
            let found: Vec<_> = found.split_whitespace().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
            match (allowed("a.example", &found, private), expected) {
                (Ok(allowed), Ok(expected)) => {
                    let shown: Vec<_> = allowed.iter().map(SocketAddr::to_string).collect();
                    assert_eq!(shown.join(" "), expected);
                }
                (Err(Refused(why)), Err(expected)) => assert!(why.starts_with(expected), "{why}"),
                (other, _) => panic!("{found:?}: {other:?}"),
            }
        }
    }
}
