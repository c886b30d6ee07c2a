//! Asks plugins about sessions that meet a rule which no bucket can express, by the chain's bounded calls and policies.

use super::{Amount, Counted, Early, InForce, Known, Limited, Limiter, Measure, Source, Stage};
use crate::plugin::chain::{Chain, Member, Stand};
use crate::plugin::decision::{Answer, Denial, Step};
use crate::plugin::facts::{Action, Facts};
use crate::plugin::fault::Fault;
use crate::plugin::hook::Hook;
use crate::plugin::question::Question;
use crate::plugin::rollout::Said;
use crate::plugin::serving::Serving;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When another try may succeed, where the plugin does not know.
const UNKNOWN_RETRY: Duration = Duration::from_secs(10);
/// Longest time that a client is told to wait for an answer to change.
const MAX_RETRY: Duration = Duration::from_secs(24 * 3_600);

/// May this session, by the rule of this name?
pub(in crate::plugin) struct MayItToo(pub(in crate::plugin) Arc<str>);

impl Question for MayItToo {
    const HOOK: Hook = Hook::Ratelimit;
    type Yes = ();

    const WORDS: (&'static str, &'static str) = ("admit", "");

    const ABSTAINED_IS_FINAL: bool = false;

    const IS_TRIED: bool = false;

    fn said(_: Answer<()>) -> Option<Said> {
        None
    }

    async fn put<S: Serving>(&self, serving: &S, facts: &Arc<Facts>) -> Result<Answer<()>, Fault> {
        serving.decide(facts, &self.0).await
    }

    fn stream((): &()) -> Option<&str> {
        None
    }
}

/// Why a session is not let in by the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// By a rule, or the plugin's answer to one.
    Limited(Limited),
    /// The plugin failed, and its policy is to refuse.
    Failed(Denial),
}

impl InForce {
    pub(super) fn is_asked(&self) -> bool {
        self.rule.amount == Amount::Ask
    }

    /// Whether it counts the sessions of an action that are there at once.
    pub(super) fn counts_at_once(&self, action: Action) -> bool {
        let measure = if action == Action::Publish { Measure::Publish } else { Measure::Play };
        matches!(self.rule.amount, Amount::AtOnce(_)) && self.rule.measure == measure
    }
}

impl Limiter {
    /// Counts a session that auth let in, and asks the plugins whose rules ask about it. `Err` comes with the story so far.
    pub(in crate::plugin) async fn admit<S: Serving>(
        self: &Arc<Self>,
        chain: &Chain<S>,
        facts: &Arc<Facts>,
        known: Known,
        early: Early,
        now: Instant,
    ) -> Result<Counted, (Refused, Vec<Step>)> {
        let story = early.steps.clone();
        let asks: Vec<Arc<InForce>> = {
            let (force, item) = (self.force(), known.item(facts));
            let rules = self.of_session(&force, &item, Stage::Late);
            rules.into_iter().filter(|one| one.is_asked()).cloned().collect()
        };
        let answers_for: Vec<_> = chain.asked(Hook::Ratelimit, facts).collect();
        let asked = if asks.is_empty() && !answers_for.iter().any(|member| matches!(member.stand, Stand::Absent { .. }))
        {
            None
        } else {
            let Known { subject, tags, stream } = known.clone();
            let stream = stream.unwrap_or_else(|| facts.stream.clone());
            Some(Arc::new(Facts { subject, tags, stream, ..(**facts).clone() }))
        };
        let mut counted = self.late(facts, known, early, now).map_err(|limited| (Refused::Limited(limited), story))?;
        let Some(asked) = asked else { return Ok(counted) };
        for member in answers_for {
            let own = asks.iter().filter(|one| one.plugin == member.plugin.name).map(Some);
            let absent = matches!(member.stand, Stand::Absent { .. }).then_some(None);
            for rule in absent.into_iter().chain(own) {
                let question = MayItToo(rule.map_or_else(|| "".into(), |one| one.rule.name.clone()));
                let answer = member.ask(&question, &asked, &mut counted.after).await;
                let failed = counted.after.last().is_some_and(|step| step.outcome == "closed");
                match (answer, rule) {
                    (Answer::Deny(denial), Some(one)) if !failed => {
                        let retry = denial.retry_after.filter(|after| !after.is_zero()).unwrap_or(UNKNOWN_RETRY);
                        let refusal = one.ledger.count_refused(retry.min(MAX_RETRY), Instant::now());
                        return Err((Refused::Limited(one.limited(refusal)), told(counted)));
                    }
                    (Answer::Deny(denial), _) => return Err((Refused::Failed(denial), told(counted))),
                    (Answer::Allow(()), Some(one)) => one.ledger.count_allowed(1),
                    (Answer::Allow(()) | Answer::Abstain, _) => {}
                }
            }
        }
        Ok(counted)
    }
}

impl<S: Serving> Chain<S> {
    /// The rules of the plugins in service.
    pub(in crate::plugin) fn sources(&self) -> Vec<Source> {
        let of = |member: &Member<S>| match &member.stand {
            Stand::Serving(server) if member.hooks.ratelimit => Some(Source {
                plugin: member.plugin.name.clone(),
                generation: server.number,
                matching: member.manifest.matching.clone(),
                rules: server.generation.rules(),
            }),
            Stand::Serving(_) | Stand::Absent { .. } | Stand::Aside => None,
        };
        self.members().filter_map(of).collect()
    }
}

/// The story of a session that is refused after all; its places are free again.
fn told(counted: Counted) -> Vec<Step> {
    counted.before.into_iter().chain(counted.after).collect()
}
