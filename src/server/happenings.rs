//! Tells as events what becomes of sessions, of the doors, and what was dropped.

use crate::access::Access;
use crate::observe::{Events, Happening, Metrics};
use crate::shard::{Doors, News, Session, Sessions};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often sums are told.
const INTERVAL: Duration = Duration::from_secs(1);

/// Tells the news of a session. A session that no media connection came of has `session.failed`, all others `session.started`
/// and, once, `session.ended`.
pub(super) fn tell(events: &Events, access: &Access, session: &Session, news: News<'_>) {
    let about = |kind| {
        let standing = access.book().get(session.id.as_str());
        let grant = standing.as_ref().map(|standing| &standing.grant);
        Happening::new(kind)
            .stream(&session.stream)
            .session(&session.id)
            .with("action", session.action.name())
            .with("protocol", session.client.protocol)
            .with("client_address", session.client.remote_ip)
            .with_some("subject", grant.and_then(|grant| grant.subject.as_deref()))
            .with_some("cohort", grant.and_then(|grant| grant.routing.cohort()))
    };
    let happening = match news {
        News::Connected => {
            let after = session.connected_after().unwrap_or_default();
            let remote = session.remote();
            let transport = remote.map(|remote| if remote.tcp { "tcp" } else { "udp" });
            about("session.started").with("after_ms", after.as_millis()).with_some("media_transport", transport)
        }
        News::Moved { from, to, why } => about("viewer.moved").with("from", from).with("to", to).with("why", why),
        News::Closed(reason) => {
            let kind = if session.connected_after().is_some() { "session.ended" } else { "session.failed" };
            let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
            about(kind)
                .with("reason", reason.name())
                .with_some("detail", session.farewell())
                .with("duration_ms", session.age().as_millis())
                .with("bytes", count(&session.stats.bytes))
                .with("packets", count(&session.stats.packets))
                .with("lost", count(&session.stats.lost))
        }
    };
    events.tell(happening);
}

/// Tells once a second what was counted, and what media was dropped, as long as it is not dropped itself.
pub(super) async fn sums(events: Events, metrics: Metrics, shards: usize) {
    let sum = |field: fn(&crate::observe::metrics::ShardMetrics) -> u64| -> u64 {
        (0..shards).map(|index| field(&metrics.shard(index))).sum()
    };
    let mut before = [0; 3];
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now =
            [sum(|shard| shard.subscription_drops.get()), sum(|shard| shard.send_drops.get()), metrics.ring_cuts.get()];
        let since = |index: usize| now[index].saturating_sub(before[index]);
        events.count("media.dropped", [("queue", "subscription"), ("", "")], since(0));
        events.count("media.dropped", [("queue", "send"), ("", "")], since(1));
        events.count("ring.cut", [("", ""), ("", "")], since(2));
        before = now;
        events.tell_counts();
    }
}

/// Tells when the server takes no sessions any more, and when it does again.
pub(super) async fn doors(events: Events, sessions: Sessions) {
    let mut doors = sessions.watch_doors();
    while doors.changed().await.is_ok() {
        let kind = match *doors.borrow_and_update() {
            Doors::Open => "server.reopened",
            Doors::Draining => "server.draining",
            Doors::Stopping => "server.stopping",
        };
        events.tell(Happening::new(kind).with("sessions", sessions.len()));
    }
}
