//! What the server counts, in the OpenMetrics text format. No label ever holds a name or address from outside; a cohort is
//! the one word that plugins may put there.

mod cohorts;
mod process;
mod shard;
mod traces;

pub use process::Usage;
pub use shard::{LocalCounter, ShardMetrics};
pub use traces::TraceMetrics;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The `Content-Type` of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process. Cheap to clone. Labels are `&'static str`, so their number is bounded by the code; that of
/// cohorts by [`cohorts`].
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Streams that are live; set when metrics are read.
    pub streams: Gauge,
    /// Bytes of recent media that is kept of all streams; set likewise.
    pub ring_bytes: Gauge,
    /// How often some of it was given up for want of memory; counted likewise.
    pub ring_cuts: Counter,
    overloaded: Gauge,
    sessions: Family<Pair, Gauge>,
    sessions_closed: Family<Pair, Counter>,
    http_requests: Family<Pair, Counter>,
    access_denials: Family<Pair, Counter>,
    access_renewals: Family<Pair, Counter>,
    session_refusals: Family<Pair, Counter>,
    sessions_routed: Family<[(&'static str, Arc<str>); 3], Counter>,
    cohorts: Arc<cohorts::Cohorts>,
    config_reloads: Family<[Label; 1], Counter>,
    connections_refused: Family<[Label; 1], Counter>,
    /// What is counted of traces.
    pub traces: TraceMetrics,
    shards: Arc<[Arc<ShardMetrics>]>,
    registry: Arc<Registry>,
}

type Label = (&'static str, &'static str);
type Pair = [Label; 2];

impl Metrics {
    /// Metrics of a process with this many shards. `log_lines_dropped` is the log's own counter.
    pub fn new(shards: usize, log_lines_dropped: Arc<AtomicU64>) -> Self {
        let shards: Arc<[_]> = (0..shards).map(|_| Arc::new(ShardMetrics::default())).collect();
        let streams = Gauge::default();
        let ring_bytes = Gauge::default();
        let ring_cuts = Counter::default();
        let overloaded = Gauge::default();
        let sessions = Family::default();
        let sessions_closed = Family::default();
        let http_requests = Family::default();
        let access_denials = Family::default();
        let access_renewals = Family::default();
        let session_refusals = Family::default();
        let sessions_routed = Family::default();
        let config_reloads = Family::default();
        let connections_refused = Family::default();
        let traces = TraceMetrics::default();

        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::Process::new()));
        let ours = registry.sub_registry_with_prefix("wasmcast");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        ours.register("build", "The version that runs", build);
        ours.register("streams", "Streams that are live", streams.clone());
        ours.register("ring_bytes", "Memory of the recent media that is kept for joiners", ring_bytes.clone());
        ours.register("ring_cuts", "Times that a stream kept less of it since the memory was short", ring_cuts.clone());
        ours.register("overloaded", "1 while viewers are refused since all shards are overloaded", overloaded.clone());
        ours.register("sessions", "Sessions by what they do and where they stand", sessions.clone());
        ours.register(
            "sessions_closed",
            "Sessions that ended, by what they did and why they ended",
            sessions_closed.clone(),
        );
        ours.register("http_requests", "HTTP requests by route and class of status", http_requests.clone());
        ours.register("access_denials", "Requests to publish or play that were refused", access_denials.clone());
        ours.register(
            "session_refusals",
            "Sessions refused because a limit was reached, by what they would do and which limit",
            session_refusals.clone(),
        );
        ours.register(
            "access_renewals",
            "Sessions that were asked about again, by why and whether they went on",
            access_renewals.clone(),
        );
        ours.register(
            "sessions_routed",
            "Sessions that a router plugin had an opinion on, by what they do, their cohort, and where they are served",
            sessions_routed.clone(),
        );
        ours.register("config_reloads", "Changes of the configuration file by their result", config_reloads.clone());
        ours.register(
            "connections_refused",
            "Connections closed at once since their address had too many, by listener",
            connections_refused.clone(),
        );
        traces.register(ours);
        ours.register("log_lines_dropped", "Log lines that could not be written", Shared(log_lines_dropped));
        ours.register_collector(Box::new(shard::Shards(shards.clone())));

        let registry = Arc::new(registry);
        Metrics {
            streams,
            ring_bytes,
            ring_cuts,
            overloaded,
            sessions,
            sessions_closed,
            http_requests,
            access_denials,
            access_renewals,
            session_refusals,
            sessions_routed,
            cohorts: Arc::default(),
            config_reloads,
            connections_refused,
            traces,
            shards,
            registry,
        }
    }

    /// The counters of a shard, to be written by that shard alone.
    pub fn shard(&self, index: usize) -> Arc<ShardMetrics> {
        self.shards[index].clone()
    }

    /// How many sessions there are of an action (`publish`, `play`) in a state (`pending`, `connecting`, `connected`).
    pub fn set_sessions(&self, action: &'static str, state: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.get_or_create(&[("action", action), ("state", state)]).set(count);
    }

    /// The part of the last second in which each shard worked, and whether viewers are refused for it.
    pub fn set_load(&self, shares: impl Iterator<Item = f64>, overloaded: bool) {
        for (shard, share) in self.shards.iter().zip(shares) {
            shard.load_permille.set((share * 1_000.0) as u64);
        }
        self.overloaded.set(i64::from(overloaded));
    }

    /// A session ended.
    pub fn session_closed(&self, action: &'static str, reason: &'static str) {
        self.sessions_closed.get_or_create(&[("action", action), ("reason", reason)]).inc();
    }

    /// A request was answered. The route is its pattern (`/whip/{stream}`), never its path.
    pub fn http_request(&self, route: &'static str, status: u16) {
        let class = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.http_requests.get_or_create(&[("route", route), ("status", class)]).inc();
    }

    /// Access was refused; the reason is `Denial::label`.
    pub fn access_denied(&self, action: &'static str, reason: &'static str) {
        self.access_denials.get_or_create(&[("action", action), ("reason", reason)]).inc();
    }

    /// A session was refused; the limit is `NoRoom::label`.
    pub fn session_refused(&self, action: &'static str, limit: &'static str) {
        self.session_refusals.get_or_create(&[("action", action), ("limit", limit)]).inc();
    }

    /// A router plugin had an opinion on a session, which is served `here` or `elsewhere`.
    pub fn session_routed(&self, action: &'static str, cohort: Option<&str>, served: &'static str) {
        let labels = [("action", action.into()), ("cohort", self.cohorts.label(cohort)), ("served", served.into())];
        self.sessions_routed.get_or_create(&labels).inc();
    }

    /// A session was asked about again, since its time was over (`expired`) or a plugin wished it (`revoked`): it went on
    /// (`renewed`) or was `ended`.
    pub fn access_renewed(&self, cause: &'static str, result: &'static str) {
        self.access_renewals.get_or_create(&[("cause", cause), ("result", result)]).inc();
    }

    /// A changed configuration was `applied` or `refused`.
    pub fn config_reload(&self, result: &'static str) {
        self.config_reloads.get_or_create(&[("result", result)]).inc();
    }

    /// A connection was closed at once: its address has too many.
    pub fn connection_refused(&self, listener: &'static str) {
        self.connections_refused.get_or_create(&[("listener", listener)]).inc();
    }

    /// Everything, as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}

/// A counter that another module keeps.
#[derive(Debug)]
struct Shared(Arc<AtomicU64>);

impl EncodeMetric for Shared {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        encoder.encode_counter::<NoLabelSet, _, u64>(&self.0.load(Ordering::Relaxed), None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn filled() -> Metrics {
        let metrics = Metrics::new(2, Arc::new(AtomicU64::new(5)));
        metrics.streams.set(3);
        metrics.set_sessions("play", "connected", 7);
        metrics.session_closed("play", "by-peer");
        metrics.http_request("/whip/{stream}", 201);
        metrics.http_request("/whip/{stream}", 204);
        metrics.http_request("/whip/{stream}", 422);
        metrics.access_denied("publish", "token-wrong");
        metrics.session_refused("play", "pending-per-address");
        metrics.access_renewed("expired", "ended");
        metrics.config_reload("applied");
        metrics.connection_refused("http");
        for index in 0..2 {
            let shard = metrics.shard(index);
            shard.bytes_out.add(1000);
            shard.packets_out.add(2);
            shard.loop_busy_ns.add(1_500_000_000);
            shard.joined(Duration::from_millis(30));
        }
        metrics.ring_bytes.set(1_000);
        metrics.set_load([0.25, 0.5].into_iter(), true);
        metrics.shard(1).sessions.set(3);
        metrics.shard(1).stalls.add(4);
        metrics.shard(1).oversize.add(2);
        metrics.shard(1).joined(Duration::from_secs(60));
        metrics
    }

    /// Samples by name and labels.
    fn samples(text: &str) -> BTreeMap<String, f64> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        lines.map(sample).collect()
    }

    #[test]
    fn shards_are_summed_and_named_values_appear() {
        let text = filled().render();
        let samples = samples(&text);
        let rows = [
            ("wasmcast_streams", 3.0),
            ("wasmcast_sessions{action=\"play\",state=\"connected\"}", 7.0),
            ("wasmcast_sessions_closed_total{action=\"play\",reason=\"by-peer\"}", 1.0),
            ("wasmcast_http_requests_total{route=\"/whip/{stream}\",status=\"2xx\"}", 2.0),
            ("wasmcast_http_requests_total{route=\"/whip/{stream}\",status=\"4xx\"}", 1.0),
            ("wasmcast_access_denials_total{action=\"publish\",reason=\"token-wrong\"}", 1.0),
            ("wasmcast_session_refusals_total{action=\"play\",limit=\"pending-per-address\"}", 1.0),
            ("wasmcast_access_renewals_total{cause=\"expired\",result=\"ended\"}", 1.0),
            ("wasmcast_config_reloads_total{result=\"applied\"}", 1.0),
            ("wasmcast_connections_refused_total{listener=\"http\"}", 1.0),
            ("wasmcast_log_lines_dropped_total", 5.0),
            ("wasmcast_media_bytes_total{direction=\"out\"}", 2000.0),
            ("wasmcast_media_bytes_total{direction=\"in\"}", 0.0),
            ("wasmcast_media_packets_total{direction=\"out\"}", 4.0),
            ("wasmcast_dropped_packets_total{reason=\"oversize\"}", 2.0),
            ("wasmcast_shard_stalls_total{shard=\"0\"}", 0.0),
            ("wasmcast_shard_stalls_total{shard=\"1\"}", 4.0),
            ("wasmcast_shard_busy_seconds_total{shard=\"0\"}", 1.5),
            ("wasmcast_shard_sessions{shard=\"1\"}", 3.0),
            ("wasmcast_shard_load_ratio{shard=\"0\"}", 0.25),
            ("wasmcast_overloaded", 1.0),
            ("wasmcast_ring_bytes", 1000.0),
            ("wasmcast_join_seconds_count", 3.0),
            ("wasmcast_join_seconds_sum", 60.06),
            ("wasmcast_join_seconds_bucket{le=\"0.025\"}", 0.0),
            ("wasmcast_join_seconds_bucket{le=\"0.05\"}", 2.0),
            ("wasmcast_join_seconds_bucket{le=\"+Inf\"}", 3.0),
        ];
        for (name, value) in rows {
            let found = samples.get(name).unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
            assert!((found - value).abs() < 1e-9, "{name}: {found}");
        }
        assert!(
            text.contains(&format!("wasmcast_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))),
            "{text}"
        );
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_threads"] {
            assert!(samples[name] > 0.0, "{name}");
        }
        // A young process may not have used a whole tick of CPU time.
        assert!(samples["process_cpu_seconds_total"] >= 0.0);
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn every_metric_has_a_type_a_help_and_a_sane_name() {
        let text = filled().render();
        for line in text.lines().filter(|line| line.starts_with("# HELP")) {
            let (name, help) = line["# HELP ".len()..].split_once(' ').unwrap();
            assert!(name.starts_with("wasmcast_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert!(help.len() > 10 && !help.ends_with(".."), "{name}: {help}");
            assert_eq!(text.matches(&format!("# TYPE {name} ")).count(), 1, "{name}");
        }
    }

    #[test]
    fn many_requests_make_no_more_series() {
        let metrics = filled();
        let before = metrics.render().lines().count();
        (0..1000).for_each(|_| metrics.http_request("/whip/{stream}", 201));
        assert_eq!(metrics.render().lines().count(), before);
    }
}
