//! WHEP (draft-ietf-wish-whep): from a viewer's offer to a session that a shard takes over.

use crate::access::{self, Access, Denial, Facts, Grant};
use crate::hub::{Hub, Liveness, Rendition, Stream};
use crate::media::StreamName;
use crate::protocol::webrtc::sdp::{EgressPolicy, Offer, OfferError, answer_egress};
use crate::shard::{
    ClientInfo, IceCredentials, NewSession, NoRoom, Role, Session, SessionError, SessionId, Sessions, Wish,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A viewer of a stream whose publisher is just connecting is held this long instead of being refused.
const ANNOUNCED_WAIT: Duration = Duration::from_secs(2);
/// Asks for what the viewer's connection and grant allow.
const AUTO: &str = "auto";
/// When a viewer of a stream that is not live may try again, in seconds.
const RETRY_AFTER_S: u32 = 2;

/// Starts WHEP sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Whep {
    access: Access,
    hub: Hub,
    sessions: Sessions,
}

/// Why a session was not started.
#[derive(Debug)]
pub enum WhepError {
    /// A plugin or the access rules say no.
    Access(Denial),
    /// The offer can not be answered.
    Offer(OfferError),
    /// Nobody publishes the stream now.
    NotLive { stream: StreamName, retry_after_s: u32 },
    /// The stream has no such rendition; the names of those that it has.
    NoRendition { stream: StreamName, asked: String, have: Vec<String> },
    /// The server carries no media.
    Full(String),
    /// A limit on sessions is reached.
    NoRoom(NoRoom),
    /// The server stops.
    Stopping,
}

impl Whep {
    pub fn new(access: Access, hub: Hub, sessions: Sessions) -> Self {
        Whep { access, hub, sessions }
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
        if self.sessions.is_stopping() {
            return Err(WhepError::Stopping);
        }
        let grant = self.access.check(facts).await.map_err(WhepError::Access)?;
        let stream = grant.stream_name.clone().unwrap_or_else(|| asked.clone());
        let offer = Offer::parse(offer).map_err(WhepError::Offer)?;
        let source = self.live(&stream).await?;
        let renditions = source.renditions();
        let wish = wish(&stream, facts.rendition.as_deref(), &renditions)?;
        fits(&source, &renditions, &wish, &grant)?;
        let ceiling = grant.max_bitrate_kbps;
        let local = IceCredentials::random();
        let mut seed = [0u8; 4];
        getrandom::fill(&mut seed).expect("the system's random source works");
        let policy = EgressPolicy { transport_cc: false, ssrc_seed: u32::from_be_bytes(seed) };
        let negotiated = answer_egress(&offer, &source.tracks, &self.sessions.local_transport(&local), &policy)
            .map_err(WhepError::Offer)?;
        let entry = self.access.enter(facts, grant, &stream).map_err(WhepError::Access)?;
        let new = NewSession { id, stream, client, negotiated, local, role: Role::Play(source) };
        let session = self.sessions.insert(new).map_err(|error| match error {
            SessionError::NoRoom(error) => WhepError::NoRoom(error),
            SessionError::NoMedia => WhepError::Full(error.to_string()),
            SessionError::Stopping => WhepError::Stopping,
        })?;
        // Before its answer is out, nobody can connect.
        session.set_ceiling(ceiling);
        session.choose(wish);
        entry.keep();
        Ok(session)
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

/// The rendition that was asked for, as `NAME@rid` or `?rendition=`.
fn wish(stream: &StreamName, asked: Option<&str>, renditions: &[Rendition]) -> Result<Wish, WhepError> {
    match asked {
        None | Some(AUTO) => Ok(Wish::Auto),
        Some(asked) => match renditions.iter().find(|rendition| *rendition.rid == *asked) {
            Some(rendition) => Ok(Wish::Rid(rendition.rid.clone())),
            None => {
                let have = renditions.iter().map(|rendition| rendition.rid.to_string()).collect();
                Err(WhepError::NoRendition { stream: stream.clone(), asked: asked.chars().take(64).collect(), have })
            }
        },
    }
}

/// A viewer who may not watch at the bitrate of what it asked for, or of the least that there is.
fn fits(source: &Stream, renditions: &[Rendition], wish: &Wish, grant: &Grant) -> Result<(), WhepError> {
    let Some(allowed) = grant.max_bitrate_kbps else { return Ok(()) };
    let bitrate = match wish {
        Wish::Rid(rid) => renditions.iter().find(|rendition| rendition.rid == *rid).map(Rendition::bitrate),
        Wish::Auto => renditions.iter().filter(|rendition| rendition.is_active()).map(Rendition::bitrate).min(),
    };
    let bitrate = bitrate.unwrap_or_else(|| source.stats.bitrate.load(Ordering::Relaxed));
    if access::exceeds(bitrate, allowed) {
        let kbps = u32::try_from(bitrate / 1_000).unwrap_or(u32::MAX);
        return Err(WhepError::Access(Denial::BitrateAboveGrant { kbps, allowed }));
    }
    Ok(())
}
