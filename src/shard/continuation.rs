//! Publishers that come in the place of others, fall silent, or leave: their streams go on.

use super::publisher::Ingest;
use super::session::CloseReason;
use super::slot::SlotState;
use super::worker::Worker;
use crate::hub::Publisher;
use std::time::Duration;

/// A publisher of which nothing was heard for this long counts as away: viewers are told, and another may take its place. It
/// sends media and reports all the time, or at least proves its consent every few seconds.
const SILENCE: Duration = Duration::from_secs(3);
/// A publisher that closes DTLS without a DELETE has this long to send one: clients that say goodbye do both, in any order.
const FAREWELL: Duration = Duration::from_secs(1);
/// A publisher that was not heard for this long is gone.
const TIMEOUT: Duration = Duration::from_secs(15);

impl Worker {
    /// A publisher's media can come: it takes its stream. False when another has it, and then the session is over.
    pub(super) fn begin_publishing(&mut self, slot: usize, publisher: &mut Publisher) -> bool {
        if let Err(error) = publisher.begin() {
            tracing::info!(session = %self.slots[slot].session.id, %error, "the stream is another's by now");
            self.close(slot, CloseReason::Replaced);
            return false;
        }
        let former = self.published.get(&publisher.stream().key).copied();
        if let Some(former) = former {
            self.close(former, CloseReason::Replaced);
        }
        true
    }

    /// Its peer closed DTLS. A stream that may wait for somebody to come back does, unless a DELETE says that this was the end.
    pub(super) fn peer_left(&mut self, slot: usize) {
        match &mut self.slots[slot].state {
            SlotState::Publishing(ingest) if ingest.publisher.may_return() => {
                ingest.left.get_or_insert(self.clock.now);
                ingest.publisher.pause();
            }
            _ => self.close(slot, CloseReason::ByPeer),
        }
    }

    /// What a publisher needs once a second. False when it is over.
    pub(super) fn look_after_publisher(&mut self, slot: usize) -> bool {
        let entry = &mut self.slots[slot];
        let SlotState::Publishing(ingest) = &mut entry.state else { return true };
        let now = self.clock.now;
        ingest.count_tracks(&entry.session.tracks);
        if ingest.left.is_some_and(|left| now >= left + FAREWELL) {
            ingest.gone = true;
            self.close(slot, CloseReason::ByPeer);
            return false;
        }
        if now >= entry.alive + TIMEOUT {
            ingest.gone = true;
            self.close(slot, CloseReason::Inactive);
            return false;
        }
        if now >= entry.alive + SILENCE {
            ingest.publisher.pause();
        }
        true
    }
}

/// Ends a publisher's part. Its stream ends with it, unless it is only gone and may come back.
pub(super) fn end(mut ingest: Box<Ingest>, reason: CloseReason, now: std::time::Instant) {
    ingest.flush();
    if ingest.gone || reason == CloseReason::DtlsFailed {
        ingest.publisher.leave(now);
    }
}
