//! A window of packet indices that were seen (RFC 3711, 3.3.2).

/// Words of 64 packets. 1024 packets: half a second of a 20 Mbit/s stream, longer than a retransmission is of use.
const WORDS: usize = 16;
/// Packets that the window reaches back.
pub(super) const WINDOW: u64 = 64 * WORDS as u64;

/// Remembers which of the last [`WINDOW`] indices came. Bit `index % WINDOW` stands for an index in the window.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// A window whose first packet is `index`.
    pub(super) fn starting_with(index: u64) -> Self {
        let mut window = ReplayWindow { highest: index, seen: [0; WORDS] };
        window.set(index);
        window
    }

    /// The highest index accepted.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` is neither seen nor too old.
    pub(super) fn is_new(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        let (word, bit) = position(index);
        self.highest - index < WINDOW && self.seen[word] & bit == 0
    }

    /// Records an authentic packet that [`ReplayWindow::is_new`] let through.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.highest {
            if index - self.highest >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                for passed in self.highest + 1..index {
                    let (word, bit) = position(passed);
                    self.seen[word] &= !bit;
                }
            }
            self.highest = index;
        }
        self.set(index);
    }

    fn set(&mut self, index: u64) {
        let (word, bit) = position(index);
        self.seen[word] |= bit;
    }
}

/// The word and the bit of an index.
fn position(index: u64) -> (usize, u64) {
    ((index % WINDOW) as usize / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn agrees_with_a_set_of_all_indices() {
        for seed in 1..20u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut random = move |below: u64| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % below
            };
            let first = 3_000 + random(10_000);
            let mut window = ReplayWindow::starting_with(first);
            let mut seen = HashSet::from([first]);
            for _ in 0..5_000 {
                let back = 1 << random(12);
                let forward = 1 << random(12);
                let index = (window.highest() + random(forward)).saturating_sub(random(back));
                let expected = index + WINDOW > window.highest() && !seen.contains(&index);
                assert_eq!(window.is_new(index), expected, "seed {seed} index {index}");
                if expected {
                    window.accept(index);
                    seen.insert(index);
                    assert!(!window.is_new(index));
                }
            }
        }
    }
}
