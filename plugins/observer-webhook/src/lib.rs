//! Sends what happens to an HTTP endpoint, as CloudEvents in batches. See README.md.

mod envelope;
mod time;

use envelope::envelope;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// Where to send.
    url: String,
    /// Time that the endpoint has, in milliseconds.
    #[serde(default = "timeout")]
    timeout_ms: u64,
    /// What the `source` of each event begins with; the node's name follows.
    #[serde(default = "source")]
    source: String,
    /// What the `type` of each event begins with; its kind follows.
    #[serde(default = "type_prefix")]
    type_prefix: String,
    /// Signs each request.
    #[serde(default)]
    signing_key: Option<String>,
}

fn timeout() -> u64 {
    5_000
}

fn source() -> String {
    "/wasmcast/".to_owned()
}

fn type_prefix() -> String {
    "wasmcast.".to_owned()
}

/// A batch in the structured mode of the HTTP binding (CloudEvents 1.0, HTTP Protocol Binding, 3.3).
const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";

struct Webhook {
    config: Config,
    sent: metrics::Counter,
    refused: metrics::Counter,
}

impl Plugin for Webhook {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        granted(&config.url)?;
        ensure!(config.signing_key.as_deref() != Some(""), "config: `signing-key` is empty; leave it out, or give one");
        let counter = |name| metrics::counter(name, &[]);
        Ok(Webhook { config, sent: counter("sent_events"), refused: counter("refused_events") })
    }
}

/// Whether the server would send there, without sending: what is wrong with the URL or its grant is found before what is wrong
/// with the header.
fn granted(url: &str) -> Result<()> {
    match http::post(url).header("host", "unsent").send() {
        Err(error) if error.code == "denied" || error.message.starts_with("request.url") => {
            Err(Error::new(format!("config: `url`: {error}")))
        }
        _ => Ok(()),
    }
}

/// What fails here is delivered again by the server, later and later, until the endpoint takes it: nothing is kept here.
#[observer]
fn events(batch: &[Event], webhook: &mut Webhook) -> Result<()> {
    let Webhook { config, sent, refused } = webhook;
    let body: Vec<_> = batch.iter().map(|event| envelope(event, &config.source, &config.type_prefix)).collect();
    let body = serde_json::to_vec(&body).context("make the body")?;
    let mut request = http::post(config.url.as_str()).header("content-type", BATCH);
    if let Some(key) = &config.signing_key {
        let mac: String = crypto::hmac_sha256(key.as_bytes(), &body).iter().map(|byte| format!("{byte:02x}")).collect();
        request = request.header("x-wasmcast-signature", format!("sha256={mac}"));
    }
    let response = request
        .body(body)
        .timeout(milliseconds(config.timeout_ms))
        .send()
        .with_context(|| format!("send {} events to {}", batch.len(), config.url))?;
    let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
    match response.status() {
        200..=299 => sent.add(count),
        // It will never take these: to try again would hold up all that come after.
        status @ (400 | 413 | 415 | 422) => {
            refused.add(count);
            error!("the endpoint refuses these events, and they are left out"; status, events = count);
        }
        status => bail!("{} answered {status}", config.url),
    }
    Ok(())
}
