//! WHIP (RFC 9725): from a publisher's offer to a session that a shard takes over.

use super::conflict::Comer;
use crate::access::{Access, Denial, Facts, Routing};
use crate::hub::{Hub, PublishError};
use crate::media::{Codec, StreamName};
use crate::protocol::webrtc::sdp::{IngestPolicy, Offer, OfferError, answer_ingest};
use crate::shard::{
    ClientInfo, Doors, IceCredentials, NewSession, NoRoom, Role, Session, SessionError, SessionId, Sessions,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

/// Starts WHIP sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Whip {
    access: Access,
    hub: Hub,
    sessions: Sessions,
    policy: Arc<RwLock<IngestPolicy>>,
    takeover: Arc<AtomicBool>,
}

/// Why a session was not started.
#[derive(Debug)]
pub enum WhipError {
    /// A plugin or the access rules say no.
    Access(Denial),
    /// A router plugin sends the publisher to another server.
    Elsewhere(Box<Routing>),
    /// The offer can not be answered.
    Offer(OfferError),
    /// Somebody else publishes under this name.
    Taken(String),
    /// The server carries no media.
    Full(String),
    /// A limit of the server is reached.
    NoRoom(NoRoom),
    /// The operator empties the server.
    Draining,
    /// The server stops.
    Stopping,
}

impl Whip {
    /// `codecs`: what publishers may send, best first.
    pub fn new(access: Access, hub: Hub, sessions: Sessions, codecs: &[Codec]) -> Self {
        let policy = Arc::new(RwLock::new(IngestPolicy::from_codecs(codecs)));
        Whip { access, hub, sessions, policy, takeover: Arc::default() }
    }

    /// Whether a second publisher of a stream gets the stream, or 409.
    pub fn set_takeover(&self, takeover: bool) {
        self.takeover.store(takeover, Ordering::Relaxed);
    }

    /// Replaces the order of codecs for later sessions.
    pub fn set_codecs(&self, codecs: &[Codec]) {
        *self.policy.write().expect("no holder of this lock panics") = IngestPolicy::from_codecs(codecs);
    }

    /// Answers an offer. The session's `negotiated.answer` is what to send back. `id` is the one in `facts`.
    ///
    /// # Errors
    /// See `WhipError`; nothing is left behind then.
    pub async fn create(
        &self,
        id: SessionId,
        facts: &Arc<Facts>,
        asked: &StreamName,
        offer: &str,
        client: ClientInfo,
    ) -> Result<Arc<Session>, WhipError> {
        match self.sessions.doors() {
            Doors::Open => {}
            Doors::Draining => return Err(WhipError::Draining),
            Doors::Stopping => return Err(WhipError::Stopping),
        }
        let grant = self.access.admit(facts).await.map_err(WhipError::Access)?;
        if grant.routing.elsewhere.is_some() {
            return Err(WhipError::Elsewhere(Box::new(grant.routing)));
        }
        let stream = grant.stream(asked);
        // Who comes back to a stream, or takes it over, is let in whatever there is to do: it has viewers.
        if self.hub.stream(&stream).is_none() {
            self.sessions.spare().map_err(WhipError::NoRoom)?;
        }
        let offer = Offer::parse(offer).map_err(WhipError::Offer)?;
        let local = IceCredentials::random();
        let negotiated = {
            let policy = self.policy.read().expect("no holder of this lock panics");
            answer_ingest(&offer, &policy, &self.sessions.local_transport(&local)).map_err(WhipError::Offer)?
        };
        let tracks = negotiated.media.iter().map(|media| media.track.clone()).collect();
        let rids = negotiated.media.iter().flat_map(|media| media.rids.clone()).collect();
        let takeover = self.takeover.load(Ordering::Relaxed);
        let comer = Comer { client: &client, grant: &grant, takeover };
        let publisher = comer.publisher(&self.hub, &self.access, &self.sessions, &stream, tracks, rids);
        let publisher = publisher.map_err(|error| match error {
            PublishError::Taken(_) => WhipError::Taken(error.to_string()),
            PublishError::Full(most) => WhipError::NoRoom(NoRoom::Streams(most)),
            PublishError::NoMemory(mib) => WhipError::NoRoom(NoRoom::RingMemory(mib)),
        })?;
        let ceiling = grant.max_bitrate_kbps;
        let entry = self.access.enter(facts, grant, &stream).map_err(WhipError::Access)?;
        let new = NewSession { id, stream, client, negotiated, local, role: Role::Publish(publisher) };
        let session = self.sessions.insert(new).map_err(|error| match error {
            SessionError::NoRoom(error) => WhipError::NoRoom(error),
            SessionError::NoMedia => WhipError::Full(error.to_string()),
            SessionError::Draining => WhipError::Draining,
            SessionError::Stopping => WhipError::Stopping,
        })?;
        session.set_ceiling(ceiling);
        entry.keep();
        Ok(session)
    }
}
