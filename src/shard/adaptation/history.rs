//! What was sent to one viewer under transport-wide numbers, joined with what the viewer says of it.

/// Packets that are remembered: at 20 Mbit/s a second, at 2 Mbit/s ten. Feedback on what was forgotten is not believed.
pub const KEPT: usize = 2048;
/// A packet that is still missing when one that left this much later has come, is lost; until then it may be late.
const PATIENCE_US: u32 = 200_000;

/// One packet, in 8 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    /// Lower 32 bits of the time of departure in microseconds.
    at_us: u32,
    bytes: u16,
    fate: Fate,
}

/// What the viewer has said of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    /// Nothing: it is on its way, or the report on it got lost.
    #[default]
    Untold,
    Missing,
    Arrived,
}

/// A packet that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Counts the packets sent.
    pub number: u64,
    /// Microseconds of our clock; the zero is the history's first packet.
    pub departed_us: u64,
    pub bytes: u32,
}

/// The packets sent.
#[derive(Debug)]
pub struct History {
    sent: Box<[Sent; KEPT]>,
    /// The number that the next packet gets; the first is 0.
    next: u64,
    /// Packets before it have come or are given up.
    settled: u64,
    /// Departure of the newest packet that has come.
    newest_us: u64,
    /// Departure of the newest packet.
    last_us: u64,
}

impl Default for History {
    fn default() -> Self {
        History { sent: Box::new([Sent::default(); KEPT]), next: 0, settled: 0, newest_us: 0, last_us: 0 }
    }
}

impl History {
    /// Notes a packet that leaves now, and returns its transport-wide number. `now_us` never falls.
    pub fn sent(&mut self, now_us: u64, bytes: usize) -> u16 {
        let number = self.next;
        self.sent[number as usize % KEPT] =
            Sent { at_us: now_us as u32, bytes: bytes.min(usize::from(u16::MAX)) as u16, fate: Fate::Untold };
        self.next += 1;
        self.last_us = now_us;
        number as u16
    }

    /// The number that the next packet gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Whether anything is on its way.
    pub fn is_waiting(&self) -> bool {
        self.settled < self.next
    }

    /// The packet with this transport-wide number has come. `None`: it is unknown, or has come before.
    pub fn arrived(&mut self, sequence: u16) -> Option<Arrival> {
        let number = self.number(sequence)?;
        let sent = &mut self.sent[number as usize % KEPT];
        if std::mem::replace(&mut sent.fate, Fate::Arrived) == Fate::Arrived {
            return None;
        }
        let (at_us, bytes) = (sent.at_us, u32::from(sent.bytes));
        let departed_us = self.last_us - u64::from((self.last_us as u32).wrapping_sub(at_us));
        self.newest_us = self.newest_us.max(departed_us);
        Some(Arrival { number, departed_us, bytes })
    }

    /// The packet with this transport-wide number had not come when the viewer reported.
    pub fn missing(&mut self, sequence: u16) {
        if let Some(number) = self.number(sequence) {
            let fate = &mut self.sent[number as usize % KEPT].fate;
            if *fate == Fate::Untold {
                *fate = Fate::Missing;
            }
        }
    }

    /// A report got lost, and with it perhaps that some missing packets had come after all: what is not decided is untold.
    pub fn doubt(&mut self) {
        for number in self.settled.max(self.next.saturating_sub(KEPT as u64))..self.next {
            let fate = &mut self.sent[number as usize % KEPT].fate;
            if *fate == Fate::Missing {
                *fate = Fate::Untold;
            }
        }
    }

    /// How long ago the newest packet that has come left, in microseconds; none before any has.
    pub fn silence_us(&self, now_us: u64) -> Option<u64> {
        (self.settled > 0 || self.newest_us > 0).then(|| now_us.saturating_sub(self.newest_us))
    }

    /// Decides about packets that are old enough: `each` is told for every one that the viewer has spoken of, in order,
    /// its number and whether it was lost.
    pub fn settle(&mut self, mut each: impl FnMut(u64, bool)) {
        self.settled = self.settled.max(self.next.saturating_sub(KEPT as u64));
        while self.settled < self.next {
            let sent = self.sent[self.settled as usize % KEPT];
            let age = (self.newest_us as u32).wrapping_sub(sent.at_us) as i32;
            if sent.fate != Fate::Arrived && age < PATIENCE_US as i32 {
                break;
            }
            if sent.fate != Fate::Untold {
                each(self.settled, sent.fate == Fate::Missing);
            }
            self.settled += 1;
        }
    }

    /// The packet that a transport-wide number stands for, if it is remembered.
    fn number(&self, sequence: u16) -> Option<u64> {
        let behind = u64::from((self.next as u16).wrapping_sub(sequence));
        let number = self.next.checked_sub(behind)?;
        (behind > 0 && behind <= KEPT as u64).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(history: &mut History) -> Vec<bool> {
        let mut list = Vec::new();
        history.settle(|_, lost| list.push(lost));
        list
    }

    #[test]
    fn packets_are_found_once_over_the_wrap_of_their_numbers() {
        let mut history = History::default();
        for number in 0..200_000u64 {
            // 100 us apart: the clock's lower bits wrap, too.
            let now_us = u64::from(u32::MAX) - 10_000_000 + number * 100;
            let sequence = history.sent(now_us, 1_200);
            assert_eq!(sequence, number as u16);
            if number >= 1_000 {
                let expected = Arrival { number: number - 1_000, departed_us: now_us - 100_000, bytes: 1_200 };
                assert_eq!(history.arrived(sequence.wrapping_sub(1_000)), Some(expected));
                assert_eq!(history.arrived(sequence.wrapping_sub(1_000)), None, "told twice");
            }
            assert_eq!(history.arrived(sequence.wrapping_add(1)), None, "never sent");
            assert_eq!(history.arrived(sequence.wrapping_sub(2_049)), None, "forgotten");
            settled(&mut history);
        }
    }

    #[test]
    fn what_comes_late_is_not_lost() {
        let mut history = History::default();
        for number in 0..10 {
            history.sent(number * 50_000, 100);
        }
        let report = |history: &mut History, range: std::ops::Range<u16>, came: &[u16]| {
            for sequence in range {
                if came.contains(&sequence) {
                    assert!(history.arrived(sequence).is_some());
                } else {
                    history.missing(sequence);
                }
            }
            settled(history)
        };
        assert_eq!(report(&mut history, 0..4, &[0, 2, 3]), [false], "the second may still come");
        assert_eq!(report(&mut history, 4..5, &[4]), [false; 0], "150 ms");
        assert_eq!(report(&mut history, 1..2, &[1]), [false; 4]);
        // The report on 5 and 6 got lost: nobody knows what became of them.
        assert_eq!(report(&mut history, 7..9, &[8]), [false; 0]);
        assert_eq!(history.silence_us(450_000), Some(50_000));
        for number in 10..15 {
            history.sent(number * 50_000, 100);
        }
        assert_eq!(
            report(&mut history, 9..15, &[9, 10, 11, 12, 13, 14]),
            [true, false, false, false, false, false, false, false]
        );
        assert!(!history.is_waiting());
    }

    #[test]
    fn memory_is_bounded() {
        assert_eq!(size_of::<Sent>(), 8);
        let mut history = History::default();
        for number in 0..10_000 {
            history.sent(number, 70_000);
        }
        assert_eq!(history.arrived(9_999), Some(Arrival { number: 9_999, departed_us: 9_999, bytes: 65_535 }));
        // What is forgotten is not counted as lost: nothing was said of it.
        assert_eq!(settled(&mut history), [false; 0]);
    }
}
