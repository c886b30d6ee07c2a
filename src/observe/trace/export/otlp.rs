//! The OTLP exporter: protobuf by HTTP POST to a collector, retried while it is not there.

use super::encode::Source;
use super::{Item, Trouble};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use std::error::Error;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A request may take so long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest pause before it is tried again; each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Tries of one batch: some three minutes. What comes meanwhile waits, as far as there is room.
const TRIES: u32 = 10;
/// Of an answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// A collector.
pub(super) struct Collector {
    endpoint: String,
    headers: HeaderMap,
    source: Source,
    client: Option<Client>,
    /// No more pauses: the end is near.
    closing: CancellationToken,
    trouble: Trouble,
}

/// Why a batch did not arrive.
enum Failure {
    /// It may the next time, after this pause where the collector names one.
    Again(String, Option<Duration>),
    Never(String),
}

impl Collector {
    pub(super) fn new(
        endpoint: &str,
        headers: &[(String, String)],
        source: Source,
        closing: CancellationToken,
    ) -> Self {
        let header = |(name, value): &(String, String)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let mut headers: HeaderMap = headers.iter().filter_map(header).collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Collector { endpoint: endpoint.to_owned(), headers, source, client: None, closing, trouble: Trouble::default() }
    }

    /// Sends traces; tells how many spans were lost.
    pub(super) async fn send(&mut self, batch: &[Item]) -> usize {
        let all: usize = batch.iter().map(|item| item.trace.spans.len()).sum();
        let body = bytes::Bytes::from(self.source.request(batch.iter().map(|item| &item.trace)).encode_to_vec());
        let mut pause = PAUSES.0;
        for attempt in 1..=TRIES {
            let failure = match self.post(body.clone()).await {
                Ok(rejected) => {
                    self.trouble.over();
                    return rejected;
                }
                Err(failure) => failure,
            };
            let (why, asked) = match failure {
                Failure::Again(why, asked) => (why, asked),
                Failure::Never(why) => {
                    self.trouble.began(&why);
                    return all;
                }
            };
            self.trouble.began(&why);
            if attempt == TRIES || self.closing.is_cancelled() {
                break;
            }
            let rest = asked.unwrap_or(pause).min(PAUSES.1);
            // At the end one last try.
            self.closing.run_until_cancelled(tokio::time::sleep(rest)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        all
    }

    /// One try; tells how many spans the collector did not take.
    async fn post(&mut self, body: bytes::Bytes) -> Result<usize, Failure> {
        let client = match &self.client {
            Some(client) => client,
            None => {
                // Certificates are read from disk.
                let built =
                    tokio::task::spawn_blocking(client).await.unwrap_or_else(|_| Err("it broke off".to_owned()));
                let built = built.map_err(|why| Failure::Never(format!("HTTP can not be set up: {why}")))?;
                self.client.insert(built)
            }
        };
        let failed = |error: &reqwest::Error| Failure::Again(format!("{}: {}", self.endpoint, innermost(error)), None);
        let request = client.post(&self.endpoint).headers(self.headers.clone()).body(body);
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        if !status.is_success() {
            let why = format!("{}: the collector answers {status}", self.endpoint);
            let retry = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Failure::Again(why, retry.map(Duration::from_secs)),
                _ => Failure::Never(why),
            });
        }
        let mut told = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            if told.len() + chunk.len() > MAX_ANSWER {
                return Ok(0);
            }
            told.extend_from_slice(&chunk);
        }
        let partial = ExportTraceServiceResponse::decode(&*told).ok().and_then(|answer| answer.partial_success);
        Ok(partial.map_or(0, |partial| usize::try_from(partial.rejected_spans).unwrap_or(0)))
    }
}

fn client() -> Result<Client, String> {
    // Already installed by another part of the process: the same provider, nothing to do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        Client::builder()
            .user_agent(concat!("wasmcast/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .no_proxy()
            .pool_max_idle_per_host(1)
    };
    // A machine without any certificate store can still use http.
    let client = builder().build().or_else(|_| builder().tls_certs_only(std::iter::empty()).build());
    client.map_err(|error| innermost(&error))
}

/// The last cause: the outer ones only repeat that a request failed.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
