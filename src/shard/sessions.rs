//! The table of all WebRTC sessions, pending and live: the one place where signalling and shards meet.

use crate::media::StreamName;
use crate::protocol::webrtc::{Direction, Negotiated};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use tokio::sync::watch;

/// Names a session over nodes and restarts: `{node}.{128 random bits in hex}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// A new random id on this node.
    pub fn random(node: &str) -> Self {
        let mut bits = [0u8; 16];
        getrandom::fill(&mut bits).expect("the system's random source works");
        SessionId(format!("{node}.{:032x}", u128::from_be_bytes(bits)).into())
    }

    /// The id as in the session's URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        SessionId(text.into())
    }
}

impl std::borrow::Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Publish,
    Play,
}

impl From<Action> for Direction {
    fn from(action: Action) -> Self {
        match action {
            Action::Publish => Direction::Ingest,
            Action::Play => Direction::Egress,
        }
    }
}

/// Who is behind a session, as signalling saw it.
#[derive(Clone, Debug)]
pub struct ClientInfo {
    /// `whip` or `whep`.
    pub protocol: &'static str,
    pub remote_ip: IpAddr,
    pub user_agent: Option<String>,
    /// SHA-256 of the credential that created it; requests on the session's URL must present the same one.
    pub credential: Option<[u8; 32]>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Answered; no valid STUN seen yet.
    Pending,
    /// A shard has taken it; DTLS is under way.
    Connecting,
    /// Media may flow.
    Connected,
    /// Over.
    Closed(CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseReason {
    /// The client deleted it or closed DTLS.
    ByPeer,
    /// No valid STUN in time, or DTLS did not finish.
    ConnectTimeout,
    /// The peer fell silent.
    Inactive,
    /// The stream that it viewed ended.
    StreamEnded,
    /// Ended by the operator.
    Kicked,
    /// The access rules changed and no longer allow it.
    AccessRevoked,
    /// The server stops.
    Shutdown,
    /// The DTLS handshake failed: wrong certificate or no cipher in common.
    DtlsFailed,
    /// The server had no room for it.
    Overload,
}

/// Counters of a session, written by its shard, read by anyone.
#[derive(Debug, Default)]
pub struct SessionStats {
    pub bytes: AtomicU64,
    pub packets: AtomicU64,
    pub retransmitted: AtomicU64,
    /// Publisher: packets that never came. Viewer: lost as its reports say.
    pub lost: AtomicU64,
    /// Keyframe requests: sent to a publisher, received from a viewer.
    pub keyframe_requests: AtomicU64,
    /// Round trip time in microseconds; 0 while unknown.
    pub rtt_us: AtomicU64,
    /// Packets dropped because the peer or its path could not take them.
    pub dropped: AtomicU64,
}

impl SessionStats {
    /// Adds to a counter that only this session's shard writes.
    pub fn add(counter: &AtomicU64, delta: u64) {
        counter.store(counter.load(Ordering::Relaxed) + delta, Ordering::Relaxed);
    }
}

/// A session, seen from outside its shard.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub action: Action,
    pub stream: StreamName,
    pub client: ClientInfo,
    pub created: SystemTime,
    pub stats: SessionStats,
    /// What the SDP exchange settled.
    pub negotiated: Negotiated,
    state: watch::Sender<SessionState>,
    remote: Mutex<Option<SocketAddr>>,
}

/// What signalling knows of a session that it wants to start.
#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub action: Action,
    pub stream: StreamName,
    pub client: ClientInfo,
    pub negotiated: Negotiated,
    /// Our ICE user fragment and password, as in the answer.
    pub local_ufrag: String,
    pub local_pwd: String,
}

/// The table of sessions. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    inner: Arc<Mutex<HashMap<SessionId, Arc<Session>>>>,
}

impl Session {
    /// Where it stands now.
    pub fn state(&self) -> SessionState {
        self.state.borrow().clone()
    }

    /// Follows its state.
    pub fn watch(&self) -> watch::Receiver<SessionState> {
        self.state.subscribe()
    }

    /// The address that its media goes to, once known.
    pub fn remote(&self) -> Option<SocketAddr> {
        *self.remote.lock().expect("no holder of this lock panics")
    }
}

impl Sessions {
    /// The session of an id, pending or live.
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.inner.lock().expect("no holder of this lock panics").get(id).cloned()
    }

    /// All sessions, in no order.
    pub fn list(&self) -> Vec<Arc<Session>> {
        self.inner.lock().expect("no holder of this lock panics").values().cloned().collect()
    }
}
