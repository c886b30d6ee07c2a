//! The operator's stream of events, while real sessions come and go, the configuration changes and the server is drained.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::http::Request;
use crate::own_clients::start;
use crate::server::Server;

/// Longest wait for a line; the server writes a comment every 15 s.
const PATIENCE: Duration = Duration::from_secs(30);

struct Reader {
    lines: BufReader<TcpStream>,
}

impl Reader {
    fn open(server: &Server, path: &str) -> Self {
        let mut stream = TcpStream::connect(server.admin).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.admin);
        stream.write_all(head.as_bytes()).expect("the request is sent");
        Reader { lines: BufReader::new(stream) }
    }

    /// The data of the next event; none at the end.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            self.lines.read_line(&mut line).ok().filter(|length| *length > 0)?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// Reads on to an event of this kind.
    fn find(&mut self, kind: &str) -> Value {
        let mut before = Vec::new();
        while let Some(event) = self.next() {
            if event["kind"] == kind {
                return event;
            }
            before.push(event["kind"].to_string());
        }
        panic!("no {kind} after {before:?}");
    }
}

#[test]
fn what_happens_on_a_server_is_told_as_it_happens() {
    let server = Server::demo();
    let mut reader = Reader::open(&server, "/api/v1/events?after=0");
    assert_eq!(reader.find("stream.started")["stream"], "demo");
    let viewer = start(&["play", &server.url("/whep/demo"), "--expect-frames", "5"]);
    let began = reader.find("session.started");
    assert_eq!((&began["stream"], &began["attributes"]["action"]), (&"demo".into(), &"play".into()), "{began}");
    assert!(viewer.finish(Duration::from_secs(30)).status.success());
    let ended = reader.find("session.ended");
    assert_eq!((&ended["session"], &ended["attributes"]["reason"]), (&began["session"], &"by-peer".into()), "{ended}");
    assert!(ended["sequence"].as_u64() > began["sequence"].as_u64(), "{began} {ended}");

    std::fs::write(&server.config, "nonsense = 1\n").expect("a writable file");
    assert!(reader.find("config.refused")["attributes"]["cause"].to_string().contains("nonsense"));
    std::fs::write(&server.config, "limits.streams = 7\n").expect("a writable file");
    assert!(reader.find("config.applied")["attributes"]["keys"].to_string().contains("limits.streams"));

    let drain = |method: &str| {
        let request = Request::new(method, "/api/v1/drain?leave=false").header("X-Wasmcast", "1");
        request.send(server.admin).status
    };
    assert_eq!(drain("POST"), 202);
    reader.find("server.draining");
    let undo = Request::new("DELETE", "/api/v1/drain").header("X-Wasmcast", "1").send(server.admin);
    assert_eq!(undo.status, 200);
    reader.find("server.reopened");
    // Only what was asked for; and the stream ends with the server, which does not wait for its reader.
    let mut streams = Reader::open(&server, "/api/v1/events?after=0&kind=stream.*");
    assert_eq!(streams.next().expect("an event")["kind"], "stream.started");
    let finished = server.stop();
    assert!(finished.status.success() && !finished.log.contains("still running"), "{}", finished.log);
    while let Some(event) = streams.next() {
        assert!(event["kind"].as_str().is_some_and(|kind| kind.starts_with("stream.")), "{event}");
    }
}
