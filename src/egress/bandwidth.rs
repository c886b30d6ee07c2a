//! How much is sent to all viewers together, and whether one more fits.

use crate::hub::{Hub, Stream};
use crate::media::StreamName;
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

    /// Whether one more viewer of `stream` fits. `sent`: bits a second that leave now; `watched`: the viewers of each stream,
    /// connected or about to be, that one among them. A stream whose bitrate is not known yet counts nothing.
    ///
    /// # Errors
    /// The limit in Mbit/s, when it would be exceeded by what leaves with the viewer's part added, or by what all viewers
    /// together get once those who are about to connect have done so.
    pub(super) fn fits(
        &self,
        sent: u64,
        stream: &Arc<Stream>,
        hub: &Hub,
        watched: impl FnOnce() -> Vec<(StreamName, u32)>,
    ) -> Result<(), u32> {
        let most = self.most.load(Ordering::Relaxed);
        if most == 0 {
            return Ok(());
        }
        let of = |(name, viewers): (StreamName, u32)| hub.stream(&name).map_or(0, |stream| wanted(&stream, viewers));
        let wanted: u64 = watched().into_iter().map(of).sum();
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
    use crate::hub::{HubLimits, Publisher};
    use crate::media::{Codec, TrackInfo};

    fn publish(hub: &Hub, name: &str, bits: u64) -> Publisher {
        let publisher = hub.publish(name.parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        publisher.stream().stats.bitrate.store(bits, Ordering::Relaxed);
        publisher
    }

    #[test]
    fn viewers_fit_while_all_get_theirs() {
        let (hub, bandwidth) = (Hub::new(HubLimits::default()), Bandwidth::default());
        let cam = publish(&hub, "cam", 2_000_000);
        let other = publish(&hub, "other", 500_000);
        let watched = |of_cam: u32| {
            [("cam", of_cam), ("other", 1), ("absent", 1)]
                .map(|(name, viewers)| (name.parse::<StreamName>().unwrap(), viewers))
                .to_vec()
        };
        let fits = |sent, of: &Publisher, of_cam| bandwidth.fits(sent, of.stream(), &hub, || watched(of_cam));
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
            assert_eq!(fits(sent, &cam, 4), expected, "{limit} {sent}");
        }
        assert_eq!(fits(8_500_000, &other, 4), Ok(()));
        assert_eq!(fits(8_500_001, &other, 4), Err(9));
        bandwidth.set(8);
        assert_eq!(fits(0, &cam, 3), Ok(()));
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
