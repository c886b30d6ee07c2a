//! HTTP requests to the origins that the operator granted. The call suspends the plugin, not the server.
//!
//! ```no_run
//! use wasmcast_plugin::prelude::*;
//!
//! #[derive(Serialize)]
//! struct Question { stream: String }
//! #[derive(Deserialize)]
//! struct Answer { allowed: bool }
//!
//! fn ask(stream: String) -> Result<bool> {
//!     let response = http::post("https://id.example/check").json(&Question { stream })?.timeout(seconds(1)).send()?;
//!     Ok(response.ok()?.json::<Answer>()?.allowed)
//! }
//! ```

use crate::bindings::host::{http, types::Attribute};
use crate::host_error::HostError;
use crate::units::whole_milliseconds;
use crate::{Context, Error, sandbox};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A request for `GET` of an absolute URL.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// A request for `POST` to an absolute URL.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// What will be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "call send()"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

impl Request {
    /// A request by its method. The server adds `traceparent`, and the headers that the grant holds for the origin.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new(), timeout: Duration::ZERO }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to what serde makes of this, and the content type with it.
    ///
    /// # Errors
    /// What JSON can not hold.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> crate::Result<Self> {
        let body = serde_json::to_vec(body).with_context(|| format!("make the body for {}", self.url))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Gives up after this time. Without it, and beyond it, the grant's limit holds (2 s).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends it and waits. Any status is a success. Redirects are returned, not followed.
    ///
    /// # Errors
    /// When there is no response: `denied`, `invalid`, `timeout`, `unavailable`, `too-large`.
    pub fn send(self) -> Result<Response, HostError> {
        sandbox::only("http");
        let url = self.url.clone();
        let headers = self.headers.into_iter().map(|(key, value)| Attribute { key, value }).collect();
        let response = http::send(&http::Request {
            method: self.method,
            url: self.url,
            headers,
            body: self.body,
            timeout_ms: whole_milliseconds(self.timeout),
        })?;
        let headers = response.headers.into_iter().map(|header| (header.key, header.value)).collect();
        Ok(Response { url, status: response.status, headers, body: response.body })
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    url: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// The final status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Itself, when the status is 200 to 299.
    ///
    /// # Errors
    /// Any other status.
    pub fn ok(self) -> crate::Result<Self> {
        match self.status {
            200..=299 => Ok(self),
            status => Err(Error::new(format!("{} answered {status}", self.url))),
        }
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// A body that is no UTF-8.
    pub fn text(self) -> crate::Result<String> {
        String::from_utf8(self.body)
            .map_err(|_| Error::new(format!("{} answered with bytes that are no text", self.url)))
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// A body that is no such JSON.
    pub fn json<T: DeserializeOwned>(&self) -> crate::Result<T> {
        serde_json::from_slice(&self.body).with_context(|| format!("read the answer of {}", self.url))
    }
}
