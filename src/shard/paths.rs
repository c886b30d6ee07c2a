//! The ways to a session's peer: which addresses and connections are its own, and which of them its media takes.

use super::session::{CloseReason, Session, SessionState};
use super::slot::{MAX_LINKS, MAX_ROUTES, Slot, SlotState};
use super::socket::Peer;
use super::worker::Worker;
use crate::protocol::webrtc::dtls::Dtls;
use crate::protocol::webrtc::stun;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Addresses whose datagrams belong to another shard. Each had a valid STUN request; when full, all are forgotten and
/// learnt again.
const MAX_FOREIGN: usize = 16_384;

/// Where nothing came from a peer for so long, a check from a new address moves its media even where it does not nominate.
const SILENCE: Duration = Duration::from_millis(400);
/// Likewise of one from an address that is known, another of its candidate pairs: browsers try those now and then, and send reports
/// each second where their media goes, or a check each 2.5 s.
const ABANDONED: Duration = Duration::from_secs(3);

/// Where the datagrams of an address go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    Slot(usize),
    Shard(usize),
}

/// The addresses that are known.
#[derive(Debug, Default)]
pub(super) struct Routes {
    by_address: HashMap<SocketAddr, Route>,
    foreign: usize,
}

impl Routes {
    pub(super) fn get(&self, address: SocketAddr) -> Option<Route> {
        self.by_address.get(&address).copied()
    }

    /// Forgets the addresses of a session that ends.
    pub(super) fn forget(&mut self, slot: usize, addresses: &[SocketAddr]) {
        for address in addresses {
            if matches!(self.by_address.get(address), Some(Route::Slot(other)) if *other == slot) {
                self.by_address.remove(address);
            }
        }
    }

    fn lead_to_shard(&mut self, address: SocketAddr, shard: usize) {
        if self.foreign >= MAX_FOREIGN {
            self.by_address.retain(|_, route| matches!(route, Route::Slot(_)));
            self.foreign = 0;
        }
        self.foreign += 1;
        self.by_address.insert(address, Route::Shard(shard));
    }
}

/// Who has a session.
pub(super) enum Owner {
    /// This shard, in a slot.
    Here(usize),
    Shard(usize),
    /// Nobody: it is over.
    Nobody,
}

impl Worker {
    pub(super) fn forward(&self, shard: usize, data: &[u8], peer: Peer) {
        if let Some(inbox) = self.sessions.inbox(shard) {
            inbox.datagram(peer, Bytes::copy_from_slice(data));
        }
    }

    /// The session that a STUN request with valid integrity is for. Without that nothing is kept, and nothing answered.
    pub(super) fn wanted(&self, data: &[u8]) -> Option<Arc<Session>> {
        let request = stun::parse(data).ok()?;
        let ufrag = request.local_ufrag()?;
        let session = self.sessions.by_ufrag(ufrag)?;
        session.local_pwd(ufrag).is_some_and(|pwd| request.verify(pwd.as_bytes())).then_some(session)
    }

    /// Finds who has a session, and takes it if nobody has.
    pub(super) fn owner(&mut self, session: &Arc<Session>, peer: Peer) -> Owner {
        let home = session.home(&self.sessions, self.index);
        let claimed = if home == self.index { session.claim(home) } else { Err(home) };
        let role = match claimed {
            Ok(role) => role,
            Err(owner) if owner == self.index => {
                return self.by_session.get(&session.id).map_or(Owner::Nobody, |slot| Owner::Here(*slot));
            }
            Err(owner) => return Owner::Shard(owner),
        };
        let client = session.negotiated.dtls_client;
        let dtls = if client { Dtls::client(self.clock.now, &self.identity) } else { Ok(Dtls::server()) };
        let dtls = match dtls {
            Ok(dtls) => dtls,
            Err(error) => {
                tracing::error!(session = %session.id, %error, "no DTLS association");
                session.closed(CloseReason::DtlsFailed);
                return Owner::Nobody;
            }
        };
        session.set_state(SessionState::Connecting);
        session.set_remote(&peer);
        let slot = self.slots.insert(Slot {
            session: session.clone(),
            peer,
            routes: Vec::new(),
            links: Vec::new(),
            dtls: Box::new(dtls),
            receiver: None,
            born: self.clock.now,
            alive: self.clock.now,
            heard: self.clock.now,
            state: SlotState::Handshaking(Some(role)),
        });
        self.by_session.insert(session.id.clone(), slot);
        self.handshaking.push(slot);
        Owner::Here(slot)
    }

    /// STUN from an address that is not known: the start of a session, or a new path of one.
    pub(super) fn unknown_stun(&mut self, data: &[u8], peer: Peer) {
        let Some(session) = self.wanted(data) else { return self.metrics.ignored_datagrams.add(1) };
        match self.owner(&session, peer) {
            Owner::Here(slot) => {
                self.add_route(slot, peer.address);
                self.first_stun(slot, data, peer);
            }
            Owner::Shard(shard) => {
                self.routes.lead_to_shard(peer.address, shard);
                self.forward(shard, data, peer);
            }
            Owner::Nobody => {}
        }
    }

    /// The first request on a path.
    pub(super) fn first_stun(&mut self, slot: usize, data: &[u8], peer: Peer) {
        self.known_stun(slot, data, peer);
        // Not every client nominates again what it believes to be the same pair: a NAT has given it another address.
        let entry = &self.slots[slot];
        if entry.peer != peer && self.clock.now >= entry.heard + SILENCE {
            self.move_to(slot, peer);
        }
        // In the client's role there is something to say at once.
        self.send_dtls(slot);
    }

    pub(super) fn add_route(&mut self, slot: usize, address: SocketAddr) {
        self.routes.by_address.insert(address, Route::Slot(slot));
        let entry = &mut self.slots[slot];
        if !entry.routes.contains(&address) {
            entry.routes.push(address);
        }
        if entry.routes.len() > MAX_ROUTES
            && let Some(index) = entry.routes.iter().position(|route| *route != entry.peer.address)
        {
            let oldest = entry.routes.remove(index);
            self.routes.by_address.remove(&oldest);
        }
    }

    /// A connection belongs to a session from now on.
    pub(super) fn add_link(&mut self, slot: usize, peer: Peer) {
        let Some(id) = peer.link else { return };
        if let Some(link) = self.egress.links.get_mut(id) {
            link.slot = Some(slot);
        }
        self.egress.links.strangers.remove(id);
        let entry = &mut self.slots[slot];
        entry.links.push(id);
        if entry.links.len() > MAX_LINKS
            && let Some(index) = entry.links.iter().position(|link| Some(*link) != entry.peer.link)
        {
            let oldest = entry.links.remove(index);
            self.egress.links.close(oldest);
        }
    }

    pub(super) fn known_stun(&mut self, slot: usize, data: &[u8], peer: Peer) {
        let Ok(request) = stun::parse(data) else {
            self.check_answered(data, peer);
            return;
        };
        let entry = &mut self.slots[slot];
        let Some(pwd) = request.local_ufrag().and_then(|ufrag| entry.session.local_pwd(ufrag)) else {
            // A new session of the same peer may come from the same address, but not on the same connection. It gets the route
            // only with valid integrity.
            if peer.link.is_none() {
                self.unknown_stun(data, peer);
            }
            return;
        };
        if !request.verify(pwd.as_bytes()) {
            return self.metrics.ignored_datagrams.add(1);
        }
        entry.alive = self.clock.now;
        let mut answer = Vec::new();
        stun::write_success(&mut answer, &request, peer.address, pwd.as_bytes());
        self.egress.datagram(&peer, slot as u32, &answer);
        // Who does not nominate again has left the other pair all the same when nothing comes from there.
        let left = self.clock.now >= entry.heard + ABANDONED;
        if entry.peer != peer && (request.use_candidate || left) {
            self.move_to(slot, peer);
        }
    }

    /// Sends a session's media another way from now on.
    pub(super) fn move_to(&mut self, slot: usize, peer: Peer) {
        let entry = &mut self.slots[slot];
        (entry.peer, entry.heard) = (peer, self.clock.now);
        entry.session.set_remote(&peer);
        if let SlotState::Viewing { key, index, .. } = entry.state
            && let Some(stream) = self.streams.get_mut(&key)
        {
            stream.move_viewer(index, peer);
        }
    }
}
