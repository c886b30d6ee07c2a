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
use super::question::{MayIt, Question};
use super::recall::Recall;
use super::rollout::{Comparisons, Outcome, Rollbacks, Said, Shadow, Sides};
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
    /// A generation that is tried beside the one in service.
    pub(super) trial: Option<Trial<S>>,
    /// The generation before, while the one in service is on probation.
    pub(super) former: Option<Former<S>>,
}

/// Who answers for a plugin.
pub(super) enum Stand<S> {
    /// A generation in service.
    Serving(Server<S>),
    /// Nobody: the policy of this class does.
    Absent { class: FaultClass, cause: Arc<str> },
    /// Nobody, and nobody is missed: its first generation is in the shadow.
    Aside,
}

/// A generation that can be asked.
pub(super) struct Server<S> {
    pub(super) number: u64,
    pub(super) generation: Arc<S>,
    pub(super) health: Arc<Health>,
    pub(super) manifest: Arc<Manifest>,
}

/// A generation that is tried.
pub(super) struct Trial<S> {
    pub(super) server: Server<S>,
    pub(super) hooks: Hooks,
    pub(super) way: Way,
}

/// How it is tried.
#[derive(Clone)]
pub(super) enum Way {
    /// It is told what was decided, and compared.
    Shadow(Arc<Shadow>),
    /// It decides about some sessions.
    Canary(Arc<Sides>),
}

/// The generation before.
pub(super) struct Former<S> {
    pub(super) server: Server<S>,
    /// Sessions from before this moment are renewed by it, ...
    pub(super) since: Instant,
    /// ... but for those that the one in service let in when it was a canary.
    pub(super) canaries: Option<Arc<Sides>>,
}

/// What a plugin keeps over its generations.
pub(super) struct Plugin {
    pub(super) name: Arc<str>,
    pub(super) tally: Tally,
    pub(super) recall: Mutex<Recall>,
    /// What waits for it as an observer.
    pub(super) post: Post,
    /// What generations in the shadow would have decided.
    pub(super) comparisons: Arc<Comparisons>,
    pub(super) rollbacks: Rollbacks,
    /// Wakes the reload machine when the plugin was stopped.
    stopped: Arc<Notify>,
    services: Arc<Services>,
}

impl Plugin {
    pub(super) fn new(name: Arc<str>, stopped: Arc<Notify>, services: Arc<Services>) -> Self {
        Plugin {
            name,
            tally: Tally::default(),
            recall: Mutex::default(),
            post: Post::default(),
            comparisons: Arc::default(),
            rollbacks: Rollbacks::default(),
            stopped,
            services,
        }
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
/// Of a generation that failed while another one was there to be asked.
const PASSED_ON: &str = "passed-on";
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
        self.members.iter().filter(|member| !member.is_aside()).map(|member| &member.plugin.name)
    }

    /// The plugins that are asked for a hook, in that order.
    pub(super) fn names(&self, hook: Hook) -> impl Iterator<Item = &Arc<str>> {
        let asked = move |member: &&Member<S>| member.hooks.has(hook) && !member.is_aside();
        self.members.iter().filter(asked).map(|member| &member.plugin.name)
    }

    /// All of them.
    pub(super) fn members(&self) -> impl Iterator<Item = &Member<S>> {
        self.members.iter()
    }

    /// Whether any plugin is asked for a hook, or compared.
    pub(super) fn has(&self, hook: Hook) -> bool {
        self.members.iter().any(|member| member.hooks.has(hook))
    }
}

impl<S> Member<S> {
    /// What of it matters to sessions that were decided before.
    pub(super) fn place(&self) -> (Arc<str>, Option<u64>, Arc<Manifest>) {
        let number = match &self.stand {
            Stand::Serving(server) => Some(server.number),
            Stand::Absent { .. } | Stand::Aside => None,
        };
        (self.plugin.name.clone(), number, self.manifest.clone())
    }

    /// Whether it is only compared with what others decide.
    fn is_aside(&self) -> bool {
        matches!(self.stand, Stand::Aside)
    }
}

impl<S: Serving> Chain<S> {
    /// Asks each plugin of the hook whose rules match, up to the first that decides.
    pub(super) async fn ask<Q: Question>(&self, question: &Q, facts: &Arc<Facts>) -> Decided<Q::Yes> {
        let mut steps = Vec::new();
        let mut aside = Vec::new();
        for member in self.asked(Q::HOOK, facts) {
            if member.is_aside() {
                aside.extend(member.shadow::<Q>(facts));
                continue;
            }
            let answer = member.ask(question, facts, &mut steps).await;
            if !matches!(answer, Answer::Abstain) {
                // Those that stand behind the one that decides would not have been asked.
                for shadow in aside {
                    shadow.offer(facts, Q::said(answer.clone()));
                }
                return Decided { answer, steps };
            }
        }
        if Q::ABSTAINED_IS_FINAL {
            for shadow in aside {
                shadow.offer(facts, Q::said(Answer::Abstain));
            }
        }
        Decided { answer: Answer::Abstain, steps }
    }

    /// Tells those in the shadow what the access rules decided, where no plugin did.
    pub(super) fn left_to_rules(&self, facts: &Arc<Facts>, allowed: bool) {
        for member in self.asked(Hook::Auth, facts).filter(|member| member.is_aside()) {
            if let Some(shadow) = member.shadow::<MayIt>(facts) {
                shadow.offer(facts, Some(Said::Rules(allowed)));
            }
        }
    }

    /// The plugins whose hook and rules fit a session, in that order.
    pub(super) fn asked(&self, hook: Hook, facts: &Facts) -> impl Iterator<Item = &Member<S>> {
        let asked = move |member: &&Member<S>| member.hooks.has(hook) && member.manifest.matching.matches(facts);
        self.members.iter().filter(asked)
    }
}

impl<S> Clone for Server<S> {
    fn clone(&self) -> Self {
        Server {
            number: self.number,
            generation: self.generation.clone(),
            health: self.health.clone(),
            manifest: self.manifest.clone(),
        }
    }
}

impl<S> Trial<S> {
    /// Whether it is asked for the hook about this session at all.
    fn is_for<Q: Question>(&self, facts: &Facts) -> bool {
        Q::IS_TRIED && self.hooks.has(Q::HOOK) && self.server.manifest.matching.matches(facts)
    }

    /// Whether it decides about this session.
    fn takes<Q: Question>(&self, facts: &Facts, now: Instant) -> bool {
        match &self.way {
            Way::Shadow(_) => false,
            Way::Canary(sides) => self.is_for::<Q>(facts) && sides.takes(facts, now),
        }
    }
}

impl<S> Former<S> {
    /// Whether it let this session in.
    fn let_in(&self, facts: &Facts, now: Instant) -> bool {
        let is_older = !facts.age.is_zero() && now.checked_sub(facts.age) < Some(self.since);
        is_older && !self.canaries.as_ref().is_some_and(|canaries| canaries.takes(facts, now))
    }
}

impl<S: Serving> Server<S> {
    /// Puts a question to it that decides nothing; none where its breaker does not let it through.
    pub(super) async fn try_out<Q: Question>(
        &self,
        question: &Q,
        facts: &Arc<Facts>,
    ) -> Option<Result<Answer<Q::Yes>, Fault>> {
        let begun = Instant::now();
        let underway = self.health.begin(facts.remote_ip, begun.into_std())?;
        let outcome = self.put(question, facts).await;
        let now = Instant::now();
        self.count(facts, now - begun, &outcome);
        match &outcome {
            Ok(_) => {
                underway.succeeded(now.into_std());
            }
            Err(fault) => {
                underway.failed(now.into_std(), SystemTime::now(), fault);
            }
        }
        Some(outcome)
    }

    /// Its answer, held to what the operator gave to it.
    async fn put<Q: Question>(&self, question: &Q, facts: &Arc<Facts>) -> Result<Answer<Q::Yes>, Fault> {
        let answered = question.put(&*self.generation, facts).await;
        answered.and_then(|answer| Q::within(&answer, &self.manifest.matching).map(|()| answer))
    }

    fn count<Y>(&self, facts: &Facts, took: Duration, outcome: &Result<Answer<Y>, Fault>) {
        self.health.latency.record(took);
        let outcome = match outcome {
            Ok(Answer::Deny(_)) => Outcome::Denied,
            Ok(_) => Outcome::Answered,
            // Nothing that it did: as for the breaker.
            Err(Fault::Saturated(_)) => return,
            Err(_) => Outcome::Failed,
        };
        self.health.figures.count(facts.remote_ip, outcome);
    }
}

impl<S: Serving> Member<S> {
    /// The shadow of a plugin, where it is asked about this session.
    fn shadow<Q: Question>(&self, facts: &Facts) -> Option<&Arc<Shadow>> {
        let trial = self.trial.as_ref()?;
        match &trial.way {
            Way::Shadow(shadow) if trial.is_for::<Q>(facts) => Some(shadow),
            _ => None,
        }
    }

    /// Asks the generation that the session belongs to. While two of them are there one stands in where the other fails.
    pub(super) async fn ask<Q: Question>(
        &self,
        question: &Q,
        facts: &Arc<Facts>,
        steps: &mut Vec<Step>,
    ) -> Answer<Q::Yes> {
        let (server, now) = match &self.stand {
            Stand::Serving(server) => (server, Instant::now()),
            Stand::Absent { class, cause } => {
                self.plugin.tally.unasked();
                let (answer, outcome) = self.by_policy::<Q>(&self.manifest, *class, facts);
                steps.push(self.step(Q::HOOK, 0, outcome, Instant::now(), Some(cause.to_string())));
                return answer;
            }
            Stand::Aside => return Answer::Abstain,
        };
        let canary = self.trial.as_ref().filter(|trial| trial.takes::<Q>(facts, now)).map(|trial| &trial.server);
        let former = self.former.as_ref();
        let answer = if let Some(older) = former.filter(|former| former.let_in(facts, now)) {
            // Who was let in by the one before is not left to one that is not proven yet.
            self.call_last(question, &older.server, facts, steps).await
        } else {
            let first = [canary, former.is_some().then_some(server)];
            let last = former.map_or(server, |former| &former.server);
            self.call_each(question, first, last, facts, steps).await
        };
        if canary.is_none()
            && let Some(shadow) = self.shadow::<Q>(facts)
        {
            shadow.offer(facts, Q::said(answer.clone()));
        }
        answer
    }

    /// Asks the first that does not fail.
    async fn call_each<Q: Question>(
        &self,
        question: &Q,
        first: [Option<&Server<S>>; 2],
        last: &Server<S>,
        facts: &Arc<Facts>,
        steps: &mut Vec<Step>,
    ) -> Answer<Q::Yes> {
        for server in first.into_iter().flatten() {
            if let Some(answer) = self.call(question, server, facts, true, steps).await {
                return answer;
            }
        }
        self.call_last(question, last, facts, steps).await
    }

    async fn call_last<Q: Question>(
        &self,
        question: &Q,
        server: &Server<S>,
        facts: &Arc<Facts>,
        steps: &mut Vec<Step>,
    ) -> Answer<Q::Yes> {
        let answer = self.call(question, server, facts, false, steps).await;
        // Without another there is always one, by policy at least.
        answer.unwrap_or(Answer::Abstain)
    }

    /// Asks a generation. `spare`: another one is there to be asked when it fails; then none.
    async fn call<Q: Question>(
        &self,
        question: &Q,
        server: &Server<S>,
        facts: &Arc<Facts>,
        spare: bool,
        steps: &mut Vec<Step>,
    ) -> Option<Answer<Q::Yes>> {
        let begun = Instant::now();
        let Server { number, health, manifest, .. } = server;
        let mut step = |outcome, error| steps.push(self.step(Q::HOOK, *number, outcome, begun, error));
        let by_policy = |class| match spare {
            true => (None, PASSED_ON),
            false => {
                let (answer, outcome) = self.by_policy::<Q>(manifest, class, facts);
                (Some(answer), outcome)
            }
        };
        let Some(underway) = health.begin(facts.remote_ip, begun.into_std()) else {
            if !spare {
                self.plugin.tally.unasked();
            }
            let last = health.last_failure();
            let (class, cause) = last.map_or((FaultClass::Error, String::new()), |last| (last.class, last.cause));
            let (answer, outcome) = by_policy(class);
            step(outcome, Some(format!("stopped after failures, the last: {cause}")));
            return answer;
        };
        let span = trace::child("plugin.call");
        self.describe(&span, Q::HOOK, *number);
        let outcome = trace::within(&span, server.put(question, facts)).await;
        let now = Instant::now();
        let took = now - begun;
        self.plugin.tally.called(Q::HOOK, took);
        server.count(facts, took, &outcome);
        match outcome {
            Ok(answer) => {
                span.set("outcome", Q::word(&answer));
                if underway.succeeded(now.into_std()) == Turn::Closed {
                    self.plugin.tell(Grade::Info, *number, "works again".to_owned());
                    self.plugin.report("plugin.recovered", *number, &[]);
                }
                if manifest.failure.remembers_answers() {
                    Q::remember(&mut self.recall(), &facts.id, &answer);
                }
                step(Q::word(&answer), None);
                Some(answer)
            }
            Err(fault) => {
                self.plugin.tally.failed(fault.class());
                let after = underway.failed(now.into_std(), SystemTime::now(), &fault);
                let (answer, outcome) = by_policy(fault.class());
                if span.is_recorded() {
                    span.set("outcome", outcome);
                    span.fail(format!("{}: {fault}", fault.class().name()));
                }
                if let Some(silent) = after.log {
                    self.log(Q::HOOK, *number, facts, &fault, outcome, silent, after.failing);
                }
                if after.turn != Turn::None {
                    self.plugin.turned(*number, after.turn);
                }
                step(outcome, Some(fault.to_string()));
                answer
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
    fn by_policy<Q: Question>(
        &self,
        manifest: &Manifest,
        class: FaultClass,
        facts: &Facts,
    ) -> (Answer<Q::Yes>, &'static str) {
        let closed = || (Answer::Deny(Denial::checked(503, CLOSED, Some(CLOSED_RETRY))), Policy::Closed.name());
        let open = || (Answer::Abstain, Policy::Open.name());
        match manifest.failure.policy(Q::HOOK, class) {
            Policy::Open => open(),
            Policy::Closed => closed(),
            Policy::LastGood => {
                // Only a session that runs already got an answer; an id alone proves nothing.
                let last = if facts.age.is_zero() { None } else { Q::last(&self.recall(), &facts.id) };
                match (last, Q::HOOK) {
                    (Some(answer), _) => (answer, Policy::LastGood.name()),
                    (None, Hook::Auth) => closed(),
                    (None, Hook::Router | Hook::Ratelimit) => open(),
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
        let answered = match answered {
            PASSED_ON => "the other generation is asked".to_owned(),
            answered => format!("answered `{answered}` (failure.{class})"),
        };
        let silent = if silent == 0 { String::new() } else { format!("; {silent} more before it") };
        let line = format!(
            "{hook}: {fault}, session {} ({protocol} {action} {stream}); {answered}; it fails with {} of the last {} client \
             networks{silent}",
            facts.id, failing.0, failing.1
        );
        self.plugin.tell(Grade::Warn, generation, line);
    }
}
