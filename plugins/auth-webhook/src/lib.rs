//! Asks an HTTP endpoint who may publish, play and administer. See README.md.

mod answer;
mod question;
mod shelf;

use answer::{Answer, Shared};
use question::Question;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// Where to ask.
    url: String,
    /// Time that the endpoint has, in milliseconds.
    #[serde(default = "timeout")]
    timeout_ms: u64,
    /// Which facts of a session are sent; an answer is kept for all sessions that share them.
    #[serde(default = "question::usual")]
    send: Vec<String>,
    /// Longest time that an answer is kept, in seconds.
    #[serde(default = "max_age")]
    max_age_s: u64,
    /// Whether the endpoint is asked about the operator's API too.
    #[serde(default)]
    admin: bool,
}

fn timeout() -> u64 {
    800
}

fn max_age() -> u64 {
    3_600
}

struct Webhook(Config);

impl Plugin for Webhook {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        question::check(&config.send)?;
        granted(&config.url)?;
        Ok(Webhook(config))
    }
}

/// Whether the server would ask there, without asking: what is wrong with the URL or its grant is found before what is wrong
/// with the header.
fn granted(url: &str) -> Result<()> {
    match http::post(url).header("host", "unsent").send() {
        Err(error) if error.code == "denied" || error.message.starts_with("request.url") => {
            Err(Error::new(format!("config: `url`: {error}")))
        }
        _ => Ok(()),
    }
}

#[auth]
fn authorize(session: &Session, webhook: &mut Webhook) -> Result<Decision> {
    let config = &webhook.0;
    if session.is_admin() && !config.admin {
        return Ok(abstain());
    }
    let question = Question::new(&session.json(), &config.send)?;
    let place = shelf::place(&config.url, &question.decides());
    let kept = shelf::find(&place)?;
    let now = clock::unix().as_secs();
    if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh(now)) {
        return Ok(kept.answer.decision());
    }
    match ask(config, &question) {
        Ok((answer, shared)) => {
            let shared = shared.at_most(config.max_age_s);
            shelf::put(&place, &answer, shared, now);
            Ok(answer.decision())
        }
        Err(error) => match kept {
            Some(kept) => {
                warn!("the answer from before stays in use"; error);
                Ok(kept.answer.decision())
            }
            None => Err(error),
        },
    }
}

fn ask(config: &Config, question: &Question) -> Result<(Answer, Shared)> {
    let request = http::post(config.url.as_str()).header("accept", "application/json").json(&question.body)?;
    let response =
        request.timeout(milliseconds(config.timeout_ms)).send().with_context(|| format!("ask {}", config.url))?.ok()?;
    let shared = Shared::read(response.headers().filter(|(name, _)| *name == "cache-control").map(|(_, value)| value));
    let answer: Answer = response.json()?;
    Ok((answer.checked().with_context(|| format!("the answer of {}", config.url))?, shared))
}
