//! Which rendition a viewer should get: a pure function of the ladder and of what is known of the viewer.

use std::time::Duration;

/// The estimate must reach this share of the rung's rate, or the rung is too much: rates are means, and the estimate has its
/// own margin.
const ENOUGH: f64 = 0.95;
/// How long the estimate must fall short before a step down: one bad report is no reason.
const SHORT_FOR: Duration = Duration::from_millis(250);
/// Below this share of the rate a step down needs no second look.
const FAR_TOO_LITTLE: f64 = 0.6;
/// After a move the way is looked at for this long before the next step up.
const SETTLE: Duration = Duration::from_secs(1);
/// A probe sends this much of the next rung's rate.
const PROBE: f64 = 1.15;
/// Rungs of at most this rate, in bits a second, are tried together: what the best of them takes is no burden for any way that
/// carries a picture at all, and one after the other would take many seconds.
const TOGETHER: u64 = 200_000;
/// More loss forbids to try more.
const HIGH_LOSS: f32 = 0.10;
/// Without any knowledge a viewer starts with the best rung of at most this, in bits a second: a weak mobile link carries it.
const START: u64 = 1_500_000;

/// One rendition of a stream. A ladder has them from the lowest to the best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// Mean of the video's last seconds; 0: not known yet.
    pub bits_per_second: u64,
    /// Packets come: a publisher may stop a layer.
    pub active: bool,
}

/// What became of trying more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probed {
    /// Nothing was tried since the last move.
    #[default]
    Not,
    /// Being tried.
    Running,
    /// The way carried so many bits a second.
    Carried(u64),
}

/// What is known of a viewer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Index of the rung that it gets.
    pub current: usize,
    /// The rung that it asked for, if it did.
    pub pinned: Option<usize>,
    /// Bits a second that its way carries; none: not known yet.
    pub estimate: Option<u64>,
    /// How long the estimate has been below what the current rung needs; see [`falls_short`].
    pub short_for: Duration,
    /// Share of lost packets, 0 to 1.
    pub loss: f32,
    /// More is sent than the way carries.
    pub congested: bool,
    /// Time since the last move.
    pub settled: Duration,
    /// Time until more may be tried, as failures cost patience.
    pub wait: Duration,
    pub probed: Probed,
}

/// What to do with a viewer. Indexes are the ladder's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Stay,
    /// Go to a better rung at its next keyframe.
    Up(usize),
    /// Go to a lower rung at its next keyframe. `at_once`: send no more of the current one until then, it would only fill the
    /// queue.
    Down {
        to: usize,
        at_once: bool,
    },
    /// Try whether the way carries this rate, for the sake of the rung `to`.
    Probe {
        to: usize,
        bits_per_second: u64,
    },
}

/// The rung for a viewer of whom nothing is known. 0 where none is active.
pub fn start(ladder: &[Rung]) -> usize {
    let fits = |rung: &Rung| rung.active && rung.bits_per_second <= START;
    ladder.iter().rposition(fits).or_else(|| ladder.iter().position(|rung| rung.active)).unwrap_or_default()
}

/// Whether an estimate is less than a rung needs.
pub fn falls_short(estimate: u64, rung: &Rung) -> bool {
    (estimate as f64) < rung.bits_per_second as f64 * ENOUGH
}

/// Decides. An index beyond the ladder is taken as its last rung.
pub fn choose(ladder: &[Rung], viewer: &Facts) -> Choice {
    let Some(last) = ladder.len().checked_sub(1) else { return Choice::Stay };
    let current = viewer.current.min(last);
    if let Some(pinned) = viewer.pinned {
        return go(current, nearest(ladder, pinned.min(last)));
    }
    let rung = &ladder[current];
    if !rung.active {
        return go(current, nearest(ladder, current));
    }
    if let Some(estimate) = viewer.estimate.filter(|estimate| falls_short(*estimate, rung)) {
        let share = estimate as f64 / rung.bits_per_second.max(1) as f64;
        if viewer.short_for >= SHORT_FOR || share < FAR_TOO_LITTLE {
            let below = ladder[..current].iter();
            let fits = below.clone().rposition(|rung| rung.active && rung.bits_per_second <= estimate);
            let lowest = || ladder[..current].iter().position(|rung| rung.active);
            if let Some(to) = fits.or_else(lowest) {
                return Choice::Down { to, at_once: share < FAR_TOO_LITTLE };
            }
        }
        return Choice::Stay;
    }
    let mut better = (current + 1..ladder.len()).filter(|to| ladder[*to].active && ladder[*to].bits_per_second > 0);
    let Some(next) = better.next() else { return Choice::Stay };
    let to = better.take_while(|to| ladder[*to].bits_per_second <= TOGETHER).last().unwrap_or(next);
    let unwise = viewer.congested || viewer.loss > HIGH_LOSS || viewer.estimate.is_none();
    if unwise || viewer.probed == Probed::Running || viewer.settled < SETTLE {
        return Choice::Stay;
    }
    let needed = ladder[to].bits_per_second;
    match viewer.probed {
        Probed::Carried(rate) if rate >= needed => Choice::Up(to),
        _ if !viewer.wait.is_zero() => Choice::Stay,
        _ => Choice::Probe { to, bits_per_second: (needed as f64 * PROBE) as u64 },
    }
}

/// The active rung nearest to one: itself, else the next below, else the next above; itself where none is active.
fn nearest(ladder: &[Rung], wanted: usize) -> usize {
    let below = ladder[..=wanted].iter().rposition(|rung| rung.active);
    below.or_else(|| ladder.iter().position(|rung| rung.active)).unwrap_or(wanted)
}

fn go(from: usize, to: usize) -> Choice {
    match to.cmp(&from) {
        std::cmp::Ordering::Less => Choice::Down { to, at_once: false },
        std::cmp::Ordering::Equal => Choice::Stay,
        std::cmp::Ordering::Greater => Choice::Up(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn ladder(rates: [u64; 3]) -> [Rung; 3] {
        rates.map(|rate| Rung { bits_per_second: rate * 1_000, active: rate > 0 })
    }

    /// A viewer of whom all is well.
    fn well(current: usize, estimate: u64) -> Facts {
        Facts { current, estimate: Some(estimate * 1_000), settled: LONG, ..Facts::default() }
    }

    #[test]
    fn viewers_are_moved_by_what_their_way_carries() {
        let down = |to, at_once| Choice::Down { to, at_once };
        let probe = |to, bits_per_second| Choice::Probe { to, bits_per_second };
        let short = |facts: Facts| Facts { short_for: Duration::from_millis(300), ..facts };
        let rows = [
            ("enough", well(2, 2_400), Choice::Stay),
            ("a moment too little", well(2, 2_000), Choice::Stay),
            ("too little for long", short(well(2, 2_000)), down(1, false)),
            ("far too little", well(2, 1_000), down(1, true)),
            ("a bad link", well(2, 255), down(0, true)),
            ("worse than the lowest", well(2, 40), down(0, true)),
            ("the lowest has nothing below", short(well(0, 40)), Choice::Stay),
            (
                "short wins over a probe",
                Facts { probed: Probed::Carried(9_000_000), ..short(well(1, 300)) },
                down(0, false),
            ),
            ("more may be tried", well(0, 200), probe(1, 575_000)),
            ("even with a high estimate: it was not tried", well(1, 9_000), probe(2, 2_875_000)),
            ("not yet", Facts { wait: Duration::from_millis(1), ..well(0, 200) }, Choice::Stay),
            ("just moved", Facts { settled: Duration::from_millis(900), ..well(0, 200) }, Choice::Stay),
            ("congested", Facts { congested: true, ..well(0, 200) }, Choice::Stay),
            ("lossy", Facts { loss: 0.2, ..well(0, 200) }, Choice::Stay),
            ("a little loss is the air", Facts { loss: 0.06, ..well(0, 200) }, probe(1, 575_000)),
            ("being tried", Facts { probed: Probed::Running, ..well(0, 200) }, Choice::Stay),
            ("carried", Facts { probed: Probed::Carried(520_000), ..well(0, 520) }, Choice::Up(1)),
            ("carried too little", Facts { probed: Probed::Carried(480_000), ..well(0, 480) }, probe(1, 575_000)),
            ("nothing known", Facts { estimate: None, ..well(0, 0) }, Choice::Stay),
            ("the best has nothing above", well(2, 9_000), Choice::Stay),
            ("beyond the ladder", well(7, 9_000), Choice::Stay),
        ];
        for (what, facts, expected) in rows {
            assert_eq!(choose(&ladder([150, 500, 2_500]), &facts), expected, "{what}");
        }
        assert_eq!(choose(&[], &well(0, 9_000)), Choice::Stay);
    }

    #[test]
    fn a_pinned_rung_is_kept_whatever_the_way_carries() {
        let pinned =
            |current, pinned| Facts { pinned: Some(pinned), short_for: LONG, congested: true, ..well(current, 40) };
        let rows = [
            ([150, 500, 2_500], pinned(2, 2), Choice::Stay),
            ([150, 500, 2_500], pinned(0, 2), Choice::Up(2)),
            ([150, 500, 2_500], pinned(2, 0), Choice::Down { to: 0, at_once: false }),
            ([150, 500, 0], pinned(2, 2), Choice::Down { to: 1, at_once: false }),
            ([0, 500, 2_500], pinned(2, 0), Choice::Down { to: 1, at_once: false }),
            ([0, 0, 0], pinned(2, 2), Choice::Stay),
            ([150, 500, 2_500], pinned(0, 9), Choice::Up(2)),
        ];
        for (rates, facts, expected) in rows {
            assert_eq!(choose(&ladder(rates), &facts), expected, "{rates:?} {facts:?}");
        }
    }

    #[test]
    fn rungs_that_stand_still_are_skipped() {
        let carried = Facts { probed: Probed::Carried(9_000_000), ..well(0, 9_000) };
        let bad = Facts { short_for: LONG, ..well(2, 300) };
        let rows = [
            ([150, 0, 2_500], carried, Choice::Up(2)),
            ([150, 500, 0], Facts { current: 1, ..carried }, Choice::Stay),
            ([0, 500, 2_500], carried, Choice::Up(1)),
            ([150, 500, 0], well(2, 9_000), Choice::Down { to: 1, at_once: false }),
            ([0, 500, 2_500], bad, Choice::Down { to: 1, at_once: true }),
            ([0, 0, 2_500], bad, Choice::Stay),
        ];
        for (rates, facts, expected) in rows {
            assert_eq!(choose(&ladder(rates), &facts), expected, "{rates:?} {facts:?}");
        }
        // Active, but of a rate that nobody knows yet: nothing to aim at.
        let unknown = [Rung { bits_per_second: 150_000, active: true }, Rung { bits_per_second: 0, active: true }];
        assert_eq!(choose(&unknown, &carried), Choice::Stay);
    }

    #[test]
    fn small_rungs_are_tried_together() {
        let probe = |to, bits_per_second| Choice::Probe { to, bits_per_second };
        let carried = |current, rate| Facts { probed: Probed::Carried(rate), ..well(current, rate / 1_000) };
        let rows = [
            ([20, 40, 150], well(0, 30), probe(2, 172_500)),
            ([20, 40, 900], well(0, 30), probe(1, 46_000)),
            ([20, 500, 900], well(0, 30), probe(1, 575_000)),
            ([20, 40, 150], carried(0, 160_000), Choice::Up(2)),
            ([20, 0, 150], well(0, 30), probe(2, 172_500)),
        ];
        for (rates, facts, expected) in rows {
            assert_eq!(choose(&ladder(rates), &facts), expected, "{rates:?} {facts:?}");
        }
    }

    #[test]
    fn viewers_start_where_a_weak_link_can_follow() {
        let rows =
            [([150, 500, 2_500], 1), ([150, 500, 1_400], 2), ([0, 2_000, 5_000], 1), ([0, 0, 0], 0), ([150, 0, 0], 0)];
        for (rates, expected) in rows {
            assert_eq!(start(&ladder(rates)), expected, "{rates:?}");
        }
    }
}
