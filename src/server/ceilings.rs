//! Ends sessions that send, or are sent, more than their grant or the server allows.

use super::ingest_rules::IngestRules;
use crate::access::{Access, Ceiling, Standing};
use crate::hub::Hub;
use crate::media::LayerId;
use crate::observe::Metrics;
use crate::plugin::Action;
use crate::shard::{CloseReason, Sessions};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The sessions that have a ceiling, by their grants or, publishers, by `limits.ingest_kbps` or rules of plugins; looked at once a second.
/// Publishers are told their ceiling by the shard (REMB); those that do not listen are ended here. So are viewers, where not
/// even the least rendition fits.
#[derive(Default)]
pub(super) struct Ceilings {
    watched: HashMap<Arc<str>, Ceiling>,
}

/// The most that a session may send or be sent, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Grant(u32),
    Server(u32),
    /// A publisher's share by a rule of a plugin, once its bucket is used up.
    Rule(u32),
}

impl Bound {
    /// The lowest of a grant's, the server's and a rule's.
    fn of(action: Action, granted: Option<u32>, server: Option<u32>, rule: Option<u32>) -> Option<Bound> {
        let publishes = action == Action::Publish;
        let (server, rule) = (server.filter(|_| publishes), rule.filter(|_| publishes));
        let bounds = [granted.map(Bound::Grant), server.map(Bound::Server), rule.map(Bound::Rule)];
        // Of equal ones the first.
        bounds.into_iter().flatten().min_by_key(|bound| bound.kbps())
    }

    fn kbps(self) -> u32 {
        let (Bound::Grant(kbps) | Bound::Server(kbps) | Bound::Rule(kbps)) = self;
        kbps
    }
}

impl Ceilings {
    /// Looks at all of them.
    pub(super) fn look(
        &mut self,
        access: &Access,
        hub: &Hub,
        sessions: &Sessions,
        metrics: &Metrics,
        rules: &IngestRules,
        now: Instant,
    ) {
        let server = sessions.ingest_kbps();
        let bound = |standing: Arc<Standing>| {
            let rule = rules.spent(&standing.id).map(|ceiled| ceiled.kbps);
            Bound::of(standing.action, standing.grant.max_bitrate_kbps, server, rule).map(|bound| (standing, bound))
        };
        let limited: Vec<_> = access.book().list().into_iter().filter_map(bound).collect();
        let mut before = std::mem::take(&mut self.watched);
        for (standing, bound) in limited {
            let mut ceiling = before.remove(&standing.id).unwrap_or_default();
            let rate = rate(&mut ceiling, &standing, hub, sessions, now);
            if ceiling.is_broken(now, rate, Some(bound.kbps())) {
                let spent = rules.spent(&standing.id).filter(|_| matches!(bound, Bound::Rule(_)));
                if let Some(ceiled) = spent {
                    access.plugins().end_for_ingest(ceiled, &standing.id);
                }
                end(&standing, rate, bound, spent.map(|ceiled| ceiled.rule()), sessions);
                if let Bound::Server(_) = bound {
                    metrics.session_refused(standing.action.name(), "ingest-kbps");
                }
            } else {
                self.watched.insert(standing.id.clone(), ceiling);
            }
        }
    }
}

/// Bits a second: of a publisher what it sends, of a viewer what the stream has, or the rendition that it gets.
fn rate(ceiling: &mut Ceiling, standing: &Standing, hub: &Hub, sessions: &Sessions, now: Instant) -> u64 {
    match standing.action {
        Action::Publish => sessions
            .get(&standing.id)
            .map_or(0, |session| ceiling.rate(now, session.stats.bytes.load(Ordering::Relaxed))),
        _ => {
            let session = sessions.get(&standing.id);
            let layers = session.as_ref().map_or(LayerId::ALL, |session| session.given_layers());
            match session.and_then(|session| session.given()) {
                Some(given) => given.rendition.stream.bitrate_of(layers),
                None => hub.stream(&standing.stream).map_or(0, |stream| stream.bitrate_of(layers)),
            }
        }
    }
}

fn end(standing: &Standing, rate: u64, bound: Bound, rule: Option<&str>, sessions: &Sessions) {
    let (kbps, allowed) = (rate / 1_000, bound.kbps());
    let farewell = match (standing.action, bound) {
        (Action::Publish, Bound::Grant(_)) => {
            format!("You send {kbps} kbit/s, and may send up to {allowed}. Lower the bitrate and start again.")
        }
        (_, Bound::Rule(_)) => format!(
            "You send {kbps} kbit/s, and the limit `{}` of this server leaves you {allowed}. Lower the bitrate and start again.",
            rule.unwrap_or_default()
        ),
        (_, Bound::Server(_)) => format!(
            "You send {kbps} kbit/s, and this server takes up to {allowed} of one publisher (`limits.ingest_kbps`). Lower the \
             bitrate and start again."
        ),
        _ => format!("The stream has {kbps} kbit/s by now, and you may watch up to {allowed}."),
    };
    tracing::info!(session = %standing.id, stream = %standing.stream, kbps, ?bound, "above the bitrate that it may have");
    sessions.close_with(&standing.id, CloseReason::LimitExceeded, &farewell);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bound_counts_and_all_but_a_grants_are_for_publishers() {
        let rows = [
            (Action::Publish, None, None, None, None),
            (Action::Publish, Some(500), None, None, Some(Bound::Grant(500))),
            (Action::Publish, Some(500), Some(500), Some(500), Some(Bound::Grant(500))),
            (Action::Publish, Some(500), Some(500), Some(400), Some(Bound::Rule(400))),
            (Action::Play, None, None, Some(400), None),
            (Action::Publish, Some(900), Some(500), Some(800), Some(Bound::Server(500))),
            (Action::Publish, None, Some(500), None, Some(Bound::Server(500))),
            (Action::Play, None, Some(500), None, None),
            (Action::Play, Some(900), Some(500), None, Some(Bound::Grant(900))),
        ];
        for (action, granted, server, rule, expected) in rows {
            assert_eq!(
                Bound::of(action, granted, server, rule),
                expected,
                "{action:?} {granted:?} {server:?} {rule:?}"
            );
        }
    }
}
