//! The interface `sessions`: what the current call may know of who is asking.

use super::wit::sessions::{Action, Host, HostSession};
use crate::plugin::facts::{self, Facts};
use crate::plugin::guest::{CurrentSession, Guest};
use std::collections::BTreeMap;
use std::time::Duration;
use wasmtime::component::Resource;

type Session = Resource<CurrentSession>;

impl Host for Guest {}

impl Guest {
    /// Asks the facts of the current call. Outside of calls about a session nothing is known.
    fn ask<T: Default>(&self, question: impl FnOnce(&Facts) -> T) -> T {
        self.call.facts.as_deref().map(question).unwrap_or_default()
    }
}

impl HostSession for Guest {
    fn id(&mut self, _: Session) -> String {
        self.ask(|facts| facts.id.clone())
    }

    fn action(&mut self, _: Session) -> Action {
        match self.call.facts.as_ref().map(|facts| facts.action) {
            Some(facts::Action::Publish) => Action::Publish,
            Some(facts::Action::Admin) => Action::Admin,
            Some(facts::Action::Play) | None => Action::Play,
        }
    }

    fn protocol(&mut self, _: Session) -> String {
        self.ask(|facts| facts.protocol.to_owned())
    }

    fn method(&mut self, _: Session) -> String {
        self.ask(|facts| facts.method.clone())
    }

    fn path(&mut self, _: Session) -> String {
        self.ask(|facts| facts.path.clone())
    }

    fn stream_name(&mut self, _: Session) -> String {
        self.ask(|facts| facts.stream.clone())
    }

    fn rendition(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.rendition.clone())
    }

    fn remote_ip(&mut self, _: Session) -> String {
        self.ask(|facts| facts.remote_ip.to_string())
    }

    fn country(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.country.clone())
    }

    fn device(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.device.clone())
    }

    fn header(&mut self, _: Session, name: String) -> Option<String> {
        self.ask(|facts| facts.header(&name))
    }

    fn query(&mut self, _: Session, name: String) -> Option<String> {
        self.ask(|facts| facts.query(&name).map(str::to_owned))
    }

    fn token(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.token.clone())
    }

    fn spiffe_id(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.spiffe_id.clone())
    }

    fn certificate_sha256(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.certificate_sha256.clone())
    }

    fn subject(&mut self, _: Session) -> Option<String> {
        self.ask(|facts| facts.subject.clone())
    }

    fn tag(&mut self, _: Session, key: String) -> Option<String> {
        self.ask(|facts| facts.tags.get(&key).cloned())
    }

    fn age_ms(&mut self, _: Session) -> u64 {
        self.ask(|facts| age_ms(facts.age))
    }

    fn json(&mut self, _: Session) -> String {
        self.ask(json)
    }

    fn drop(&mut self, _: Session) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// Above 0 as soon as it was once allowed: 0 means that it was not.
fn age_ms(age: Duration) -> u64 {
    if age.is_zero() { 0 } else { u64::try_from(age.as_millis()).unwrap_or(u64::MAX).max(1) }
}

/// The names of the getters, with `_` for `-`, as in the server's own API. What a session does not have is left out.
#[derive(serde::Serialize)]
struct Document<'a> {
    id: &'a str,
    action: &'static str,
    protocol: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    stream_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendition: Option<&'a str>,
    remote_ip: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    headers: BTreeMap<String, String>,
    query: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spiffe_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    tags: &'a BTreeMap<String, String>,
    age_ms: u64,
}

fn json(facts: &Facts) -> String {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &facts.headers {
        let joined = headers.entry(name.to_ascii_lowercase()).or_default();
        *joined = if joined.is_empty() { value.clone() } else { format!("{joined}, {value}") };
    }
    let mut query = BTreeMap::new();
    for (name, value) in &facts.query {
        query.entry(name.as_str()).or_insert(value.as_str());
    }
    let document = Document {
        id: &facts.id,
        action: facts.action.name(),
        protocol: facts.protocol,
        method: &facts.method,
        path: &facts.path,
        stream_name: &facts.stream,
        rendition: facts.rendition.as_deref(),
        remote_ip: facts.remote_ip,
        country: facts.country.as_deref(),
        device: facts.device.as_deref(),
        headers,
        query,
        token: facts.token.as_deref(),
        spiffe_id: facts.spiffe_id.as_deref(),
        certificate_sha256: facts.certificate_sha256.as_deref(),
        subject: facts.subject.as_deref(),
        tags: &facts.tags,
        age_ms: age_ms(facts.age),
    };
    serde_json::to_string(&document).expect("strings and numbers always serialize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json as value};

    fn document(facts: &Facts) -> Value {
        serde_json::from_str(&json(facts)).unwrap()
    }

    #[test]
    fn absent_members_are_left_out() {
        let facts = Facts::new("s-1".into(), facts::Action::Admin, "api", "2001:db8::1".parse().unwrap());
        let expected = value!({
            "id": "s-1", "action": "admin", "protocol": "api", "remote_ip": "2001:db8::1",
            "headers": {}, "query": {}, "tags": {}, "age_ms": 0,
        });
        assert_eq!(document(&facts), expected);
    }

    #[test]
    fn everything_known_is_there() {
        let mut facts = Facts::new("s-1".into(), facts::Action::Play, "whep", "192.0.2.1".parse().unwrap());
        facts.method = "POST".into();
        facts.path = "/whep/live/cam1".into();
        facts.stream = "live/cam1".into();
        facts.rendition = Some("720p".into());
        facts.country = Some("DE".into());
        facts.device = Some("tv".into());
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        facts.headers = [("via", "a"), ("host", "example"), ("via", "b")].map(pair).to_vec();
        facts.query = [("room", "1"), ("room", "2"), ("q\"", "é\n")].map(pair).to_vec();
        facts.token = Some("t".into());
        facts.spiffe_id = Some("spiffe://d/p".into());
        facts.certificate_sha256 = Some("00".into());
        facts.subject = Some("alice".into());
        facts.tags = [("plan", "free")].map(pair).into();
        facts.age = Duration::from_micros(10);
        let expected = value!({
            "id": "s-1", "action": "play", "protocol": "whep", "method": "POST", "path": "/whep/live/cam1",
            "stream_name": "live/cam1", "rendition": "720p", "remote_ip": "192.0.2.1", "country": "DE", "device": "tv",
            "headers": { "host": "example", "via": "a, b" }, "query": { "room": "1", "q\"": "é\n" }, "token": "t",
            "spiffe_id": "spiffe://d/p", "certificate_sha256": "00", "subject": "alice", "tags": { "plan": "free" },
            "age_ms": 1,
        });
        assert_eq!(document(&facts), expected);
    }
}
