//! WHEP (draft-ietf-wish-whep): from a viewer's offer to a session that a shard takes over.

use super::asked::Asked;
use super::bandwidth::Bandwidth;
use super::lobby::Lobby;
use crate::access::{Access, Denial, Facts, Routing};
use crate::hub::{Hub, Rendition, Stream};
use crate::media::StreamName;
use crate::observe::trace;
use crate::protocol::webrtc::sdp::{EgressPolicy, Offer, OfferError, answer_egress};
use crate::shard::{
    ClientInfo, Doors, IceCredentials, NewSession, NoRoom, Role, Session, SessionError, SessionId, Sessions,
};
use std::sync::Arc;
use std::time::Duration;

/// When a viewer of a stream that is not live may try again, in seconds.
const RETRY_AFTER_S: u32 = 2;

/// Starts WHEP sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Whep {
    access: Access,
    hub: Hub,
    sessions: Sessions,
    lobby: Lobby,
    bandwidth: Bandwidth,
}

/// Why a session was not started.
#[derive(Debug)]
pub enum WhepError {
    /// A plugin or the access rules say no.
    Access(Denial),
    /// A router plugin sends the viewer to another server.
    Elsewhere(Box<Routing>),
    /// The offer can not be answered.
    Offer(OfferError),
    /// Nobody publishes the stream now.
    NotLive { stream: StreamName, retry_after_s: u32 },
    /// The stream has no such rendition or layers; the names of those that it has.
    NoRendition { stream: StreamName, asked: String, have: Vec<String> },
    /// The server carries no media.
    Full(String),
    /// A limit of the server is reached.
    NoRoom(NoRoom),
    /// The operator empties the server.
    Draining,
    /// The server stops.
    Stopping,
}

impl Whep {
    /// `wait`: how long viewers of a stream that is not live are kept waiting.
    pub fn new(access: Access, hub: Hub, sessions: Sessions, wait: Duration) -> Self {
        Whep { access, hub, sessions, lobby: Lobby::new(wait), bandwidth: Bandwidth::default() }
    }

    /// Answers an offer. The session's `negotiated.answer` is what to send back. `id` is the one in `facts`.
    ///
    /// # Errors
    /// See `WhepError`; nothing is left behind then.
    pub async fn create(
        &self,
        id: SessionId,
        facts: &Arc<Facts>,
        asked: &StreamName,
        offer: &str,
        client: ClientInfo,
    ) -> Result<Arc<Session>, WhepError> {
        self.doors_open()?;
        let grant = self.access.admit(facts).await.map_err(WhepError::Access)?;
        if grant.routing.elsewhere.is_some() {
            return Err(WhepError::Elsewhere(Box::new(grant.routing)));
        }
        let stream = grant.stream(asked);
        let offer = Offer::parse(offer).map_err(WhepError::Offer)?;
        let source = trace::timed("whep.wait", self.live(&stream)).await?;
        // Nobody comes in who waited until the doors were closed.
        self.doors_open()?;
        let renditions = source.renditions();
        let routed = routed(&stream, grant.routing.rendition.as_deref(), &renditions);
        let asked = Asked::read(&stream, routed.or(facts.rendition.as_deref()), &source, &renditions)?;
        asked.fits(&source, &renditions, &grant)?;
        let ceiling = grant.max_bitrate_kbps;
        let local = IceCredentials::random();
        let mut seed = [0u8; 4];
        getrandom::fill(&mut seed).expect("the system's random source works");
        // Only where there is a choice is it of use to know what the viewer's way carries.
        let transport_cc = !renditions.is_empty() || !source.layers().is_empty();
        let dependencies = renditions.is_empty() && source.has_spatial_layers();
        let policy = EgressPolicy { transport_cc, dependencies, ssrc_seed: u32::from_be_bytes(seed) };
        let negotiated = answer_egress(&offer, &source.tracks, &self.sessions.local_transport(&local), &policy)
            .map_err(WhepError::Offer)?;
        let entry = self.access.enter(facts, grant, &stream).map_err(|denial| match denial {
            Denial::StreamAtLimit(most) => WhepError::NoRoom(NoRoom::ViewersOfStream(most)),
            denial => WhepError::Access(denial),
        })?;
        // Once it stands in the book: of two that come at once, each sees the other.
        self.bandwidth
            .fits(self.sessions.load().sent, &source, &self.hub, || self.access.book().watched())
            .map_err(|most| WhepError::NoRoom(NoRoom::Egress(most)))?;
        let new = NewSession { id, stream, client, negotiated, local, role: Role::Play(source) };
        let session = self.sessions.insert(new).map_err(|error| match error {
            SessionError::NoRoom(error) => WhepError::NoRoom(error),
            SessionError::NoMedia => WhepError::Full(error.to_string()),
            SessionError::Draining => WhepError::Draining,
            SessionError::Stopping => WhepError::Stopping,
        })?;
        // Before its answer is out, nobody can connect.
        session.set_ceiling(ceiling);
        session.ask_layers(asked.layers);
        session.choose(asked.wish);
        entry.keep();
        Ok(session)
    }

    /// Replaces how long viewers of streams that are not live are kept waiting; those who wait already keep their time.
    pub fn set_wait(&self, wait: Duration) {
        self.lobby.set_wait(wait);
    }

    /// Sets the most that all viewers together are sent, in Mbit/s; 0: no limit.
    pub fn set_bandwidth(&self, mbps: u32) {
        self.bandwidth.set(mbps);
    }

    fn doors_open(&self) -> Result<(), WhepError> {
        match self.sessions.doors() {
            Doors::Open => Ok(()),
            Doors::Draining => Err(WhepError::Draining),
            Doors::Stopping => Err(WhepError::Stopping),
        }
    }

    async fn live(&self, name: &StreamName) -> Result<Arc<Stream>, WhepError> {
        let mut doors = self.sessions.watch_doors();
        tokio::select! {
            biased;
            stream = self.lobby.wait_for(&self.hub, name) => {
                stream.ok_or_else(|| WhepError::NotLive { stream: name.clone(), retry_after_s: RETRY_AFTER_S })
            }
            // Who waits when the doors close is sent away at once.
            _ = doors.wait_for(|doors| *doors != Doors::Open) => {
                self.doors_open()?;
                Err(WhepError::Draining)
            }
        }
    }
}

/// The rendition that a router chose. One that the stream does not have is no reason to turn a viewer away.
fn routed<'a>(stream: &StreamName, chosen: Option<&'a str>, renditions: &[Rendition]) -> Option<&'a str> {
    let chosen = chosen?;
    let found = renditions.iter().any(|rendition| *rendition.rid == *chosen);
    if !found {
        tracing::warn!(%stream, rendition = chosen, "a router chose a rendition that the stream does not have");
    }
    found.then_some(chosen)
}
