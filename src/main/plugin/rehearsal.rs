//! A plugin in a world of a test's own: sessions come, virtual time passes, ttls end, ticks and revocations happen in order.

use super::rehearsed_limits::Limits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmcast::observe::Event;
use wasmcast::plugin::{
    Action, Answer, Artifact, Counted, Denial, Facts, Fault, Generation, Grant, Hook, Known, Manifest, Measure, Route,
    Runtime, START, Selection, Simulation, TrackRates,
};

/// How often plugins are polled for revocations.
const POLL: Duration = Duration::from_secs(1);
/// The node that events are told of.
const NODE: &str = "test";
/// Most calls remembered; a test that advances for years needs no more.
const MAX_CALLS: usize = 1_000_000;

/// A plugin under test.
pub struct Rehearsal {
    pub simulation: Simulation,
    pub name: Arc<str>,
    pub manifest: Manifest,
    runtime: Runtime,
    artifact: Artifact,
    generation: Generation,
    limits: Limits,
    sessions: BTreeMap<String, Visitor>,
    /// When it ticks and is polled next, in virtual time.
    next_tick: Option<Duration>,
    next_poll: Option<Duration>,
    /// Of the last event.
    sequence: u64,
    calls: Vec<Call>,
}

/// Somebody who came.
struct Visitor {
    facts: Facts,
    since: Duration,
    standing: Standing,
    /// What the plugin says as router; none: nothing, or it was not asked.
    routed: Option<Result<Route, String>>,
    /// Its places by the rules of rate limits.
    counted: Option<Counted>,
    /// Why the plugin gave no verdict on a rule.
    undecided: Option<String>,
    /// When it is asked again.
    expiry: Option<Duration>,
}

/// What became of somebody who came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Allowed(Grant),
    /// Refused when it came.
    Denied(Denial),
    /// Let in, and refused when it was asked again.
    Ended(Denial),
    /// The plugin left the answer to others, or was not asked.
    Abstained,
    /// The plugin failed; the operator's view of it.
    Failed(String),
    /// A rule of rate limits has one too many; when another try may succeed.
    Limited {
        rule: String,
        retry_after: Duration,
    },
}

/// A call of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub hook: &'static str,
    pub took: Duration,
}

/// Something that falls due.
enum Due {
    Tick,
    Poll,
    Expiry(String),
}

impl Rehearsal {
    /// Takes a plugin into service.
    pub async fn begin(
        simulation: Simulation,
        runtime: Runtime,
        name: Arc<str>,
        artifact: Artifact,
        manifest: Manifest,
    ) -> Result<Self, String> {
        let prepared = runtime.prepare(&name, 1, &artifact, &manifest.settings, None).await;
        let generation = prepared.map_err(|error| error.to_string())?;
        let mut rehearsal = Self {
            simulation,
            name,
            manifest,
            runtime,
            artifact,
            generation,
            limits: Limits::new(),
            sessions: BTreeMap::new(),
            next_tick: None,
            next_poll: None,
            sequence: 0,
            calls: Vec::new(),
        };
        rehearsal.schedule();
        rehearsal.enforce();
        Ok(rehearsal)
    }

    /// Takes another manifest. Where nothing but `[config]` differs, a plugin that can is only told.
    pub async fn change(&mut self, manifest: Manifest) -> Result<(), String> {
        if self.generation.has_reconfigure() && self.manifest.differs_only_in_config(&manifest) {
            let told = self.generation.reconfigure(&manifest.settings).await;
            told.map_err(|fault| fault.to_string())?;
            self.manifest = manifest;
            self.enforce();
            return Ok(());
        }
        let saved = self.generation.save().await.unwrap_or_default();
        let number = self.generation.number + 1;
        let prepared =
            self.runtime.prepare(&self.name, number, &self.artifact, &manifest.settings, saved.as_deref()).await;
        let before = std::mem::replace(&mut self.generation, prepared.map_err(|error| error.to_string())?);
        before.retire(Duration::ZERO).await;
        self.manifest = manifest;
        self.schedule();
        self.enforce();
        Ok(())
    }

    /// Puts the plugin's rules of rate limits into force.
    fn enforce(&self) {
        let rules = if self.asks(Hook::Ratelimit) { self.generation.rules() } else { Arc::default() };
        self.limits.enforce(&self.name, self.generation.number, &self.manifest.matching, rules);
    }

    fn schedule(&mut self) {
        let now = self.simulation.now();
        self.next_tick = self.generation.tick_interval().map(|every| now + every);
        self.next_poll = self.generation.has_revoke().then(|| now + POLL);
    }

    /// Somebody comes. Returns the session's id.
    pub async fn come(&mut self, mut facts: Facts) -> String {
        let id = format!("s-{}", self.sessions.len() + 1);
        facts.id.clone_from(&id);
        let since = self.simulation.now();
        let early = self.limits.early(&facts, since);
        let visitor = Visitor {
            facts,
            since,
            standing: Standing::Abstained,
            routed: None,
            counted: None,
            undecided: None,
            expiry: None,
        };
        self.sessions.insert(id.clone(), visitor);
        match early {
            Ok(early) => {
                self.ask(&id).await;
                self.count(&id, early).await;
                self.route(&id).await;
            }
            Err(limited) => self.refuse(&id, limited.rule.to_string(), limited.retry_after),
        }
        id
    }

    /// Somebody leaves: its places are free.
    pub fn leave(&mut self, id: &str) {
        if let Some(visitor) = self.sessions.get_mut(id) {
            (visitor.counted, visitor.expiry) = (None, None);
        }
    }

    /// How many of so many requests or connections of an address pass, one after the other.
    pub fn passing(&self, measure: Measure, address: std::net::IpAddr, count: u32) -> u32 {
        self.limits.passing(measure, address, count, self.simulation.now())
    }

    /// The names of the rules in force, in order.
    pub fn rules(&self) -> Vec<String> {
        self.limits.names(&self.name)
    }

    /// Why the plugin gave no verdict on a session.
    pub fn undecided(&self, id: &str) -> Option<&str> {
        self.sessions.get(id)?.undecided.as_deref()
    }

    fn refuse(&mut self, id: &str, rule: String, retry_after: Duration) {
        if let Some(visitor) = self.sessions.get_mut(id) {
            visitor.standing = Standing::Limited { rule, retry_after };
            (visitor.counted, visitor.expiry) = (None, None);
        }
    }

    /// Counts a session that is let in by the plugin, or by others, and asks for verdicts on it.
    async fn count(&mut self, id: &str, early: wasmcast::plugin::Early) {
        let Some(visitor) = self.sessions.get(id) else { return };
        let known = match &visitor.standing {
            Standing::Allowed(grant) => {
                Known { subject: grant.subject.clone(), tags: grant.tags.clone(), stream: grant.stream_name.clone() }
            }
            Standing::Abstained => {
                Known { subject: visitor.facts.subject.clone(), tags: visitor.facts.tags.clone(), stream: None }
            }
            _ => return,
        };
        let facts = Arc::new(visitor.facts.clone());
        let asks = self.limits.asks(&facts, &known);
        let Known { subject, tags, stream } = known.clone();
        let asked = Facts { subject, tags, stream: stream.unwrap_or_else(|| facts.stream.clone()), ..(*facts).clone() };
        match self.limits.late(&facts, known, early, self.simulation.now()) {
            Ok(counted) => {
                if let Some(visitor) = self.sessions.get_mut(id) {
                    visitor.counted = Some(counted);
                }
            }
            Err(limited) => return self.refuse(id, limited.rule.to_string(), limited.retry_after),
        }
        let asked = Arc::new(asked);
        for rule in asks {
            let started = Instant::now();
            let verdict = self.generation.decide(&asked, &rule).await;
            self.called(Hook::Ratelimit.export(), started);
            match verdict {
                Ok(Answer::Deny(denial)) => {
                    return self.refuse(id, rule.to_string(), denial.retry_after.unwrap_or_default());
                }
                Ok(_) => {}
                // As the policy is without one: it counts as a yes.
                Err(fault) => {
                    if let Some(visitor) = self.sessions.get_mut(id) {
                        visitor.undecided = Some(fault.to_string());
                    }
                }
            }
        }
    }

    /// Delivers events as one batch, those that the manifest chooses.
    pub async fn events(&mut self, mut events: Vec<Event>) -> Result<(), String> {
        if !self.generation.observes().events {
            return Err("it does not export `observer/events`".to_owned());
        }
        let now = u64::try_from(self.simulation.now().as_nanos()).unwrap_or(u64::MAX).saturating_add(START);
        for event in &mut events {
            event.sequence = if event.sequence == 0 { self.sequence + 1 } else { event.sequence };
            self.sequence = event.sequence;
            event.unix_ns = if event.unix_ns == 0 { now } else { event.unix_ns };
            event.attributes.push(("node".into(), NODE.to_owned()));
        }
        let (wants, rules) = (&self.manifest.observer, &self.manifest.matching);
        events.retain(|event| wants.covers(event) && (event.stream.is_empty() || rules.covers_stream(&event.stream)));
        let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
        let started = Instant::now();
        let result = if events.is_empty() { Ok(()) } else { self.generation.on_events(&events).await };
        self.called("observer/events", started);
        result.map_err(|fault| fault.to_string())
    }

    /// Tells how tracks did, those whose streams the manifest chooses.
    pub async fn stats(&mut self, tracks: &[TrackRates]) -> Result<(), String> {
        if !self.generation.observes().stats {
            return Err("it does not export `observer/stats`".to_owned());
        }
        let now = u64::try_from(self.simulation.now().as_nanos()).unwrap_or(u64::MAX).saturating_add(START);
        let chosen = |track: &&TrackRates| self.manifest.matching.covers_stream(&track.stream);
        let tracks: Vec<TrackRates> = tracks.iter().filter(chosen).cloned().collect();
        let started = Instant::now();
        let result = self.generation.on_stats(now, &tracks).await;
        self.called("observer/stats", started);
        result.map_err(|fault| fault.to_string())
    }

    /// What the plugin said as router of a session.
    pub fn routed(&self, id: &str) -> Option<&Result<Route, String>> {
        self.sessions.get(id)?.routed.as_ref()
    }

    /// How a session stands.
    pub fn standing(&self, id: &str) -> Option<&Standing> {
        self.sessions.get(id).map(|visitor| &visitor.standing)
    }

    /// The calls so far of the hooks that begin so: `auth` stands for `auth/check`.
    pub fn calls(&self, hook: &str) -> impl Iterator<Item = &Call> {
        let hook = match hook {
            "auth" => Hook::Auth.export(),
            "router" => Hook::Router.export(),
            "decide" => Hook::Ratelimit.export(),
            "revoke" => "auth/revoke",
            "tick" => "lifecycle/tick",
            "events" => "observer/events",
            "stats" => "observer/stats",
            other => other,
        };
        self.calls.iter().filter(move |call| call.hook == hook)
    }

    /// Lets time pass. What falls due is done in its order, at its moment.
    pub async fn advance(&mut self, span: Duration) {
        let end = self.simulation.now().saturating_add(span);
        while let Some((at, due)) = self.next().filter(|(at, _)| *at <= end) {
            self.simulation.advance(at.saturating_sub(self.simulation.now()));
            match due {
                Due::Tick => self.tick().await,
                Due::Poll => self.poll().await,
                Due::Expiry(id) => self.ask(&id).await,
            }
        }
        // A late answer over HTTP may have moved the clock further.
        self.simulation.advance(end.saturating_sub(self.simulation.now()));
    }

    fn next(&self) -> Option<(Duration, Due)> {
        let tick = self.next_tick.map(|at| (at, Due::Tick));
        let poll = self.next_poll.map(|at| (at, Due::Poll));
        let expiries = self.sessions.iter().filter_map(|(id, visitor)| Some((visitor.expiry?, id)));
        let expiry = expiries.min().map(|(at, id)| (at, Due::Expiry(id.clone())));
        [tick, poll, expiry].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    async fn tick(&mut self) {
        let started = Instant::now();
        let result = self.generation.tick().await;
        self.called("lifecycle/tick", started);
        self.report(result.err());
        self.next_tick = self.generation.tick_interval().map(|every| self.simulation.now() + every);
    }

    async fn poll(&mut self) {
        let started = Instant::now();
        let result = self.generation.poll_revocations().await;
        self.called("auth/revoke", started);
        self.next_poll = Some(self.simulation.now() + POLL);
        let selections = match result {
            Ok(selections) => selections,
            Err(fault) => return self.report(Some(fault)),
        };
        let selected = |visitor: &Visitor| selections.iter().any(|selection| selects(selection, visitor));
        let again: Vec<String> = self
            .sessions
            .iter()
            .filter(|(_, visitor)| matches!(visitor.standing, Standing::Allowed(_)) && selected(visitor))
            .map(|(id, _)| id.clone())
            .collect();
        for id in again {
            self.ask(&id).await;
        }
    }

    /// Asks about a session, for the first time or again.
    async fn ask(&mut self, id: &str) {
        let now = self.simulation.now();
        let Some(visitor) = self.sessions.get_mut(id) else { return };
        visitor.expiry = None;
        let again = match &visitor.standing {
            Standing::Allowed(grant) => {
                visitor.facts.subject.clone_from(&grant.subject);
                visitor.facts.tags.clone_from(&grant.tags);
                visitor.facts.age = now.saturating_sub(visitor.since).max(Duration::from_millis(1));
                true
            }
            _ => false,
        };
        let facts = Arc::new(visitor.facts.clone());
        if !self.asks(Hook::Auth) || !self.manifest.matching.matches(&facts) {
            return;
        }
        let started = Instant::now();
        let result = self.generation.authorize(&facts).await;
        self.called(Hook::Auth.export(), started);
        let Some(visitor) = self.sessions.get_mut(id) else { return };
        visitor.standing = match result {
            Ok(Answer::Allow(grant)) => {
                visitor.expiry = grant.ttl.map(|ttl| self.simulation.now() + ttl);
                Standing::Allowed(grant)
            }
            Ok(Answer::Deny(denial)) if again => {
                visitor.counted = None;
                Standing::Ended(denial)
            }
            Ok(Answer::Deny(denial)) => Standing::Denied(denial),
            Ok(Answer::Abstain) => Standing::Abstained,
            Err(fault) => Standing::Failed(fault.to_string()),
        };
    }

    /// Asks where a session goes, once. What the plugin leaves to others they allow.
    async fn route(&mut self, id: &str) {
        let Some(visitor) = self.sessions.get(id) else { return };
        let mut facts = visitor.facts.clone();
        match &visitor.standing {
            Standing::Allowed(grant) => {
                facts.subject.clone_from(&grant.subject);
                facts.tags.clone_from(&grant.tags);
                facts.stream = grant.stream_name.clone().unwrap_or(facts.stream);
            }
            Standing::Abstained => {}
            Standing::Denied(_) | Standing::Ended(_) | Standing::Failed(_) | Standing::Limited { .. } => return,
        }
        let facts = Arc::new(facts);
        let comes = facts.action != Action::Admin && self.manifest.matching.matches(&facts);
        if !comes || !self.asks(Hook::Router) {
            return;
        }
        let started = Instant::now();
        let result = self.generation.choose(&facts).await;
        self.called(Hook::Router.export(), started);
        let covers = |route: &Route| {
            let name = route.stream_name.as_ref().filter(|name| !self.manifest.matching.covers_stream(name.as_str()));
            name.map(|name| format!("route.stream-name `{name}` is not in match.stream of its manifest"))
        };
        let routed = match result {
            Ok(Answer::Allow(route)) => Some(covers(&route).map_or(Ok(route), Err)),
            Ok(_) => None,
            Err(fault) => Some(Err(fault.to_string())),
        };
        if let Some(visitor) = self.sessions.get_mut(id) {
            visitor.routed = routed;
        }
    }

    /// Whether the plugin has a hook, and its manifest does not leave it out.
    fn asks(&self, hook: Hook) -> bool {
        let has = match hook {
            Hook::Auth => self.generation.has_auth(),
            Hook::Router => self.generation.has_router(),
            Hook::Ratelimit => self.generation.has_ratelimit(),
        };
        let named = self.manifest.settings.hooks.as_ref();
        has && named.is_none_or(|names| names.iter().any(|name| name == hook.name()))
    }

    fn called(&mut self, hook: &'static str, started: Instant) {
        if self.calls.len() < MAX_CALLS {
            self.calls.push(Call { hook, took: started.elapsed() });
        }
    }

    /// What happens off the path of sessions is told by the log, as in a server.
    fn report(&self, fault: Option<Fault>) {
        if let Some(fault) = fault {
            let services = self.simulation.services();
            services.tell(&self.name, self.generation.number, wasmcast::plugin::Grade::Warn, fault.to_string());
        }
    }
}

fn selects(selection: &Selection, visitor: &Visitor) -> bool {
    let Standing::Allowed(grant) = &visitor.standing else { return false };
    let stream = grant.stream_name.as_ref().unwrap_or(&visitor.facts.stream);
    match selection {
        Selection::Session(id) => *id == visitor.facts.id,
        Selection::Subject(subject) => grant.subject.as_ref() == Some(subject),
        Selection::Stream(name) => name == stream,
        Selection::Tag(key, value) => grant.tags.get(key) == Some(value),
        Selection::Everything => true,
    }
}
