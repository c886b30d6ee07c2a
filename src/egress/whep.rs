//! WHEP (draft-ietf-wish-whep): from a viewer's offer to a session that a shard takes over.

use crate::access::{self, Access, Denial};
use crate::hub::{Hub, Liveness, Stream};
use crate::media::StreamName;
use crate::protocol::webrtc::sdp::{EgressPolicy, Offer, OfferError, answer_egress};
use crate::shard::{ClientInfo, IceCredentials, NewSession, NoRoom, Role, Session, SessionError, SessionId, Sessions};
use std::sync::Arc;
use std::time::Duration;

/// A viewer of a stream whose publisher is just connecting is held this long instead of being refused.
const ANNOUNCED_WAIT: Duration = Duration::from_secs(2);
/// When a viewer of a stream that is not live may try again, in seconds.
const RETRY_AFTER_S: u32 = 2;

/// Starts WHEP sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Whep {
    node: Arc<str>,
    access: Access,
    hub: Hub,
    sessions: Sessions,
}

/// Why a session was not started.
#[derive(Debug)]
pub enum WhepError {
    /// The access rules say no.
    Access(Denial),
    /// The offer can not be answered.
    Offer(OfferError),
    /// Nobody publishes the stream now.
    NotLive { stream: StreamName, retry_after_s: u32 },
    /// The server carries no media.
    Full(String),
    /// A limit on sessions is reached.
    NoRoom(NoRoom),
    /// The server stops.
    Stopping,
}

impl Whep {
    pub fn new(node: &str, access: Access, hub: Hub, sessions: Sessions) -> Self {
        Whep { node: node.into(), access, hub, sessions }
    }

    /// Answers an offer. The session's `negotiated.answer` is what to send back.
    ///
    /// # Errors
    /// See `WhepError`; nothing is left behind then.
    pub async fn create(
        &self,
        stream: &StreamName,
        offer: &str,
        token: Option<&str>,
        client: ClientInfo,
    ) -> Result<Arc<Session>, WhepError> {
        if self.sessions.is_stopping() {
            return Err(WhepError::Stopping);
        }
        let request = access::Request { action: access::Action::Play, stream, token, remote_ip: client.remote_ip };
        let grant = self.access.check(&request).await.map_err(WhepError::Access)?;
        let offer = Offer::parse(offer).map_err(WhepError::Offer)?;
        let source = self.live(stream).await?;
        let local = IceCredentials::random();
        let mut seed = [0u8; 4];
        getrandom::fill(&mut seed).expect("the system's random source works");
        let policy = EgressPolicy { transport_cc: false, ssrc_seed: u32::from_be_bytes(seed) };
        let negotiated = answer_egress(&offer, &source.tracks, &self.sessions.local_transport(&local), &policy)
            .map_err(WhepError::Offer)?;
        let new = NewSession {
            id: SessionId::random(&self.node),
            stream: stream.clone(),
            client,
            subject: grant.subject,
            negotiated,
            local,
            role: Role::Play(source),
        };
        self.sessions.insert(new).map_err(|error| match error {
            SessionError::NoRoom(error) => WhepError::NoRoom(error),
            SessionError::NoMedia => WhepError::Full(error.to_string()),
            SessionError::Stopping => WhepError::Stopping,
        })
    }

    async fn live(&self, name: &StreamName) -> Result<Arc<Stream>, WhepError> {
        let not_live = || WhepError::NotLive { stream: name.clone(), retry_after_s: RETRY_AFTER_S };
        let stream = self.hub.stream(name).ok_or_else(not_live)?;
        let mut liveness = stream.watch();
        let settled = liveness.wait_for(|liveness| *liveness != Liveness::Announced);
        match tokio::time::timeout(ANNOUNCED_WAIT, settled).await {
            Ok(Ok(liveness)) if *liveness == Liveness::Live => {}
            _ => return Err(not_live()),
        }
        Ok(stream)
    }
}
