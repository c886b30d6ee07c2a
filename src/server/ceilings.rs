//! Ends sessions that send, or are sent, more than their grant or the server allows.

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

/// The sessions that have a ceiling, by their grants or, publishers, by `limits.ingest_kbps`; looked at once a second.
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
}

impl Bound {
    /// The lower one of a grant's and the server's.
    fn of(action: Action, granted: Option<u32>, server: Option<u32>) -> Option<Bound> {
        let server = server.filter(|_| action == Action::Publish);
        match (granted, server) {
            (Some(granted), server) if server.is_none_or(|server| granted <= server) => Some(Bound::Grant(granted)),
            (_, server) => server.map(Bound::Server),
        }
    }

    fn kbps(self) -> u32 {
        let (Bound::Grant(kbps) | Bound::Server(kbps)) = self;
        kbps
    }
}

impl Ceilings {
    /// Looks at all of them.
    pub(super) fn look(&mut self, access: &Access, hub: &Hub, sessions: &Sessions, metrics: &Metrics, now: Instant) {
        let server = sessions.ingest_kbps();
        let bound = |standing: Arc<Standing>| {
            Bound::of(standing.action, standing.grant.max_bitrate_kbps, server).map(|bound| (standing, bound))
        };
        let limited: Vec<_> = access.book().list().into_iter().filter_map(bound).collect();
        let mut before = std::mem::take(&mut self.watched);
        for (standing, bound) in limited {
            let mut ceiling = before.remove(&standing.id).unwrap_or_default();
            let rate = rate(&mut ceiling, &standing, hub, sessions, now);
            if ceiling.is_broken(now, rate, Some(bound.kbps())) {
                end(&standing, rate, bound, sessions);
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

fn end(standing: &Standing, rate: u64, bound: Bound, sessions: &Sessions) {
    let (kbps, allowed) = (rate / 1_000, bound.kbps());
    let farewell = match (standing.action, bound) {
        (Action::Publish, Bound::Grant(_)) => {
            format!("You send {kbps} kbit/s, and may send up to {allowed}. Lower the bitrate and start again.")
        }
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
    fn the_lower_bound_counts_and_the_servers_is_for_publishers() {
        let rows = [
            (Action::Publish, None, None, None),
            (Action::Publish, Some(500), None, Some(Bound::Grant(500))),
            (Action::Publish, Some(500), Some(500), Some(Bound::Grant(500))),
            (Action::Publish, Some(900), Some(500), Some(Bound::Server(500))),
            (Action::Publish, None, Some(500), Some(Bound::Server(500))),
            (Action::Play, None, Some(500), None),
            (Action::Play, Some(900), Some(500), Some(Bound::Grant(900))),
        ];
        for (action, granted, server, expected) in rows {
            assert_eq!(Bound::of(action, granted, server), expected, "{action:?} {granted:?} {server:?}");
        }
    }
}
