//! What the rest of the server asks the rules: of connections, requests, sessions and what publishers send.

use super::{Ceiled, Counted, Early, Item, Known, Limited, Measure, Refused, Sending, Ticket};
use crate::plugin::decision::Step;
use crate::plugin::facts::{Action, Facts};
use crate::plugin::host::Grade;
use crate::plugin::registry::Plugins;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

impl Plugins {
    /// Counts a connection that was accepted. It is there until the tickets are dropped.
    ///
    /// # Errors
    /// When a rule has one too many; then it is to be closed.
    pub fn limit_connection(&self, address: IpAddr) -> Result<Vec<Ticket>, Limited> {
        let passed = self.limiter().pass(Measure::Connection, &Item::connection(address), Instant::now());
        passed.inspect_err(|limited| self.tell_limited(limited, &address.to_string()))
    }

    /// Whether any rule counts requests.
    pub fn limits_requests(&self) -> bool {
        self.limiter().has(Measure::Request)
    }

    /// Counts an HTTP request. It is there until the tickets are dropped.
    ///
    /// # Errors
    /// When a rule has one too many.
    pub fn limit_request(
        &self,
        address: IpAddr,
        action: Option<Action>,
        protocol: &str,
        stream: &str,
        country: Option<&str>,
    ) -> Result<Vec<Ticket>, Limited> {
        let item = Item { action, protocol, stream, country, ..Item::connection(address) };
        let passed = self.limiter().pass(Measure::Request, &item, Instant::now());
        passed.inspect_err(|limited| self.tell_limited(limited, &address.to_string()))
    }

    /// Counts a session that wants to come in, by the rules that need no answer of auth.
    ///
    /// # Errors
    /// When a rule has one too many.
    pub fn limit_early(&self, facts: &Facts) -> Result<Early, Limited> {
        self.limiter().early(facts, Instant::now()).inspect_err(|limited| self.tell_limited(limited, &words(facts)))
    }

    /// Counts a session that auth let in, with what auth said of it, and asks the plugins whose rules ask about it. What it
    /// returns keeps the session's places.
    ///
    /// # Errors
    /// When a rule has one too many, a plugin says no, or failed where its policy is to refuse; with the story so far.
    pub async fn limit_late(
        &self,
        facts: &Arc<Facts>,
        known: Known,
        early: Early,
    ) -> Result<Counted, (Refused, Vec<Step>)> {
        let admitted = self.limiter().admit(&self.board().read().chain, facts, known, early, Instant::now()).await;
        admitted.inspect_err(|(refused, _)| {
            if let Refused::Limited(limited) = refused {
                self.tell_limited(limited, &words(facts));
            }
        })
    }

    /// Whether any rule counts what publishers send.
    pub fn limits_ingest(&self) -> bool {
        self.limiter().has(Measure::IngestKbit)
    }

    /// Counts what publishers sent since the last look. One answer for each, in order: none where no rule is about it.
    pub fn limit_ingest(&self, sending: &[Sending<'_>], now: Instant) -> Vec<Option<Ceiled>> {
        self.limiter().ingest(sending, now)
    }

    /// Takes note that a publisher is ended for what it sends.
    pub fn end_for_ingest(&self, ceiled: &Ceiled, session: &str) {
        self.tell_limited(&ceiled.ended(Instant::now()), &format!("session {session}"));
    }

    /// A line in the log, at most one a second for each rule.
    fn tell_limited(&self, limited: &Limited, who: &str) {
        let Some(silent) = limited.log else { return };
        let silent = if silent == 0 { String::new() } else { format!("; {silent} more before it") };
        let (rule, measure) = (&limited.rule, limited.measure.name());
        let line = format!("ratelimit/rules: `{rule}` ({measure}) refuses {who}{silent}");
        self.services().tell(&limited.plugin, limited.generation, Grade::Info, line);
    }
}

fn words(facts: &Facts) -> String {
    let (action, stream) = (facts.action.name(), &facts.stream);
    format!("session {} ({} {action} {stream}) of {}", facts.id, facts.protocol, facts.remote_ip)
}
