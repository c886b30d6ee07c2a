//! How each hook is asked: what the chain has to know of it beside the order of plugins and their failures.

use super::decision::{Answer, Grant};
use super::facts::Facts;
use super::fault::Fault;
use super::hook::Hook;
use super::matching::Matching;
use super::recall::Recall;
use super::rollout::Said;
use super::route::Route;
use super::serving::Serving;
use std::future::Future;
use std::sync::Arc;

/// A question that the chain puts to plugins.
pub(super) trait Question: Sync {
    const HOOK: Hook;
    /// What comes with a yes.
    type Yes: Clone + Send + Sync;

    /// Whether nobody decides after the last plugin: an abstention of all is what holds then.
    const ABSTAINED_IS_FINAL: bool;

    /// Whether a generation on trial is asked it. What is decided by rules that are in force belongs to the generation that gave them.
    const IS_TRIED: bool = true;

    /// An answer, to be compared with another; none where it is not.
    fn said(answer: Answer<Self::Yes>) -> Option<Said>;

    /// Puts it to one plugin.
    fn put<S: Serving>(
        &self,
        serving: &S,
        facts: &Arc<Facts>,
    ) -> impl Future<Output = Result<Answer<Self::Yes>, Fault>> + Send;

    /// The stream that a yes leads to. A plugin opens only what the operator gives to it, under another name too.
    fn stream(yes: &Self::Yes) -> Option<&str>;

    /// How a step names a yes, and the answer's field with the stream's name.
    const WORDS: (&'static str, &'static str);

    /// Keeps an answer for a later failure; a hook that asks about a session once has no use for that.
    fn remember(_recall: &mut Recall, _session: &str, _answer: &Answer<Self::Yes>) {}

    /// The answer that a session got last.
    fn last(_recall: &Recall, _session: &str) -> Option<Answer<Self::Yes>> {
        None
    }

    /// Holds an answer to what the operator gave to the plugin.
    fn within(answer: &Answer<Self::Yes>, matching: &Matching) -> Result<(), Fault> {
        let Answer::Allow(yes) = answer else { return Ok(()) };
        match Self::stream(yes).filter(|name| !matching.covers_stream(name)) {
            Some(name) => {
                Err(Fault::Error(format!("{} `{name}` is not in match.stream of its manifest", Self::WORDS.1)))
            }
            None => Ok(()),
        }
    }

    /// As steps name it.
    fn word(answer: &Answer<Self::Yes>) -> &'static str {
        match answer {
            Answer::Allow(_) => Self::WORDS.0,
            Answer::Deny(_) => "deny",
            Answer::Abstain => "abstain",
        }
    }
}

/// May this session?
pub(super) struct MayIt;

impl Question for MayIt {
    const HOOK: Hook = Hook::Auth;
    type Yes = Grant;

    const WORDS: (&'static str, &'static str) = ("allow", "grant.stream-name");

    const ABSTAINED_IS_FINAL: bool = false;

    fn said(answer: Answer) -> Option<Said> {
        Some(Said::Auth(answer))
    }

    async fn put<S: Serving>(&self, serving: &S, facts: &Arc<Facts>) -> Result<Answer, Fault> {
        serving.authorize(facts).await
    }

    fn stream(grant: &Grant) -> Option<&str> {
        grant.stream_name.as_deref()
    }

    fn remember(recall: &mut Recall, session: &str, answer: &Answer) {
        recall.remember(session, answer);
    }

    fn last(recall: &Recall, session: &str) -> Option<Answer> {
        recall.last(session)
    }
}

/// Where is this session served, and with what?
pub(super) struct Whither;

impl Question for Whither {
    const HOOK: Hook = Hook::Router;
    type Yes = Route;

    const WORDS: (&'static str, &'static str) = ("route", "route.stream-name");

    const ABSTAINED_IS_FINAL: bool = true;

    fn said(answer: Answer<Route>) -> Option<Said> {
        Some(Said::Router(answer))
    }

    async fn put<S: Serving>(&self, serving: &S, facts: &Arc<Facts>) -> Result<Answer<Route>, Fault> {
        serving.choose(facts).await
    }

    fn stream(route: &Route) -> Option<&str> {
        route.stream_name.as_ref().map(crate::media::StreamName::as_str)
    }
}
