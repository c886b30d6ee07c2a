//! Follows the sessions for the others: figures for the metrics, and the access rules' word on those that run.

use crate::access::{self, Access};
use crate::hub::{Hub, Liveness};
use crate::observe::Metrics;
use crate::shard::{Action, CloseReason, Session, SessionState, Sessions};
use crate::task::Tasks;
use std::time::Duration;

/// How often the figures are brought up to date.
const INTERVAL: Duration = Duration::from_secs(1);

/// Starts to follow.
pub(super) fn start(tasks: &Tasks, hub: &Hub, sessions: &Sessions, access: &Access, metrics: &Metrics) {
    let closed = metrics.clone();
    sessions.on_closed(move |session, reason| closed.session_closed(session.action.name(), reason.name()));
    tasks.spawn_until_stop("figures", figures(hub.clone(), sessions.clone(), metrics.clone()));
    tasks.spawn_until_stop("access", recheck(sessions.clone(), access.clone()));
}

async fn figures(hub: Hub, sessions: Sessions, metrics: Metrics) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let live = hub.streams().iter().filter(|stream| stream.liveness() == Liveness::Live).count();
        metrics.streams.set(i64::try_from(live).unwrap_or(i64::MAX));
        let list = sessions.list();
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

/// Ends what changed rules no longer allow.
async fn recheck(sessions: Sessions, access: Access) {
    let mut changes = access.changes();
    while changes.changed().await.is_ok() {
        let mut list = sessions.list();
        // Viewers first: the end of their stream would hide the reason from them.
        list.sort_by_key(|session| session.action == Action::Publish);
        for session in list {
            if !allowed(&access, &session) {
                tracing::info!(session = %session.id, stream = %session.stream, "the access rules no longer allow it");
                sessions.close(session.id.as_str(), CloseReason::AccessRevoked);
            }
        }
    }
}

fn allowed(access: &Access, session: &Session) -> bool {
    let action = match session.action {
        Action::Publish => access::Action::Publish,
        Action::Play => access::Action::Play,
    };
    access.would_allow(action, &session.stream, session.client.credential.as_ref())
}
