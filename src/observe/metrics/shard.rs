//! Counters of the media threads: plain memory of one shard each, summed when somebody reads.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter that one thread adds to and any thread reads. Adding is a plain load and store: two writers would lose counts.
#[derive(Debug, Default)]
pub struct LocalCounter(AtomicU64);

impl LocalCounter {
    /// Adds; only for the thread that owns the counter.
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    /// Sets it, where it is a value and no count; only for the thread that owns it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one shard counts. Aligned so that two shards never share a cache line (x86 fetches lines in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct ShardMetrics {
    /// UDP or TCP payload bytes of media from publishers.
    pub bytes_in: LocalCounter,
    pub packets_in: LocalCounter,
    /// UDP or TCP payload bytes of media to viewers, retransmissions included.
    pub bytes_out: LocalCounter,
    pub packets_out: LocalCounter,
    /// Packets sent again because a viewer asked.
    pub retransmitted: LocalCounter,
    /// Packets that a viewer asked for and that were no longer there.
    pub retransmit_missed: LocalCounter,
    /// Packets of publishers that never came.
    pub lost_in: LocalCounter,
    /// PLI and FIR from viewers.
    pub keyframe_requests_in: LocalCounter,
    /// PLI to publishers.
    pub keyframe_requests_out: LocalCounter,
    /// Viewers that went to a better and to a lower rendition.
    pub moves_up: LocalCounter,
    pub moves_down: LocalCounter,
    /// Tries whether a viewer's way carries more, and what was sent for their sake alone.
    pub probes: LocalCounter,
    pub probe_bytes: LocalCounter,
    /// Packets that a full ring between publisher and shard lost.
    pub subscription_drops: LocalCounter,
    /// Packets not sent because the viewer, its path or the socket could not take them.
    pub send_drops: LocalCounter,
    /// Packets that are longer than a datagram may be here, from publishers or to viewers.
    pub oversize: LocalCounter,
    /// Datagrams without a session: garbage, unknown user fragments, bad integrity.
    pub ignored_datagrams: LocalCounter,
    /// Media packets that failed authentication or came twice.
    pub rejected_packets: LocalCounter,
    /// TCP connections that were taken.
    pub tcp_connections: LocalCounter,
    /// TCP connections closed because their peer did not show in time which session it belongs to.
    pub tcp_silent: LocalCounter,
    /// Because their first packet named no session, or was not authentic.
    pub tcp_unknown: LocalCounter,
    /// Because they announced a packet that is longer than any.
    pub tcp_oversize: LocalCounter,
    /// Because newer ones wanted their place.
    pub tcp_crowded_out: LocalCounter,
    /// Rounds of the event loop that took so long that media was late.
    pub stalls: LocalCounter,
    /// Time in the event loop, waiting excluded, in nanoseconds.
    pub loop_busy_ns: LocalCounter,
    /// The part of it in rounds that took too long.
    pub loop_stalled_ns: LocalCounter,
    /// When the round under way began, in nanoseconds since the shards' epoch; 0 while the loop waits.
    pub turn_began_ns: LocalCounter,
    /// Sessions that the shard owns now.
    pub sessions: LocalCounter,
    /// The part of the last second in which the loop worked, in thousandths; written by who watches the shards.
    pub load_permille: LocalCounter,
    join: JoinTimes,
}

impl ShardMetrics {
    /// A viewer got its first media this long after its request came in.
    pub fn joined(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let bucket = JOIN_BOUNDS.iter().position(|bound| after.as_secs_f64() <= *bound).unwrap_or(JOIN_BOUNDS.len());
        self.join.buckets[bucket].add(1);
        self.join.sum_us.add(micros);
    }
}

#[derive(Debug, Default)]
struct JoinTimes {
    buckets: [LocalCounter; JOIN_BOUNDS.len() + 1],
    sum_us: LocalCounter,
}

/// Upper bounds in seconds: from a joiner served out of the ring to one that waits for a keyframe.
const JOIN_BOUNDS: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Sums the shards when metrics are read.
#[derive(Debug)]
pub(super) struct Shards(pub(super) Arc<[Arc<ShardMetrics>]>);

type Field = fn(&ShardMetrics) -> &LocalCounter;

/// A counter family: name, unit, help, the label, and the field for each label value.
type Row = (&'static str, Option<Unit>, &'static str, &'static str, &'static [(&'static str, Field)]);

/// Counters without a second label are written with an empty one.
const ROWS: [Row; 15] = [
    (
        "media",
        Some(Unit::Bytes),
        "Media received from publishers and sent to viewers",
        "direction",
        &[("in", |s| &s.bytes_in), ("out", |s| &s.bytes_out)],
    ),
    (
        "media_packets",
        None,
        "Media packets received from publishers and sent to viewers",
        "direction",
        &[("in", |s| &s.packets_in), ("out", |s| &s.packets_out)],
    ),
    ("lost_packets", None, "Packets of publishers that never came", "", &[("", |s| &s.lost_in)]),
    ("retransmitted_packets", None, "Packets sent again because a viewer asked", "", &[("", |s| &s.retransmitted)]),
    (
        "retransmissions_missed",
        None,
        "Packets that a viewer asked for again, within its share, and that were no longer there or never sent to it",
        "",
        &[("", |s| &s.retransmit_missed)],
    ),
    (
        "keyframe_requests",
        None,
        "Keyframe requests received from viewers and sent to publishers",
        "direction",
        &[("in", |s| &s.keyframe_requests_in), ("out", |s| &s.keyframe_requests_out)],
    ),
    (
        "rendition_moves",
        None,
        "Viewers that went over to a better or to a lower rendition of their stream",
        "direction",
        &[("up", |s| &s.moves_up), ("down", |s| &s.moves_down)],
    ),
    ("bandwidth_probes", None, "Tries whether the way to a viewer carries more", "", &[("", |s| &s.probes)]),
    (
        "bandwidth_probe",
        Some(Unit::Bytes),
        "What was sent to viewers to try whether their way carries more",
        "",
        &[("", |s| &s.probe_bytes)],
    ),
    (
        "queue_dropped_packets",
        None,
        "Media packets dropped at a full queue",
        "queue",
        &[("subscription", |s| &s.subscription_drops), ("send", |s| &s.send_drops)],
    ),
    (
        "dropped_packets",
        None,
        "Media packets left out, once for each viewer that did not get it",
        "reason",
        &[("oversize", |s| &s.oversize)],
    ),
    ("ignored_datagrams", None, "Datagrams that belong to no session", "", &[("", |s| &s.ignored_datagrams)]),
    (
        "rejected_packets",
        None,
        "Media packets that failed authentication or came twice",
        "",
        &[("", |s| &s.rejected_packets)],
    ),
    ("tcp_connections", None, "TCP connections taken on the media port", "", &[("", |s| &s.tcp_connections)]),
    (
        "tcp_refusals",
        None,
        "TCP connections on the media port that were closed by the server before or for what they sent",
        "reason",
        &[
            ("silent", |s| &s.tcp_silent),
            ("unknown", |s| &s.tcp_unknown),
            ("oversize", |s| &s.tcp_oversize),
            ("crowded-out", |s| &s.tcp_crowded_out),
        ],
    ),
];

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, unit, help, label, fields) in &ROWS {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
            for (value, field) in *fields {
                let sum: u64 = self.0.iter().map(|shard| field(shard).get()).sum();
                if label.is_empty() {
                    family.encode_counter::<NoLabelSet, _, u64>(&sum, None)?;
                } else {
                    family.encode_family(&[(*label, *value)])?.encode_counter::<NoLabelSet, _, u64>(&sum, None)?;
                }
            }
        }
        let help = "Rounds of a shard's loop that made media late";
        let mut stalls = encoder.encode_descriptor("shard_stalls", help, None, MetricType::Counter)?;
        for (index, shard) in self.0.iter().enumerate() {
            let labels = [("shard", index.to_string())];
            stalls.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&shard.stalls.get(), None)?;
        }
        let help = "Time that a shard's loop worked and did not wait";
        let mut busy = encoder.encode_descriptor("shard_busy", help, Some(&Unit::Seconds), MetricType::Counter)?;
        for (index, shard) in self.0.iter().enumerate() {
            let labels = [("shard", index.to_string())];
            let seconds = Duration::from_nanos(shard.loop_busy_ns.get()).as_secs_f64();
            busy.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&seconds, None)?;
        }
        self.encode_gauges(&mut encoder)?;
        self.encode_join_times(&mut encoder)
    }
}

/// Gauges of each shard: name, help, and the value.
type Gauge = (&'static str, &'static str, fn(&ShardMetrics) -> f64);

const GAUGES: [Gauge; 2] = [
    ("shard_sessions", "Sessions that a shard owns", |shard| shard.sessions.get() as f64),
    ("shard_load_ratio", "The part of the last second in which a shard's loop worked", |shard| {
        shard.load_permille.get() as f64 / 1_000.0
    }),
];

impl Shards {
    fn encode_gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in &GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (index, shard) in self.0.iter().enumerate() {
                family.encode_family(&[("shard", index.to_string())])?.encode_gauge(&value(shard))?;
            }
        }
        Ok(())
    }

    fn encode_join_times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time from a viewer's request to its first media";
        let mut join = encoder.encode_descriptor("join", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        let bounds = JOIN_BOUNDS.into_iter().chain([f64::INFINITY]).enumerate();
        let sum_bucket = |index: usize| self.0.iter().map(|shard| shard.join.buckets[index].get()).sum::<u64>();
        let buckets: Vec<(f64, u64)> = bounds.map(|(index, bound)| (bound, sum_bucket(index))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let micros: u64 = self.0.iter().map(|shard| shard.join.sum_us.get()).sum();
        let sum = Duration::from_micros(micros).as_secs_f64();
        join.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}
