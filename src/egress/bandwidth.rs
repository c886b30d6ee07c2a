//! How much is sent to all viewers together, and whether one more fits.

use crate::access::Book;
use crate::hub::{Hub, Stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The limit of what is sent. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Bandwidth {
    /// Mbit/s; 0: no limit.
    most: Arc<AtomicU32>,
}

impl Bandwidth {
    pub(super) fn set(&self, mbps: u32) {
        self.most.store(mbps, Ordering::Relaxed);
    }

    /// Whether one more viewer of `stream` fits, who stands in the book already. `sent`: bits a second that leave now.
    /// A stream whose bitrate is not known yet counts nothing.
    ///
    /// # Errors
    /// The limit in Mbit/s, when it would be exceeded by what leaves with the viewer's part added, or by what all viewers
    /// together get once those who are about to connect have done so.
    pub(super) fn fits(&self, sent: u64, stream: &Arc<Stream>, hub: &Hub, book: &Book) -> Result<(), u32> {
        let most = self.most.load(Ordering::Relaxed);
        if most == 0 {
            return Ok(());
        }
        let watched = book.watched();
        let of = |(name, viewers): &(_, u32)| hub.stream(name).map_or(0, |stream| wanted(&stream, *viewers));
        let wanted: u64 = watched.iter().map(of).sum();
        let room = u64::from(most) * 1_000_000;
        if wanted > room || sent + bitrate(stream) > room { Err(most) } else { Ok(()) }
    }
}

/// Bits a second that the viewers of a stream get, those who have connected by the rendition that they have.
fn wanted(stream: &Arc<Stream>, viewers: u32) -> u64 {
    let renditions = stream.renditions();
    let others = renditions.iter().map(|rendition| &rendition.stream).filter(|other| other.key != stream.key);
    let (connected, others) = others
        .map(|other| (other.own_viewers(), u64::from(other.own_viewers()) * bitrate(other)))
        .fold((0, 0), |sum, other| (sum.0 + other.0, sum.1 + other.1));
    others + u64::from(viewers.saturating_sub(connected)) * bitrate(stream)
}

fn bitrate(stream: &Stream) -> u64 {
    stream.stats.bitrate.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Grant, Standing};
    use crate::hub::{HubLimits, Publisher};
    use crate::media::{Codec, TrackInfo};
    use crate::plugin::{Action, Facts};
    use std::time::Instant;

    fn publish(hub: &Hub, name: &str, bits: u64) -> Publisher {
        let publisher = hub.publish(name.parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        publisher.stream().stats.bitrate.store(bits, Ordering::Relaxed);
        publisher
    }

    fn watch(book: &Arc<Book>, id: &str, stream: &str) {
        let now = Instant::now();
        let facts = Arc::new(Facts::new(id.to_owned(), Action::Play, "whep", "192.0.2.1".parse().unwrap()));
        let (stream, grant) = (stream.parse().unwrap(), Grant::default());
        let standing =
            Standing { id: id.into(), action: Action::Play, stream, facts, grant, since: now, decided: now, times: 1 };
        book.enter(standing).unwrap().keep();
    }

    #[test]
    fn viewers_fit_while_all_get_theirs() {
        let (hub, book, bandwidth) = (Hub::new(HubLimits::default()), Arc::new(Book::default()), Bandwidth::default());
        let cam = publish(&hub, "cam", 2_000_000);
        let other = publish(&hub, "other", 500_000);
        for viewer in 0..4 {
            watch(&book, &format!("c{viewer}"), "cam");
        }
        watch(&book, "o", "other");
        watch(&book, "waits", "absent");
        let fits = |sent, of: &Publisher| bandwidth.fits(sent, of.stream(), &hub, &book);
        // 8.5 Mbit/s for all who are there.
        let rows = [
            (0, 90_000_000, Ok(())),
            (9, 0, Ok(())),
            (8, 0, Err(8)),
            // More leaves than that, as with many retransmissions.
            (9, 7_000_000, Ok(())),
            (9, 7_000_001, Err(9)),
            (9, 90_000_000, Err(9)),
        ];
        for (limit, sent, expected) in rows {
            bandwidth.set(limit);
            assert_eq!(fits(sent, &cam), expected, "{limit} {sent}");
        }
        assert_eq!(fits(8_500_000, &other), Ok(()));
        assert_eq!(fits(8_500_001, &other), Err(9));
        book.forget("c0");
        bandwidth.set(8);
        assert_eq!(fits(0, &cam), Ok(()));
    }

    #[test]
    fn viewers_of_a_layer_count_with_its_bitrate() {
        let hub = Hub::new(HubLimits::default());
        let publisher = publish(&hub, "cam", 3_000_000);
        let streams = publisher.divide(&["q", "f"].map(str::to_owned), 1);
        let low = streams[0].as_ref().unwrap();
        low.stats.bitrate.store(200_000, Ordering::Relaxed);
        let _viewers = [low.count_viewer(), low.count_viewer(), publisher.stream().count_viewer()];
        assert_eq!(wanted(publisher.stream(), 3), 3_400_000);
        assert_eq!(wanted(publisher.stream(), 4), 6_400_000, "who has not connected yet may get the best");
    }
}
