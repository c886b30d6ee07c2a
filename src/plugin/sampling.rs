//! Asks the observer plugins which finished traces are worth keeping: each about those of its streams, all at once.

use super::bindings::imports::wasmcast::host::types::Attribute;
use super::bindings::observer_sampling::exports::wasmcast::observer::sampling as told;
use super::breaker::Turn;
use super::chain::Plugin;
use super::fault::Fault;
use super::health::Health;
use super::host::Grade;
use super::manifest::Manifest;
use super::registry::Plugins;
use super::serving::Serving;
use crate::observe::trace::{Anomaly, Summary, Verdict, gravest};
use futures_util::future::join_all;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// For whom it is called, to the breaker: nobody, as other calls of observers.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Longest word for an anomaly, and longest sentence about it, in bytes.
const MAX_KIND: usize = 64;
const MAX_DETAIL: usize = 512;

/// A generation in service that judges traces.
pub(super) struct Judge<S> {
    pub(super) plugin: Arc<Plugin>,
    pub(super) number: u64,
    pub(super) generation: Arc<S>,
    pub(super) health: Arc<Health>,
    pub(super) manifest: Arc<Manifest>,
}

impl Plugins {
    /// Whether any plugin judges traces.
    pub fn samples(&self) -> bool {
        !self.board.read().judges.is_empty()
    }

    /// One verdict for each trace, in order: the gravest of all who judge. None at all when all of them failed.
    pub async fn sample(&self, batch: Arc<[Summary]>) -> Vec<Verdict> {
        let published = self.board.read();
        let asked = published.judges.iter().map(|judge| judge.judge(&batch));
        let said: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        if said.is_empty() {
            return Vec::new();
        }
        let mut verdicts = vec![Verdict::Leave; batch.len()];
        for (verdict, more) in said.into_iter().flat_map(|one| one.into_iter().enumerate()) {
            let before = std::mem::take(&mut verdicts[verdict]);
            verdicts[verdict] = gravest(before, more);
        }
        verdicts
    }
}

impl<S: Serving> Judge<S> {
    /// Its verdicts on all of the batch; none when it failed.
    async fn judge(&self, batch: &[Summary]) -> Option<Vec<Verdict>> {
        let is_its = |trace: &Summary| trace.stream.is_empty() || self.manifest.matching.covers_stream(&trace.stream);
        let mine: Vec<usize> = (0..batch.len()).filter(|index| is_its(&batch[*index])).collect();
        let mut verdicts = vec![Verdict::Leave; batch.len()];
        if mine.is_empty() {
            return Some(verdicts);
        }
        let begun = Instant::now();
        let underway = self.health.begin(NOBODY, begun)?;
        let put: Vec<&Summary> = mine.iter().map(|index| &batch[*index]).collect();
        let said = self.generation.decide(&put).await.and_then(|said| match said.len() == put.len() {
            true => Ok(said),
            false => Err(Fault::Error(format!("it gave {} verdicts on {} traces", said.len(), put.len()))),
        });
        let now = Instant::now();
        self.health.latency.record(now - begun);
        self.plugin.tally.observed();
        match said {
            Ok(said) => {
                if underway.succeeded(now) == Turn::Closed {
                    self.plugin.tell(Grade::Info, self.number, "works again".to_owned());
                    self.plugin.report("plugin.recovered", self.number, &[]);
                }
                for (index, verdict) in mine.into_iter().zip(said) {
                    verdicts[index] = self.named(verdict);
                }
                Some(verdicts)
            }
            Err(fault) => {
                self.plugin.tally.failed(fault.class());
                let after = underway.failed(now, SystemTime::now(), &fault);
                if let Some(silent) = after.log {
                    let before = if silent == 0 { String::new() } else { format!("; {silent} more before it") };
                    let count = put.len();
                    let line = format!("observer/sampling: {fault}; {count} traces are left to chance{before}");
                    self.plugin.tell(Grade::Warn, self.number, line);
                }
                if after.turn != Turn::None {
                    self.plugin.turned(self.number, after.turn);
                }
                None
            }
        }
    }

    fn named(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Anomaly(anomaly) => Verdict::Anomaly(Anomaly { plugin: self.plugin.name.to_string(), ..anomaly }),
            verdict => verdict,
        }
    }
}

/// A trace for a guest.
pub(super) fn summary(trace: &Summary) -> told::TraceSummary {
    let attributes = trace.attributes.iter();
    told::TraceSummary {
        trace_id: trace.trace_id.clone(),
        root: trace.root.to_owned(),
        stream_name: trace.stream.clone(),
        session_id: trace.session.clone(),
        started_unix_ns: trace.started_unix_ns,
        duration_us: trace.duration_us,
        usual_p99_us: trace.usual_p99_us,
        spans: trace.spans,
        failed_spans: trace.failed_spans,
        slowest_span: trace.slowest_span.clone(),
        slowest_span_us: trace.slowest_span_us,
        attributes: attributes.map(|(key, value)| Attribute { key: key.clone(), value: value.clone() }).collect(),
    }
}

/// A guest's verdict. `hide`: takes the plugin's secrets out of its words.
pub(super) fn verdict(said: told::Verdict, hide: impl Fn(String) -> String) -> Verdict {
    let cut = |text: String, most: usize| {
        let mut text = hide(text);
        text.truncate(text.floor_char_boundary(most));
        text
    };
    match said {
        told::Verdict::Leave => Verdict::Leave,
        told::Verdict::Keep => Verdict::Keep,
        told::Verdict::Anomaly(told::Anomaly { score, kind, detail }) => Verdict::Anomaly(Anomaly {
            score: if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) },
            kind: cut(kind, MAX_KIND),
            detail: cut(detail, MAX_DETAIL),
            plugin: String::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_is_held_to_its_bounds() {
        let said = |score, kind: &str, detail: String| {
            let kind = kind.to_owned();
            match verdict(told::Verdict::Anomaly(told::Anomaly { score, kind, detail }), |text| {
                text.replace("hunter2", "***")
            }) {
                Verdict::Anomaly(anomaly) => anomaly,
                other => panic!("{other:?}"),
            }
        };
        for (score, expected) in [(0.5, 0.5), (-1.0, 0.0), (7.0, 1.0), (f32::NAN, 0.0), (f32::INFINITY, 1.0)] {
            assert_eq!(said(score, "slow-join", String::new()).score, expected);
        }
        let long = said(1.0, &"k".repeat(1_000), "ä".repeat(1_000));
        assert_eq!((long.kind.len(), long.detail.len()), (MAX_KIND, MAX_DETAIL));
        assert_eq!(said(1.0, "k", "it is hunter2".to_owned()).detail, "it is ***");
    }
}
