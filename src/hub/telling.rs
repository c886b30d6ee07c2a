//! Tells of streams and renditions that come, fall silent and go, as events.

use super::registry::Hub;
use super::rendition::Rendition;
use super::stream::{Liveness, Publisher, Stream};
use crate::observe::{Events, Happening};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

impl Hub {
    /// Sets where streams that come from now on tell what becomes of them. Later calls change nothing.
    pub fn report_to(&self, events: Events) {
        let _ = self.events().set(events);
    }
}

impl Stream {
    /// Tells that it moved on. Streams that nothing ever came of are not told of, and neither are single renditions.
    pub(super) fn tell_liveness(&self, before: Liveness, now: Liveness) {
        let Some(events) = self.events().get() else { return };
        let kind = match (before, now) {
            (Liveness::Announced, Liveness::Live) => "stream.started",
            (Liveness::Away, Liveness::Live) => "stream.active",
            (Liveness::Live, Liveness::Away) => "stream.inactive",
            (Liveness::Live | Liveness::Away, Liveness::Ended) => "stream.ended",
            _ => return,
        };
        let happening = Happening::new(kind).stream(&self.name);
        let happening = match now {
            Liveness::Live => {
                let codecs: Vec<_> = self.tracks.iter().map(|track| track.codec.sdp_name().to_lowercase()).collect();
                happening.with("codecs", codecs.join(","))
            }
            Liveness::Away => happening.with("viewers", self.viewers()),
            _ => {
                for (rid, stream) in self.divided().filter(|(_, stream)| stream.stats.active.load(Ordering::Relaxed)) {
                    events.tell(rendition("rendition.ended", stream, rid));
                }
                let age = SystemTime::now().duration_since(self.started).unwrap_or_default();
                happening
                    .with("duration_ms", age.as_millis())
                    .with("bytes", self.stats.bytes.load(Ordering::Relaxed))
                    .with("viewers", self.viewers())
                    .with("replaced", self.was_replaced())
            }
        };
        events.tell(happening);
    }
}

impl Publisher {
    /// Tells that a layer of the stream's picture is sent now, or is not any more. Its size is known by then, mostly.
    pub fn tell_rendition(&self, layer: &Arc<Stream>, sent: bool) {
        let Some(events) = self.stream.events().get() else { return };
        let renditions = self.stream.renditions();
        if let Some(Rendition { rid, stream }) =
            renditions.iter().find(|rendition| Arc::ptr_eq(&rendition.stream, layer))
        {
            events.tell(rendition(if sent { "rendition.started" } else { "rendition.ended" }, stream, rid));
        }
    }
}

fn rendition(kind: &'static str, stream: &Stream, rid: &str) -> Happening {
    let (width, height) = stream.picture().unzip();
    Happening::new(kind)
        .stream(&stream.name)
        .with("rendition", rid)
        .with_some("width", width)
        .with_some("height", height)
}

#[cfg(test)]
mod tests {
    use super::super::{Hub, HubLimits};
    use super::*;
    use crate::media::{Codec, NtpTime, Packet, PacketFlags, TrackInfo};
    use bytes::Bytes;
    use std::time::{Duration, Instant};

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
    fn the_life_of_a_stream_is_told_and_one_that_never_came_is_not() {
        let hub = Hub::new(HubLimits { resume: Duration::from_secs(5), ..HubLimits::default() });
        let events = Events::new("n1");
        hub.report_to(events.clone());
        let all = events.listen(100, None, Arc::new(|_| true));
        drop(hub.publish("silent".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap());
        let publisher = hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Vp8)]).unwrap();
        let push = |publisher: &Publisher| publisher.push(&mut vec![packet()], &Arc::from([]));
        push(&publisher);
        push(&publisher);
        let layers = publisher.divide(&["q", "f"].map(str::to_owned), 1);
        let low = layers[0].clone().unwrap();
        low.stats.active.store(true, Ordering::Relaxed);
        publisher.tell_rendition(&low, true);
        publisher.pause();
        push(&publisher);
        publisher.leave(Instant::now());
        hub.expire(Instant::now() + Duration::from_secs(10));
        let told = all.with_queue(|queue| queue.take(100, usize::MAX).events);
        let kinds: Vec<&str> = told.iter().map(|event| &*event.kind).collect();
        assert_eq!(
            kinds,
            [
                "stream.started",
                "rendition.started",
                "stream.inactive",
                "stream.active",
                "stream.inactive",
                "rendition.ended",
                "rendition.ended",
                "stream.ended"
            ]
        );
        assert!(told.iter().all(|event| event.stream == "cam"));
        assert_eq!(told[0].attributes[0], ("codecs".into(), "vp8".to_owned()));
        assert_eq!(told[1].attributes[0], ("rendition".into(), "q".to_owned()));
    }
}
