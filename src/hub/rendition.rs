//! The renditions of a stream: layers of one picture that its publisher sends at once, each a stream of its own.

use super::stream::{Publisher, Stream};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One layer of a stream with several.
#[derive(Clone, Debug)]
pub struct Rendition {
    /// The publisher's name for it (`a=rid`): `NAME@rid` addresses it.
    pub rid: Arc<str>,
    pub stream: Arc<Stream>,
}

impl Rendition {
    /// Whether its publisher sends it now. Browsers stop the top layer when they are short of bandwidth or CPU.
    pub fn is_active(&self) -> bool {
        self.stream.stats.active.load(Ordering::Relaxed)
    }

    /// Pixels of its picture; 0 while unknown.
    pub fn pixels(&self) -> u32 {
        self.stream.picture().map_or(0, |(width, height)| u32::from(width) * u32::from(height))
    }

    /// Bits a second; 0 while unknown, or while it is not sent.
    pub fn bitrate(&self) -> u64 {
        self.stream.stats.bitrate.load(Ordering::Relaxed)
    }

    /// As [`Rendition::bitrate`], without the sound.
    pub fn picture_bitrate(&self) -> u64 {
        self.stream.stats.picture_bitrate.load(Ordering::Relaxed)
    }
}

/// What a stream knows of its renditions, once they are told apart.
#[derive(Debug)]
pub(super) struct Division {
    /// The name of the stream's own layer, and its place among all.
    own: (usize, Arc<str>),
    /// The other layers, in the publisher's order.
    others: Vec<Rendition>,
}

impl Division {
    pub(super) fn others(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.others.iter().map(|rendition| &rendition.stream)
    }
}

impl Stream {
    /// All renditions in the publisher's order, this stream's own among them. Empty where there is only one, and for the
    /// children.
    pub fn renditions(self: &Arc<Self>) -> Vec<Rendition> {
        let Some(division) = self.division() else { return Vec::new() };
        let (place, rid) = &division.own;
        let mut all = division.others.clone();
        all.insert(*place, Rendition { rid: rid.clone(), stream: self.clone() });
        all
    }

    /// The renditions of a stream with several, its own first, with their names.
    pub(super) fn divided(&self) -> impl Iterator<Item = (&str, &Stream)> {
        let division = self.division();
        let own = division.map(|division| (&*division.own.1, self));
        let others = division.into_iter().flat_map(|division| &division.others);
        own.into_iter().chain(others.map(|rendition| (&*rendition.rid, &*rendition.stream)))
    }

    /// Whether it has more than one rendition.
    pub fn has_renditions(&self) -> bool {
        self.division().is_some()
    }
}

impl Publisher {
    /// Tells the layers of the stream apart: `rids` in the publisher's order; `own`, an index into them, is the one that the
    /// stream itself carries. The first call decides for the life of the stream. Returns the stream of each rid; those that
    /// an earlier call did not know are left out with `None`.
    pub fn divide(&self, rids: &[String], own: usize) -> Vec<Option<Arc<Stream>>> {
        let stream = self.stream();
        stream.divide_once(|| {
            let child = |rid: &String| Rendition { rid: rid.as_str().into(), stream: self.child() };
            let others =
                rids.iter().enumerate().filter(|(index, _)| *index != own).map(|(_, rid)| child(rid)).collect();
            Division { own: (own, rids[own].as_str().into()), others }
        });
        let known = stream.renditions();
        let of =
            |rid: &String| known.iter().find(|rendition| *rendition.rid == **rid).map(|found| found.stream.clone());
        rids.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Hub, HubLimits, Liveness};
    use crate::media::{Codec, NtpTime, Packet, PacketFlags, TrackInfo};
    use bytes::Bytes;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn packet() -> Packet {
        Packet {
            track: 0,
            flags: PacketFlags::default(),
            padding: 0,
            audio_level: None,
            frame: 0,
            seq: 1,
            timestamp: 0,
            capture: NtpTime(0),
            arrival_ns: 0,
            payload: Bytes::from_static(b"x"),
            descriptor: None,
        }
    }

    #[test]
    fn layers_are_streams_of_their_own_that_end_together() {
        let hub = Hub::new(HubLimits::default());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        publisher.on_keyframe_wanted(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        let stream = publisher.stream().clone();
        assert!(stream.renditions().is_empty() && !stream.has_renditions());
        let rids = ["q", "h", "f"].map(str::to_owned);
        let streams: Vec<_> = publisher.divide(&rids, 1).into_iter().map(Option::unwrap).collect();
        let names: Vec<_> = stream.renditions().iter().map(|rendition| rendition.rid.to_string()).collect();
        assert_eq!(names, ["q", "h", "f"]);
        assert!(Arc::ptr_eq(&streams[1], &stream) && streams[0].key != streams[2].key);
        assert_eq!(hub.streams().len(), 1, "the layers have no names of their own in the registry");
        // Decided once: a publisher that comes back finds the same, whatever it says.
        let again = publisher.divide(&["f", "x"].map(str::to_owned), 0);
        assert!(again[0].as_ref().is_some_and(|found| Arc::ptr_eq(found, &streams[2])) && again[1].is_none());

        let _low = streams[0].count_viewer();
        let _best = stream.count_viewer();
        assert_eq!((stream.viewers(), stream.own_viewers(), streams[0].viewers()), (2, 1, 1));
        streams[2].request_keyframe();
        streams[2].request_keyframe();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(streams[2].take_keyframe_request() && !stream.take_keyframe_request());
        publisher.push_to(&streams[0], &mut vec![packet()], &Arc::from([]));
        assert_eq!((stream.liveness(), streams[0].liveness()), (Liveness::Live, Liveness::Live));
        drop(publisher);
        assert!(streams.iter().all(|stream| stream.liveness() == Liveness::Ended));
    }
}
