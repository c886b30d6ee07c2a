//! What the times of arrival tell of queues on the way: a growing one, and one that stands.

use super::history::Arrival;
use rtc_interceptor::{OveruseDetector, PacketReport, SlopeEstimator, Usage};
use std::time::{Duration, Instant};

/// The shortest way of these last microseconds stands for the queue now: jitter makes single packets late, a queue all.
const RECENT_US: i64 = 100_000;
/// The shortest way of the last one to two of these stands for the empty queue. A longer way becomes the rule after that: the
/// route changed, or others fill the queue for good.
const BASE_US: i64 = 8_000_000;
/// A queue that has grown to this is ours to stop, in microseconds.
const FULL_US: i64 = 100_000;
/// A rising trend of delays means a queue only where at least this much of a queue is seen.
const SEEN_US: i64 = 25_000;

/// Where the queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queue {
    /// Empty, or nearly so.
    #[default]
    Short,
    /// There is one, and it shrinks or stays.
    Drains,
    /// It grows: more is sent than the way carries.
    Grows,
}

/// Follows the delays of one viewer's packets.
pub struct Delay {
    slope: SlopeEstimator,
    detector: OveruseDetector,
    epoch: Instant,
    newest: Option<u64>,
    recent: Shortest,
    base: Shortest,
    /// Queue at the end of the recent time before.
    before_us: i64,
    queue_us: i64,
}

/// The least of a window of time that is between one and two spans long.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    span_us: i64,
    since_us: Option<i64>,
    now: i64,
    last: i64,
}

impl Shortest {
    fn new(span_us: i64) -> Self {
        Shortest { span_us, since_us: None, now: i64::MAX, last: i64::MAX }
    }

    /// Adds a value. True when a span has ended.
    fn add(&mut self, at_us: i64, value: i64) -> bool {
        let since = *self.since_us.get_or_insert(at_us);
        let over = at_us.saturating_sub(since) >= self.span_us;
        if over {
            (self.last, self.now, self.since_us) = (self.now, i64::MAX, Some(at_us));
        }
        self.now = self.now.min(value);
        over
    }

    fn least(&self) -> i64 {
        self.now.min(self.last)
    }
}

impl Delay {
    /// `epoch` is the zero of the times of departure.
    pub fn new(epoch: Instant) -> Self {
        Delay {
            slope: SlopeEstimator::new(),
            detector: OveruseDetector::new(),
            epoch,
            newest: None,
            recent: Shortest::new(RECENT_US),
            base: Shortest::new(BASE_US),
            before_us: 0,
            queue_us: 0,
        }
    }

    /// A packet came, at a time of the viewer's clock.
    pub fn arrived(&mut self, packet: &Arrival, at_us: i64) {
        let way_us = at_us.saturating_sub(packet.departed_us as i64);
        // By our clock: the viewer's may jump.
        let sent_us = packet.departed_us as i64;
        self.base.add(sent_us, way_us);
        let ended = self.recent.add(sent_us, way_us);
        // A late packet tells nothing of the trend.
        if self.newest.is_none_or(|newest| newest < packet.number) {
            self.newest = Some(packet.number);
            if let Some(trend) = self.slope.accumulate(&self.report(packet, at_us)) {
                self.detector.update(trend.at, trend.estimate_ms);
            }
        }
        if ended {
            self.before_us = self.queue_us;
            self.queue_us = self.recent.last.saturating_sub(self.base.least()).max(0);
        }
    }

    /// The queue, as far as reports tell.
    pub fn queue(&self) -> Queue {
        let now_us = self.recent.least().saturating_sub(self.base.least());
        let queue_us = if self.recent.since_us.is_none() { 0 } else { now_us.min(self.queue_us).max(0) };
        let rising = self.detector.usage() == Usage::Over;
        let shrinks = self.queue_us < self.before_us - 2_000;
        if !shrinks && (self.queue_us >= FULL_US || rising && self.queue_us >= SEEN_US) {
            return Queue::Grows;
        }
        if queue_us >= SEEN_US { Queue::Drains } else { Queue::Short }
    }

    /// How long a packet waits now, as far as reports tell.
    pub fn queueing(&self) -> Duration {
        Duration::from_micros(self.queue_us.unsigned_abs())
    }

    fn report(&self, packet: &Arrival, at_us: i64) -> PacketReport {
        PacketReport {
            ssrc: 0,
            id: packet.number,
            rtp_sequence_number: 0,
            is_twcc: true,
            twcc_sequence_number: packet.number as u16,
            size: packet.bytes as usize,
            arrived: true,
            departure: self.epoch + Duration::from_micros(packet.departed_us),
            // The estimator looks at differences: any zero does that keeps the times positive.
            arrival: Some(Duration::from_micros(at_us.unsigned_abs())),
            ecn: rtc_rtcp::transport_feedbacks::cc_feedback_report::Ecn::default(),
        }
    }
}
