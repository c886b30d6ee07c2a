//! Asks the auth plugins in their order until one decides, and makes of each failure what its policy says.

use super::breaker::Turn;
use super::decision::{Answer, Decided, Denial, Grant, Step};
use super::facts::Facts;
use super::fault::{Fault, FaultClass};
use super::health::{Health, Tally};
use super::host::{Grade, Services};
use super::manifest::{Manifest, Policy};
use super::recall::Recall;
use super::serving::Serving;
use std::cmp::Reverse;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The auth plugins in service, in the order they are asked. Replaced as a whole.
pub(super) struct Chain<S> {
    members: Vec<Member<S>>,
}

/// A plugin's place in the chain.
pub(super) struct Member<S> {
    pub(super) plugin: Arc<Plugin>,
    pub(super) manifest: Arc<Manifest>,
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
    recall: Mutex<Recall>,
    /// Wakes the reload machine when the plugin was stopped.
    stopped: Arc<Notify>,
    services: Arc<Services>,
}

impl Plugin {
    pub(super) fn new(name: Arc<str>, stopped: Arc<Notify>, services: Arc<Services>) -> Self {
        Plugin { name, tally: Tally::default(), recall: Mutex::default(), stopped, services }
    }

    /// Writes a line about the plugin into its log and the server's.
    pub(super) fn tell(&self, grade: Grade, generation: u64, line: String) {
        self.services.tell(&self.name, generation, grade, line);
    }
}

/// What a client is told when a plugin failed: nothing of the inside.
const CLOSED: &str = "The server can not check this right now. Try again in a moment.";
/// When it may try again.
const CLOSED_RETRY: Duration = Duration::from_secs(5);
/// The hook that is asked, as logs name it.
const HOOK: &str = "auth/check";

impl<S> Chain<S> {
    /// Puts the members in order: phase, then the higher priority, then the name.
    pub(super) fn new(mut members: Vec<Member<S>>) -> Self {
        members.sort_by(|a, b| {
            let key = |member: &Member<S>| (member.manifest.phase, Reverse(member.manifest.priority));
            key(a).cmp(&key(b)).then_with(|| a.plugin.name.cmp(&b.plugin.name))
        });
        Chain { members }
    }

    /// The plugins in the order they are asked.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().map(|member| &member.plugin.name)
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
    /// Asks each plugin whose rules match, up to the first that decides.
    pub(super) async fn authorize(&self, facts: &Arc<Facts>) -> Decided {
        let mut steps = Vec::new();
        for member in self.members.iter().filter(|member| member.manifest.matching.matches(facts)) {
            let (answer, step) = member.ask(facts).await;
            steps.push(step);
            if answer != Answer::Abstain {
                return Decided { answer, steps };
            }
        }
        Decided { answer: Answer::Abstain, steps }
    }
}

impl<S: Serving> Member<S> {
    async fn ask(&self, facts: &Arc<Facts>) -> (Answer, Step) {
        let begun = Instant::now();
        let (number, generation, health) = match &self.stand {
            Stand::Serving { number, generation, health } => (*number, generation, health),
            Stand::Absent { class, cause } => {
                self.plugin.tally.unasked();
                let (answer, outcome) = self.by_policy(*class, facts);
                return (answer, self.step(0, outcome, begun, Some(cause.to_string())));
            }
        };
        let Some(underway) = health.begin(facts.remote_ip, begun.into_std()) else {
            self.plugin.tally.unasked();
            let last = health.last_failure();
            let (class, cause) = last.map_or((FaultClass::Error, String::new()), |last| (last.class, last.cause));
            let (answer, outcome) = self.by_policy(class, facts);
            return (
                answer,
                self.step(number, outcome, begun, Some(format!("stopped after failures, the last: {cause}"))),
            );
        };
        let outcome = generation.authorize(facts).await.and_then(|answer| self.within_match(answer));
        let now = Instant::now();
        let took = now - begun;
        self.plugin.tally.called(took);
        health.latency.record(took);
        match outcome {
            Ok(answer) => {
                if underway.succeeded(now.into_std()) == Turn::Closed {
                    self.plugin.tell(Grade::Info, number, "works again".to_owned());
                }
                if self.manifest.failure.remembers_answers() {
                    self.recall().remember(&facts.id, &answer);
                }
                let outcome = answer.name();
                (answer, self.step(number, outcome, begun, None))
            }
            Err(fault) => {
                self.plugin.tally.failed(fault.class());
                let after = underway.failed(now.into_std(), SystemTime::now(), &fault);
                let (answer, outcome) = self.by_policy(fault.class(), facts);
                if let Some(silent) = after.log {
                    self.log(number, facts, &fault, outcome, silent, after.failing);
                }
                if after.turn != Turn::None {
                    self.log_turn(number, after.turn);
                    self.plugin.stopped.notify_one();
                }
                (answer, self.step(number, outcome, begun, Some(fault.to_string())))
            }
        }
    }

    /// What the failure policy makes of a failure, and its name.
    /// A plugin opens only what the operator gives to it, under another name too.
    fn within_match(&self, answer: Answer) -> Result<Answer, Fault> {
        match &answer {
            Answer::Allow(Grant { stream_name: Some(name), .. }) if !self.manifest.matching.covers_stream(name) => {
                Err(Fault::Error(format!("grant.stream-name `{name}` is not in match.stream of its manifest")))
            }
            _ => Ok(answer),
        }
    }

    fn by_policy(&self, class: FaultClass, facts: &Facts) -> (Answer, &'static str) {
        let closed = || Answer::Deny(Denial::checked(503, CLOSED, Some(CLOSED_RETRY)));
        match self.manifest.failure.policy(class) {
            Policy::Open => (Answer::Abstain, Policy::Open.name()),
            Policy::Closed => (closed(), Policy::Closed.name()),
            Policy::LastGood => {
                // Only a session that runs already got an answer; an id alone proves nothing.
                let last = if facts.age.is_zero() { None } else { self.recall().last(&facts.id) };
                last.map_or_else(|| (closed(), Policy::Closed.name()), |answer| (answer, Policy::LastGood.name()))
            }
        }
    }

    fn step(&self, generation: u64, outcome: &'static str, begun: Instant, error: Option<String>) -> Step {
        Step { plugin: self.plugin.name.clone(), generation, outcome, took: begun.elapsed(), error }
    }

    fn recall(&self) -> std::sync::MutexGuard<'_, Recall> {
        self.plugin.recall.lock().expect("no holder of this lock panics")
    }

    fn log(&self, generation: u64, facts: &Facts, fault: &Fault, answered: &str, silent: u64, failing: (usize, usize)) {
        let class = fault.class().name();
        let (protocol, action, stream) = (facts.protocol, facts.action.name(), &facts.stream);
        let silent = if silent == 0 { String::new() } else { format!("; {silent} more before it") };
        let line = format!(
            "{HOOK}: {fault}, session {} ({protocol} {action} {stream}); answered `{answered}` (failure.{class}); it \
             fails with {} of the last {} client networks{silent}",
            facts.id, failing.0, failing.1
        );
        self.plugin.tell(Grade::Warn, generation, line);
    }

    fn log_turn(&self, generation: u64, turn: Turn) {
        let line = match turn {
            Turn::Opened(at) => {
                let seconds = at.saturating_duration_since(Instant::now().into_std()).as_secs_f64();
                format!(
                    "keeps failing and is stopped; its failure policy answers most calls; it is restarted in {seconds:.0} s"
                )
            }
            Turn::Quarantined => {
                format!(
                    "was restarted in vain and stays stopped; its failure policy answers, until it answers a call that is let through to see. Replace its file, change its manifest, or `wasmcast plugin enable {}`",
                    self.plugin.name
                )
            }
            Turn::None | Turn::Closed => return,
        };
        self.plugin.tell(Grade::Error, generation, line);
    }
}

impl Answer {
    /// As steps name it.
    fn name(&self) -> &'static str {
        match self {
            Answer::Allow(_) => "allow",
            Answer::Deny(_) => "deny",
            Answer::Abstain => "abstain",
        }
    }
}
