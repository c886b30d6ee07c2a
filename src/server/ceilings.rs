//! Ends sessions that send, or are sent, more than their grant allows.

use crate::access::{Access, Ceiling, Standing};
use crate::hub::Hub;
use crate::media::LayerId;
use crate::plugin::Action;
use crate::shard::{CloseReason, Sessions};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The sessions whose grants have a ceiling, looked at once a second. Publishers are told their ceiling by the shard
/// (REMB); those that do not listen are ended here. So are viewers, where not even the least rendition fits.
#[derive(Default)]
pub(super) struct Ceilings {
    watched: HashMap<Arc<str>, Ceiling>,
}

impl Ceilings {
    /// Looks at all of them.
    pub(super) fn look(&mut self, access: &Access, hub: &Hub, sessions: &Sessions, now: Instant) {
        let limited: Vec<_> =
            access.book().list().into_iter().filter(|standing| standing.grant.max_bitrate_kbps.is_some()).collect();
        let mut before = std::mem::take(&mut self.watched);
        for standing in limited {
            let mut ceiling = before.remove(&standing.id).unwrap_or_default();
            let rate = rate(&mut ceiling, &standing, hub, sessions, now);
            if ceiling.is_broken(now, rate, standing.grant.max_bitrate_kbps) {
                end(&standing, rate, sessions);
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

fn end(standing: &Standing, rate: u64, sessions: &Sessions) {
    let (kbps, allowed) = (rate / 1_000, standing.grant.max_bitrate_kbps.unwrap_or(0));
    let farewell = match standing.action {
        Action::Publish => {
            format!("You send {kbps} kbit/s, and may send up to {allowed}. Lower the bitrate and start again.")
        }
        _ => format!("The stream has {kbps} kbit/s by now, and you may watch up to {allowed}."),
    };
    tracing::info!(session = %standing.id, stream = %standing.stream, kbps, allowed, "above its grant's bitrate");
    sessions.close_with(&standing.id, CloseReason::LimitExceeded, &farewell);
}
