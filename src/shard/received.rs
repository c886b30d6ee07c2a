//! Which packets of a source have come: duplicates are told apart, and losses counted.

/// How far back a packet may come: more than the NACK generator remembers.
const WINDOW: usize = 1_024;

/// The last `WINDOW` sequence numbers of one source.
#[derive(Clone, Debug)]
pub struct Received {
    bits: Box<[u64; WINDOW / 64]>,
    first: Option<u64>,
    highest: u64,
    count: u64,
    given_up: u64,
}

impl Default for Received {
    fn default() -> Self {
        Received { bits: Box::new([0; WINDOW / 64]), first: None, highest: 0, count: 0, given_up: 0 }
    }
}

impl Received {
    /// Notes an extended sequence number. False when it has come before, or is too old to tell.
    pub fn insert(&mut self, seq: u64) -> bool {
        match self.first {
            None => {
                self.first = Some(seq);
                self.highest = seq;
            }
            Some(first) if seq > self.highest => {
                // What the window moves over will not be taken any more.
                let over = (seq - self.highest).saturating_sub(WINDOW as u64);
                self.given_up += over;
                for passed in (self.highest + 1..=seq).take(WINDOW) {
                    let left = passed.checked_sub(WINDOW as u64).is_some_and(|oldest| oldest >= first);
                    self.given_up += u64::from(left && !self.get(passed));
                    self.set(passed, false);
                }
                self.highest = seq;
            }
            Some(first) => {
                if self.highest - seq >= WINDOW as u64 || self.get(seq) {
                    return false;
                }
                self.first = Some(first.min(seq));
            }
        }
        self.set(seq, true);
        self.count += 1;
        true
    }

    /// How many have come.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many are missing between the first and the highest.
    pub fn missing(&self) -> u64 {
        self.first.map_or(0, |first| (self.highest - first + 1).saturating_sub(self.count))
    }

    /// How many were missing when they became too old to be taken. Only rises.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    fn get(&self, seq: u64) -> bool {
        let index = (seq % WINDOW as u64) as usize;
        self.bits[index / 64] >> (index % 64) & 1 == 1
    }

    fn set(&mut self, seq: u64, value: bool) {
        let index = (seq % WINDOW as u64) as usize;
        let bit = 1 << (index % 64);
        if value {
            self.bits[index / 64] |= bit;
        } else {
            self.bits[index / 64] &= !bit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_and_gaps_counted() {
        let mut received = Received::default();
        for (seq, fresh, missing) in [
            (100, true, 0),
            (101, true, 0),
            (101, false, 0),
            (105, true, 3),
            (103, true, 2),
            (103, false, 2),
            (99, true, 2),
            (100, false, 2),
            (105 + 1_023, true, 1_024),
            (105, false, 1_024),
            (104, false, 1_024),
            (9_000, true, 8_895),
            (8_999, true, 8_894),
            (8_999, false, 8_894),
        ] {
            assert_eq!(received.insert(seq), fresh, "{seq}");
            assert_eq!(received.missing(), missing, "{seq}");
        }
    }

    #[test]
    fn what_leaves_the_window_missing_is_given_up() {
        let mut received = Received::default();
        for seq in (1_000..6_000).filter(|seq| seq % 10 != 0 || *seq == 1_000) {
            assert!(received.insert(seq));
        }
        // 1,010 to 4,970: older than the window, which ends at 5,999.
        assert_eq!(received.given_up(), 397);
        assert!(received.insert(105_999));
        assert_eq!(received.given_up() + 1_023, received.missing(), "all but what may still come");
    }
}
