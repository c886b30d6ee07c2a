//! One viewer that gets the rendition its way carries: joins estimate, policy and probing, and remembers what failed.

use super::estimator::{Before, Estimator};
use super::policy::{self, Choice, Facts, Probed, Rung};
use super::probe::{Probe, Verdict};
use std::time::{Duration, Instant};

/// How often the policy is asked. Silence is noticed in the same rhythm.
const DECIDE_EVERY: Duration = Duration::from_millis(50);
/// After a step down.
const AFTER_DOWN: Duration = Duration::from_secs(2);
/// After a try that failed: this, then twice, then as long as a link that got better may wait to be noticed.
const AFTER_FAILED_PROBE: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// A step up that did not last so long has failed. Each in a row doubles the wait before the next.
const LASTING: Duration = Duration::from_secs(10);
const AFTER_FAILED_STEP: Duration = Duration::from_secs(8);
const DOUBLINGS: u32 = 3;
/// A step that lasts so long makes failures before it forgotten.
const PROVEN: Duration = Duration::from_secs(60);
/// Loss beyond that of before, at which a try is given up: chance makes half of it.
const LOST_BY_PROBE: f32 = 0.12;
/// The queue at which a try is given up.
const QUEUED_BY_PROBE: Duration = Duration::from_millis(50);
/// A keyframe that a move waits for comes within this time, or the move is decided anew.
const MOVE_PATIENCE: Duration = Duration::from_secs(5);

/// The state of one viewer.
pub struct Auto {
    estimator: Estimator,
    /// And how the way was before it.
    probe: Option<(Probe, Before)>,
    probed: Probed,
    pinned: Option<usize>,
    current: usize,
    moved: Instant,
    /// The last move was up.
    climbed: bool,
    /// Where it is about to go, and since when.
    moving: Option<(usize, Instant)>,
    short_since: Option<Instant>,
    retry: Instant,
    failed_probes: usize,
    failed_steps: u32,
    decided: Option<Instant>,
}

impl Auto {
    /// For a viewer that starts at a rung; [`policy::start`] names one.
    pub fn new(now: Instant, current: usize) -> Self {
        Auto {
            estimator: Estimator::new(now),
            probe: None,
            probed: Probed::Not,
            pinned: None,
            current,
            moved: now,
            climbed: false,
            moving: None,
            short_since: None,
            retry: now,
            failed_probes: 0,
            failed_steps: 0,
            decided: None,
        }
    }

    /// What the way carries.
    pub fn estimator(&self) -> &Estimator {
        &self.estimator
    }

    /// A packet leaves, of so many bytes in all: media, retransmission or padding. Returns its transport-wide number.
    #[inline]
    pub fn sent(&mut self, now: Instant, bytes: usize) -> u16 {
        if let Some((probe, _)) = &mut self.probe {
            probe.sent(bytes);
        }
        self.estimator.sent(now, bytes)
    }

    /// An RTCP packet with transport-wide feedback came, whole.
    pub fn feedback(&mut self, now: Instant, raw: &[u8]) {
        self.estimator.feedback(now, raw);
    }

    /// The viewer wants one rung, or the best for its way.
    pub fn pin(&mut self, rung: Option<usize>) {
        self.pinned = rung;
        self.moving = None;
        if rung.is_some() {
            (self.probe, self.probed) = (None, Probed::Not);
        }
    }

    /// Where it is about to go: what [`Auto::decide`] named last, while that stands and was not made.
    pub fn heading(&self) -> Option<usize> {
        self.moving.map(|(to, _)| to)
    }

    /// The rungs have other places than before; the viewer gets what it got.
    pub fn renumber(&mut self, current: usize) {
        self.current = current;
        (self.moving, self.probe, self.probed, self.short_since) = (None, None, Probed::Not, None);
    }

    /// The viewer gets another rung from now on. To be told of each move that was made.
    pub fn moved(&mut self, now: Instant, to: usize) {
        let failed = to < self.current && self.climbed && now.saturating_duration_since(self.moved) < LASTING;
        if failed {
            self.retry = self.retry.max(now + AFTER_FAILED_STEP * 2u32.pow(self.failed_steps.min(DOUBLINGS)));
            self.failed_steps += 1;
        } else if to < self.current {
            self.retry = self.retry.max(now + AFTER_DOWN);
        }
        self.climbed = to > self.current;
        self.failed_probes = 0;
        (self.current, self.moved, self.moving) = (to, now, None);
        (self.probe, self.probed, self.short_since) = (None, Probed::Not, None);
    }

    /// Decides where the viewer should go; to be called some times each 100 ms. The ladder has the video of each rendition,
    /// from the lowest to the best; its indexes are those of the moves. A move is named once, and again where it was not made
    /// within 5 s; a lower one overrides it. Never a probe: that is between [`Auto::padding`] and this.
    pub fn decide(&mut self, now: Instant, ladder: &[Rung]) -> Choice {
        if self.decided.is_some_and(|last| now.saturating_duration_since(last) < DECIDE_EVERY) {
            return Choice::Stay;
        }
        self.decided = Some(now);
        self.estimator.tick(now);
        self.judge(now);
        let facts = self.facts(now, ladder);
        if facts.settled >= PROVEN {
            self.failed_steps = 0;
        }
        let choice = policy::choose(ladder, &facts);
        let to = match choice {
            Choice::Stay => {
                self.moving = None;
                return Choice::Stay;
            }
            Choice::Probe { bits_per_second, .. } => {
                if self.moving.is_none() {
                    let from = self
                        .estimator
                        .delivered()
                        .unwrap_or(ladder[self.current.min(ladder.len() - 1)].bits_per_second);
                    self.probe = Some((Probe::new(now, from, bits_per_second), self.estimator.before()));
                    self.probed = Probed::Running;
                }
                return Choice::Stay;
            }
            Choice::Up(to) | Choice::Down { to, .. } => to,
        };
        let told = self
            .moving
            .is_some_and(|(there, since)| there == to && now.saturating_duration_since(since) < MOVE_PATIENCE);
        if told {
            return Choice::Stay;
        }
        self.moving = Some((to, now));
        if to < self.current {
            self.probe = None;
        }
        choice
    }

    /// Bytes of padding to send now, as packets of the RTX stream; to be called every 10 ms or so.
    pub fn padding(&mut self, now: Instant) -> usize {
        self.probe.as_mut().map_or(0, |(probe, _)| probe.padding(now))
    }

    /// Whether [`Auto::padding`] may want something soon.
    pub fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    fn judge(&mut self, now: Instant) {
        let Some((probe, before)) = &self.probe else { return };
        let before = *before;
        let way = &self.estimator;
        let congested =
            way.congested() || way.recent_loss() > before.loss() + LOST_BY_PROBE || way.queueing() > QUEUED_BY_PROBE;
        match probe.verdict(now, way.delivered(), before.loss(), congested) {
            Verdict::Open => {}
            Verdict::Carried(rate) => {
                (self.probe, self.probed, self.failed_probes) = (None, Probed::Carried(rate), 0);
            }
            Verdict::Failed => {
                let wait = AFTER_FAILED_PROBE[self.failed_probes.min(AFTER_FAILED_PROBE.len() - 1)];
                (self.probe, self.probed, self.retry) = (None, Probed::Not, self.retry.max(now + wait));
                self.failed_probes += 1;
                self.estimator.pardon(before);
            }
        }
    }

    fn facts(&mut self, now: Instant, ladder: &[Rung]) -> Facts {
        let way = &self.estimator;
        let estimate = way.bits_per_second();
        let short = match (estimate, ladder.get(self.current)) {
            (Some(estimate), Some(rung)) => policy::falls_short(estimate, rung),
            _ => false,
        };
        self.short_since = if short { self.short_since.or(Some(now)) } else { None };
        Facts {
            current: self.current,
            pinned: self.pinned,
            estimate,
            short_for: self.short_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            loss: way.loss(),
            congested: !way.clear(),
            settled: now.saturating_duration_since(self.moved),
            wait: self.retry.saturating_duration_since(now),
            probed: self.probed,
        }
    }
}
