//! Decides who may publish, play and use the operator's API: the one door that every protocol asks.

mod admin;
mod agenda;
mod book;
mod ceiling;
mod config;
mod denial;
mod network;
mod password;
mod routing;
mod rules;
mod secret;
mod verdict;

pub use agenda::Cause;
pub use book::{Book, Entry, Standing};
pub use ceiling::{Ceiling, exceeds};
pub use config::{Allow, Config, Fallback, Rule, Token};
pub use denial::Denial;
pub use network::{InvalidNetwork, Network};
pub use password::Password;
pub use routing::Routing;
pub use secret::{Form, InvalidSecret, Secret, SecretDigest, digest, random_token};
pub use verdict::{Grant, STATIC_RULES};

pub use crate::media::{InvalidPattern, Pattern};
pub use crate::plugin::Facts;

use crate::media::StreamName;
use crate::plugin::{self, Answer, Plugins, Revocation};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use tokio::sync::{broadcast, watch};

/// What a static rule is about. Rules say nothing about the operator's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum Action {
    Publish,
    Play,
}

/// The door. Plugins are asked first, in the order of their chain; the first that has an opinion decides. Where none
/// has, the static rules decide. Cheap to clone; all clones see an update.
#[derive(Clone)]
pub struct Access {
    rules: Arc<watch::Sender<Arc<Config>>>,
    plugins: Plugins,
    book: Arc<Book>,
    admin: Arc<Mutex<admin::Allowed>>,
    /// The name of this node, as routers may say it.
    node: Arc<str>,
    /// Whether the public listeners are on loopback: then what no one wrote a rule for is open, else it is denied.
    loopback_only: bool,
}

impl Access {
    /// `loopback_only`: whether every public listener is bound to a loopback address.
    pub fn new(config: Config, plugins: Plugins, loopback_only: bool) -> Self {
        let rules = Arc::new(watch::Sender::new(Arc::new(config)));
        Access { rules, plugins, book: Arc::default(), admin: Arc::default(), node: "".into(), loopback_only }
    }

    /// Under this name routers mean this server.
    pub fn with_node(self, name: &str) -> Self {
        Access { node: name.into(), ..self }
    }

    /// Asks whether a client may publish or play, and if so where it is served: what the routers say is in the grant's
    /// `routing`, its places by the rules of plugins in `counted`. A no is logged with its story, and so is where a client is sent.
    ///
    /// # Errors
    /// As [`Access::check`]; when a rule of a plugin has one too many; and when a router or rate limiter failed, where its
    /// policy is to refuse.
    pub async fn admit(&self, facts: &Arc<Facts>) -> Result<Grant, Denial> {
        // A flood does not reach the auth plugins. Refusals are counted and logged now and then, lest it fills the log.
        let early = self.plugins.limit_early(facts).map_err(Denial::Limited)?;
        let mut grant = self.check(facts).await?;
        grant.counted = self.count(facts, &grant, early).await?;
        if !self.plugins.routes() {
            return Ok(grant);
        }
        let stream = grant.stream_name.as_ref().map_or(facts.stream.as_str(), StreamName::as_str).to_owned();
        let (subject, tags) = (grant.subject.clone(), grant.tags.clone());
        let known = Arc::new(Facts { stream, subject, tags, ..(**facts).clone() });
        let decided = self.plugins.route(&known).await;
        let (action, stream) = (facts.action.name(), &facts.stream);
        match routing::conclude(decided, &known, &self.node) {
            Ok(routing) => {
                if let Some(location) = routing.shown() {
                    let decision = verdict::story(&routing.steps);
                    tracing::info!(session = facts.id, action, stream, location, decision, "session sent elsewhere");
                }
                grant.routing = routing;
                Ok(grant)
            }
            Err((denial, steps)) => {
                let (denial_label, decision) = (denial.label(), verdict::story(&steps));
                tracing::info!(session = facts.id, action, stream, denial = denial_label, decision, "access denied");
                Err(denial)
            }
        }
    }

    /// Counts who was let in by the rules of plugins that need what auth said.
    async fn count(&self, facts: &Arc<Facts>, grant: &Grant, early: plugin::Early) -> Result<plugin::Counted, Denial> {
        let known = plugin::Known {
            subject: grant.subject.clone(),
            tags: grant.tags.clone(),
            stream: grant.stream_name.as_ref().map(|name| name.as_str().to_owned()),
        };
        self.plugins.limit_late(facts, known, early).await.map_err(|(refused, steps)| match refused {
            plugin::Refused::Limited(limited) => Denial::Limited(limited),
            plugin::Refused::Failed(denial) => {
                let denial = Denial::PluginFailed(denial);
                let (action, stream, decision) = (facts.action.name(), &facts.stream, verdict::story(&steps));
                tracing::info!(session = facts.id, action, stream, denial = denial.label(), decision, "access denied");
                denial
            }
        })
    }

    /// Asks whether a client may publish or play. A no is logged with its story.
    ///
    /// # Errors
    /// The no, in words for the client.
    pub async fn check(&self, facts: &Arc<Facts>) -> Result<Grant, Denial> {
        let decided = self.plugins.authorize(facts).await;
        let (result, steps) = verdict::conclude(decided, || {
            let began = Instant::now();
            let presented = facts.token.as_deref().map(digest);
            let action = match facts.action {
                plugin::Action::Publish => Some(Action::Publish),
                plugin::Action::Play => Some(Action::Play),
                plugin::Action::Admin => None,
            };
            let answer = action.map(|action| self.by_rules(action, &facts.stream, presented.as_ref(), facts.local));
            self.plugins.left_to_rules(facts, answer.as_ref().is_some_and(Result::is_ok));
            (answer.unwrap_or(Err(Denial::Forbidden)), began.elapsed())
        });
        if let Err(denial) = &result {
            tracing::info!(
                session = facts.id,
                action = facts.action.name(),
                stream = facts.stream,
                denial = denial.label(),
                decision = verdict::story(&steps),
                "access denied"
            );
        }
        result
    }

    /// Asks the plugins whether a request may use the operator's API. None when none of them has an opinion. A yes is
    /// believed for its time to live, at most a minute, where the very same request comes again.
    pub async fn check_admin(&self, facts: &Arc<Facts>) -> Option<Result<(), Denial>> {
        if !self.plugins.decides_auth() {
            return None;
        }
        let print = admin::fingerprint(facts);
        let version = *self.plugins.changes().borrow();
        if self.allowed().holds(&print, version, Instant::now()) {
            return Some(Ok(()));
        }
        let decided = self.plugins.authorize(facts).await;
        if decided.answer == Answer::Abstain {
            return None;
        }
        let (result, steps) = verdict::conclude(decided, || unreachable!("only asked where plugins abstain"));
        let decision = verdict::story(&steps);
        let (method, path) = (&facts.method, &facts.path);
        match result {
            Ok(grant) => {
                tracing::debug!(request = facts.id, method, path, subject = grant.subject, decision, "admin allowed");
                self.allowed().keep(print, version, grant.ttl, Instant::now());
                Some(Ok(()))
            }
            Err(denial) => {
                tracing::info!(request = facts.id, method, path, denial = denial.label(), decision, "admin denied");
                Some(Err(denial))
            }
        }
    }

    /// Enters who was let in, so that the session can be shown and asked again. `stream`: the name that it goes on under.
    ///
    /// # Errors
    /// When the stream has as many viewers as its publisher was granted, or as any may have.
    pub fn enter(&self, facts: &Arc<Facts>, grant: Grant, stream: &StreamName) -> Result<Entry, Denial> {
        let now = Instant::now();
        self.book.enter(Standing {
            id: facts.id.as_str().into(),
            action: facts.action,
            stream: stream.clone(),
            facts: facts.clone(),
            grant,
            since: now,
            decided: now,
            times: 1,
        })
    }

    /// Asks about a session that runs, with what is known of it now.
    ///
    /// # Errors
    /// As [`Access::check`].
    pub async fn check_again(&self, standing: &Standing) -> Result<Grant, Denial> {
        self.check(&standing.facts_at(Instant::now())).await
    }

    /// The plugins that are asked.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Who is in.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Has those asked at once whom a plugin means.
    pub fn revoke(&self, revocation: &Revocation) -> usize {
        self.allowed().forget();
        let list = self.book.list();
        let is_theirs = |standing: &&Arc<Standing>| revocation.rules.matches(&standing.facts);
        let meant = list.iter().filter(is_theirs).filter(|standing| standing.is_in(&revocation.selection));
        meant.map(|standing| self.book.revoke(&standing.id)).count()
    }

    /// Has everyone asked at once: what a plugin wanted was lost.
    pub fn revoke_all(&self) {
        self.allowed().forget();
        for standing in self.book.list() {
            self.book.revoke(&standing.id);
        }
    }

    /// Sessions that plugins want asked again, from now on.
    pub fn revocations(&self) -> broadcast::Receiver<Revocation> {
        self.plugins.revocations()
    }

    /// What the static rules say to the holder of this credential; `local` as [`Facts::local`]. For live sessions after the
    /// rules changed.
    pub fn would_allow(
        &self,
        action: Action,
        stream: &StreamName,
        credential: Option<&SecretDigest>,
        local: bool,
    ) -> bool {
        self.by_rules(action, stream.as_str(), credential, local).is_ok()
    }

    /// Whether a visitor's list may name the stream. Plugins are not asked, as that would be a question for each stream:
    /// where they decide, only what a rule or default says in so many words is listed.
    pub fn lists(&self, stream: &StreamName, credential: Option<&SecretDigest>, local: bool) -> bool {
        let loopback_only = self.loopback_only && !self.plugins.decides_auth();
        let rules = self.rules.borrow().clone();
        rules::decide(&rules, loopback_only, local, Action::Play, stream.as_str(), credential).is_ok()
    }

    /// Puts new rules into force. Those who follow [`Access::changes`] are woken when something differs.
    pub fn update(&self, config: Config) {
        self.rules.send_if_modified(|rules| {
            let changed = **rules != config;
            if changed {
                *rules = Arc::new(config);
            }
            changed
        });
    }

    /// Wakes after each change of the rules, so that live sessions can be asked again.
    pub fn changes(&self) -> watch::Receiver<Arc<Config>> {
        self.rules.subscribe()
    }

    fn by_rules(
        &self,
        action: Action,
        stream: &str,
        credential: Option<&SecretDigest>,
        local: bool,
    ) -> Result<Option<String>, Denial> {
        let rules = self.rules.borrow().clone();
        rules::decide(&rules, self.loopback_only, local, action, stream, credential)
    }

    fn allowed(&self) -> MutexGuard<'_, admin::Allowed> {
        self.admin.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("loopback_only", &self.loopback_only).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn facts(action: plugin::Action) -> Arc<Facts> {
        let mut facts = Facts::new("s".to_owned(), action, "whep", "192.0.2.1".parse().unwrap());
        facts.stream = "demo".to_owned();
        facts.local = true;
        Arc::new(facts)
    }

    fn ask(access: &Access, action: plugin::Action) -> Result<Grant, Denial> {
        access.check(&facts(action)).now_or_never().unwrap()
    }

    #[test]
    fn without_plugins_the_static_rules_decide_and_the_story_says_so() {
        let access = Access::new(Config::default(), Plugins::none(), true);
        let grant = ask(&access, plugin::Action::Play).unwrap();
        assert!(grant.is_by_rules() && grant.ttl.is_none() && grant.subject.is_none());
        let story: Vec<_> = grant.steps.iter().map(|step| (&*step.plugin, step.outcome)).collect();
        assert_eq!(story, [(STATIC_RULES, "allow")]);
        assert_eq!(ask(&access, plugin::Action::Admin), Err(Denial::Forbidden));
        assert_eq!(access.check_admin(&facts(plugin::Action::Admin)).now_or_never().unwrap(), None);
        let open = Access::new(Config::default(), Plugins::none(), false);
        assert_eq!(ask(&open, plugin::Action::Publish), Err(Denial::Forbidden));
    }

    #[test]
    fn a_change_wakes_those_who_follow() {
        let access = Access::new(Config::default(), Plugins::none(), true);
        let mut changes = access.changes();
        access.update(Config::default());
        assert!(!changes.has_changed().unwrap());
        access.clone().update(Config { play: Some(Fallback::Denied), ..Config::default() });
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        assert_eq!(ask(&access, plugin::Action::Play), Err(Denial::Forbidden));
    }

    #[test]
    fn who_was_let_in_stands_in_the_book_until_it_is_over() {
        let access = Access::new(Config::default(), Plugins::none(), true);
        let facts = facts(plugin::Action::Play);
        let grant = ask(&access, plugin::Action::Play).unwrap();
        let stream = "demo".parse().unwrap();
        drop(access.enter(&facts, grant.clone(), &stream).unwrap());
        assert!(access.book().get("s").is_none());
        access.enter(&facts, grant, &stream).unwrap().keep();
        assert_eq!(access.book().get("s").unwrap().times, 1);
        let revoked = |selection| access.revoke(&Revocation { plugin: "p".into(), rules: Arc::default(), selection });
        assert_eq!(revoked(plugin::Selection::Stream("other".to_owned())), 0);
        assert_eq!(revoked(plugin::Selection::Stream("demo".to_owned())), 1);
        let (standing, cause) = access.book().next(Instant::now()).unwrap();
        assert_eq!(cause, Cause::Revoked);
        assert!(access.check_again(&standing).now_or_never().unwrap().is_ok());
        access.book().forget("s");
        assert!(access.book().list().is_empty());
    }
}
