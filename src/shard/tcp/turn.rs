//! A shard's turn with its TCP connections: takes new ones, what came on them, and gives more to those that have room again.

use super::link::{Handover, LinkId};
use crate::protocol::webrtc::{dtls_peek, framing};
use crate::shard::paths::Owner;
use crate::shard::slot::SlotState;
use crate::shard::worker::Worker;
use std::ops::Range;
use std::time::Duration;

/// A connection that its session does not use, and on which nothing came for so long, is closed (RFC 7675, 5.1).
const IDLE: Duration = Duration::from_secs(30);

impl Worker {
    /// Does what is to be done. True when there is more of it.
    pub(in crate::shard) fn tcp(&mut self, events: &mio::Events) -> bool {
        let now = self.clock.now;
        self.egress.links.note(events, now);
        let mut more = self.egress.links.accept(now);
        while let Some(handover) = self.inbox.take_connection() {
            self.egress.links.take_over(handover, now);
        }
        for id in std::mem::take(&mut self.egress.links.readable) {
            if self.read(id) {
                self.egress.links.readable.push(id);
                more = true;
            }
        }
        for id in std::mem::take(&mut self.egress.links.writable) {
            self.give(id);
        }
        for id in std::mem::take(&mut self.egress.links.broken) {
            self.drop_link(id);
        }
        more | !self.egress.links.writable.is_empty()
    }

    /// Closes connections whose peer has not shown itself in time.
    pub(in crate::shard) fn refuse_silent(&mut self) {
        while let Some(id) = self.egress.links.strangers.take_late(self.clock.now) {
            self.metrics.tcp_silent.add(1);
            self.egress.links.close(id);
        }
    }

    /// Closes connections of a session that its peer has left behind.
    pub(in crate::shard) fn close_idle_links(&mut self, slot: usize) {
        let entry = &mut self.slots[slot];
        let (current, now) = (entry.peer.link, self.clock.now);
        let links = &mut self.egress.links;
        entry.links.retain(|id| {
            let idle = Some(*id) != current && links.get(*id).is_none_or(|link| now >= link.heard + IDLE);
            if idle {
                links.close(*id);
            }
            !idle
        });
    }

    /// Takes what came on a connection. True when there may be more.
    fn read(&mut self, id: LinkId) -> bool {
        let mut buffer = std::mem::take(&mut self.egress.links.buffer);
        let more = self.read_into(id, &mut buffer);
        self.egress.links.buffer = buffer;
        more
    }

    fn read_into(&mut self, id: LinkId, buffer: &mut [u8]) -> bool {
        let Some(link) = self.egress.links.get_mut(id) else { return false };
        link.heard = self.clock.now;
        let Ok((length, more)) = link.read(buffer) else {
            self.drop_link(id);
            return false;
        };
        let bytes = &mut buffer[..length];
        let mut at = 0;
        loop {
            match framing::next(&bytes[at..]) {
                Ok(Some(Range { start, end })) => {
                    if !self.frame(id, &mut bytes[at..], start..end) {
                        return false;
                    }
                    at += end;
                }
                Ok(None) => break,
                Err(_) => {
                    self.metrics.tcp_oversize.add(1);
                    self.drop_link(id);
                    return false;
                }
            }
        }
        if let Some(link) = self.egress.links.get_mut(id) {
            link.keep(&bytes[at..]);
        }
        more
    }

    /// Takes one frame; `bytes` are all that came, from it on. False when the connection is not ours any more.
    fn frame(&mut self, id: LinkId, bytes: &mut [u8], frame: Range<usize>) -> bool {
        let Some(link) = self.egress.links.get(id) else { return false };
        let (peer, slot) = (link.peer, link.slot);
        let Some(slot) = slot else { return self.first_frame(id, bytes, frame) };
        let data = &mut bytes[frame];
        self.metrics.packets_in.add(1);
        self.metrics.bytes_in.add(data.len() as u64);
        if !data.is_empty() {
            self.packet(slot, dtls_peek::kind(data), data, peer);
        }
        true
    }

    /// The first frame tells whose connection it is, or there is none.
    fn first_frame(&mut self, id: LinkId, bytes: &[u8], frame: Range<usize>) -> bool {
        let Some(peer) = self.egress.links.get(id).map(|link| link.peer) else { return false };
        let data = &bytes[frame];
        let owner = self.wanted(data).map(|session| self.owner(&session, peer));
        match owner {
            Some(Owner::Here(slot)) => {
                self.add_link(slot, peer);
                self.first_stun(slot, data, peer);
                return true;
            }
            Some(Owner::Shard(shard)) => {
                let inbox = self.sessions.inbox(shard);
                if let Some((link, inbox)) = self.egress.links.release(id).zip(inbox) {
                    let came = bytes.to_vec();
                    let (stream, badge) = link.into_parts();
                    inbox.connection(Handover { stream, peer, came, badge });
                }
            }
            Some(Owner::Nobody) | None => {
                self.metrics.tcp_unknown.add(1);
                self.egress.links.close(id);
            }
        }
        false
    }

    /// A connection has room again.
    fn give(&mut self, id: LinkId) {
        self.egress.links.flush(id);
        let Some(slot) = self.egress.links.get(id).and_then(|link| link.slot) else { return };
        if let SlotState::Viewing { key, index, .. } = self.slots[slot].state
            && self.slots[slot].peer.link == Some(id)
            && let Some(stream) = self.streams.get_mut(&key)
        {
            stream.resume(index, &mut self.egress);
        }
    }

    /// A connection is over. Its session lives on as long as its peer's consent, for the peer to come back another way.
    fn drop_link(&mut self, id: LinkId) {
        if let Some(slot) = self.egress.links.release(id).and_then(|link| link.slot) {
            self.slots[slot].links.retain(|other| *other != id);
        }
    }
}
