//! Connects the traces with what judges them and with the configuration.

use crate::config::{Config, TraceExporter};
use crate::observe::Happening;
use crate::observe::trace::{self, Anomaly, Exporting, Queue, Sampler, Settings, Summary, Tracer, Verdict};
use crate::plugin::Plugins;
use crate::task::Tasks;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

/// What the configuration says about traces.
pub(super) fn settings(config: &Config) -> Settings {
    let trace = &config.trace;
    let exporting = match trace.exporter {
        TraceExporter::Off => Exporting::Off,
        TraceExporter::File => Exporting::File {
            path: trace.file.clone().unwrap_or_else(|| PathBuf::from("traces.jsonl")),
            max_bytes: u64::from(trace.file_mib) << 20,
        },
        TraceExporter::Otlp => Exporting::Otlp {
            endpoint: trace.endpoint.as_str().to_owned(),
            headers: trace
                .headers
                .iter()
                .map(|header| (header.name.clone(), header.value.reveal().to_owned()))
                .collect(),
        },
    };
    Settings { exporting, share: trace.share.0, node: config.node.name.as_str().to_owned() }
}

/// Starts to judge and export. What the returned sender is given later counts from then on.
pub(super) fn start(
    tasks: &Tasks,
    tracer: Tracer,
    queue: Queue,
    settings: Settings,
    plugins: Plugins,
) -> watch::Sender<Settings> {
    let (sender, seen) = watch::channel(settings);
    let stop = tasks.stopping();
    tasks.spawn("traces", trace::run(tracer, queue, seen, Arc::new(Observers(plugins)), stop));
    sender
}

/// The plugins that judge traces.
struct Observers(Plugins);

impl Sampler for Observers {
    fn is_asked(&self) -> bool {
        self.0.samples()
    }

    fn decide(&self, batch: Arc<[Summary]>) -> Pin<Box<dyn Future<Output = Vec<Verdict>> + Send + '_>> {
        Box::pin(self.0.sample(batch))
    }

    fn report(&self, trace: &Summary, anomaly: &Anomaly) {
        let Anomaly { score, kind, detail, plugin } = anomaly;
        tracing::warn!(
            trace = trace.trace_id,
            root = trace.root,
            stream = trace.stream,
            session = trace.session,
            ms = trace.duration_us / 1_000,
            score,
            kind,
            plugin,
            "anomaly: {detail}"
        );
        let happening = Happening::new("trace.anomaly").stream(&trace.stream).session(&trace.session);
        let happening = happening
            .with("trace", &trace.trace_id)
            .with("root", trace.root)
            .with("duration_ms", trace.duration_us / 1_000)
            .with("slowest_span", &trace.slowest_span)
            .with("slowest_span_ms", trace.slowest_span_us / 1_000)
            .with("failed_spans", trace.failed_spans)
            .with("score", score)
            .with("kind", kind)
            .with("detail", detail)
            .with("plugin", plugin);
        self.0.services().events().tell(happening);
    }
}
