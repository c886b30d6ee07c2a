//! Where viewers wait for a stream that is not live yet.

use crate::hub::{Hub, Liveness, Stream};
use crate::media::StreamName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Viewers of a stream whose publisher is just connecting, or away for a moment, wait at least so long.
const AT_THE_DOOR: Duration = Duration::from_secs(2);
/// Viewers who wait at a time, some 20 KiB each with their connection. One more is told at once that the stream is not live.
const MOST_WAITING: usize = 1_000;

/// Holds viewers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lobby {
    seats: Arc<Semaphore>,
    wait_ms: Arc<AtomicU64>,
}

impl Lobby {
    /// `wait`: how long a viewer of a stream that does not exist is held.
    pub(super) fn new(wait: Duration) -> Self {
        let lobby = Lobby { seats: Arc::new(Semaphore::new(MOST_WAITING)), wait_ms: Arc::default() };
        lobby.set_wait(wait);
        lobby
    }

    pub(super) fn set_wait(&self, wait: Duration) {
        self.wait_ms.store(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The stream as soon as it is live; none when the time is over or no seat is free. Dropping the future leaves nothing
    /// behind.
    pub(super) async fn wait_for(&self, hub: &Hub, name: &StreamName) -> Option<Arc<Stream>> {
        let present = hub.stream(name);
        let at_least = if present.is_some() { AT_THE_DOOR } else { Duration::ZERO };
        if let Some(stream) = present.filter(|stream| stream.liveness() == Liveness::Live) {
            return Some(stream);
        }
        let wait = Duration::from_millis(self.wait_ms.load(Ordering::Relaxed)).max(at_least);
        if wait.is_zero() {
            return None;
        }
        let _seat = self.seats.try_acquire().ok()?;
        tokio::time::timeout(wait, coming(hub, name)).await.ok()
    }

    /// How many wait.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        MOST_WAITING - self.seats.available_permits()
    }
}

async fn coming(hub: &Hub, name: &StreamName) -> Arc<Stream> {
    let mut changes = hub.changes();
    loop {
        changes.mark_unchanged();
        match hub.stream(name) {
            Some(stream) if stream.liveness() == Liveness::Live => return stream,
            Some(stream) => {
                let mut liveness = stream.watch();
                tokio::select! {
                    _ = liveness.wait_for(|liveness| *liveness == Liveness::Live) => {}
                    _ = changes.changed() => {}
                }
            }
            // The hub's sender lives in `hub`.
            None => drop(changes.changed().await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{HubLimits, Publisher};
    use crate::media::{Codec, NtpTime, Packet, PacketFlags, TrackInfo};
    use std::task::Poll;
    use tokio::time::Instant;

    fn publish(hub: &Hub) -> Publisher {
        hub.publish("cam".parse().unwrap(), vec![TrackInfo::new(Codec::Opus)]).unwrap()
    }

    fn send(publisher: &Publisher) {
        let packet = Packet {
            track: 0,
            flags: PacketFlags::default(),
            padding: 0,
            audio_level: None,
            frame: 0,
            seq: 0,
            timestamp: 0,
            capture: NtpTime(0),
            arrival_ns: 0,
            payload: bytes::Bytes::from_static(b"x"),
            descriptor: None,
        };
        publisher.push(&mut vec![packet], &Arc::from([]));
    }

    #[tokio::test(start_paused = true)]
    async fn viewers_are_held_as_long_as_they_are_told() {
        let name: StreamName = "cam".parse().unwrap();
        for (wait_s, announced, expected_s) in [(0, false, 0), (5, false, 5), (0, true, 2), (1, true, 2), (5, true, 5)]
        {
            let (hub, lobby) = (Hub::new(HubLimits::default()), Lobby::new(Duration::from_secs(wait_s)));
            let _publisher = announced.then(|| publish(&hub));
            let start = Instant::now();
            assert!(lobby.wait_for(&hub, &name).await.is_none());
            assert_eq!(start.elapsed().as_secs(), expected_s, "{wait_s} {announced}");
            assert_eq!(lobby.waiting(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_stream_when_media_comes() {
        let name: StreamName = "cam".parse().unwrap();
        let (hub, lobby) = (Hub::new(HubLimits::default()), Lobby::new(Duration::from_secs(60)));
        let mut waiting = Box::pin(lobby.wait_for(&hub, &name));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        // One that comes to nothing, and then one that sends.
        drop(publish(&hub));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let publisher = publish(&hub);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        send(&publisher);
        let Poll::Ready(Some(stream)) = futures_util::poll!(&mut waiting) else { panic!("the stream is live") };
        assert_eq!(stream.key, publisher.stream().key);
    }

    #[tokio::test(start_paused = true)]
    async fn seats_are_bounded_and_given_back() {
        let name: StreamName = "cam".parse().unwrap();
        let (hub, lobby) = (Hub::new(HubLimits::default()), Lobby::new(Duration::from_secs(60)));
        let mut waiting = Vec::new();
        for _ in 0..MOST_WAITING {
            let mut one = Box::pin(lobby.wait_for(&hub, &name));
            assert!(futures_util::poll!(&mut one).is_pending());
            waiting.push(one);
        }
        let start = Instant::now();
        assert!(lobby.wait_for(&hub, &name).await.is_none());
        assert!(start.elapsed().is_zero(), "one too many is not held");
        drop(waiting);
        assert_eq!(lobby.waiting(), 0);
    }
}
