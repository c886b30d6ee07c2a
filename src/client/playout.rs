//! Follows when frames become complete: rate and freezes, as a viewer would feel them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames that the average interval is taken over, as browsers do.
const WINDOW: usize = 30;
/// Added to the average interval to tell a freeze (webrtc-stats, `freezeCount`).
const SLACK: Duration = Duration::from_millis(150);

/// Frame times of one video track.
#[derive(Clone, Debug, Default)]
pub struct Playout {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    pub frames: u64,
    pub keyframes: u64,
    pub freezes: u64,
    pub freeze_time: Duration,
    pub longest_gap: Duration,
}

impl Playout {
    /// A frame became complete at `at`.
    pub fn frame(&mut self, at: Instant, keyframe: bool) {
        self.frames += 1;
        self.keyframes += u64::from(keyframe);
        let Some(last) = self.last.replace(at) else { return };
        let interval = at.saturating_duration_since(last);
        self.longest_gap = self.longest_gap.max(interval);
        if self.is_freeze(interval) {
            self.freezes += 1;
            self.freeze_time += interval;
        }
        if self.intervals.len() == WINDOW {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    /// A gap longer than `max(3 x average, average + 150 ms)` (webrtc-stats, `freezeCount`).
    fn is_freeze(&self, interval: Duration) -> bool {
        // The burst of a join is no yardstick: wait until the average means something.
        if self.intervals.len() < WINDOW {
            return false;
        }
        let average = self.intervals.iter().sum::<Duration>() / WINDOW as u32;
        interval > (average * 3).max(average + SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_gaps_are_freezes() {
        for (gap_ms, freezes) in [(33, 0), (180, 0), (190, 1), (1000, 1)] {
            let mut playout = Playout::default();
            let mut now = Instant::now();
            for frame in 0..60 {
                playout.frame(now, frame == 0);
                now += Duration::from_millis(33);
            }
            now += Duration::from_millis(gap_ms - 33);
            playout.frame(now, false);
            assert_eq!((playout.freezes, playout.frames, playout.keyframes), (freezes, 61, 1), "{gap_ms}");
            assert_eq!(playout.freeze_time.as_millis() as u64, freezes * gap_ms);
        }
    }
}
