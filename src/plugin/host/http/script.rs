//! Requests answered by a test's script instead of the network, in virtual time.

use super::super::clock::Clock;
use super::super::refusal::{Code, refuse};
use super::super::wit::http::Response;
use super::super::wit::types::HostError;
use super::outgoing::Outgoing;
use super::{response, timed_out, too_large};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

/// Requests remembered; older ones are forgotten.
const MAX_SENT: usize = 1_000;

/// The answers of a test, and what was sent.
#[derive(Debug, Default)]
pub struct Script {
    answers: Mutex<Vec<Scripted>>,
    sent: Mutex<VecDeque<Sent>>,
}

/// An answer to some requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scripted {
    /// Any, if none.
    pub method: Option<String>,
    /// The whole URL; one that ends in `*` stands for all that begin so.
    pub url: String,
    pub reply: Reply,
    /// The clock is moved by this much; beyond the time-out of the request it times out.
    pub delay: Duration,
    /// How often it is given; for ever, if none.
    pub times: Option<u32>,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Response {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Nobody answers; with the reason that the plugin is told.
    Down(String),
}

/// A request as it would have left.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    pub method: String,
    pub url: String,
    /// With those of the grant.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Script {
    /// Adds an answer; it goes before the older ones.
    pub fn answer(&self, answer: Scripted) {
        self.answers.lock().expect("no holder of this lock panics").push(answer);
    }

    /// Forgets all answers.
    pub fn clear(&self) {
        self.answers.lock().expect("no holder of this lock panics").clear();
    }

    /// What was sent since the last call of this, oldest first.
    pub fn take_sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no holder of this lock panics").drain(..).collect()
    }

    pub(super) fn exchange(&self, outgoing: &Outgoing, clock: &Clock) -> Result<Response, HostError> {
        let line = outgoing.line();
        let found = self.find(outgoing);
        self.remember(outgoing);
        let Some(answer) = found else {
            let message = format!("{line}: the test has no answer for this request; add one");
            return Err(refuse(Code::Unavailable, message));
        };
        clock.advance(answer.delay.min(outgoing.timeout));
        if answer.delay > outgoing.timeout {
            return Err(timed_out(outgoing));
        }
        match answer.reply {
            Reply::Down(why) => Err(refuse(Code::Unavailable, format!("{line}: {why}"))),
            Reply::Response { body, .. } if body.len() > outgoing.max_bytes => Err(too_large(outgoing)),
            Reply::Response { status, headers, body } => {
                let headers = parsed(&headers)
                    .ok_or_else(|| refuse(Code::Unavailable, format!("{line}: the test's answer has a bad header")))?;
                response(status, &headers, body, &line)
            }
        }
    }

    /// The newest answer that fits.
    fn find(&self, outgoing: &Outgoing) -> Option<Scripted> {
        let mut answers = self.answers.lock().expect("no holder of this lock panics");
        let (at, answer) = answers.iter_mut().enumerate().rev().find(|(_, answer)| answer.fits(outgoing))?;
        let found = answer.clone();
        if let Some(times) = &mut answer.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                answers.remove(at);
            }
        }
        Some(found)
    }

    fn remember(&self, outgoing: &Outgoing) {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let mut sent = self.sent.lock().expect("no holder of this lock panics");
        if sent.len() == MAX_SENT {
            sent.pop_front();
        }
        sent.push_back(Sent {
            method: outgoing.method.to_string(),
            url: outgoing.url.to_string(),
            headers: outgoing.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: outgoing.body.clone(),
        });
    }
}

impl Scripted {
    fn fits(&self, outgoing: &Outgoing) -> bool {
        let method = self.method.as_deref().is_none_or(|method| method == outgoing.method.as_str());
        let url = outgoing.url.as_str();
        method && self.url.strip_suffix('*').map_or(self.url == url, |start| url.starts_with(start))
    }
}

fn parsed(headers: &[(String, String)]) -> Option<HeaderMap> {
    let header = |(name, value): &(String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    };
    let mut parsed = HeaderMap::new();
    for header in headers.iter().map(header) {
        let (name, value) = header?;
        parsed.append(name, value);
    }
    Some(parsed)
}
