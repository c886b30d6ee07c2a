//! Holds publishers to the rules of rate limit plugins on `ingest-kbit`: counts what each has sent, and tells it its share.

use crate::access::{Access, Standing};
use crate::plugin::{Action, Ceiled, Sending};
use crate::shard::Sessions;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What publishers had sent at the last look, in bytes, and the least that a rule leaves to each.
#[derive(Default)]
pub(super) struct IngestRules {
    counted: HashMap<Arc<str>, u64>,
    ceiled: HashMap<Arc<str>, Ceiled>,
}

impl IngestRules {
    /// Looks at all publishers; to be done once a second.
    pub(super) fn look(&mut self, access: &Access, sessions: &Sessions, now: Instant) {
        let plugins = access.plugins();
        if !plugins.limits_ingest() && self.ceiled.is_empty() {
            self.counted.clear();
            return;
        }
        let publishers: Vec<Arc<Standing>> =
            access.book().list().into_iter().filter(|standing| standing.action == Action::Publish).collect();
        let before = std::mem::take(&mut self.counted);
        let kilobits = publishers.iter().map(|standing| {
            let bytes = sessions.get(&standing.id).map_or(0, |session| session.stats.bytes.load(Ordering::Relaxed));
            self.counted.insert(standing.id.clone(), bytes);
            let sent = before.get(&standing.id).map_or(0, |before| bytes.saturating_sub(*before));
            sent as f64 * 8.0 / 1_000.0
        });
        let kilobits: Vec<f64> = kilobits.collect();
        let sending: Vec<Sending<'_>> =
            publishers.iter().zip(kilobits).map(|(standing, kilobits)| sending(standing, kilobits)).collect();
        let answers = plugins.limit_ingest(&sending, now);
        let before = std::mem::take(&mut self.ceiled);
        for (standing, answer) in publishers.iter().zip(answers) {
            let share = answer.as_ref().map(|ceiled| ceiled.kbps);
            let granted = standing.grant.max_bitrate_kbps;
            // Told by the shard, as the ceiling of a grant is; one without a rule any more gets back what its grant says.
            if (share.is_some() || before.contains_key(&standing.id))
                && let Some(session) = sessions.get(&standing.id)
            {
                session.set_ceiling([share, granted].into_iter().flatten().min());
            }
            if let Some(ceiled) = answer {
                self.ceiled.insert(standing.id.clone(), ceiled);
            }
        }
    }

    /// The rule that a publisher is to be held to, since its bucket is used up.
    pub(super) fn spent(&self, session: &str) -> Option<&Ceiled> {
        self.ceiled.get(session).filter(|ceiled| ceiled.spent)
    }
}

fn sending(standing: &Standing, kilobits: f64) -> Sending<'_> {
    Sending {
        facts: &standing.facts,
        subject: standing.grant.subject.as_deref(),
        tags: standing.grant.all_tags(),
        stream: standing.stream.as_str(),
        kilobits,
    }
}
