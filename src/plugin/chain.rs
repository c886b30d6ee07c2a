//! Asks the plugins of a hook in their order until one decides, and makes of each failure what its policy says.

use super::breaker::Turn;
use super::decision::{Answer, Decided, Denial, Step};
use super::facts::Facts;
use super::fault::{Fault, FaultClass};
use super::health::{Health, Tally};
use super::hook::{Hook, Hooks};
use super::host::{Grade, Services};
use super::manifest::{Manifest, Policy};
use super::observing::Post;
use super::question::Question;
use super::recall::Recall;
use super::serving::Serving;
use crate::observe::Happening;
use crate::observe::trace;
use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The plugins in service, in the order they are asked. Replaced as a whole.
pub(super) struct Chain<S> {
    members: Vec<Member<S>>,
}

/// A plugin's place in the chain.
pub(super) struct Member<S> {
    pub(super) plugin: Arc<Plugin>,
    pub(super) manifest: Arc<Manifest>,
    /// What it is asked for.
    pub(super) hooks: Hooks,
    pub(super) stand: Stand<S>,
}

/// Who answers for a plugin.
pub(super) enum Stand<S> {
    /// A generation in service.
    Serving { number: u64, generation: Arc<S>, health: Arc<Health> },
    /// Nobody: the policy of this class does.
    Absent { class: FaultClass, cause: Arc<str> },
}

/// What a plugin keeps over its generations.
pub(super) struct Plugin {
    pub(super) name: Arc<str>,
    pub(super) tally: Tally,
    pub(super) recall: Mutex<Recall>,
    /// What waits for it as an observer.
    pub(super) post: Post,
    /// Wakes the reload machine when the plugin was stopped.
    stopped: Arc<Notify>,
    services: Arc<Services>,
}

impl Plugin {
    pub(super) fn new(name: Arc<str>, stopped: Arc<Notify>, services: Arc<Services>) -> Self {
        Plugin { name, tally: Tally::default(), recall: Mutex::default(), post: Post::default(), stopped, services }
    }

    /// Writes a line about the plugin into its log and the server's.
    pub(super) fn tell(&self, grade: Grade, generation: u64, line: String) {
        self.services.tell(&self.name, generation, grade, line);
    }

    /// Tells what became of it as an event; `detail`, `cause`, ...: what it says besides.
    pub(super) fn report(&self, kind: &'static str, generation: u64, more: &[(&'static str, &str)]) {
        let happening = Happening::new(kind).with("plugin", &self.name).with("generation", generation);
        let happening = more.iter().fold(happening, |happening, (key, value)| happening.with(*key, value));
        self.services.events().tell(happening);
    }

    /// It was stopped, or given up: that is logged, and wakes the reload machine.
    pub(super) fn turned(&self, generation: u64, turn: Turn) {
        let line = match turn {
            Turn::Opened(at) => {
                let seconds = at.saturating_duration_since(Instant::now().into_std()).as_secs_f64();
                self.report("plugin.stopped", generation, &[("restart_in_s", &format!("{seconds:.0}"))]);
                format!(
                    "keeps failing and is stopped; its failure policy answers most calls; it is restarted in {seconds:.0} s"
                )
            }
            Turn::Quarantined => {
                self.report("plugin.quarantined", generation, &[]);
                format!(
                    "was restarted in vain and stays stopped; its failure policy answers, until it answers a call that is let through to see. Replace its file, change its manifest, or `wasmcast plugin enable {}`",
                    self.name
                )
            }
            Turn::None | Turn::Closed => return,
        };
        self.tell(Grade::Error, generation, line);
        self.stopped.notify_one();
    }

    /// Where the server tells what happens.
    pub(super) fn services(&self) -> &Arc<Services> {
        &self.services
    }
}

/// What a client is told when a plugin failed: nothing of the inside.
const CLOSED: &str = "The server can not check this right now. Try again in a moment.";
/// When it may try again.
const CLOSED_RETRY: Duration = Duration::from_secs(5);

impl<S> Chain<S> {
    /// Puts the members in order: phase, then the higher priority, then the name.
    pub(super) fn new(mut members: Vec<Member<S>>) -> Self {
        members.sort_by(|a, b| {
            let key = |member: &Member<S>| (member.manifest.phase, Reverse(member.manifest.priority));
            key(a).cmp(&key(b)).then_with(|| a.plugin.name.cmp(&b.plugin.name))
        });
        Chain { members }
    }

    /// All plugins in the order they are asked, whatever for.
    pub(super) fn order(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().map(|member| &member.plugin.name)
    }

    /// The plugins that are asked for a hook, in that order.
    pub(super) fn names(&self, hook: Hook) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().filter(move |member| member.hooks.has(hook)).map(|member| &member.plugin.name)
    }

    /// Whether any plugin is asked for a hook.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.members.iter().any(|member| member.hooks.has(hook))
    }
}

impl<S> Member<S> {
    /// What of it matters to sessions that were decided before.
    pub(super) fn place(&self) -> (Arc<str>, Option<u64>, Arc<Manifest>) {
        let number = match &self.stand {
            Stand::Serving { number, .. } => Some(*number),
            Stand::Absent { .. } => None,
        };
        (self.plugin.name.clone(), number, self.manifest.clone())
    }
}

impl<S: Serving> Chain<S> {
    /// Asks each plugin of the hook whose rules match, up to the first that decides.
    pub(super) async fn ask<Q: Question>(&self, facts: &Arc<Facts>) -> Decided<Q::Yes> {
        let mut steps = Vec::new();
        let asked = |member: &&Member<S>| member.hooks.has(Q::HOOK) && member.manifest.matching.matches(facts);
        for member in self.members.iter().filter(asked) {
            let (answer, step) = member.ask::<Q>(facts).await;
            steps.push(step);
            if !matches!(answer, Answer::Abstain) {
                return Decided { answer, steps };
            }
        }
        Decided { answer: Answer::Abstain, steps }
    }
}

impl<S: Serving> Member<S> {
    async fn ask<Q: Question>(&self, facts: &Arc<Facts>) -> (Answer<Q::Yes>, Step) {
        let begun = Instant::now();
        let step = |generation, outcome, error| self.step(Q::HOOK, generation, outcome, begun, error);
        let (number, generation, health) = match &self.stand {
            Stand::Serving { number, generation, health } => (*number, generation, health),
            Stand::Absent { class, cause } => {
                self.plugin.tally.unasked();
                let (answer, outcome) = self.by_policy::<Q>(*class, facts);
                return (answer, step(0, outcome, Some(cause.to_string())));
            }
        };
        let Some(underway) = health.begin(facts.remote_ip, begun.into_std()) else {
            self.plugin.tally.unasked();
            let last = health.last_failure();
            let (class, cause) = last.map_or((FaultClass::Error, String::new()), |last| (last.class, last.cause));
            let (answer, outcome) = self.by_policy::<Q>(class, facts);
            return (answer, step(number, outcome, Some(format!("stopped after failures, the last: {cause}"))));
        };
        let span = trace::child("plugin.call");
        self.describe(&span, Q::HOOK, number);
        let answered = trace::within(&span, Q::put(&**generation, facts)).await;
        let outcome = answered.and_then(|answer| Q::within(&answer, &self.manifest.matching).map(|()| answer));
        let now = Instant::now();
        let took = now - begun;
        self.plugin.tally.called(Q::HOOK, took);
        health.latency.record(took);
        match outcome {
            Ok(answer) => {
                span.set("outcome", Q::word(&answer));
                if underway.succeeded(now.into_std()) == Turn::Closed {
                    self.plugin.tell(Grade::Info, number, "works again".to_owned());
                    self.plugin.report("plugin.recovered", number, &[]);
                }
                if self.manifest.failure.remembers_answers() {
                    Q::remember(&mut self.recall(), &facts.id, &answer);
                }
                (answer.clone(), step(number, Q::word(&answer), None))
            }
            Err(fault) => {
                self.plugin.tally.failed(fault.class());
                let after = underway.failed(now.into_std(), SystemTime::now(), &fault);
                let (answer, outcome) = self.by_policy::<Q>(fault.class(), facts);
                if span.is_recorded() {
                    span.set("outcome", outcome);
                    span.fail(format!("{}: {fault}", fault.class().name()));
                }
                if let Some(silent) = after.log {
                    self.log(Q::HOOK, number, facts, &fault, outcome, silent, after.failing);
                }
                if after.turn != Turn::None {
                    self.plugin.turned(number, after.turn);
                }
                (answer, step(number, outcome, Some(fault.to_string())))
            }
        }
    }

    /// Says whose call a span is.
    fn describe(&self, span: &trace::Span, hook: Hook, generation: u64) {
        span.set("plugin", &*self.plugin.name);
        span.set("generation", generation);
        span.set("hook", hook.export());
    }

    /// What the failure policy makes of a failure, and its name.
    fn by_policy<Q: Question>(&self, class: FaultClass, facts: &Facts) -> (Answer<Q::Yes>, &'static str) {
        let closed = || (Answer::Deny(Denial::checked(503, CLOSED, Some(CLOSED_RETRY))), Policy::Closed.name());
        let open = || (Answer::Abstain, Policy::Open.name());
        match self.manifest.failure.policy(Q::HOOK, class) {
            Policy::Open => open(),
            Policy::Closed => closed(),
            Policy::LastGood => {
                // Only a session that runs already got an answer; an id alone proves nothing.
                let last = if facts.age.is_zero() { None } else { Q::last(&self.recall(), &facts.id) };
                match (last, Q::HOOK) {
                    (Some(answer), _) => (answer, Policy::LastGood.name()),
                    (None, Hook::Auth) => closed(),
                    (None, Hook::Router) => open(),
                }
            }
        }
    }

    fn step(&self, hook: Hook, generation: u64, outcome: &'static str, begun: Instant, error: Option<String>) -> Step {
        Step { plugin: self.plugin.name.clone(), hook, generation, outcome, took: begun.elapsed(), error }
    }

    fn recall(&self) -> std::sync::MutexGuard<'_, Recall> {
        self.plugin.recall.lock().expect("no holder of this lock panics")
    }

    #[allow(clippy::too_many_arguments)]
    fn log(
        &self,
        hook: Hook,
        generation: u64,
        facts: &Facts,
        fault: &Fault,
        answered: &str,
        silent: u64,
        failing: (usize, usize),
    ) {
        let (hook, class) = (hook.export(), fault.class().name());
        let (protocol, action, stream) = (facts.protocol, facts.action.name(), &facts.stream);
        let silent = if silent == 0 { String::new() } else { format!("; {silent} more before it") };
        let line = format!(
            "{hook}: {fault}, session {} ({protocol} {action} {stream}); answered `{answered}` (failure.{class}); it \
             fails with {} of the last {} client networks{silent}",
            facts.id, failing.0, failing.1
        );
        self.plugin.tell(Grade::Warn, generation, line);
    }
}
