//! How busy the shards are, and when that is too much for more viewers.

use super::worker::STALL;
use crate::observe::metrics::ShardMetrics;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is judged is the last second: long enough that one keyframe to a thousand viewers is no overload, short enough that
/// a rush is met before it is over.
const WINDOW: Duration = Duration::from_secs(1);
/// A shard whose turns took too long for so much of the window has media that is late, however idle it is between them.
const STALLED: f64 = 0.5;
/// An overloaded shard takes viewers again when its load is below this part of the limit,
const RELIEF: f64 = 0.8;
/// and has been for this long: who comes adds to it, and a shard that swings to and fro serves nobody well.
const CALM: Duration = Duration::from_secs(2);

/// What a shard has counted since it started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Time that its loop worked, the turn included that is under way.
    pub busy: Duration,
    /// The part of it in turns that made media late.
    pub stalled: Duration,
    /// UDP payload that it sent, in bytes.
    pub sent: u64,
}

impl Reading {
    /// What a shard's counters say at a time, in nanoseconds since the epoch of the shards. A shard that hangs counts nothing
    /// itself: its turn is measured from here.
    pub fn take(shard: &ShardMetrics, now_ns: u64) -> Reading {
        let began = shard.turn_began_ns.get();
        let turn = if began > 0 { Duration::from_nanos(now_ns.saturating_sub(began)) } else { Duration::ZERO };
        let late = if turn > STALL { turn } else { Duration::ZERO };
        Reading {
            busy: Duration::from_nanos(shard.loop_busy_ns.get()) + turn,
            stalled: Duration::from_nanos(shard.loop_stalled_ns.get()) + late,
            sent: shard.bytes_out.get(),
        }
    }
}

/// How busy one shard is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShardLoad {
    /// The part of the last second in which its loop worked: 0 to 1.
    pub share: f64,
    /// Whether it takes no more viewers.
    pub overloaded: bool,
}

/// How busy all are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    pub shards: Vec<ShardLoad>,
    /// Bits a second that all of them send.
    pub sent: u64,
}

impl Load {
    /// Whether no shard has room for a viewer. One that has none passes viewers on to the others.
    pub fn is_overloaded(&self) -> bool {
        !self.shards.is_empty() && self.shards.iter().all(|shard| shard.overloaded)
    }

    /// The shard that takes a viewer in place of one that is overloaded: the least busy of those that are not.
    pub(super) fn relief(&self, shard: usize) -> Option<usize> {
        self.shards.get(shard).filter(|shard| shard.overloaded)?;
        let free = self.shards.iter().enumerate().filter(|(_, other)| !other.overloaded);
        free.min_by(|(_, a), (_, b)| a.share.total_cmp(&b.share)).map(|(index, _)| index)
    }
}

/// Judges the shards by their readings. Fed the time.
#[derive(Debug, Default)]
pub struct LoadMeter {
    shards: Vec<Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    /// Readings of the window, and the last one from before it.
    readings: VecDeque<(Instant, Reading)>,
    overloaded: bool,
    /// Since when its load is low.
    calm: Option<Instant>,
}

impl LoadMeter {
    /// Takes a reading of each shard, several times a second. `limit`: the share from which on a shard is overloaded; none:
    /// none ever is.
    pub fn step(&mut self, now: Instant, readings: impl Iterator<Item = Reading>, limit: Option<f64>) -> Load {
        let mut load = Load::default();
        for (index, reading) in readings.enumerate() {
            if self.shards.len() <= index {
                self.shards.push(Meter::default());
            }
            let (shard, sent) = self.shards[index].step(now, reading, limit);
            load.shards.push(shard);
            load.sent += sent;
        }
        load
    }
}

impl Meter {
    fn step(&mut self, now: Instant, reading: Reading, limit: Option<f64>) -> (ShardLoad, u64) {
        self.readings.push_back((now, reading));
        while self.readings.get(1).is_some_and(|(at, _)| *at + WINDOW <= now) {
            self.readings.pop_front();
        }
        let (since, before) = self.readings[0];
        let span = now.saturating_duration_since(since).as_secs_f64();
        let part = |now: Duration, before: Duration| (now.saturating_sub(before).as_secs_f64() / span).min(1.0);
        let (share, stalled, sent) = if span > 0.0 {
            let sent = reading.sent.saturating_sub(before.sent) as f64 * 8.0 / span;
            (part(reading.busy, before.busy), part(reading.stalled, before.stalled), sent as u64)
        } else {
            (0.0, 0.0, 0)
        };
        self.judge(now, share, stalled, now >= since + WINDOW, limit);
        (ShardLoad { share, overloaded: self.overloaded }, sent)
    }

    fn judge(&mut self, now: Instant, share: f64, stalled: f64, whole_window: bool, limit: Option<f64>) {
        let Some(limit) = limit else {
            (self.overloaded, self.calm) = (false, None);
            return;
        };
        if whole_window && (share >= limit || stalled >= STALLED) {
            (self.overloaded, self.calm) = (true, None);
        } else if share >= limit * RELIEF || stalled >= STALLED / 2.0 {
            self.calm = None;
        } else if now >= *self.calm.get_or_insert(now) + CALM {
            self.overloaded = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(250);

    /// Runs a meter of one shard over shares of each quarter of a second, and tells in which it was overloaded.
    fn overloaded(shares: &[(f64, f64)], limit: Option<f64>) -> Vec<usize> {
        let (start, mut meter, mut reading) = (Instant::now(), LoadMeter::default(), Reading::default());
        let mut found = Vec::new();
        for (step, (busy, stalled)) in shares.iter().enumerate() {
            let load = meter.step(start + STEP * step as u32, std::iter::once(reading), limit);
            if load.is_overloaded() {
                found.push(step);
            }
            reading.busy += STEP.mul_f64(*busy);
            reading.stalled += STEP.mul_f64(*stalled);
        }
        found
    }

    fn row(parts: &[(usize, f64, f64)]) -> Vec<(f64, f64)> {
        parts.iter().flat_map(|(count, busy, stalled)| vec![(*busy, *stalled); *count]).collect()
    }

    #[test]
    fn a_shard_is_overloaded_by_a_busy_second_and_until_it_has_been_calm() {
        let limit = Some(0.9);
        // Reading n tells of the parts before it.
        let rows: [(&str, Vec<(f64, f64)>, Option<f64>, Vec<usize>); 9] = [
            ("idle", row(&[(40, 0.0, 0.0)]), limit, vec![]),
            ("busy, but not too busy", row(&[(40, 0.89, 0.0)]), limit, vec![]),
            ("too busy, known after a second", row(&[(8, 0.95, 0.0)]), limit, (4..8).collect()),
            ("a short burst", row(&[(8, 0.5, 0.0), (3, 1.0, 0.0), (20, 0.5, 0.0)]), limit, vec![]),
            // Calm at reading 12, when most of the busy second is over, and for eight more.
            ("over after two calm seconds", row(&[(9, 1.0, 0.0), (20, 0.5, 0.0)]), limit, (4..20).collect()),
            ("not while it is nearly too busy", row(&[(8, 1.0, 0.0), (20, 0.8, 0.0)]), limit, (4..28).collect()),
            ("a low limit is left as well", row(&[(8, 0.02, 0.0), (20, 0.007, 0.0)]), Some(0.01), (4..20).collect()),
            ("stalls make media late", row(&[(8, 0.6, 0.6)]), limit, (4..8).collect()),
            ("off", row(&[(20, 1.0, 1.0)]), None, vec![]),
        ];
        for (name, shares, limit, expected) in rows {
            assert_eq!(overloaded(&shares, limit), expected, "{name}");
        }
    }

    #[test]
    fn viewers_are_refused_when_no_shard_has_room_and_go_to_the_least_busy_before() {
        let load = |shards: &[(f64, bool)]| Load {
            shards: shards
                .iter()
                .map(|(share, overloaded)| ShardLoad { share: *share, overloaded: *overloaded })
                .collect(),
            sent: 0,
        };
        let rows = [
            (load(&[]), false, None),
            (load(&[(0.1, false)]), false, None),
            (load(&[(0.95, true)]), true, None),
            (load(&[(0.95, true), (0.99, true)]), true, None),
            (load(&[(0.7, false), (0.1, false)]), false, None),
            (load(&[(0.95, true), (0.5, false), (0.2, false), (0.1, true)]), false, Some(2)),
        ];
        for (load, overloaded, relief) in rows {
            assert_eq!((load.is_overloaded(), load.relief(0)), (overloaded, relief), "{load:?}");
        }
    }

    #[test]
    fn a_shard_that_hangs_is_seen_from_outside() {
        let shard = ShardMetrics::default();
        shard.loop_busy_ns.add(5_000_000_000);
        shard.turn_began_ns.set(70_000_000_000);
        shard.bytes_out.add(99);
        let short = Reading::take(&shard, 70_020_000_000);
        assert_eq!((short.busy, short.stalled, short.sent), (Duration::from_millis(5_020), Duration::ZERO, 99));
        let long = Reading::take(&shard, 71_000_000_000);
        assert_eq!((long.busy, long.stalled), (Duration::from_secs(6), Duration::from_secs(1)));
        shard.turn_began_ns.set(0);
        assert_eq!(Reading::take(&shard, 71_000_000_000).busy, Duration::from_secs(5));
    }

    #[test]
    fn what_is_sent_is_the_sum_of_the_last_second() {
        let (start, mut meter) = (Instant::now(), LoadMeter::default());
        let at = |step: u32, sent: u64| {
            let reading = Reading { sent, ..Reading::default() };
            (start + STEP * step, [reading, reading])
        };
        let rows = [(0, 1_000, 0), (1, 126_000, 8_000_000), (4, 126_000, 2_000_000), (8, 251_000, 2_000_000)];
        for (step, sent, expected) in rows {
            let (now, readings) = at(step, sent);
            assert_eq!(meter.step(now, readings.into_iter(), None).sent, expected, "{step}");
        }
    }
}
