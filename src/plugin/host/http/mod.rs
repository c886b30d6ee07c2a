//! The interface `http`: requests to the origins that the operator granted.

mod address;
mod net;
mod outgoing;
mod script;
#[cfg(test)]
mod tests;

pub(super) use net::Net;
pub use script::{Reply, Script, Scripted, Sent};

use super::refusal::{Code, refuse};
use super::share::REQUESTS;
use super::wit::http::{Host, Request, Response};
use super::wit::types::{Attribute, HostError};
use crate::plugin::guest::Guest;
use outgoing::Outgoing;
use reqwest::header::HeaderMap;
use std::sync::Arc;
use tracing::Instrument;

/// Most headers of a response that a guest gets, and most text in them, in bytes.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_TEXT: usize = 64 << 10;

/// How requests reach their peer.
#[derive(Debug)]
pub(super) enum Transport {
    Net(Net),
    Script(Arc<Script>),
}

impl Host for Guest {
    /// Dropping the future ends the exchange and gives everything back.
    async fn send(&mut self, message: Request) -> Result<Response, HostError> {
        let context = self.context.clone();
        let services = &context.services;
        let traceparent = self.trace_id().map(|trace| format!("00-{trace}-{:016x}-01", services.random.next().max(1)));
        let outgoing = outgoing::check(
            message,
            context.grants.http.as_deref().unwrap_or_default(),
            &context.plugin,
            traceparent.as_deref(),
        )?;
        let Some(_under_way) = services.share(&context.plugin).admit_request() else {
            let message = format!("{REQUESTS} requests of this plugin are under way; cache answers, or ask less often");
            return Err(refuse(Code::Quota, message));
        };
        let span = tracing::debug_span!(
            target: "plugin",
            "http.send",
            plugin = &*context.plugin,
            generation = context.generation,
            hook = self.call.hook,
            session = self.call.facts.as_ref().map(|facts| facts.id.as_str()),
            request = context.hide(outgoing.line()),
        );
        let answer = async {
            let began = services.clock.now();
            let answer = match &services.transport {
                Transport::Net(net) => net.exchange(outgoing).await,
                Transport::Script(script) => script.exchange(&outgoing, &services.clock),
            };
            let took_ms = services.clock.now().saturating_sub(began).as_millis();
            let status = answer.as_ref().ok().map(|response| response.status);
            let error = answer.as_ref().err().map(|error| context.hide(error.message.clone()));
            tracing::debug!(target: "plugin", took_ms, status, error = error.as_deref(), "answered");
            answer
        };
        Box::pin(answer.instrument(span)).await
    }
}

/// A response for the guest, within bounds.
fn response(status: u16, headers: &HeaderMap, body: Vec<u8>, line: &str) -> Result<Response, HostError> {
    let text: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || text > MAX_HEADER_TEXT {
        let message = format!(
            "{line}: the response has {} headers with {text} bytes; at most {MAX_HEADERS} with {MAX_HEADER_TEXT} are \
             handed on",
            headers.len()
        );
        return Err(refuse(Code::TooLarge, message));
    }
    let attribute = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| Attribute {
        key: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    Ok(Response { status, headers: headers.iter().map(attribute).collect(), body })
}

fn too_large(outgoing: &Outgoing) -> HostError {
    let message = format!(
        "{}: the body is larger than {} KiB; ask for less, or raise max-kib of the grant",
        outgoing.line(),
        outgoing.max_bytes >> 10
    );
    refuse(Code::TooLarge, message)
}

fn timed_out(outgoing: &Outgoing) -> HostError {
    let message = format!(
        "{}: no whole answer within {} ms; is the server up? timeout-ms of the grant is the most that a plugin may wait",
        outgoing.line(),
        outgoing.timeout.as_millis()
    );
    refuse(Code::Timeout, message)
}
