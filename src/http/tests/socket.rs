//! Over real sockets: protocol versions, TLS, slow peers, the end.

use super::super::connection::Connector;
use super::super::{Listeners, Running, Settings, Tls, serve};
use super::fixture::Fixture;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const GRACE: Duration = Duration::from_secs(5);

fn start(tls: Tls) -> (Fixture, Running, SocketAddr) {
    let fixture = Fixture::open();
    let any = Some("127.0.0.1:0".parse().unwrap());
    let settings = Settings { http: any, tls, admin: any, admin_has_token: false, most_connections: 100 };
    let running = serve(Listeners::bind(&settings).unwrap(), fixture.state.clone()).unwrap();
    let address = running.addresses()[0].address;
    (fixture, running, address)
}

fn self_signed() -> Tls {
    Tls::SelfSigned { names: vec!["localhost".to_owned(), "127.0.0.1".to_owned()] }
}

/// Everything that the server sends until it closes.
async fn talk(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get_h2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, uri: &str) -> hyper::Response<Incoming> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(Request::builder().uri(uri).body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn http_1_and_2_are_spoken_on_the_same_plain_port() {
    let (_fixture, running, address) = start(Tls::Off);
    let answer = talk(address, "GET /streams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let answer = talk(address, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    let stream = TcpStream::connect(address).await.unwrap();
    let response = get_h2(stream, &format!("http://{address}/streams")).await;
    assert_eq!((response.status().as_u16(), response.version()), (200, hyper::Version::HTTP_2));

    let admin = running.addresses()[1].address;
    let answer = talk(admin, "GET /api/v1/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains(&format!("\"{address}\"")), "{answer}");
    let response = get_h2(TcpStream::connect(admin).await.unwrap(), &format!("http://{admin}/api/v1/info")).await;
    assert_eq!(response.status(), 200, "the host is in :authority");
    running.stop(GRACE).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let (_fixture, running, address) = start(Tls::Off);
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(40 << 10));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: 1\r\n".repeat(200));
    for head in [long, many] {
        let answer = talk(address, &head).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    running.stop(GRACE).await.unwrap();
}

#[tokio::test]
async fn tls_chooses_http_2_by_alpn_and_explains_itself_to_plain_clients() {
    let (_fixture, running, address) = start(self_signed());
    assert!(running.addresses()[0].url.starts_with("https://"));
    for (protocols, version) in [
        (vec![b"h2".to_vec(), b"http/1.1".to_vec()], hyper::Version::HTTP_2),
        (vec![b"http/1.1".to_vec()], hyper::Version::HTTP_11),
        (vec![], hyper::Version::HTTP_11),
    ] {
        let stream = connect_tls(address, protocols).await;
        let response = if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            get_h2(stream, &format!("https://{address}/streams")).await
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::builder().uri("/streams").header("host", "localhost").body(Body::empty()).unwrap();
            sender.send_request(request).await.unwrap()
        };
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
    let answer = talk(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
    running.stop(GRACE).await.unwrap();
}

#[tokio::test]
async fn the_admin_listener_is_for_one_host_whatever_the_request_line_says() {
    let (_fixture, running, _) = start(Tls::Off);
    let admin = running.addresses()[1].address;
    let rows = [
        ("/api/v1/info", "Host: 127.0.0.1", "HTTP/1.1 200 "),
        ("http://127.0.0.1/api/v1/info", "Host: 127.0.0.1", "HTTP/1.1 200 "),
        ("http://evil.example/api/v1/info", "Host: 127.0.0.1", "HTTP/1.1 403 "),
        ("http://127.0.0.1/api/v1/info", "Host: evil.example", "HTTP/1.1 403 "),
        ("/api/v1/info", "Host: 127.0.0.1\r\nHost: evil.example", "HTTP/1.1 400 "),
        ("/api/v1/info", "X-None: 1", "HTTP/1.1 403 "),
    ];
    for (target, host, expected) in rows {
        let answer = talk(admin, &format!("GET {target} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(expected), "{target} {host}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_peers_are_dropped() {
    // Over pipes of this process: a paused clock runs ahead of real sockets.
    let fixture = Fixture::open();
    let connector = Arc::new(Connector::new(fixture.public.clone(), None, CancellationToken::new()));
    let post = "POST /whip/demo HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 100\r\n\r\n";
    let huge = post.replace("100\r\n\r\n", "99999999999\r\n\r\n");
    for (text, answered, seconds) in [
        ("", "", 10),
        ("P", "", 10),
        ("PRI * HTTP/2.0\r\n", "", 10),
        ("GET / HTTP/1.1\r\nHost: local", "", 10),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: 1\r\n", "", 10),
        (post, "HTTP/1.1 408 ", 10),
        // What is refused by its head is not waited for.
        (&huge, "HTTP/1.1 413 ", 0),
        // What is complete is answered; then the connection idles.
        ("GET /streams HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 ", 10),
    ] {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let connector = connector.clone();
        let served = tokio::spawn(async move { connector.serve_http(near, "127.0.0.1:40000".parse().unwrap()).await });
        far.write_all(text.as_bytes()).await.unwrap();
        let began = tokio::time::Instant::now();
        let mut answer = String::new();
        far.read_to_string(&mut answer).await.unwrap();
        served.await.unwrap();
        assert!(answer.starts_with(answered) && (answered.is_empty() == answer.is_empty()), "{text}: {answer}");
        assert_eq!(began.elapsed().as_secs(), seconds, "{text}");
    }
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_ends_idle_connections() {
    let (_fixture, running, address) = start(Tls::Off);
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /streams HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut byte = [0];
    idle.read_exact(&mut byte).await.unwrap();

    // Half an offer is sent; the rest comes after the stop has begun.
    let mut busy = TcpStream::connect(address).await.unwrap();
    let head = "POST /whip/demo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: application/sdp\r\n\
        Content-Length: 4\r\n\r\n";
    busy.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    busy.read_exact(&mut interim).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 Continue"));

    let stop = tokio::spawn(async move { running.stop(GRACE).await });
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.unwrap();
    busy.write_all(b"v=0\n").await.unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 422 "), "judged as if nothing had happened: {answer}");
    stop.await.unwrap().unwrap();
}

async fn connect_tls(address: SocketAddr, protocols: Vec<Vec<u8>>) -> tokio_rustls::client::TlsStream<TcpStream> {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let mut config = builder
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    config.alpn_protocols = protocols;
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// Trusts every certificate; what is tested is the connection.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
