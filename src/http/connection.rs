//! One connection: TLS where it is on, HTTP/1.1 or HTTP/2, deadlines against slow peers, and an orderly end.

use super::error::Problem;
use super::request::Peer;
use super::stalling::Stalling;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// The head of a request must be complete within this time, and so must a TLS handshake. It is also how long an idle
/// HTTP/1.1 connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that takes nothing of a response for this long is dropped.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Head of an HTTP/1.1 request. Browsers stay below 4 KiB; proxies add a few hundred bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Header lines of a request.
const MAX_HEADERS: usize = 100;
/// Requests at once on one HTTP/2 connection: a viewer has two.
const MAX_STREAMS: u32 = 64;

/// Serves connections of one listener.
pub(super) struct Connector {
    router: Router,
    tls: Option<TlsAcceptor>,
    http: auto::Builder<TokioExecutor>,
    stop: CancellationToken,
}

impl Connector {
    pub(super) fn new(router: Router, tls: Option<Arc<rustls::ServerConfig>>, stop: CancellationToken) -> Connector {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES as u32)
            .max_send_buf_size(64 << 10);
        Connector { router, tls: tls.map(TlsAcceptor::from), http, stop }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and waited for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::trace!(%peer, %error, "TCP_NODELAY is not available");
        }
        // A peer that is gone without a word is noticed also while nothing is sent but comments.
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(WRITE_PATIENCE)) {
            tracing::trace!(%peer, %error, "TCP_USER_TIMEOUT is not available");
        }
        let Some(tls) = &self.tls else {
            return self.serve_http(stream, peer).await;
        };
        match tokio::time::timeout(HEAD_TIMEOUT, handshake(tls, stream)).await {
            Ok(Ok(Some(stream))) => self.serve_http(stream, peer).await,
            Ok(Ok(None)) => tracing::debug!(%peer, "plain HTTP on the TLS port"),
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        }
    }

    /// As [`Connector::serve`], once bytes are plain.
    pub(super) async fn serve_http<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(Stalling::new(stream, HEAD_TIMEOUT, WRITE_PATIENCE));
        let service = Addressed { router: TowerToHyperService::new(self.router.clone()), peer };
        let mut connection = pin!(self.http.serve_connection(stream, service));
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::trace!(%peer, %error, "connection broke");
        }
    }
}

/// Tells the handlers the other end of the connection.
struct Addressed {
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for Addressed {
    type Response = axum::response::Response;
    type Error = std::convert::Infallible;
    type Future = TowerToHyperServiceFuture<Router, Request<Incoming>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        self.router.call(request)
    }
}

/// The first byte of every TLS connection: a handshake record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Does the handshake. None when the peer speaks plain HTTP; it has been told so.
async fn handshake(
    acceptor: &TlsAcceptor,
    mut stream: TcpStream,
) -> std::io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
        refuse_plain(&mut stream).await?;
        return Ok(None);
    }
    acceptor.accept(stream).await.map(Some)
}

async fn refuse_plain(stream: &mut TcpStream) -> std::io::Result<()> {
    let body = Problem::plain_http().to_json();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would reset the connection, and the answer might be lost.
    let mut rest = [0; 4096];
    for _ in 0..MAX_HEAD_BYTES / rest.len() {
        if stream.read(&mut rest).await? == 0 {
            break;
        }
    }
    Ok(())
}
