//! WHIP and WHEP signalling over HTTP: POST an offer, read the answer, DELETE the session.

use super::error::ClientError;
use crate::media::wall_clock;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

/// An answer larger than this is not read; real ones have a few KiB.
const MAX_BODY: usize = 64 * 1024;
/// A POST may be held by the server while it looks for the stream.
const POST_TIMEOUT: Duration = Duration::from_secs(15);
/// Leaving should not take long.
const DELETE_TIMEOUT: Duration = Duration::from_secs(3);
/// As many redirects as a sane chain of load balancers has.
const MAX_REDIRECTS: usize = 5;

/// Options of the HTTP side.
#[derive(Clone, Debug, Default)]
pub struct SignalOptions {
    /// Sent as `Authorization: Bearer`; dropped where a redirect leads to another host.
    pub token: Option<String>,
    /// Accept any certificate.
    pub insecure: bool,
    /// Open a new TCP connection for each request, as separate viewers would.
    pub fresh_connections: bool,
}

/// An HTTP client for one kind of endpoint. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Signalling {
    http: Client,
    token: Option<String>,
}

/// The URL of a session.
#[derive(Clone, Debug)]
pub struct SessionUrl {
    url: Url,
    /// Whether it is of the origin that the token was given for: a redirect may have led to another server.
    takes_token: bool,
}

/// What came back for an offer.
#[derive(Clone, Debug)]
pub struct Opened {
    pub answer: String,
    /// Where the server named one.
    pub session: Option<SessionUrl>,
    /// Just before the request, TCP connect included.
    pub posted: Instant,
    /// The same moment in nanoseconds since 1970.
    pub posted_wall: u64,
    /// When the answer was complete.
    pub answered: Instant,
}

/// Reads an endpoint given by a user.
pub fn parse_endpoint(text: &str) -> Result<Url, ClientError> {
    let fail = |reason: &str| ClientError::Url { url: text.to_owned(), reason: reason.to_owned() };
    let url = Url::parse(text).map_err(|error| fail(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" => {}
        "rtmp" | "rtmps" => {
            return Err(ClientError::Usage(
                "RTMP is not supported yet: use a WHIP or WHEP URL (http or https)".to_owned(),
            ));
        }
        "ws" | "wss" => {
            return Err(ClientError::Usage(
                "WebSocket is not supported yet: use a WHEP URL (http or https)".to_owned(),
            ));
        }
        _ => return Err(fail("its scheme is neither http nor https")),
    }
    if url.path().ends_with(".m3u8") {
        return Err(ClientError::Usage("HLS is not supported yet: use a WHEP URL".to_owned()));
    }
    if url.host_str().is_none() {
        return Err(fail("it names no host"));
    }
    Ok(url)
}

/// Longest file that a token is read from, in bytes: longer ones do not fit into a request's headers.
const MAX_TOKEN: u64 = 64 * 1_024;

/// Reads the token of a command line: itself, or `env:NAME` or `file:PATH` where it is kept.
pub fn read_token(given: Option<&str>) -> Result<Option<String>, ClientError> {
    let Some(given) = given else { return Ok(None) };
    let token = if let Some(name) = given.strip_prefix("env:") {
        std::env::var(name).map_err(|error| ClientError::Usage(format!("--token {given}: {error}")))?
    } else if let Some(path) = given.strip_prefix("file:") {
        let fail = |error: std::io::Error| ClientError::Usage(format!("--token {given}: {error}"));
        let mut text = String::new();
        std::fs::File::open(path).map_err(fail)?.take(MAX_TOKEN + 1).read_to_string(&mut text).map_err(fail)?;
        if text.len() as u64 > MAX_TOKEN {
            return Err(ClientError::Usage(format!("--token {given}: longer than {MAX_TOKEN} bytes")));
        }
        text
    } else {
        given.to_owned()
    };
    let token = token.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::Usage("--token: a token is printable ASCII without spaces".to_owned()));
    }
    Ok(Some(token.to_owned()))
}

impl Signalling {
    /// Makes the HTTP client; `https` verifies by the system's certificates unless told otherwise.
    pub fn new(options: SignalOptions) -> Result<Self, ClientError> {
        // Already installed by an earlier client of this process: the same provider, nothing to do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = || {
            let builder = Client::builder()
                .user_agent(concat!("wasmcast/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::limited(MAX_REDIRECTS))
                .connect_timeout(Duration::from_secs(5))
                .tls_danger_accept_invalid_certs(options.insecure);
            if options.fresh_connections { builder.pool_max_idle_per_host(0) } else { builder }
        };
        // A machine without any certificate store can still use http.
        let http = builder()
            .build()
            .or_else(|_| builder().tls_certs_only(std::iter::empty()).build())
            .map_err(|error| ClientError::Local(format!("cannot set up HTTP: {}", innermost(&error))))?;
        Ok(Signalling { http, token: options.token })
    }

    /// Sends an offer.
    pub async fn post(&self, endpoint: &Url, offer: String) -> Result<Opened, ClientError> {
        let request = self.http.post(endpoint.clone()).header(CONTENT_TYPE, "application/sdp").timeout(POST_TIMEOUT);
        let request = self.authorized(request).body(offer);
        let (posted, posted_wall) = (Instant::now(), wall_clock(SystemTime::now()));
        let response = request.send().await.map_err(|error| unreachable(endpoint, &error))?;
        let status = response.status();
        let final_url = response.url().clone();
        let session = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let session = session.and_then(|location| final_url.join(location).ok());
        let session = session.map(|url| SessionUrl { takes_token: url.origin() == endpoint.origin(), url });
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = read_body(response).await.map_err(|error| unreachable(endpoint, &error))?;
        if !status.is_success() {
            let reason = refusal(status, endpoint.path(), self.token.is_some(), retry_after.as_deref(), &body);
            return Err(ClientError::Refused { url: final_url.to_string(), status: status.as_u16(), reason });
        }
        Ok(Opened { answer: body, session, posted, posted_wall, answered: Instant::now() })
    }

    /// Ends a session; an error means that the server will notice by itself.
    pub async fn delete(&self, session: &SessionUrl) -> Result<(), ClientError> {
        let SessionUrl { url: session, takes_token } = session;
        let request = self.http.delete(session.clone()).timeout(DELETE_TIMEOUT);
        let request = if *takes_token { self.authorized(request) } else { request };
        let response = request.send().await.map_err(|error| unreachable(session, &error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let reason = "the session was not deleted".to_owned();
        Err(ClientError::Refused { url: session.to_string(), status: status.as_u16(), reason })
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }
}

async fn read_body(mut response: Response) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_BODY {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn unreachable(url: &Url, error: &reqwest::Error) -> ClientError {
    let reason = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_redirect() {
        format!("more than {MAX_REDIRECTS} redirects, or a redirect that cannot be followed")
    } else {
        let cause = innermost(error);
        let advice = if cause.contains("certificate") { "; --insecure accepts any certificate" } else { "" };
        format!("{cause}{advice}")
    };
    ClientError::Unreachable { url: url.to_string(), reason }
}

/// The last cause of an error: the outer ones only repeat that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Puts a refusal into words: what the server said, and what to do about it.
fn refusal(status: StatusCode, path: &str, has_token: bool, retry_after: Option<&str>, body: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Problem {
        title: Option<String>,
        detail: Option<String>,
    }
    let problem = serde_json::from_str::<Problem>(body).ok();
    let said = problem.and_then(|problem| problem.detail.or(problem.title));
    let said = said.unwrap_or_else(|| body.lines().next().unwrap_or_default().trim().to_owned());
    let said: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
    let playing = path.contains("/whep");
    let advice = match status.as_u16() {
        401 if has_token => "the token was not accepted",
        401 => "a token is needed: pass --token",
        403 => "this is not allowed",
        404 => "there is no such endpoint: is the URL right?",
        405 => "this URL takes no offers: is it a WHIP or WHEP endpoint?",
        409 if playing => "the stream is not live",
        409 => "the stream is taken by another publisher",
        415 => "the server takes no SDP here: is it a WHIP or WHEP endpoint?",
        400 | 422 => "the offer does not suit the server or the stream",
        429 | 503 => "the server is too busy",
        500..=599 => "the server failed",
        _ => "the offer was not accepted",
    };
    let mut text = advice.to_owned();
    if !said.is_empty() {
        text = format!("{text} ({said})");
    }
    if let Some(after) = retry_after {
        text = format!("{text}; try again in {after} s");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let problem = r#"{"type":"about:blank","title":"Conflict","status":409,"detail":"`cam1` is being published"}"#;
        for (status, path, token, retry, body, expected) in [
            (401, "/whip/a", false, None, "", "a token is needed: pass --token"),
            (401, "/whip/a", true, None, "", "the token was not accepted"),
            (
                409,
                "/whip/a",
                false,
                None,
                problem,
                "the stream is taken by another publisher (`cam1` is being published)",
            ),
            (409, "/whep/a", false, Some("2"), "", "the stream is not live; try again in 2 s"),
            (503, "/whep/a", false, None, "line one\nline two", "the server is too busy (line one)"),
            (418, "/whep/a", false, None, "", "the offer was not accepted"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(refusal(status, path, token, retry, body), expected);
        }
    }

    #[test]
    fn tokens_are_checked() {
        assert_eq!(read_token(None).unwrap(), None);
        assert_eq!(read_token(Some("abc.DEF-1")).unwrap().as_deref(), Some("abc.DEF-1"));
        for bad in ["", "a b", "a\r\nX-Evil: 1", "env:WASMCAST_NO_SUCH_VARIABLE", "file:/no/such/file"] {
            assert!(matches!(read_token(Some(bad)), Err(ClientError::Usage(_))), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_http_urls() {
        for good in ["http://127.0.0.1:8080/whip/a", "https://media.example/whep/live/cam1"] {
            assert!(parse_endpoint(good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("rtmp://host/app/name", "RTMP is not supported yet"),
            ("ws://host/ws/name", "WebSocket is not supported yet"),
            ("http://host/hls/name/index.m3u8", "HLS is not supported yet"),
            ("ftp://host/", "neither http nor https"),
            ("127.0.0.1:8080/whip/a", "is no endpoint"),
            ("", "is no endpoint"),
        ] {
            let error = parse_endpoint(bad).unwrap_err().to_string();
            assert!(error.contains(words), "{bad}: {error}");
        }
    }
}
