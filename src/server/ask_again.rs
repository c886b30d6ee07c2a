//! Asks about sessions that run: when the time of their grant is over, and when a plugin takes its word back.

use crate::access::{Access, Cause, Denial, Grant, Standing};
use crate::observe::Metrics;
use crate::observe::trace::{self, Tracer};
use crate::shard::{CloseReason, Sessions};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{Id, JoinSet};

/// A question that broke off (which is a fault of ours) is put again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Runs until it is dropped. One task keeps the order of business; the questions run beside it, at most
/// as many at once as the agenda allows.
pub(super) async fn run(access: Access, sessions: Sessions, metrics: Metrics, tracer: Tracer) {
    let mut revocations = access.revocations();
    let mut questions = Questions { access: access.clone(), tracer, running: JoinSet::new(), about: HashMap::new() };
    loop {
        while let Some((standing, cause)) = access.book().next(Instant::now()) {
            questions.put(standing, cause);
        }
        tokio::select! {
            () = due(access.book().wake_at()) => {}
            () = access.book().sooner() => {}
            answer = questions.answer(), if !questions.about.is_empty() => settle(&access, &sessions, &metrics, answer),
            revocation = revocations.recv() => match revocation {
                Ok(revocation) => {
                    let asked = access.revoke(&revocation);
                    tracing::info!(plugin = %revocation.plugin, asked, "a plugin wants sessions asked again");
                }
                Err(RecvError::Lagged(lost)) => {
                    tracing::warn!(lost, "plugins revoked faster than could be followed; all sessions are asked again");
                    access.revoke_all();
                }
                // The sender lives in `access`, which lives here.
                Err(RecvError::Closed) => return,
            },
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Questions under way.
struct Questions {
    access: Access,
    tracer: Tracer,
    running: JoinSet<Result<Grant, Denial>>,
    about: HashMap<Id, (Arc<Standing>, Cause)>,
}

/// What came of a question: none when it broke off.
type Answered = (Arc<Standing>, Cause, Option<Result<Grant, Denial>>);

impl Questions {
    fn put(&mut self, standing: Arc<Standing>, cause: Cause) {
        let (access, asked) = (self.access.clone(), standing.clone());
        let renewal = self.tracer.begin("session.renew", None);
        renewal.set("session.id", &*standing.id);
        renewal.set("stream", standing.stream.as_str());
        renewal.set("cause", cause.name());
        let task = self.running.spawn(async move {
            let answer = trace::within(&renewal, Box::pin(access.check_again(&asked))).await;
            renewal.set("outcome", if answer.is_ok() { "renewed" } else { "ended" });
            answer
        });
        self.about.insert(task.id(), (standing, cause));
    }

    /// The next answer. Waits for ever when nothing is under way.
    async fn answer(&mut self) -> Answered {
        loop {
            let (id, result) = match self.running.join_next_with_id().await {
                Some(Ok((id, result))) => (id, Some(result)),
                Some(Err(error)) => (error.id(), None),
                None => std::future::pending().await,
            };
            if let Some((standing, cause)) = self.about.remove(&id) {
                return (standing, cause, result);
            }
        }
    }
}

fn settle(access: &Access, sessions: &Sessions, metrics: &Metrics, (standing, cause, answer): Answered) {
    let id = &standing.id;
    match answer {
        Some(Ok(grant)) => {
            metrics.access_renewed(cause.name(), "renewed");
            let ceiling = grant.max_bitrate_kbps;
            if access.book().renew(id, grant, Instant::now()).is_some()
                && let Some(session) = sessions.get(id)
            {
                session.set_ceiling(ceiling);
            }
        }
        Some(Err(denial)) => {
            metrics.access_renewed(cause.name(), "ended");
            let reason = match cause {
                Cause::Expired => CloseReason::AccessExpired,
                Cause::Revoked => CloseReason::AccessRevoked,
            };
            tracing::info!(
                session = %id,
                stream = %standing.stream,
                subject = standing.grant.subject,
                reason = reason.name(),
                denial = denial.label(),
                "the session was asked about again and is ended"
            );
            if !sessions.close_with(id, reason, &denial.to_string()) {
                access.book().forget(id);
            }
        }
        None => access.book().postpone(id, Instant::now() + AGAIN_AFTER),
    }
}
