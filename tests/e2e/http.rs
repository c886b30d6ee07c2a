//! An HTTP/1.1 client by hand, so that tests see exactly what the server sends and may send what no library would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for any one read or write.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: impl Into<String>) -> Self {
        Self { method: method.to_owned(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// A POST of an SDP offer.
    pub fn offer(path: impl Into<String>, sdp: &str) -> Self {
        Self::new("POST", path).header("Content-Type", "application/sdp").body(sdp)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Sends it and reads the whole response; panics on anything that is not HTTP.
    pub fn send(&self, server: SocketAddr) -> Response {
        let mut reader = self.open(server);
        let (status, headers) = read_head(&mut reader);
        let mut response = Response { status, headers, body: Vec::new() };
        reader.read_to_end(&mut response.body).expect("a body that ends with the connection");
        if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            response.body = unchunk(&response.body);
        }
        response
    }

    /// Sends it and hands over the response line by line, for event streams; `Connection: close` was asked for.
    pub fn follow(&self, server: SocketAddr) -> (Response, BufReader<TcpStream>) {
        let mut reader = self.open(server);
        let (status, headers) = read_head(&mut reader);
        (Response { status, headers, body: Vec::new() }, reader)
    }

    /// Sends it and leaves the answer unread.
    pub fn begin(&self, server: SocketAddr) -> BufReader<TcpStream> {
        self.open(server)
    }

    fn open(&self, server: SocketAddr) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&server, PATIENCE).expect("the server accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let mut head = format!("{} {} HTTP/1.1\r\nConnection: close\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {server}\r\n");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PATCH" | "PUT") {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        head += "\r\n";
        stream.write_all(head.as_bytes()).expect("the server reads requests");
        // A server may refuse by the headers alone and close before it has read the body.
        let _ = stream.write_all(&self.body);
        BufReader::new(stream)
    }
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All values of a header, split at commas, in lower case: what a list header means.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.flat_map(|value| value.split(',')).map(|item| item.trim().to_lowercase()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        self
    }

    /// Checks that this is a problem of RFC 9457 with this status and returns its `detail`.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/problem+json"), "content type {kind:?} of a refusal");
        let body = self.json();
        assert_eq!(body["status"], status, "{body}");
        for member in ["type", "title", "detail"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {body}");
        }
        body["detail"].as_str().unwrap_or_default().to_owned()
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no HTTP status line: {line:?}"));
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("headers");
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return (status, headers),
        }
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).ok().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        let size = size.expect("a chunk size");
        body = &body[end + 2..];
        if size == 0 {
            break;
        }
        whole.extend_from_slice(&body[..size]);
        body = &body[size + 2..];
    }
    whole
}
