//! Asks a running server about its plugins, over the operator's API.

use super::Failure;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::time::Duration;
use wasmcast::client;

/// Longer answers are not read; one plugin takes about 1 KiB.
const MAX_ANSWER: usize = 4 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Which server, and how to get in.
#[derive(clap::Args, Debug)]
pub struct Address {
    /// The server's admin listener
    #[arg(long, value_name = "ADMIN", default_value = "http://127.0.0.1:8081")]
    pub url: String,
    /// Token of the operator's API (admin.token); env:NAME or file:PATH keep it off the command line
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Accept any certificate
    #[arg(long)]
    pub insecure: bool,
}

/// A server's API.
#[derive(Debug)]
pub struct Server {
    http: Client,
    base: String,
    token: Option<String>,
}

impl Server {
    pub fn new(address: &Address) -> Result<Self, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let url = reqwest::Url::parse(&address.url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| {
            Failure::Usage(format!("--url {} is no address; write http://HOST:PORT as of admin.listen", address.url))
        })?;
        let token = client::read_token(address.token.as_deref()).map_err(|error| usage(&error))?;
        // Installed before by another client of this process: the same one, nothing to do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = Client::builder()
            .user_agent(concat!("wasmcast/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .tls_danger_accept_invalid_certs(address.insecure)
            .build()
            .map_err(|error| Failure::Failed(format!("the HTTP client can not be made: {error}")))?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// The address that is asked.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The answer at a path of the API; none when there is nothing.
    pub async fn get(&self, path: &str) -> Result<Option<Value>, Failure> {
        self.ask(reqwest::Method::GET, path, None).await
    }

    /// What a command answers; none when there is nothing at the path.
    pub async fn post(&self, path: &str) -> Result<Option<Value>, Failure> {
        self.ask(reqwest::Method::POST, path, None).await
    }

    /// As [`Server::post`], with something to say.
    pub async fn post_json(&self, path: &str, body: &Value) -> Result<Option<Value>, Failure> {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<Option<Value>, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url).header("x-wasmcast", "1");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let unreachable = |error: &reqwest::Error| {
            Failure::Failed(format!(
                "{} can not be asked: {}; does the server run? --url names another",
                self.base,
                innermost(error)
            ))
        };
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(Failure::Failed(format!("{url} answered with more than {} MiB", MAX_ANSWER >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if !status.is_success() => Err(refused(&url, status, self.token.is_some(), &body)),
            _ => serde_json::from_slice(&body).map(Some).map_err(|_| {
                Failure::Failed(format!("{url} answered with something that is no JSON; is it the admin listener?"))
            }),
        }
    }
}

fn refused(url: &str, status: StatusCode, has_token: bool, body: &[u8]) -> Failure {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    let detail =
        problem.as_ref().and_then(|problem| problem.get("detail").or(problem.get("title"))).and_then(Value::as_str);
    let advice = match status.as_u16() {
        401 | 403 if has_token => "the token is not that of admin.token",
        401 | 403 => "a token is needed: pass --token",
        _ => detail.unwrap_or("no reason given"),
    };
    Failure::Failed(format!("{url} answered {}: {advice}", status.as_u16()))
}

/// The last cause: the outer ones only repeat that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// Runs what talks to a server.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let failed = |error| Failure::Failed(format!("the threads of the client can not be started: {error}"));
    runtime.map_err(failed)?.block_on(work)
}
