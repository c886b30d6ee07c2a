//! One timeline for all tracks of a publisher: RTP timestamps to the server's wall clock, without jumps between tracks.

use crate::hub::TrackClock;
use std::sync::Arc;

/// The offset between two clocks is the least seen in this many samples: the one with the least delay in it.
const OFFSET_SAMPLES: usize = 16;
/// A larger error is a clock that was set, not drift: it is followed at once.
const JUMP_NS: i64 = 500_000_000;
/// How much of an error is mended with each sample: drift is followed over some seconds, jitter is not.
const SLEW: i64 = 8;
/// So many samples in a row far above the least mean that a clock was set back, not that they were late.
const OUTLIERS: usize = 3;

/// Follows a publisher's clocks.
#[derive(Debug)]
pub struct Timeline {
    tracks: Vec<Track>,
    /// Server's wall clock minus the publisher's, with the least delay.
    offset: Estimate,
    clocks: Arc<[TrackClock]>,
}

#[derive(Debug)]
struct Track {
    rate: u32,
    /// The newest sender report: extended RTP timestamp, publisher's wall clock in nanoseconds.
    report: Option<(u64, u64)>,
    /// Arrival minus media time, while there is no report.
    arrival: Estimate,
}

/// The least of the last samples, followed slowly.
#[derive(Debug, Default)]
struct Estimate {
    samples: Vec<i64>,
    next: usize,
    value: Option<i64>,
    /// Samples in a row that are far above the least.
    outliers: usize,
}

impl Estimate {
    fn sample(&mut self, sample: i64) {
        if self.samples.len() < OFFSET_SAMPLES {
            self.samples.push(sample);
        } else {
            self.samples[self.next % OFFSET_SAMPLES] = sample;
        }
        self.next += 1;
        let least = self.samples.iter().copied().min().unwrap_or(sample);
        self.outliers = if sample - least >= JUMP_NS { self.outliers + 1 } else { 0 };
        if self.outliers >= OUTLIERS {
            *self = Estimate { samples: vec![sample], next: 1, value: Some(sample), outliers: 0 };
            return;
        }
        self.value = Some(match self.value {
            Some(value) if (least - value).abs() < JUMP_NS => value + (least - value) / SLEW,
            _ => least,
        });
    }
}

impl Timeline {
    /// `rates`: the RTP clock rate of each track in Hz.
    pub fn new(rates: impl IntoIterator<Item = u32>) -> Self {
        let tracks: Vec<Track> =
            rates.into_iter().map(|rate| Track { rate, report: None, arrival: Estimate::default() }).collect();
        let clocks = tracks.iter().map(|track| TrackClock { rate: track.rate, ..TrackClock::default() }).collect();
        Timeline { tracks, offset: Estimate::default(), clocks }
    }

    /// The present mapping of each track.
    pub fn clocks(&self) -> &Arc<[TrackClock]> {
        &self.clocks
    }

    /// A packet of a track arrived: used while its publisher has sent no report. Call it for first packets of frames.
    pub fn packet(&mut self, track: usize, timestamp: u64, wall_ns: u64) {
        if self.reported() {
            return;
        }
        let Some(entry) = self.tracks.get_mut(track) else { return };
        let media_ns = ticks_to_ns(timestamp, entry.rate);
        entry.arrival.sample(wall_ns as i64 - media_ns);
        self.update();
    }

    /// A sender report of a track came: its RTP timestamp (extended) belongs to the publisher's wall clock `ntp_ns`.
    pub fn report(&mut self, track: usize, timestamp: u64, ntp_ns: u64, wall_ns: u64) {
        let Some(entry) = self.tracks.get_mut(track) else { return };
        entry.report = Some((timestamp, ntp_ns));
        self.offset.sample(wall_ns as i64 - ntp_ns as i64);
        self.update();
    }

    /// Reports of all tracks are there: from then on they alone say how sound and picture belong together.
    fn reported(&self) -> bool {
        self.tracks.iter().all(|track| track.report.is_some())
    }

    fn update(&mut self) {
        let reported = self.reported();
        self.clocks = self
            .tracks
            .iter()
            .map(|track| match (track.report, self.offset.value, track.arrival.value) {
                (Some((timestamp, ntp_ns)), Some(offset), _) if reported => {
                    TrackClock { timestamp, wall_ns: (ntp_ns as i64 + offset) as u64, rate: track.rate }
                }
                (_, _, Some(arrival)) => TrackClock { timestamp: 0, wall_ns: arrival as u64, rate: track.rate },
                _ => TrackClock { rate: track.rate, ..TrackClock::default() },
            })
            .collect();
    }
}

fn ticks_to_ns(ticks: u64, rate: u32) -> i64 {
    (i128::from(ticks) * 1_000_000_000 / i128::from(rate.max(1))) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const START: u64 = 1_700_000_000_000 * MS;

    #[test]
    fn reports_place_both_tracks_on_one_line() {
        let mut timeline = Timeline::new([90_000, 48_000]);
        // The publisher's clock is 40 s behind ours; video timestamps start at 1,000,000, audio at 5,000,000.
        let publisher = |ms: u64| START + ms * MS - 40_000 * MS;
        timeline.packet(0, 1_000_000, START + 30 * MS);
        timeline.packet(1, 5_000_000, START + 10 * MS);
        timeline.report(0, 1_000_000 + 90 * 100, publisher(100), START + 105 * MS);
        timeline.report(1, 5_000_000 + 48 * 100, publisher(100), START + 103 * MS);
        let clocks = timeline.clocks();
        let video = clocks[0].wall_at(1_000_000 + 90 * 1_000);
        let audio = clocks[1].wall_at(5_000_000 + 48 * 1_000);
        assert_eq!(video, audio, "the same instant of the publisher");
        assert!(video.abs_diff(START + 1_000 * MS) < 6 * MS, "and the server's clock, within the transit: {video}");
        assert_eq!(clocks[0].timestamp_at(video), 1_000_000 + 90 * 1_000);
    }

    #[test]
    fn drift_is_followed_and_jitter_is_not() {
        let mut timeline = Timeline::new([90_000]);
        let mut last: Option<u64> = None;
        for second in 0..600u64 {
            // The publisher's clock loses 50 ppm; every third report is 80 ms late.
            let sent = START + second * 1_000 * MS;
            let ntp = sent - second * 50_000;
            let late = if second % 3 == 0 { 80 * MS } else { 2 * MS };
            timeline.report(0, second * 90_000, ntp, sent + late);
            let wall = timeline.clocks()[0].wall_at(second * 90_000);
            if second > 100 {
                assert!(wall.abs_diff(sent) < 5 * MS, "{second}: {}", wall as i64 - sent as i64);
                let step = wall - last.expect("there was one before");
                assert!(step.abs_diff(1_000 * MS) < MS, "no jumps: {step}");
            }
            last = Some(wall);
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        let mut timeline = Timeline::new([90_000]);
        for second in 0..20u64 {
            timeline.report(0, second * 90_000, START + second * 1_000 * MS, START + second * 1_000 * MS);
        }
        for second in 20..23u64 {
            let ntp = START + second * 1_000 * MS + 3_600_000 * MS;
            timeline.report(0, second * 90_000, ntp, START + second * 1_000 * MS);
        }
        let wall = timeline.clocks()[0].wall_at(22 * 90_000);
        assert!(wall.abs_diff(START + 22_000 * MS) < 2 * MS, "{}", wall as i64 - (START + 22_000 * MS) as i64);
    }
}
