//! Keyframes for viewers who can not decode: how often a publisher is asked for those, however many ask, and however often.

use super::stream::Stream;
use std::time::{Duration, Instant};

/// On average one in so long. A keyframe costs all viewers the bandwidth of many pictures, and who asks may do so on purpose.
const EVERY: Duration = Duration::from_secs(1);
/// After a while without, two may come one after the other: the first may be lost like what it was asked for.
const AT_ONCE: u32 = 2;

/// The bound of one track, for its publisher.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repairs {
    /// When all that was asked for is used up.
    paid: Option<Instant>,
}

impl Repairs {
    /// Whether the publisher is to be asked now for somebody who can not decode; what is not yet its turn is kept by the stream.
    pub fn take(&mut self, stream: &Stream, now: Instant) -> bool {
        let may = self.paid.is_none_or(|paid| paid <= now + EVERY * (AT_ONCE - 1));
        let take = may && stream.take_repair_request();
        if take {
            self.paid = Some(self.paid.map_or(now, |paid| paid.max(now)) + EVERY);
        }
        take
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Hub, HubLimits};
    use crate::media::{Codec, TrackInfo};

    #[test]
    fn a_storm_is_answered_once_a_second_and_nobody_is_forgotten() {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        let stream = publisher.stream();
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut repairs = Repairs::default();
        assert!(!repairs.take(stream, at(0)), "nobody asked");
        let storm = (0..10_000).filter(|ms| {
            stream.request_repair();
            repairs.take(stream, at(*ms))
        });
        let taken: Vec<u64> = storm.collect();
        assert_eq!(taken, [0, 1, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000]);
        // What could not be had at once is had when it may be; a keyframe that came for another reason serves all.
        assert!(!repairs.take(stream, at(9_999)) && repairs.take(stream, at(10_000)));
        assert!(!repairs.take(stream, at(20_000)));
        stream.request_repair();
        stream.served_by_keyframe();
        assert!(!repairs.take(stream, at(20_000)));
    }
}
