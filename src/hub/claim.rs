//! Coming and going of publishers: a stream whose publisher was lost waits, another may take it, and in the end it is over.

use super::registry::{Hub, PublishError};
use super::resume::{Over, Ticket};
use super::stream::{Liveness, Publisher, Stream};
use crate::media::{MediaKind, StreamName, TrackInfo, TrackSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The right to take a stream, or its name, that somebody else has. It is used when its holder's media can come, so that one
/// who never connects disturbs nobody.
#[derive(Debug)]
pub(super) struct Claim {
    tracks: TrackSet,
    /// The layers of its picture, where there are several.
    rids: Vec<String>,
    over: Over,
    /// The stream that it is a claim on, kept for it beyond its time.
    on: Arc<Stream>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.on.heirs().fetch_sub(1, Ordering::AcqRel);
    }
}

/// A stream without a publisher.
#[derive(Debug)]
pub(super) struct Waiting {
    stream: Arc<Stream>,
    until: Instant,
}

impl Hub {
    /// A publisher of a stream that exists: [`Publisher::begin`] makes it the one. `rids`: the layers of its picture, none where
    /// there is one.
    ///
    /// # Errors
    /// Those of [`Hub::publish`], where there is no such stream any more.
    pub fn claim(
        &self,
        name: &StreamName,
        tracks: TrackSet,
        rids: Vec<String>,
        over: Over,
    ) -> Result<Publisher, PublishError> {
        let streams = self.registered();
        let Some(on) = streams.get(name).cloned() else {
            drop(streams);
            return self.publish(name.clone(), tracks);
        };
        on.heirs().fetch_add(1, Ordering::AcqRel);
        drop(streams);
        let claim = Claim { tracks, rids, over, on: on.clone() };
        Ok(Publisher { stream: on, ticket: self.next_key(), hub: self.clone(), claim: Some(claim) })
    }

    /// Ends the streams whose publishers did not come back in time. Returns when the next one's time is over. To be called then,
    /// and after each change of the hub.
    pub fn expire(&self, now: Instant) -> Option<Instant> {
        let mut over = Vec::new();
        let mut waiting = self.waiting();
        waiting.retain(|entry| {
            // Who is just connecting is waited for: that takes some seconds at most.
            let due = entry.until <= now && entry.stream.heirs().load(Ordering::Acquire) == 0;
            if due && entry.stream.close_if_vacant() {
                over.push(entry.stream.clone());
            }
            !due && entry.stream.with_seat(|seat| seat.is_vacant())
        });
        let next = waiting.iter().map(|entry| entry.until).filter(|until| *until > now).min();
        drop(waiting);
        for stream in over {
            tracing::info!(stream = %stream.name, "the publisher did not come back");
            stream.end();
            self.forget(&stream);
        }
        next
    }

    /// Seats a publisher by its claim: at the stream of the name, at a new stream in its place, or not at all.
    fn succeed(&self, publisher: &mut Publisher, claim: &Claim) -> Result<(), PublishError> {
        let (limits, name) = (self.limits(), claim.on.name.clone());
        let mut streams = self.registered();
        let existing = streams.get(&name).cloned();
        let room = if existing.is_some() { Ok(()) } else { self.room(&streams, &limits) };
        let mut replaced = None;
        match existing.map(|stream| (stream.seat(publisher.ticket, claim), stream)) {
            Some((Seating::Taken, stream)) => publisher.stream = stream,
            Some((Seating::Refused, _)) => return Err(PublishError::Taken(name)),
            found => {
                room?;
                replaced = found.filter(|(seating, _)| *seating == Seating::OtherTracks).map(|(_, stream)| stream);
                let opened = self.open(&mut streams, &name, claim.tracks.clone(), limits.ring);
                (publisher.stream, publisher.ticket) = opened;
            }
        }
        drop(streams);
        if let Some(old) = replaced {
            old.mark_replaced();
            old.end();
        }
        self.changed();
        Ok(())
    }
}

/// What came of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seating {
    Taken,
    /// Its viewers could not go on with what the publisher sends: the stream is closed.
    OtherTracks,
    /// It is over.
    Over,
    /// Somebody has it who may not be sent away.
    Refused,
}

impl Stream {
    /// Its publisher at this moment; 0 when there is none.
    pub fn publisher(&self) -> Ticket {
        self.with_seat(|seat| seat.owner())
    }

    fn seat(self: &Arc<Self>, ticket: Ticket, claim: &Claim) -> Seating {
        // Viewers of a layer that does not come any more would see nothing.
        let layers = self.renditions().iter().all(|rendition| claim.rids.iter().any(|rid| *rendition.rid == **rid));
        let away = self.liveness() == Liveness::Away;
        let seating = self.with_seat(|seat| {
            let displaced = seat.owner() == claim.over.ticket && (away || !claim.over.while_away);
            match () {
                () if seat.is_over() => Seating::Over,
                () if !seat.is_vacant() && !displaced => Seating::Refused,
                () if !layers || !goes_on_as(&self.tracks, &claim.tracks) => {
                    seat.close();
                    Seating::OtherTracks
                }
                () => {
                    seat.take(ticket);
                    Seating::Taken
                }
            }
        });
        if seating == Seating::Taken {
            for rendition in self.others() {
                rendition.with_seat(|seat| seat.take(ticket));
                rendition.set_waker(None);
                rendition.request_keyframe();
            }
            self.set_waker(None);
            self.request_keyframe();
        }
        seating
    }

    fn close_if_vacant(&self) -> bool {
        self.with_seat(|seat| {
            let vacant = seat.is_vacant();
            if vacant {
                seat.close();
            }
            vacant
        })
    }
}

impl Publisher {
    /// To be called when its media can come, before anything is pushed: a publisher by a claim takes the stream now.
    ///
    /// # Errors
    /// When another has the stream.
    pub fn begin(&mut self) -> Result<(), PublishError> {
        match self.claim.take() {
            Some(claim) => self.hub.clone().succeed(self, &claim),
            None if self.is_seated() => Ok(()),
            None => Err(PublishError::Taken(self.stream.name.clone())),
        }
    }

    /// Whether the stream is still its own.
    pub fn is_seated(&self) -> bool {
        self.stream.publisher() == self.ticket
    }

    /// Whether its stream waits for it, or for another, when it is lost.
    pub fn may_return(&self) -> bool {
        !self.hub.resume().is_zero()
    }

    /// Nothing is heard of it at the moment; what it pushes next shows that it is back.
    pub fn pause(&self) {
        let live = self.stream.liveness() == Liveness::Live;
        if live && self.is_seated() && self.stream.set_liveness(Liveness::Away) {
            self.stream.stats.bitrate.store(0, Ordering::Relaxed);
            self.stream.stats.picture_bitrate.store(0, Ordering::Relaxed);
            self.hub.changed();
        }
    }

    /// Goes without ending the stream, which waits for somebody to come back as long as the hub's limits say.
    pub fn leave(self, now: Instant) {
        let resume = self.hub.limits().resume;
        if resume.is_zero() || self.claim.is_some() || self.stream.liveness() == Liveness::Announced {
            return;
        }
        let vacated = self.stream.with_seat(|seat| {
            let own = seat.owner() == self.ticket;
            if own {
                seat.vacate();
            }
            own
        });
        if vacated {
            self.stream.set_waker(None);
            self.stream.set_liveness(Liveness::Away);
            self.stream.stats.bitrate.store(0, Ordering::Relaxed);
            self.stream.stats.picture_bitrate.store(0, Ordering::Relaxed);
            self.hub.waiting().push(Waiting { stream: self.stream.clone(), until: now + resume });
            self.hub.changed();
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if self.claim.take().is_some() {
            // The stream may have been kept for it.
            return self.hub.changed();
        }
        let ends = self.stream.with_seat(|seat| {
            let own = seat.owner() == self.ticket;
            if own {
                seat.close();
            }
            own
        });
        if ends {
            self.stream.end();
            self.hub.forget(&self.stream);
        }
    }
}

/// Whether viewers that negotiated `before` can go on with `after`: the same codecs in the same order, and pictures of the same
/// format. A decoder of sound takes whatever its format parameters say.
fn goes_on_as(before: &TrackSet, after: &TrackSet) -> bool {
    let format = |track: &TrackInfo| {
        let mut format = if track.kind() == MediaKind::Video { track.fmtp.clone() } else { Vec::new() };
        format.sort();
        format
    };
    let like = |a: &TrackInfo, b: &TrackInfo| a.codec == b.codec && a.channels == b.channels && format(a) == format(b);
    before.len() == after.len() && before.iter().zip(after).all(|(a, b)| like(a, b))
}

#[cfg(test)]
mod tests {
    use super::super::HubLimits;
    use super::super::{Batch, Sink, StreamKey};
    use super::*;
    use crate::media::{Codec, NtpTime, Packet, PacketFlags};
    use bytes::Bytes;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    const RESUME: Duration = Duration::from_secs(10);

    fn hub() -> Hub {
        Hub::new(HubLimits { resume: RESUME, streams: 2, ..HubLimits::default() })
    }

    fn name() -> StreamName {
        "cam".parse().expect("a stream name")
    }

    fn tracks(codec: Codec) -> TrackSet {
        vec![TrackInfo::new(codec)]
    }

    fn send(publisher: &Publisher, seq: u64) {
        let packet = Packet {
            track: 0,
            flags: PacketFlags { keyframe_start: true, ..PacketFlags::default() },
            padding: 0,
            audio_level: None,
            frame: 0,
            seq,
            timestamp: 0,
            capture: NtpTime(0),
            arrival_ns: 0,
            payload: Bytes::from_static(b"x"),
            descriptor: None,
        };
        publisher.push(&mut vec![packet], &Arc::from([]));
    }

    /// Counts what comes, and ends.
    #[derive(Default)]
    struct Viewer {
        last: std::sync::Mutex<Option<u64>>,
        ended: AtomicU32,
    }

    impl Sink for Viewer {
        fn push(&self, _: StreamKey, batch: &Arc<Batch>) -> bool {
            *self.last.lock().unwrap() = batch.packets.last().map(|packet| packet.seq);
            true
        }

        fn ended(&self, _: StreamKey) {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn vacant() -> Over {
        Over { ticket: 0, while_away: true }
    }

    #[test]
    fn a_stream_waits_for_its_publisher_and_goes_on_with_the_next() {
        let (hub, now) = (hub(), Instant::now());
        let first = hub.publish(name(), tracks(Codec::Vp8)).unwrap();
        let (stream, viewer) = (first.stream().clone(), Arc::new(Viewer::default()));
        let _subscription = stream.subscribe(viewer.clone());
        send(&first, 100);
        first.pause();
        assert_eq!(stream.liveness(), Liveness::Away);
        send(&first, 101);
        assert_eq!(stream.liveness(), Liveness::Live);
        first.leave(now);
        assert_eq!((stream.liveness(), stream.publisher()), (Liveness::Away, 0));
        assert!(hub.publish(name(), tracks(Codec::Vp8)).is_err());
        assert_eq!(hub.expire(now), Some(now + RESUME));

        let mut next = hub.claim(&name(), tracks(Codec::Vp8), Vec::new(), vacant()).unwrap();
        assert_eq!(hub.expire(now + RESUME), None, "one that is just connecting is waited for");
        next.begin().unwrap();
        assert!(next.is_seated() && Arc::ptr_eq(next.stream(), &stream));
        assert!(next.take_keyframe_request(), "a keyframe is wanted at once");
        send(&next, 7);
        assert_eq!((stream.liveness(), *viewer.last.lock().unwrap()), (Liveness::Live, Some(102)));
        assert_eq!(hub.expire(now + RESUME), None);
        drop(next);
        assert_eq!((stream.liveness(), viewer.ended.load(Ordering::Relaxed)), (Liveness::Ended, 1));
        assert!(hub.stream(&name()).is_none() && !stream.was_replaced());
    }

    #[test]
    fn who_does_not_come_back_in_time_leaves_an_end() {
        let (hub, now) = (hub(), Instant::now());
        let publisher = hub.publish(name(), tracks(Codec::Vp8)).unwrap();
        let stream = publisher.stream().clone();
        send(&publisher, 1);
        publisher.leave(now);
        let late = hub.claim(&name(), tracks(Codec::Vp8), Vec::new(), vacant()).unwrap();
        assert_eq!(hub.expire(now + RESUME), None);
        assert_eq!(stream.liveness(), Liveness::Away);
        // The one that was waited for never connected.
        drop(late);
        hub.expire(now + RESUME);
        assert_eq!(stream.liveness(), Liveness::Ended);
        assert!(hub.stream(&name()).is_none());
        // Of a stream that never was anything, nothing is kept; nor where nothing is to be kept.
        hub.publish(name(), tracks(Codec::Vp8)).unwrap().leave(now);
        assert!(hub.stream(&name()).is_none());
        hub.set_limits(HubLimits { resume: Duration::ZERO, ..hub.limits() });
        let publisher = hub.publish(name(), tracks(Codec::Vp8)).unwrap();
        send(&publisher, 1);
        publisher.leave(now);
        assert!(hub.stream(&name()).is_none());
    }

    #[test]
    fn a_claim_is_good_for_the_one_that_it_was_made_against() {
        let hub = hub();
        let first = hub.publish(name(), tracks(Codec::Vp8)).unwrap();
        send(&first, 1);
        let over = Over { ticket: first.stream().publisher(), while_away: false };
        let claim = |over| hub.claim(&name(), tracks(Codec::Vp8), Vec::new(), over).unwrap();
        let (mut one, mut other) = (claim(over), claim(over));
        let mut patient = claim(Over { while_away: true, ..over });
        assert!(first.is_seated() && !one.is_seated(), "nothing happens before it begins");
        assert!(patient.begin().is_err(), "the first one is heard");
        one.begin().unwrap();
        assert!(one.is_seated() && !first.is_seated());
        assert_eq!(other.begin(), Err(PublishError::Taken(name())));
        // What the first one still sends reaches nobody, and its end is no end of the stream.
        let before = one.stream().stats.packets.load(Ordering::Relaxed);
        send(&first, 2);
        drop((first, other, patient));
        assert_eq!(one.stream().stats.packets.load(Ordering::Relaxed), before);
        assert!(one.is_seated() && hub.stream(&name()).is_some());
    }

    #[test]
    fn other_tracks_are_another_stream_under_the_same_name() {
        let (hub, now) = (hub(), Instant::now());
        let first = hub.publish(name(), tracks(Codec::Vp8)).unwrap();
        let (old, viewer) = (first.stream().clone(), Arc::new(Viewer::default()));
        let _subscription = old.subscribe(viewer.clone());
        send(&first, 1);
        first.leave(now);
        let mut next = hub.claim(&name(), tracks(Codec::H264), Vec::new(), vacant()).unwrap();
        next.begin().unwrap();
        assert!(old.was_replaced() && viewer.ended.load(Ordering::Relaxed) == 1);
        assert!(hub.stream(&name()).is_some_and(|stream| Arc::ptr_eq(&stream, next.stream())));
        send(&next, 5);
        assert_eq!(next.stream().liveness(), Liveness::Live);
        assert_eq!(hub.expire(now + RESUME), None);
        assert!(next.is_seated());
    }

    #[test]
    fn formats_decide_what_goes_on() {
        let video = |fmtp: &[(&str, &str)]| TrackInfo {
            fmtp: fmtp.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..TrackInfo::new(Codec::H264)
        };
        let h264 = || video(&[("packetization-mode", "1"), ("profile-level-id", "42e01f")]);
        let opus =
            |fmtp: &str| TrackInfo { fmtp: vec![(fmtp.to_owned(), "1".to_owned())], ..TrackInfo::new(Codec::Opus) };
        let rows = [
            (vec![h264(), opus("stereo")], vec![h264(), opus("useinbandfec")], true),
            (vec![h264()], vec![video(&[("profile-level-id", "42e01f"), ("packetization-mode", "1")])], true),
            (vec![h264()], vec![video(&[("packetization-mode", "1"), ("profile-level-id", "640c1f")])], false),
            (vec![h264(), opus("stereo")], vec![h264()], false),
            (vec![h264(), opus("stereo")], vec![opus("stereo"), h264()], false),
            (vec![TrackInfo::new(Codec::Vp8)], vec![TrackInfo::new(Codec::Vp9)], false),
        ];
        for (before, after, expected) in rows {
            assert_eq!(goes_on_as(&before, &after), expected, "{before:?} {after:?}");
        }
    }
}
