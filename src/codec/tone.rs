//! The sound of the test source: 440 Hz left, 660 Hz right, soft, and a short beep with each second of the wall clock.

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// -20 dBFS, in samples of 16 bits.
const LEVEL: f32 = 3_276.8;
const LEFT_HZ: u32 = 440;
const RIGHT_HZ: u32 = 660;
const BEEP_HZ: u32 = 1_320;
/// 60 ms.
const BEEP_SAMPLES: u32 = 2_880;
/// Samples over which a beep rises and falls, so that it does not click.
const BEEP_EDGE: u32 = 240;

/// Makes samples, continuous over calls.
pub struct Tone {
    /// Position within a second: all tones are whole periods of it.
    position: u32,
    /// One second of each.
    left: Vec<i16>,
    right: Vec<i16>,
    /// Samples of the beep so far; `BEEP_SAMPLES` when silent.
    beep: u32,
    /// Second of the wall clock that had its beep.
    second: u64,
}

impl Tone {
    /// A tone that starts at phase zero.
    pub fn new() -> Self {
        let second = |hz: u32| (0..SAMPLE_RATE).map(|at| (LEVEL * sine(hz, at)) as i16).collect();
        Tone { position: 0, left: second(LEFT_HZ), right: second(RIGHT_HZ), beep: BEEP_SAMPLES, second: 0 }
    }

    /// Fills `samples` (left and right in turn); the first is played at `wall_ns` of the wall clock.
    pub fn fill(&mut self, samples: &mut [i16], wall_ns: u64) {
        let now = wall_ns / 1_000_000_000;
        let last = (wall_ns + samples.len() as u64 / 2 * 1_000_000_000 / u64::from(SAMPLE_RATE)) / 1_000_000_000;
        let first_call = self.second == 0;
        let start = if last > self.second && !first_call {
            let boundary = (last * 1_000_000_000).saturating_sub(wall_ns);
            if now >= last { 0 } else { (boundary * u64::from(SAMPLE_RATE) / 1_000_000_000) as usize }
        } else {
            usize::MAX
        };
        self.second = self.second.max(last);
        for (index, pair) in samples.chunks_exact_mut(2).enumerate() {
            if index == start {
                self.beep = 0;
            }
            let beep = self.next_beep();
            let at = self.position as usize;
            pair[0] = self.left[at].saturating_add(beep);
            pair[1] = self.right[at].saturating_add(beep);
            self.position = (self.position + 1) % SAMPLE_RATE;
        }
    }

    /// Passes over `pairs` of samples that are not played.
    pub fn skip(&mut self, pairs: u64) {
        self.position = ((u64::from(self.position) + pairs) % u64::from(SAMPLE_RATE)) as u32;
        self.beep = BEEP_SAMPLES;
    }

    fn next_beep(&mut self) -> i16 {
        if self.beep >= BEEP_SAMPLES {
            return 0;
        }
        let at = self.beep;
        self.beep += 1;
        let edge = at.min(BEEP_SAMPLES - at).min(BEEP_EDGE);
        (LEVEL * 1.5 * sine(BEEP_HZ, at) * edge as f32 / BEEP_EDGE as f32) as i16
    }
}

impl Default for Tone {
    fn default() -> Self {
        Tone::new()
    }
}

fn sine(hz: u32, at: u32) -> f32 {
    let turns = f64::from(hz) * f64::from(at) / f64::from(SAMPLE_RATE);
    (turns.fract() * std::f64::consts::TAU).sin() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of `hz` is in one channel, 0 to 1 against full scale.
    fn amplitude(samples: &[i16], channel: usize, hz: u32) -> f32 {
        let (mut re, mut im) = (0.0, 0.0);
        let channel: Vec<_> = samples.chunks_exact(2).map(|pair| f32::from(pair[channel])).collect();
        for (at, sample) in channel.iter().enumerate() {
            re += sample * sine(hz, at as u32);
            im += sample * sine(hz, at as u32 + SAMPLE_RATE / hz / 4);
        }
        (re.hypot(im) * 2.0 / channel.len() as f32) / 32_768.0
    }

    #[test]
    fn channels_have_their_tones_without_a_break() {
        let mut tone = Tone::new();
        let mut samples = vec![0i16; 96_000];
        for (index, part) in samples.chunks_exact_mut(1_920).enumerate() {
            // All within one second of the clock: no beep.
            tone.fill(part, 5_000_000_000 + index as u64);
        }
        for (channel, hz, other) in [(0, LEFT_HZ, RIGHT_HZ), (1, RIGHT_HZ, LEFT_HZ)] {
            assert!((0.095..0.105).contains(&amplitude(&samples, channel, hz)));
            assert!(amplitude(&samples, channel, other) < 0.001);
        }
        let jump = samples.windows(3).map(|pair| (i32::from(pair[2]) - i32::from(pair[0])).abs()).max();
        assert!(jump < Some(400), "{jump:?}");
    }

    #[test]
    fn each_second_beeps_once() {
        let mut tone = Tone::new();
        let mut starts = Vec::new();
        let mut samples = [0i16; 1_920];
        for frame in 0..150u64 {
            // The clock jitters by up to 3 ms.
            let wall = 7_004_000_000 + frame * 20_000_000 + frame % 3 * 1_500_000;
            let silent = tone.beep >= BEEP_SAMPLES;
            tone.fill(&mut samples, wall);
            if silent && tone.beep < BEEP_SAMPLES {
                starts.push(wall / 100_000_000);
            }
        }
        assert_eq!(starts, [79, 89, 99]);
    }
}
