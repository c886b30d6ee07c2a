//! A session on its shard: transport state, and what it publishes or views.

use super::publisher::Ingest;
use super::session::{Role, Session};
use super::socket::Peer;
use super::tcp::LinkId;
use crate::hub::StreamKey;
use crate::protocol::webrtc::dtls::Dtls;
use crate::protocol::webrtc::srtp::SrtpReceiver;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// Addresses from which one session's peer may send at a time: its candidate pairs.
pub const MAX_ROUTES: usize = 16;
/// TCP connections that one session's peer may have: from each of its networks to some of our addresses.
pub const MAX_LINKS: usize = 8;

/// One session that this shard owns.
pub struct Slot {
    pub session: Arc<Session>,
    /// Where media goes: the pair that the peer nominated last, or the first that worked.
    pub peer: Peer,
    /// Addresses with a valid STUN request, oldest first.
    pub routes: Vec<SocketAddr>,
    /// TCP connections of the peer, oldest first.
    pub links: Vec<LinkId>,
    pub dtls: Box<Dtls>,
    pub receiver: Option<Box<SrtpReceiver>>,
    pub born: Instant,
    /// The last time the peer showed that it is there.
    pub alive: Instant,
    /// The last time anything came from where its media goes.
    pub heard: Instant,
    pub state: SlotState,
}

impl Slot {
    /// Ends DTLS: the peer is told, where it can bear that.
    pub fn close_dtls(&mut self, now: Instant) {
        // FFmpeg's WHIP muxer reads its socket without waiting until any DTLS record comes after the handshake; from then
        // on it waits for each next datagram, for ever, and answers no signal. Left alone it ends by itself when nobody
        // renews its consent, after 30 s.
        let agent = self.session.client.user_agent.as_deref();
        if !agent.is_some_and(|agent| agent.starts_with("Lavf/")) {
            self.dtls.close(now);
        }
    }
}

/// What a session is at.
pub enum SlotState {
    /// DTLS is under way.
    Handshaking(Option<Role>),
    Publishing(Box<Ingest>),
    /// Index among the viewers of a local stream.
    Viewing {
        key: StreamKey,
        index: usize,
        joined: bool,
    },
    /// Over; about to be removed.
    Over,
}
