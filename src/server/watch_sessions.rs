//! Follows the sessions for the others: figures for the metrics, ceilings of grants, and what changed access rules say.

use super::ask_again;
use super::ceilings::Ceilings;
use super::happenings;
use super::ingest_rules::IngestRules;
use crate::access::{self, Access};
use crate::hub::{Hub, Liveness};
use crate::observe::trace::Tracer;
use crate::observe::{Events, Metrics};
use crate::shard::{Action, CloseReason, News, Session, SessionState, Sessions};
use crate::task::Tasks;
use std::time::{Duration, Instant};

/// How often the figures are brought up to date.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is told to those who changed rules shut out.
const NO_LONGER: &str = "The access rules of this server no longer allow this.";

/// Starts to follow.
pub(super) fn start(
    tasks: &Tasks,
    hub: &Hub,
    sessions: &Sessions,
    access: &Access,
    metrics: &Metrics,
    events: &Events,
    tracer: &Tracer,
) {
    let (closed, book, events) = (metrics.clone(), access.clone(), events.clone());
    let ended = tracer.clone();
    sessions.on_news(move |session, news| {
        happenings::tell(&events, &book, session, news);
        if let News::Closed(reason) = news {
            closed.session_closed(session.action.name(), reason.name());
            book.book().forget(session.id.as_str());
            trace_end(&ended, session, reason);
        }
    });
    tasks.spawn_until_stop("figures", figures(hub.clone(), sessions.clone(), access.clone(), metrics.clone()));
    tasks.spawn_until_stop("access rules", recheck(sessions.clone(), access.clone()));
    tasks.spawn_until_stop(
        "access grants",
        ask_again::run(access.clone(), sessions.clone(), metrics.clone(), tracer.clone()),
    );
}

/// The end of a session is a trace of its own: the one of its start is long told.
fn trace_end(tracer: &Tracer, session: &Session, reason: CloseReason) {
    let end = tracer.begin("session.end", None);
    if !end.is_recorded() {
        return;
    }
    end.set("session.id", session.id.as_str());
    end.set("stream", session.stream.as_str());
    end.set("action", session.action.name());
    end.set("reason", reason.name());
    end.set("age_ms", u64::try_from(session.age().as_millis()).unwrap_or(u64::MAX));
    if matches!(reason, CloseReason::ConnectTimeout | CloseReason::DtlsFailed | CloseReason::Overload) {
        end.fail(reason.name());
    }
}

async fn figures(hub: Hub, sessions: Sessions, access: Access, metrics: Metrics) {
    let mut ceilings = Ceilings::default();
    let mut rules = IngestRules::default();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        rules.look(&access, &sessions, now);
        ceilings.look(&access, &hub, &sessions, &metrics, &rules, now);
        let live = hub.streams().iter().filter(|stream| stream.liveness() == Liveness::Live).count();
        metrics.streams.set(i64::try_from(live).unwrap_or(i64::MAX));
        metrics.ring_cuts.inc_by(hub.ring_cuts().saturating_sub(metrics.ring_cuts.get()));
        metrics.ring_bytes.set(i64::try_from(hub.ring_bytes()).unwrap_or(i64::MAX));
        let list = sessions.list();
        list.iter().for_each(|session| session.tell_late_start());
        for action in [Action::Publish, Action::Play] {
            for (name, state) in [
                ("pending", SessionState::Pending),
                ("connecting", SessionState::Connecting),
                ("connected", SessionState::Connected),
            ] {
                let count = list.iter().filter(|session| session.action == action && session.state() == state).count();
                metrics.set_sessions(action.name(), name, count);
            }
        }
    }
}

/// Ends what changed rules no longer allow, of the sessions that rules let in. Those that a plugin let in have its word
/// until their time is over.
async fn recheck(sessions: Sessions, access: Access) {
    let mut changes = access.changes();
    while changes.changed().await.is_ok() {
        let mut list = sessions.list();
        // Viewers first: the end of their stream would hide the reason from them.
        list.sort_by_key(|session| session.action == Action::Publish);
        for session in list {
            if !allowed(&access, &session) {
                tracing::info!(session = %session.id, stream = %session.stream, "the access rules no longer allow it");
                sessions.close_with(session.id.as_str(), CloseReason::AccessRevoked, NO_LONGER);
            }
        }
    }
}

fn allowed(access: &Access, session: &Session) -> bool {
    let standing = access.book().get(session.id.as_str());
    if standing.as_ref().is_some_and(|standing| !standing.grant.is_by_rules()) {
        return true;
    }
    let action = match session.action {
        Action::Publish => access::Action::Publish,
        Action::Play => access::Action::Play,
    };
    let local = standing.is_some_and(|standing| standing.facts.local);
    access.would_allow(action, &session.stream, session.client.credential.as_ref(), local)
}
