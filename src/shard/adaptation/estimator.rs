//! What the way to one viewer carries, from its transport-wide feedback: bits a second, loss, and whether a queue grows.

use super::delay::{Delay, Queue};
use super::history::History;
use super::rate::{BRIEF, Rate, STEADY};
use crate::protocol::webrtc::rtcp::TransportFeedback;
use std::time::{Duration, Instant};

/// What is left to the way when its queue grows, so that the queue drains (draft-ietf-rmcat-gcc-02, 5.5).
const DECREASE: f64 = 0.85;
/// Growth in a second while nothing speaks against it (5.5).
const INCREASE: f64 = 1.08;
/// More loss than this is congestion, less is the air (6).
const HIGH_LOSS: f32 = 0.10;
/// So much loss needs no second look.
const HEAVY_LOSS: f32 = 0.35;
/// Weights of one packet in the two means of loss.
const SLOW: f32 = 1.0 / 200.0;
const FAST: f32 = 1.0 / 32.0;
/// Each change is given this time to show.
const CUT_INTERVAL: Duration = Duration::from_millis(300);
/// How far beyond what arrives the estimate may rise, and the time in which a higher one fades: what was not tried is not known.
const HEADROOM: f64 = 1.5;
const FADE: f64 = 10.0;
/// When the newest packet of which we heard left this much longer ago than usual, packets or reports are stuck in a queue,
/// in microseconds. Three lost reports of a browser look the same.
const STUCK_US: u64 = 350_000;
/// After a lost report what arrives is not known for this long.
const BLIND: Duration = Duration::from_millis(600);
const LEAST: f64 = 30_000.0;
/// Reports wrap after so long (24 bits of 64 ms).
const WRAP_US: i64 = 64_000 << 24;

/// The estimate of one viewer's way. It looks only at packets that carry a transport-wide number.
pub struct Estimator {
    epoch: Instant,
    history: History,
    rate: Rate,
    delay: Delay,
    bits: Option<f64>,
    slow_loss: f32,
    fast_loss: f32,
    changed: Instant,
    cut: Option<Instant>,
    /// The usual age of the newest packet that a report speaks of.
    usual_us: Option<u64>,
    /// Nothing was heard for too long; the estimate before that.
    stuck: Option<f64>,
    /// The newest time of the viewer's clock, unwrapped.
    clock_us: Option<i64>,
    /// The number of the newest report.
    reports: Option<u8>,
    blind: Option<Instant>,
    /// Losses of packets before this one do not count.
    pardoned: u64,
}

/// Estimate and loss at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Before {
    bits: f64,
    loss: f32,
}

impl Before {
    /// The share of packets that got lost.
    pub fn loss(self) -> f32 {
        self.loss
    }
}

impl Estimator {
    pub fn new(now: Instant) -> Self {
        Estimator {
            epoch: now,
            history: History::default(),
            rate: Rate::default(),
            delay: Delay::new(now),
            bits: None,
            slow_loss: 0.0,
            fast_loss: 0.0,
            changed: now,
            cut: None,
            usual_us: None,
            stuck: None,
            clock_us: None,
            reports: None,
            blind: None,
            pardoned: 0,
        }
    }

    /// A packet of so many bytes (payload and header) leaves: its transport-wide number.
    #[inline]
    pub fn sent(&mut self, now: Instant, bytes: usize) -> u16 {
        self.history.sent(self.since(now), bytes)
    }

    /// Takes an RTCP packet with transport-wide feedback, whole. False: it is none, or speaks of packets unknown.
    pub fn feedback(&mut self, now: Instant, raw: &[u8]) -> bool {
        let Some(feedback) = TransportFeedback::read(raw) else { return false };
        if self.reports.replace(feedback.number).is_some_and(|last| last.wrapping_add(1) != feedback.number) {
            self.history.doubt();
            self.blind = Some(now + BLIND);
            // It was the reports that got stuck.
            self.bits = self.bits.map(|bits| self.stuck.map_or(bits, |before| before.max(bits)));
        }
        let mut news = false;
        // More than this was never on its way at once.
        for (sequence, at_us) in feedback.arrivals().take(super::history::KEPT) {
            let Some(at_us) = at_us else {
                self.history.missing(sequence);
                continue;
            };
            let at_us = self.unwrap(at_us);
            if let Some(arrival) = self.history.arrived(sequence) {
                self.rate.add(at_us, arrival.bytes);
                self.delay.arrived(&arrival, at_us);
                news = true;
            }
        }
        let (slow, fast) = (&mut self.slow_loss, &mut self.fast_loss);
        let pardoned = self.pardoned;
        self.history.settle(|number, lost| {
            if number < pardoned {
                return;
            }
            let lost = f32::from(u8::from(lost));
            *slow += (lost - *slow) * SLOW;
            *fast += (lost - *fast) * FAST;
        });
        if news {
            let age_us = self.history.silence_us(self.since(now)).unwrap_or_default();
            // Followed down at once, and up slowly.
            self.usual_us = Some(self.usual_us.map_or(age_us, |usual| usual.min(age_us) + usual.abs_diff(age_us) / 64));
            self.stuck = None;
            self.follow(now);
        }
        news
    }

    /// To be called every 100 ms or more often, so that silence is noticed.
    pub fn tick(&mut self, now: Instant) {
        let silence_us = self.history.silence_us(self.since(now)).filter(|_| self.history.is_waiting());
        let (Some(silence_us), Some(usual_us)) = (silence_us, self.usual_us) else { return };
        if silence_us > usual_us + STUCK_US {
            self.stuck = self.stuck.or(self.bits);
            self.follow(now);
        }
    }

    /// More was sent than usual, and the way did not carry it. What got lost of that is no reason to think worse of the way than
    /// before; what is sent from now on tells.
    pub fn pardon(&mut self, before: Before) {
        (self.slow_loss, self.fast_loss) = (before.loss, before.loss);
        self.pardoned = self.history.next();
        self.bits = self.bits.map(|bits| bits.max(before.bits));
    }

    /// What [`Estimator::pardon`] goes back to.
    pub fn before(&self) -> Before {
        Before { bits: self.bits.unwrap_or(LEAST), loss: self.slow_loss }
    }

    /// Bits a second that the way carries, as far as it was tried; none before the first reports.
    pub fn bits_per_second(&self) -> Option<u64> {
        self.bits.map(|bits| bits as u64)
    }

    /// Bits a second that arrive now.
    pub fn delivered(&self) -> Option<u64> {
        self.rate.bits_per_second(STEADY)
    }

    /// The share of packets that get lost, 0 to 1: the mean of the last few hundred.
    pub fn loss(&self) -> f32 {
        self.slow_loss
    }

    /// As [`Estimator::loss`], of the last few dozen.
    pub fn recent_loss(&self) -> f32 {
        self.fast_loss
    }

    /// How long packets wait in a queue.
    pub fn queueing(&self) -> Duration {
        self.delay.queueing()
    }

    /// More is sent than the way carries.
    pub fn congested(&self) -> bool {
        self.stuck.is_some() || self.delay.queue() == Queue::Grows || self.loses()
    }

    /// There is no queue, and no more loss than the air makes.
    pub fn clear(&self) -> bool {
        self.stuck.is_none() && self.delay.queue() == Queue::Short && !self.loses()
    }

    fn loses(&self) -> bool {
        self.slow_loss > HIGH_LOSS || self.fast_loss > HEAVY_LOSS
    }

    fn follow(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(std::mem::replace(&mut self.changed, now)).as_secs_f64().min(1.0);
        let (Some(steady), Some(brief)) = (self.rate.bits_per_second(STEADY), self.rate.bits_per_second(BRIEF)) else {
            return;
        };
        let (steady, brief) = (steady as f64, brief as f64);
        let bits = *self.bits.get_or_insert(steady);
        let may_cut = self.cut.is_none_or(|cut| now.saturating_duration_since(cut) >= CUT_INTERVAL);
        let queue = if self.stuck.is_some() { Queue::Grows } else { self.delay.queue() };
        let blind = self.blind.is_some_and(|until| now < until);
        let next = if blind {
            bits.max(steady)
        } else if queue == Queue::Grows {
            // A full way carries all it can: what arrives is what there is.
            bits.min(steady.min(brief) * DECREASE)
        } else if self.loses() && may_cut {
            self.cut = Some(now);
            bits.min(steady) * (1.0 - 0.5 * f64::from(self.slow_loss.max(self.fast_loss)))
        } else if queue == Queue::Short && !self.loses() {
            let ceiling = steady * HEADROOM;
            let next = if bits < ceiling {
                (bits * INCREASE.powf(elapsed)).min(ceiling)
            } else {
                ceiling + (bits - ceiling) * (-elapsed / FADE).exp()
            };
            next.max(steady)
        } else {
            bits
        };
        self.bits = Some(next.max(LEAST));
    }

    fn unwrap(&mut self, at_us: i64) -> i64 {
        let Some(newest) = self.clock_us else {
            self.clock_us = Some(at_us);
            return at_us;
        };
        let turns = (newest - at_us + WRAP_US / 2).div_euclid(WRAP_US);
        let at_us = at_us + turns * WRAP_US;
        self.clock_us = Some(newest.max(at_us));
        at_us
    }

    fn since(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_micros() as u64
    }
}
