//! `wasmcast healthcheck`: asks a server whether it is ready, for containers that have no other HTTP client.

use crate::output;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Exit with 0 when the server is ready, else with 1
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example:\n  HEALTHCHECK CMD [\"wasmcast\", \"healthcheck\", \"http://127.0.0.1:8081/readyz\"]\n\n\
    Where the public listener speaks TLS, ask the admin listener, which has /readyz too."
)]
pub struct Args {
    /// What to ask, by plain HTTP; without a path /readyz
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080/readyz")]
    url: String,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
}

/// Why the answer is no.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("`{0}` is no address to ask; write http://HOST:PORT/PATH such as http://127.0.0.1:8080/readyz")]
    Url(String),
    #[error("`{0}` is https; ask the admin listener by http, such as http://127.0.0.1:8081/readyz")]
    Https(String),
    #[error("{0} can not be reached: {1}")]
    Unreachable(String, io::Error),
    #[error("{0} answered with something that is not HTTP")]
    NotHttp(String),
    #[error("{0} is not ready: it answered {1}")]
    NotReady(String, u16),
}

/// Runs `wasmcast healthcheck`.
pub fn run(args: &Args) -> ExitCode {
    let deadline = Instant::now() + Duration::from_secs(args.timeout);
    match ask(&args.url, deadline) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (Unhealthy::Url(_) | Unhealthy::Https(_))) => output::refuse(&error),
        Err(error) => {
            output::say(&format!("wasmcast: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn ask(url: &str, deadline: Instant) -> Result<(), Unhealthy> {
    let (authority, path) = split(url)?;
    let unreachable = |error| Unhealthy::Unreachable(url.to_owned(), error);
    let addresses: Vec<SocketAddr> = with_port(authority).to_socket_addrs().map_err(unreachable)?.collect();
    let mut stream = connect(&addresses, deadline).map_err(unreachable)?;
    stream.set_write_timeout(Some(left(deadline))).map_err(unreachable)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: wasmcast-healthcheck\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(unreachable)?;
    let mut head = [0u8; 64];
    let mut length = 0;
    // The status line is all that counts: `HTTP/1.1 200`.
    while length < STATUS_LENGTH {
        stream.set_read_timeout(Some(left(deadline))).map_err(unreachable)?;
        match stream.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreachable(error)),
        }
    }
    match status(&head[..length]) {
        Some(200..=299) => Ok(()),
        Some(status) => Err(Unhealthy::NotReady(url.to_owned(), status)),
        None => Err(Unhealthy::NotHttp(url.to_owned())),
    }
}

/// Length of `HTTP/1.1 200`.
const STATUS_LENGTH: usize = 12;

/// Host with port, and path. Control characters would forge header lines.
fn split(url: &str) -> Result<(&str, &str), Unhealthy> {
    if url.starts_with("https://") {
        return Err(Unhealthy::Https(url.to_owned()));
    }
    let rest = url.strip_prefix("http://").filter(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()));
    let (authority, path) = rest.map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len()))).unwrap_or_default();
    if authority.is_empty() || authority.contains('@') {
        return Err(Unhealthy::Url(url.to_owned()));
    }
    Ok((authority, if matches!(path, "" | "/") { "/readyz" } else { path }))
}

fn with_port(authority: &str) -> String {
    let has_port = authority.rsplit_once(':').is_some_and(|(host, port)| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']'))
    });
    if has_port { authority.to_owned() } else { format!("{authority}:80") }
}

fn connect(addresses: &[SocketAddr], deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, left(deadline)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Time until the deadline; never zero, which sockets refuse.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

fn status(head: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(head.get(..STATUS_LENGTH)?).ok()?;
    let rest = text.strip_prefix("HTTP/1.1 ").or_else(|| text.strip_prefix("HTTP/1.0 "))?;
    rest.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Asks a listener that answers with this.
    fn answered(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz?x", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let result = ask(&url, Instant::now() + Duration::from_secs(10)).map_err(|error| error.to_string());
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /readyz?x HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        result
    }

    #[test]
    fn only_success_is_healthy() {
        assert_eq!(answered("HTTP/1.1 200 OK\r\n\r\n"), Ok(()));
        assert_eq!(answered("HTTP/1.1 204 No Content\r\n\r\n"), Ok(()));
        assert!(answered("HTTP/1.1 503 Busy\r\n\r\n").unwrap_err().contains("not ready: it answered 503"));
        assert!(answered("SSH-2.0-x\r\nmore of it").unwrap_err().contains("not HTTP"));
        assert!(answered("").unwrap_err().contains("not HTTP"));
    }

    #[test]
    fn urls_are_split_or_refused() {
        let rows = [
            ("http://127.0.0.1:8080/readyz", Some(("127.0.0.1:8080", "127.0.0.1:8080", "/readyz"))),
            ("http://localhost", Some(("localhost", "localhost:80", "/readyz"))),
            ("http://localhost:8081/", Some(("localhost:8081", "localhost:8081", "/readyz"))),
            ("http://[::1]/x", Some(("[::1]", "[::1]:80", "/x"))),
            ("http://[::1]:81/x", Some(("[::1]:81", "[::1]:81", "/x"))),
            ("https://localhost/", None),
            ("localhost:8080", None),
            ("http://", None),
            ("http:///x", None),
            ("http://a/b c", None),
            ("http://a/\r\nX: y", None),
        ];
        for (url, expected) in rows {
            let found = split(url).ok().map(|(authority, path)| (authority, with_port(authority), path));
            assert_eq!(found, expected.map(|(a, b, c)| (a, b.to_owned(), c)), "{url}");
        }
    }
}
