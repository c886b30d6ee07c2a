//! The slow lane: calls that run long take turns there, so that all of them together leave the machine to the media.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// CPU time after which a call is a long one. A call takes microseconds, one that checks a signature itself 0.3 ms.
pub(super) const SHORT: Duration = Duration::from_millis(5);
/// A turn in the lane: long beside a timer's millisecond, short beside a picture's 16.
pub(super) const TURN: Duration = Duration::from_millis(4);
/// One place in the lane for so many cores; there is always one. A place is used half of the time.
const CORES_PER_PLACE: usize = 4;

/// The lane of all plugins. Its turns are dates, not permits: a guest that waits for `http` in its turn holds up nobody.
#[derive(Debug)]
pub(super) struct Lane(Mutex<Turns>);

/// Whose turn begins when.
#[derive(Debug)]
struct Turns {
    places: u32,
    /// When the next turn is to be had.
    next: Option<Instant>,
}

impl Lane {
    /// A lane for a machine of so many cores.
    pub(super) fn new(cores: usize) -> Self {
        let places = u32::try_from(cores / CORES_PER_PLACE).unwrap_or(u32::MAX).max(1);
        Lane(Mutex::new(Turns { places, next: None }))
    }

    /// When a call that ran for `ran` up to `now` may go on.
    pub(super) fn turn(&self, now: Instant, ran: Duration) -> Instant {
        self.0.lock().expect("no holder of this lock panics").book(now, ran)
    }
}

impl Turns {
    /// Each call rests as long as it ran, and all of them together as long as the places ran.
    fn book(&mut self, now: Instant, ran: Duration) -> Instant {
        let rested = now + ran;
        let begin = self.next.map_or(rested, |next| next.max(rested));
        self.next = Some(begin + 2 * ran / self.places);
        begin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many calls that never end, for so long, on a machine of so many cores; returns the CPU time of each.
    fn run(calls: usize, cores: usize, length: Duration) -> Vec<Duration> {
        let (lane, start) = (Lane::new(cores), Instant::now());
        let mut used = vec![Duration::ZERO; calls];
        // The ends of turns under way, the earliest first: all began at once.
        let mut ends: std::collections::BTreeSet<_> = (0..calls).map(|call| (start + TURN, call)).collect();
        while let Some((end, call)) = ends.pop_first().filter(|(end, _)| *end <= start + length) {
            used[call] += TURN;
            ends.insert((lane.turn(end, TURN) + TURN, call));
        }
        used
    }

    #[test]
    fn alone_a_call_has_half_a_core_and_together_all_have_what_the_places_give() {
        let second = Duration::from_secs(1);
        // calls, cores, ms of CPU in a second; the first turn of each is before the lane.
        for (calls, cores, all) in
            [(1, 1, 500), (1, 2, 500), (1, 64, 500), (2, 2, 500), (120, 2, 500), (8, 16, 2_000), (120, 16, 2_000)]
        {
            let used = run(calls, cores, second);
            let (sum, before) = (used.iter().sum::<Duration>(), TURN * u32::try_from(calls).unwrap());
            let all = Duration::from_millis(all);
            assert!(sum + 2 * TURN >= all && sum <= all + before + TURN, "{calls} on {cores}: {sum:?}");
        }
    }

    #[test]
    fn turns_go_round() {
        let used = run(10, 2, Duration::from_secs(10));
        let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
        assert!(*most - *least <= TURN, "{used:?}");
    }

    #[test]
    fn who_ran_longer_rests_longer_and_idle_time_is_not_saved_up() {
        let (lane, start) = (Lane::new(2), Instant::now());
        let ms = Duration::from_millis;
        // now, ran, begins; in ms.
        for (now, ran, begins) in [
            (10, 5, 15),
            (11, 4, 25),
            (40, 4, 44),
            (44, 4, 52),
            (1_000, 4, 1_004),
            (1_001, 4, 1_012),
            (1_001, 0, 1_020),
        ] {
            assert_eq!(lane.turn(start + ms(now), ms(ran)), start + ms(begins), "{now} {ran}");
        }
    }
}
