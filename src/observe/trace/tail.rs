//! Tail sampling: holds finished traces until they are judged, ten seconds at most, and exports those worth keeping.

use super::export::{Exporter, Exporting};
use super::record::{Finished, Queue, Tracer};
use super::sampler::{Sampler, Verdict};
use super::summary::Summary;
use super::usual::Usual;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most traces that are judged at once.
const BATCH: usize = 256;
/// A trace waits so long for others to be judged with.
const PATIENCE: Duration = Duration::from_secs(1);
/// And so long for its verdict.
const HOLD: Duration = Duration::from_secs(10);
/// Traces that wait to be judged: eight batches. Beyond it the oldest is left to chance.
const WAITING: usize = 8 * BATCH;

/// What is kept, and where it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub exporting: Exporting,
    /// Of the traces that nobody has an opinion on.
    pub share: Share,
    /// The name of this server.
    pub node: String,
}

/// A part of all, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(pub u32);

/// A trace that waits for its verdict.
struct Held {
    trace: Finished,
    summary: Summary,
}

/// The traces that wait, oldest first.
#[derive(Default)]
struct Tail {
    waiting: VecDeque<Held>,
    /// One of them failed.
    urgent: bool,
    usual: Usual,
}

/// A batch that is being judged.
type Judged = (Vec<Held>, Option<Vec<Verdict>>);

impl Tail {
    fn held(&mut self, trace: Finished) -> Held {
        let summary = Summary::new(&trace, self.usual.p99_us(trace.name));
        self.usual.record(trace.name, summary.duration_us);
        Held { trace, summary }
    }

    /// Lets one wait; gives back the oldest where too many do.
    fn wait(&mut self, held: Held) -> Option<Held> {
        self.urgent |= held.summary.failed_spans > 0;
        self.waiting.push_back(held);
        if self.waiting.len() > WAITING { self.waiting.pop_front() } else { None }
    }

    /// When those that wait are to be judged.
    fn due(&self) -> Option<Instant> {
        let oldest = self.waiting.front()?.trace.ended;
        Some(if self.urgent || self.waiting.len() >= BATCH { oldest } else { oldest + PATIENCE })
    }

    /// The next batch, once it is due.
    fn batch(&mut self, now: Instant) -> Option<Vec<Held>> {
        if self.due()? > now {
            return None;
        }
        let count = self.waiting.len().min(BATCH);
        let batch = self.waiting.drain(..count).collect();
        self.urgent = self.waiting.iter().any(|held| held.summary.failed_spans > 0);
        Some(batch)
    }

    /// When the oldest has waited too long.
    fn expiry(&self) -> Option<Instant> {
        Some(self.waiting.front()?.trace.ended + HOLD)
    }

    fn expired(&mut self, now: Instant) -> Option<Held> {
        if self.expiry()? <= now { self.waiting.pop_front() } else { None }
    }
}

/// What the verdicts are carried out with.
struct Outcome {
    tracer: Tracer,
    sampler: Arc<dyn Sampler>,
    exporter: Exporter,
    share: Share,
}

impl Outcome {
    fn settle(&self, held: Held, verdict: &Verdict) {
        let Held { trace, summary } = held;
        let metrics = self.tracer.metrics();
        let (root, spans) = (trace.name, trace.spans.len());
        let result = match verdict {
            Verdict::Anomaly(_) => "anomaly",
            Verdict::Keep => "kept",
            Verdict::Leave if trace.id.chance() < f64::from(self.share.0) / 1e6 => "sampled",
            Verdict::Leave => "dropped",
        };
        metrics.judged(root, result);
        match result {
            "dropped" => metrics.spans("dropped", spans),
            _ => self.exporter.send(trace, matches!(verdict, Verdict::Anomaly(_))),
        }
        if let Verdict::Anomaly(anomaly) = verdict {
            metrics.anomaly(root, &anomaly.kind);
            self.sampler.report(&summary, anomaly);
        }
    }

    /// Left to chance, since nobody judged it.
    fn leave(&self, held: Held) {
        self.tracer.metrics().unjudged(1);
        self.settle(held, &Verdict::Leave);
    }
}

/// Judges what comes out of the queue until told to stop, and switches the tracer as the settings say.
pub async fn run(
    tracer: Tracer,
    mut queue: Queue,
    mut settings: watch::Receiver<Settings>,
    sampler: Arc<dyn Sampler>,
    stop: CancellationToken,
) {
    let mut tail = Tail::default();
    let mut judging: JoinSet<Judged> = JoinSet::new();
    let now_set = settings.borrow_and_update().clone();
    let exporter = Exporter::start(&now_set, tracer.metrics());
    tracer.switch(exporter.is_on());
    let mut outcome = Outcome { tracer: tracer.clone(), sampler: sampler.clone(), exporter, share: now_set.share };
    let mut in_force = now_set;
    loop {
        let due = if judging.is_empty() { tail.due() } else { tail.expiry() };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Ok(()) = settings.changed() => {
                let new = settings.borrow_and_update().clone();
                outcome.share = new.share;
                if (&new.exporting, &new.node) != (&in_force.exporting, &in_force.node) {
                    // The old one sends what it has, and ends.
                    outcome.exporter = Exporter::start(&new, tracer.metrics());
                    tracer.switch(outcome.exporter.is_on());
                }
                in_force = new;
            }
            Some(judged) = judging.join_next() => {
                // A panic in it takes the batch along; it is none of the plugin's doing.
                if let Ok((batch, verdicts)) = judged {
                    carry_out(&outcome, batch, verdicts);
                }
            }
            Some(trace) = queue.recv() => {
                let held = tail.held(trace);
                if !sampler.is_asked() {
                    outcome.settle(held, &Verdict::Leave);
                } else if let Some(oldest) = tail.wait(held) {
                    tracer.metrics().overflowed();
                    outcome.leave(oldest);
                }
            }
            () = at(due) => {}
        }
        let now = Instant::now();
        while let Some(late) = tail.expired(now) {
            outcome.leave(late);
        }
        // One batch at a time: an observer has one instance, and what comes meanwhile is judged together.
        if judging.is_empty()
            && let Some(batch) = tail.batch(now)
        {
            let sampler = sampler.clone();
            judging.spawn(judge(sampler, batch));
        }
    }
    tracer.switch(false);
    judging.shutdown().await;
    tail.waiting.drain(..).for_each(|held| outcome.settle(held, &Verdict::Leave));
    outcome.exporter.finish().await;
}

async fn judge(sampler: Arc<dyn Sampler>, batch: Vec<Held>) -> Judged {
    let summaries: Arc<[Summary]> = batch.iter().map(|held| held.summary.clone()).collect();
    let oldest = batch.iter().map(|held| held.trace.ended).min().unwrap_or_else(Instant::now);
    let verdicts = tokio::time::timeout_at((oldest + HOLD).into(), sampler.decide(summaries)).await;
    (batch, verdicts.ok())
}

fn carry_out(outcome: &Outcome, batch: Vec<Held>, verdicts: Option<Vec<Verdict>>) {
    match verdicts.filter(|verdicts| verdicts.len() == batch.len()) {
        Some(verdicts) => {
            batch.into_iter().zip(&verdicts).for_each(|(held, verdict)| outcome.settle(held, verdict));
        }
        None => batch.into_iter().for_each(|held| outcome.leave(held)),
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
