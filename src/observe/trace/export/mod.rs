//! Where kept traces go: to a collector or a file, by a task of its own that holds up nobody.

mod encode;
mod file;
mod otlp;

use super::record::Finished;
use super::tail::Settings;
use crate::observe::metrics::TraceMetrics;
use encode::Source;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Traces that wait for export, and their bytes. Beyond either what comes is lost, and counted.
const BACKLOG: usize = 1_024;
const BACKLOG_BYTES: usize = 4 << 20;
/// Spans that are sent at once, about.
const BATCH: usize = 512;
/// A trace waits so long for others to be sent with.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is left at the end has so long.
const LAST: Duration = Duration::from_millis(900);

/// Where to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exporting {
    /// Nothing is recorded.
    #[default]
    Off,
    /// OTLP as JSON, a trace a line. When the file has half of `max_bytes` it is moved to `.1`, in the place of an older one.
    File { path: PathBuf, max_bytes: u64 },
    /// OTLP as protobuf, by HTTP POST to this URL.
    Otlp { endpoint: String, headers: Vec<(String, String)> },
}

/// The way to an exporter; its drop lets that send what it has, and end.
pub struct Exporter {
    running: Option<Running>,
    metrics: TraceMetrics,
}

struct Running {
    sender: mpsc::Sender<Item>,
    backlog: Arc<AtomicUsize>,
    task: JoinHandle<()>,
    _closing: DropGuard,
}

/// A trace that waits for export.
struct Item {
    trace: Finished,
    urgent: bool,
    bytes: usize,
    backlog: Arc<AtomicUsize>,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.backlog.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The other end of an exporter.
enum Target {
    File(file::Log),
    Otlp(otlp::Collector),
}

impl Exporter {
    /// Starts the exporter of these settings. Needs a runtime.
    pub fn start(settings: &Settings, metrics: &TraceMetrics) -> Exporter {
        let source = Source::new(&settings.node);
        let closing = CancellationToken::new();
        let target = match &settings.exporting {
            Exporting::Off => None,
            Exporting::File { path, max_bytes } => Some(Target::File(file::Log::new(path.clone(), *max_bytes, source))),
            Exporting::Otlp { endpoint, headers } => {
                Some(Target::Otlp(otlp::Collector::new(endpoint, headers, source, closing.clone())))
            }
        };
        let running = target.map(|target| {
            let (sender, receiver) = mpsc::channel(BACKLOG);
            let task = tokio::spawn(work(target, receiver, metrics.clone()));
            Running { sender, backlog: Arc::default(), task, _closing: closing.drop_guard() }
        });
        Exporter { running, metrics: metrics.clone() }
    }

    /// Whether there is one.
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// Hands a trace over, without waiting. `urgent`: it is sent at once.
    pub fn send(&self, trace: Finished, urgent: bool) {
        let (bytes, spans) = (trace.spans.iter().map(super::SpanData::bytes).sum::<usize>(), trace.spans.len());
        let sent = self.running.as_ref().is_some_and(|running| {
            let more = |all: usize| (all + bytes <= BACKLOG_BYTES).then_some(all + bytes);
            if running.backlog.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
                return false;
            }
            let item = Item { trace, urgent, bytes, backlog: running.backlog.clone() };
            running.sender.try_send(item).is_ok()
        });
        if !sent {
            self.metrics.spans("lost", spans);
        }
    }

    /// Waits until everything is sent, for a moment.
    pub async fn finish(self) {
        if let Some(Running { sender, task, _closing: closing, .. }) = self.running {
            drop((sender, closing));
            let _ = tokio::time::timeout(LAST, task).await;
        }
    }
}

async fn work(mut target: Target, mut items: mpsc::Receiver<Item>, metrics: TraceMetrics) {
    while let Some(first) = items.recv().await {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let (mut urgent, mut spans) = (first.urgent, first.trace.spans.len());
        let mut batch = vec![first];
        while spans < BATCH {
            let next = match urgent {
                true => items.try_recv().ok(),
                false => tokio::time::timeout_at(deadline, items.recv()).await.ok().flatten(),
            };
            let Some(next) = next else { break };
            urgent |= next.urgent;
            spans += next.trace.spans.len();
            batch.push(next);
        }
        let lost = match &mut target {
            Target::File(log) => log.write(&batch).await,
            Target::Otlp(collector) => collector.send(&batch).await,
        };
        metrics.spans("lost", lost.min(spans));
        metrics.spans("exported", spans.saturating_sub(lost));
    }
}

/// Says once that the export is in trouble, and once that it is over.
#[derive(Default)]
struct Trouble(bool);

impl Trouble {
    fn began(&mut self, why: &dyn std::fmt::Display) {
        if !std::mem::replace(&mut self.0, true) {
            tracing::warn!("traces can not be exported: {why}; they are lost beyond {} MiB", BACKLOG_BYTES >> 20);
        }
    }

    fn over(&mut self) {
        if std::mem::take(&mut self.0) {
            tracing::info!("traces are exported again");
        }
    }
}
