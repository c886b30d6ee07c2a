//! Tells the sender when its packets came (transport-wide feedback), as browsers do.

use crate::protocol::webrtc::rtcp::write_transport_feedback;
use crate::protocol::webrtc::rtp::SequenceUnwrapper;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(100);
/// Numbers that one report covers at most: half a second of 20 Mbit/s. Older ones are not told of.
const MOST: u64 = 1_024;

/// Packets that came, by their transport-wide numbers.
#[derive(Debug)]
pub struct Arrivals {
    unwrapper: SequenceUnwrapper,
    /// Times of arrival in microseconds, from `first` on; none: it has not come.
    times: VecDeque<Option<i64>>,
    first: u64,
    /// All before it were told of.
    told: u64,
    /// The lowest that came since.
    news: Option<u64>,
    reports: u8,
    next: Instant,
}

impl Arrivals {
    pub fn new(now: Instant) -> Self {
        Arrivals {
            unwrapper: SequenceUnwrapper::default(),
            times: VecDeque::new(),
            first: 0,
            told: 0,
            news: None,
            reports: 0,
            next: now + INTERVAL,
        }
    }

    /// A packet with a transport-wide number came, by any steady clock.
    pub fn came(&mut self, number: u16, at_us: i64) {
        let number = self.unwrapper.unwrap(number);
        if self.times.is_empty() {
            (self.first, self.told) = (number, number);
        }
        // What is missed for good makes room.
        while number >= self.first + MOST {
            if self.times.pop_front().is_none() {
                self.first = number;
                break;
            }
            self.first += 1;
        }
        let Some(place) = number.checked_sub(self.first) else { return };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place >= self.times.len() {
            self.times.resize(place + 1, None);
        }
        self.times[place].get_or_insert(at_us);
        self.news = Some(self.news.map_or(number, |lowest| lowest.min(number)));
    }

    /// The report that is due, as one RTCP packet. `sender`: our SSRC; `media`: one of the sender's.
    pub fn poll(&mut self, now: Instant, sender: u32, media: u32) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        self.next = now + INTERVAL;
        // From a late packet on all is told again.
        let base = self.news.take()?.min(self.told).max(self.first);
        let times: Vec<Option<i64>> = self.times.range((base - self.first) as usize..).copied().collect();
        let mut packet = Vec::with_capacity(64 + 2 * times.len());
        write_transport_feedback(&mut packet, sender, media, self.reports, base as u16, &times);
        self.reports = self.reports.wrapping_add(1);
        self.told = self.first + self.times.len() as u64;
        // What was told stays for half of the room, for packets that come late.
        while self.times.len() as u64 > MOST / 2 {
            self.times.pop_front();
            self.first += 1;
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::webrtc::rtcp::TransportFeedback;

    fn told(arrivals: &mut Arrivals, now: Instant) -> Option<Vec<(u16, Option<i64>)>> {
        let packet = arrivals.poll(now, 1, 2)?;
        Some(TransportFeedback::read(&packet).expect("it reads what we write").arrivals().collect())
    }

    #[test]
    fn each_packet_is_told_once_and_again_from_a_late_one_on() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(start);
        let at = |tenth: u32| start + INTERVAL * tenth;
        assert_eq!(told(&mut arrivals, at(1)), None, "nothing came");
        for (number, ms) in [(65_534, 640), (65_535, 650), (1, 660)] {
            arrivals.came(number, ms * 1_000);
        }
        assert_eq!(told(&mut arrivals, at(1)), None, "not yet");
        let first = vec![(65_534, Some(640_000)), (65_535, Some(650_000)), (0, None), (1, Some(660_000))];
        assert_eq!(told(&mut arrivals, at(2)), Some(first));
        arrivals.came(2, 700_000);
        assert_eq!(told(&mut arrivals, at(3)), Some(vec![(2, Some(700_000))]));
        // One comes late, and one twice.
        arrivals.came(0, 720_000);
        arrivals.came(1, 730_000);
        let again = vec![(0, Some(720_000)), (1, Some(660_000)), (2, Some(700_000))];
        assert_eq!(told(&mut arrivals, at(4)), Some(again));
        assert_eq!(told(&mut arrivals, at(5)), None);
    }

    #[test]
    fn memory_is_bounded_whatever_the_numbers_do() {
        let mut arrivals = Arrivals::new(Instant::now());
        let mut state = 5u32;
        for step in 0..50_000i64 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = if step % 7 == 0 { (state >> 16) as u16 } else { step as u16 };
            arrivals.came(number, step * 500);
            assert!(arrivals.times.len() as u64 <= MOST);
            if step % 90 == 0 {
                arrivals.next = Instant::now();
                if let Some(told) = told(&mut arrivals, Instant::now()) {
                    assert!(told.len() as u64 <= MOST);
                }
            }
        }
    }
}
