//! Requests of a guest against servers on this machine, and against a script.

use super::super::{START, Services, Simulation};
use super::*;
use crate::plugin::facts::{Action, Facts};
use crate::plugin::guest::Call;
use crate::plugin::settings::{Grants, HttpGrant};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Longer than any of these tests takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn grant(origin: &str) -> HttpGrant {
    HttpGrant {
        origin: origin.to_owned(),
        timeout: PATIENCE,
        max_bytes: 1_000,
        private: true,
        headers: vec![("x-key".to_owned(), "of the grant".to_owned())],
    }
}

fn guest(services: Arc<Services>, grants: Vec<HttpGrant>) -> Guest {
    super::super::tests::guest(services, Grants { kv: None, http: Some(grants) })
}

fn get(url: &str) -> Request {
    Request { method: "GET".into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout_ms: 0 }
}

/// A server that answers each connection with these bytes and hands out what it was asked.
async fn server(answer: impl Into<Vec<u8>>) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, questions) = mpsc::unbounded_channel();
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let request = read_request(&mut connection).await;
            // The peer may go at any time.
            let _ = asked.send(request);
            let _ = connection.write_all(&answer).await;
        }
    });
    (address, questions)
}

async fn read_request(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let length = connection.read(&mut chunk).await.unwrap_or(0);
        text.extend_from_slice(&chunk[..length]);
        let request = String::from_utf8_lossy(&text).into_owned();
        let body = request.split_once("\r\n\r\n").map(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            body.len() >= length.map_or(0, |length| length.parse().unwrap())
        });
        if length == 0 || body == Some(true) {
            return request;
        }
    }
}

#[tokio::test]
async fn a_request_goes_out_with_the_host_s_headers_and_the_answer_comes_back_whole() {
    let answer = "HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 6\r\n\r\nh\u{e9}llo";
    let (address, mut questions) = server(answer).await;
    let origin = format!("http://{address}");
    let mut guest = guest(Services::new(), vec![grant(&origin)]);
    let mut facts = Facts::new("s-1".into(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    facts.headers.push(("traceparent".into(), format!("00-{trace}-00f067aa0ba902b7-01")));
    guest.call = Call { hook: "auth/check", facts: Some(Arc::new(facts)), ..Call::default() };
    let headers = [("X-Own", "1"), ("X-Key", "of the guest")];
    let headers = headers.map(|(key, value)| Attribute { key: key.into(), value: value.into() }).to_vec();
    let url = format!("{origin}/a/b?q=1");
    let request = Request { method: "POST".into(), url, headers, body: b"hi there".to_vec(), timeout_ms: 0 };
    let response = guest.send(request).await.unwrap();
    let headers: Vec<_> = response.headers.iter().map(|header| (&*header.key, &*header.value)).collect();
    assert_eq!(response.status, 201);
    assert_eq!(headers, [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-length", "6")]);
    assert_eq!(response.body, "h\u{e9}llo".as_bytes());
    let question = questions.recv().await.unwrap();
    assert!(question.starts_with("POST /a/b?q=1 HTTP/1.1\r\n") && question.ends_with("\r\n\r\nhi there"), "{question}");
    for line in ["x-own: 1", "x-key: of the grant", &format!("traceparent: 00-{trace}-"), &format!("host: {address}")] {
        assert!(question.contains(&format!("\r\n{line}")), "{line} is missing in {question}");
    }
    assert!(!question.contains("of the guest"));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_others() {
    let (address, mut questions) =
        server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n").await;
    let origin = format!("http://{address}");
    let response = guest(Services::new(), vec![grant(&origin)]).send(get(&origin)).await.unwrap();
    assert_eq!((response.status, &*response.headers[0].value), (302, "http://127.0.0.1:1/"));
    assert!(questions.recv().await.is_some() && questions.try_recv().is_err());
}

#[tokio::test]
async fn bad_answers_are_errors_with_their_code() {
    let long = "x".repeat(1_001);
    let rows = [
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", &long[..1_000]), ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), "too-large"),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n{long}\r\n"), "too-large"),
        (format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{long}"), "too-large"),
        (format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(MAX_HEADER_TEXT)), "too-large"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned(), "unavailable"),
        ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), "unavailable"),
        (String::new(), "unavailable"),
    ];
    let services = Services::new();
    for (answer, expected) in rows {
        let (address, _questions) = server(answer.clone()).await;
        let origin = format!("http://{address}");
        let answered = guest(services.clone(), vec![grant(&origin)]).send(get(&origin)).await;
        let code = answered.err().map(|error| {
            assert!(error.message.starts_with(&format!("GET {origin}/: ")), "{}", error.message);
            error.code
        });
        assert_eq!(code.unwrap_or_default(), expected, "{answer:.60}");
    }
}

#[tokio::test]
async fn a_silent_server_times_out_and_an_absent_one_is_unavailable() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let rows = [(silent.local_addr().unwrap(), "timeout"), (gone, "unavailable")];
    for (address, expected) in rows {
        let origin = format!("http://{address}");
        let mut request = get(&origin);
        request.timeout_ms = if expected == "timeout" { 20 } else { 0 };
        let error = guest(Services::new(), vec![grant(&origin)]).send(request).await.unwrap_err();
        assert_eq!((error.code.as_str(), error.retryable), (expected, true), "{}", error.message);
    }
}

#[tokio::test]
async fn names_of_private_addresses_are_refused_unless_granted() {
    let (address, mut questions) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let origin = format!("http://localhost:{}", address.port());
    let services = Services::new();
    let reached = guest(services.clone(), vec![grant(&origin)]).send(get(&origin)).await.unwrap();
    assert_eq!(reached.status, 204);
    questions.recv().await.unwrap();
    let public = HttpGrant { private: false, ..grant(&origin) };
    let error = guest(services, vec![public]).send(get(&origin)).await.unwrap_err();
    assert_eq!(error.code, "denied");
    assert!(
        error.message.contains("localhost: the address") && error.message.contains("`private = true`"),
        "{}",
        error.message
    );
    assert!(questions.try_recv().is_err(), "no connection may be made");
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_ends_the_exchange() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certified.cert.der().clone()], key.into()).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let serving = tokio::spawn(async move {
        let (connection, _) = listener.accept().await.unwrap();
        acceptor.accept(connection).await.is_ok()
    });
    let error = guest(Services::new(), vec![grant(&origin)]).send(get(&origin)).await.unwrap_err();
    assert_eq!(error.code, "unavailable");
    assert!(error.message.contains("certificate"), "{}", error.message);
    assert!(!serving.await.unwrap());
}

#[tokio::test]
async fn requests_under_way_are_bounded_and_a_dropped_one_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let services = Services::new();
    let mut guest = guest(services.clone(), vec![grant(&origin)]);
    let share = services.share(&"geo".into());
    {
        let mut sending = Box::pin(guest.send(get(&origin)));
        let mut connection = tokio::select! {
            answered = &mut sending => panic!("{answered:?}"),
            accepted = listener.accept() => accepted.unwrap().0,
        };
        tokio::select! {
            answered = &mut sending => panic!("{answered:?}"),
            request = read_request(&mut connection) => assert!(request.starts_with("GET / "), "{request}"),
        }
        let others: Vec<_> = std::iter::from_fn(|| share.admit_request()).collect();
        assert_eq!(others.len(), REQUESTS - 1, "the one that waits counts");
        drop(sending);
        assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 0, "the connection is closed");
    }
    let _all: Vec<_> = std::iter::from_fn(|| share.admit_request()).collect();
    assert_eq!(_all.len(), REQUESTS);
    let error = guest.send(get(&origin)).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.retryable), ("quota", true));
}

#[tokio::test]
async fn a_script_answers_in_virtual_time() {
    let simulation = Simulation::new(1, START);
    let origin = "https://id.example";
    let limited = HttpGrant { timeout: Duration::from_secs(2), private: false, ..grant(origin) };
    let mut guest = guest(simulation.services().clone(), vec![limited]);
    let scripted = |url: &str, status: u16, delay: u64, times: Option<u32>| Scripted {
        method: None,
        url: url.to_owned(),
        reply: Reply::Response { status, headers: vec![("Age".into(), "1".into())], body: b"{}".to_vec() },
        delay: Duration::from_millis(delay),
        times,
    };
    let http = simulation.http();
    http.answer(scripted("https://id.example/*", 200, 0, None));
    http.answer(scripted("https://id.example/once", 503, 10, Some(1)));
    http.answer(scripted("https://id.example/slow", 200, 60_000, None));
    http.answer(Scripted {
        method: Some("PUT".into()),
        reply: Reply::Down("refused".into()),
        ..scripted("https://id.example/*", 0, 0, None)
    });
    let rows = [
        ("GET", "/keys", Ok(200), 0),
        ("GET", "/once", Ok(503), 10),
        ("GET", "/once", Ok(200), 10),
        ("GET", "/slow", Err("timeout"), 2_010),
        ("PUT", "/keys", Err("unavailable"), 2_010),
    ];
    for (method, path, expected, ms) in rows {
        let request = Request { method: method.into(), ..get(&format!("{origin}{path}")) };
        let answered = guest.send(request).await.map(|response| response.status).map_err(|error| error.code);
        assert_eq!(answered, expected.map_err(str::to_owned), "{method} {path}");
        assert_eq!(simulation.now(), Duration::from_millis(ms));
    }
    let sent = http.take_sent();
    assert_eq!(sent.len(), rows.len());
    assert_eq!((&*sent[4].method, &*sent[4].url), ("PUT", "https://id.example/keys"));
    assert_eq!(sent[0].headers, [("x-key".to_owned(), "of the grant".to_owned())]);
    http.clear();
    let error = guest.send(get(origin)).await.unwrap_err();
    assert_eq!(error.message, "GET https://id.example/: the test has no answer for this request; add one");
    assert_eq!(guest.send(get("https://other.example")).await.unwrap_err().code, "denied");
}
