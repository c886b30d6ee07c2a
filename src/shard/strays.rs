//! Packets from an address that is not known, of a peer that has moved: a NAT gave it another one, and it does not know. Media is
//! taken at once, since it is authentic; ours goes there as soon as the peer has shown that it is there (RFC 8445, 7).

use super::census::client_network;
use super::egress::Egress;
use super::session::{Session, SessionStats};
use super::slot::SlotState;
use super::socket::Peer;
use super::worker::Worker;
use crate::protocol::webrtc::dtls_peek::Kind;
use crate::protocol::webrtc::stun::{self, IceRole, Request, TransactionId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets from unknown addresses that are looked at in one tick. More are a flood: they are dropped, and a peer that has moved
/// shows itself by its next check.
const LOOKED_AT: u32 = 32;
/// Sessions whose keys are tried for one packet: publishers of the same client, and viewers that were not heard for a moment.
const TRIED: usize = 64;
/// A moment, after which what was sent before a move has come. Reports of viewers are worth the try, and there may be many of one client.
const UNHEARD: Duration = Duration::from_millis(100);
/// Checks of ours that are waited for.
const MAX_CHECKS: usize = 64;
/// An answer comes within this time, or another packet starts another check.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// A check that was not answered goes again after these times, since it may be lost, and the next packet a second away.
const AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(250)];

/// What is known of peers that have moved.
#[derive(Debug, Default)]
pub(super) struct Strays {
    looked_at: u32,
    checks: Vec<Check>,
}

/// A request of ours that shows whether a peer is at an address.
#[derive(Debug)]
struct Check {
    slot: usize,
    session: Arc<Session>,
    peer: Peer,
    transaction: TransactionId,
    datagram: Vec<u8>,
    begun: Instant,
    /// How often it was sent again.
    repeated: usize,
}

impl Strays {
    /// Another tick begins.
    pub(super) fn tick(&mut self, now: Instant) {
        self.looked_at = 0;
        self.checks.retain(|check| now < check.begun + CHECK_TIMEOUT);
    }

    /// Sends again what was not answered.
    pub(super) fn repeat(&mut self, now: Instant, egress: &mut Egress) {
        for check in &mut self.checks {
            if AGAIN.get(check.repeated).is_some_and(|after| now >= check.begun + *after) {
                check.repeated += 1;
                egress.datagram(&check.peer, check.slot as u32, &check.datagram);
            }
        }
    }

    fn look(&mut self) -> bool {
        self.looked_at += 1;
        self.looked_at <= LOOKED_AT
    }
}

impl Worker {
    /// A packet that is no request, from an address that is not known. `forwarded`: another shard has passed it on.
    pub(super) fn stray(&mut self, kind: Kind, data: &mut [u8], peer: Peer, forwarded: bool) {
        if !matches!(kind, Kind::Stun | Kind::Rtp | Kind::Rtcp) || !self.strays.look() {
            return self.metrics.ignored_datagrams.add(1);
        }
        let ours = if kind == Kind::Stun { self.check_answered(data, peer) } else { self.authentic(kind, data, peer) };
        if ours {
            return;
        }
        if forwarded || self.sessions.inboxes().len() < 2 {
            return self.metrics.ignored_datagrams.add(1);
        }
        // The kernel chooses the shard by the address, which is another one now.
        for shard in (0..self.sessions.inboxes().len()).filter(|shard| *shard != self.index) {
            self.forward(shard, data, peer);
        }
    }

    /// Takes a packet that a peer here has made.
    fn authentic(&mut self, kind: Kind, data: &[u8], peer: Peer) -> bool {
        let (now, client) = (self.clock.now, client_network(peer.address.ip()));
        let moved = self.slots.iter_mut().filter(|(_, entry)| {
            let may = match entry.state {
                SlotState::Publishing(_) => true,
                SlotState::Viewing { .. } => kind == Kind::Rtcp && now >= entry.heard + UNHEARD,
                _ => false,
            };
            may && client_network(entry.peer.address.ip()) == client
        });
        let mut opened = None;
        for (slot, entry) in moved.take(TRIED) {
            let Some(receiver) = &mut entry.receiver else { continue };
            let mut copy = data.to_vec();
            let length = if kind == Kind::Rtcp { receiver.open_rtcp(&mut copy) } else { receiver.open_rtp(&mut copy) };
            if let Ok(length) = length {
                copy.truncate(length);
                opened = Some((slot, copy));
                break;
            }
        }
        let Some((slot, plain)) = opened else { return false };
        if kind == Kind::Rtcp {
            self.opened_rtcp(slot, &plain);
        } else {
            self.opened_rtp(slot, &plain);
        }
        self.check_path(slot, peer);
        true
    }

    /// Authentic media or reports came from an address of a session that is not where ours goes. Peers send those on the pair that
    /// they have chosen: when the other is silent, they have moved.
    pub(super) fn heard_elsewhere(&mut self, slot: usize, peer: Peer) {
        if peer.link.is_none() && self.clock.now >= self.slots[slot].heard + UNHEARD {
            self.check_path(slot, peer);
        }
    }

    /// Asks whether a session's peer is at an address. Finding paths is not for us, an ICE-lite agent; but without the answer
    /// anyone with a session could turn its media on another by one forged address.
    fn check_path(&mut self, slot: usize, peer: Peer) {
        let waiting = self.strays.checks.iter().any(|check| check.slot == slot && check.peer == peer);
        let Some(entry) = self.slots.get(slot).filter(|_| !waiting && self.strays.checks.len() < MAX_CHECKS) else {
            return;
        };
        let mut random = [0; 20];
        getrandom::fill(&mut random).expect("the system's random source works");
        let (mut transaction, mut tie_breaker) = ([0; 12], [0; 8]);
        transaction.copy_from_slice(&random[..12]);
        tie_breaker.copy_from_slice(&random[12..]);
        let credentials = entry.session.check_credentials();
        let request = Request {
            transaction_id: transaction,
            remote_ufrag: &credentials.remote.ufrag,
            local_ufrag: &credentials.local_ufrag,
            role: IceRole::Controlled(u64::from_be_bytes(tie_breaker)),
            priority: (110 << 24) + (65_535 << 8) + 255,
            use_candidate: false,
        };
        let mut datagram = Vec::new();
        stun::write_request(&mut datagram, &request, credentials.remote.pwd.as_bytes());
        self.egress.datagram(&peer, slot as u32, &datagram);
        let session = entry.session.clone();
        self.strays.checks.push(Check {
            slot,
            session,
            peer,
            transaction,
            datagram,
            begun: self.clock.now,
            repeated: 0,
        });
    }

    /// Whether it answers a check of ours. Then the peer is there.
    pub(super) fn check_answered(&mut self, data: &[u8], peer: Peer) -> bool {
        let Ok(answer) = stun::parse_response(data) else { return false };
        let id = answer.transaction_id();
        let checks = &self.strays.checks;
        let Some(index) = checks.iter().position(|check| check.transaction == id && check.peer == peer) else {
            return false;
        };
        let check = &checks[index];
        let same = self.slots.get(check.slot).is_some_and(|entry| Arc::ptr_eq(&entry.session, &check.session));
        let authentic = answer.is_success() && answer.verify(check.session.check_credentials().remote.pwd.as_bytes());
        if same && authentic {
            let Check { slot, session, .. } = self.strays.checks.swap_remove(index);
            tracing::debug!(session = %session.id, address = %peer.address, "the peer has moved");
            self.add_route(slot, peer.address);
            self.move_to(slot, peer);
        }
        true
    }

    /// A publisher's packet, opened.
    pub(super) fn opened_rtp(&mut self, slot: usize, packet: &[u8]) {
        let entry = &mut self.slots[slot];
        entry.alive = self.clock.now;
        SessionStats::add(&entry.session.stats.packets, 1);
        SessionStats::add(&entry.session.stats.bytes, packet.len() as u64);
        if let SlotState::Publishing(ingest) = &mut entry.state {
            ingest.rtp(packet, self.clock.now, self.clock.now_ns, self.clock.wall_ns);
            // A burst may hold many frames: each goes on its own, so that none waits for the burst's end.
            ingest.flush_due(self.clock.now);
        }
    }

    /// A peer's compound RTCP packet, opened.
    pub(super) fn opened_rtcp(&mut self, slot: usize, compound: &[u8]) {
        let entry = &mut self.slots[slot];
        entry.alive = self.clock.now;
        match &mut entry.state {
            SlotState::Publishing(ingest) => ingest.rtcp(compound, self.clock.now, self.clock.wall_ns),
            SlotState::Viewing { key, index, .. } => {
                let (key, index) = (*key, *index);
                self.viewer_rtcp(slot, key, index, compound);
            }
            _ => {}
        }
    }
}
