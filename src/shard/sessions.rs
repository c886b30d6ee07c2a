//! The table of all WebRTC sessions, pending and live: the one place where signalling and shards meet.

use super::inbox::{Command, Inbox};
use crate::hub::{Publisher, Stream};
use crate::media::StreamName;
use crate::protocol::webrtc::{Direction, LocalTransport, Negotiated};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// A session that no valid STUN request has reached by then is given up.
const PENDING_TIMEOUT: Duration = Duration::from_secs(10);
/// No shard owns the session yet.
const UNOWNED: usize = usize::MAX;

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

impl CloseReason {
    /// The reason as a label, as in the API.
    pub fn name(self) -> &'static str {
        match self {
            CloseReason::ByPeer => "by-peer",
            CloseReason::ConnectTimeout => "connect-timeout",
            CloseReason::Inactive => "inactive",
            CloseReason::StreamEnded => "stream-ended",
            CloseReason::Kicked => "kicked",
            CloseReason::AccessRevoked => "access-revoked",
            CloseReason::Shutdown => "shutdown",
            CloseReason::DtlsFailed => "dtls-failed",
            CloseReason::Overload => "overload",
        }
    }
}

impl Action {
    /// The action as a label, as in the API.
    pub fn name(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Play => "play",
        }
    }
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

/// What a session starts with when a shard takes it.
#[derive(Debug)]
pub enum Role {
    Publish(Publisher),
    Play(Arc<Stream>),
}

/// One side's ICE credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

/// The answer to an ICE restart.
#[derive(Clone, Debug)]
pub struct IceRestart {
    /// Our side with the new credentials.
    pub local: LocalTransport,
    pub etag: String,
}

/// A session, seen from outside its shard.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    pub action: Action,
    pub stream: StreamName,
    pub client: ClientInfo,
    /// Who it is, as the access rules said.
    pub subject: Option<String>,
    pub created: SystemTime,
    pub stats: SessionStats,
    /// What the SDP exchange settled.
    pub negotiated: Negotiated,
    created_at: Instant,
    state: watch::Sender<SessionState>,
    remote: Mutex<Option<SocketAddr>>,
    owner: AtomicUsize,
    role: Mutex<Option<Role>>,
    ice: Mutex<Ice>,
    sessions: Sessions,
}

#[derive(Debug)]
struct Ice {
    /// The newest first; the one before stays valid until the new one is used.
    local: Vec<IceCredentials>,
    /// The peer's newest ufrag and password.
    remote: IceCredentials,
    /// Counts ICE sessions, for the ETag.
    generation: u32,
}

/// What signalling knows of a session that it wants to start.
#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub stream: StreamName,
    pub client: ClientInfo,
    pub subject: Option<String>,
    pub negotiated: Negotiated,
    /// Our ICE credentials, as in the answer.
    pub local: IceCredentials,
    pub role: Role,
}

/// Why a session can not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SessionError {
    #[error("this server holds at most {0} sessions at once; try again later or raise `limits.sessions`")]
    Full(usize),
    #[error("this server carries no WebRTC media: `media.listen` is off")]
    NoMedia,
    #[error("the server is stopping")]
    Stopping,
}

/// The table of sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// What every session's `LocalTransport` has in common.
    local: OnceLock<(Vec<SocketAddr>, [u8; 32])>,
    inboxes: OnceLock<Vec<Arc<Inbox>>>,
    limit: AtomicUsize,
    table: Mutex<Table>,
    changes: watch::Sender<u64>,
    observer: OnceLock<Observer>,
}

/// Told of every session that ends, once.
struct Observer(Box<dyn Fn(&Session, CloseReason) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<SessionId, Arc<Session>>,
    by_ufrag: HashMap<String, Arc<Session>>,
    stopping: bool,
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

    /// Since the request that created it.
    pub fn age(&self) -> Duration {
        self.created_at.elapsed()
    }

    /// The entity tag of its ICE session (RFC 9725, 4.3), quotes included.
    pub fn etag(&self) -> String {
        etag(self.ice().generation, &self.id)
    }

    /// The peer's newest ICE user fragment.
    pub fn remote_ufrag(&self) -> String {
        self.ice().remote.ufrag.clone()
    }

    /// Makes new credentials of ours for an ICE restart. The old ones stay valid until the peer uses the new.
    pub fn ice_restart(&self, remote_ufrag: &str, remote_pwd: &str) -> IceRestart {
        let fresh = IceCredentials::random();
        let mut ice = self.ice();
        ice.remote = IceCredentials { ufrag: remote_ufrag.to_owned(), pwd: remote_pwd.to_owned() };
        ice.generation += 1;
        ice.local.insert(0, fresh.clone());
        let keep = ice.local.len().min(2);
        let dropped = ice.local.split_off(keep);
        let etag = etag(ice.generation, &self.id);
        drop(ice);
        let mut table = self.sessions.table();
        for old in dropped {
            table.by_ufrag.remove(&old.ufrag);
        }
        if let Some(this) = table.by_id.get(&self.id).cloned() {
            table.by_ufrag.insert(fresh.ufrag.clone(), this);
        }
        drop(table);
        IceRestart { local: self.sessions.local_transport(&fresh), etag }
    }

    /// The password that goes with a user fragment of ours, if it is still valid.
    pub(super) fn local_pwd(&self, ufrag: &str) -> Option<String> {
        self.ice().local.iter().find(|local| local.ufrag == ufrag).map(|local| local.pwd.clone())
    }

    /// Takes the session for a shard. Returns what it starts with to the first that asks; the owner's index to others.
    pub(super) fn claim(&self, shard: usize) -> Result<Role, usize> {
        match self.owner.compare_exchange(UNOWNED, shard, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => self.role.lock().expect("no holder of this lock panics").take().ok_or(shard),
            Err(owner) => Err(owner),
        }
    }

    /// Says where its media goes.
    pub(super) fn set_remote(&self, address: SocketAddr) {
        *self.remote.lock().expect("no holder of this lock panics") = Some(address);
    }

    /// Moves it on. A closed session stays closed.
    pub(super) fn set_state(&self, state: SessionState) -> bool {
        self.state.send_if_modified(|current| {
            let change = !matches!(current, SessionState::Closed(_)) && *current != state;
            if change {
                *current = state;
            }
            change
        })
    }

    /// Takes it out of the table and marks it closed; its shard calls this last.
    pub(super) fn closed(&self, reason: CloseReason) {
        if self.set_state(SessionState::Closed(reason))
            && let Some(Observer(observe)) = self.sessions.shared.observer.get()
        {
            observe(self, reason);
        }
        self.sessions.remove(self);
    }

    fn ice(&self) -> MutexGuard<'_, Ice> {
        self.ice.lock().expect("no holder of this lock panics")
    }
}

fn etag(generation: u32, id: &SessionId) -> String {
    let random = id.as_str().rsplit('.').next().unwrap_or_default();
    format!("\"{}-{generation}\"", &random[..random.len().min(8)])
}

impl IceCredentials {
    /// A ufrag of 48 and a password of 144 random bits, in ice-chars (RFC 8839, 5.4).
    pub fn random() -> Self {
        const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = [0u8; 32];
        getrandom::fill(&mut bits).expect("the system's random source works");
        let text: String = bits.iter().map(|bit| char::from(CHARS[usize::from(bit & 63)])).collect();
        IceCredentials { ufrag: text[..8].to_owned(), pwd: text[8..].to_owned() }
    }
}

impl Sessions {
    /// An empty table that holds at most `limit` sessions.
    pub fn new(limit: usize) -> Self {
        Sessions {
            shared: Arc::new(Shared {
                local: OnceLock::new(),
                inboxes: OnceLock::new(),
                limit: AtomicUsize::new(limit),
                table: Mutex::default(),
                changes: watch::Sender::new(0),
                observer: OnceLock::new(),
            }),
        }
    }

    /// Sets who is told of every session that ends. Later calls change nothing.
    pub fn on_closed(&self, observer: impl Fn(&Session, CloseReason) + Send + Sync + 'static) {
        let _ = self.shared.observer.set(Observer(Box::new(observer)));
    }

    /// Replaces the limit; sessions that exist stay.
    pub fn set_limit(&self, limit: usize) {
        self.shared.limit.store(limit, Ordering::Relaxed);
    }

    /// Connects the table with the shards; done once, before the first session.
    pub(super) fn connect(&self, candidates: Vec<SocketAddr>, fingerprint: [u8; 32], inboxes: Vec<Arc<Inbox>>) {
        self.shared.local.set((candidates, fingerprint)).expect("shards are started once");
        self.shared.inboxes.set(inboxes).expect("shards are started once");
    }

    /// Our side of the transport with given credentials.
    pub fn local_transport(&self, credentials: &IceCredentials) -> LocalTransport {
        let (candidates, fingerprint) = self.shared.local.get().cloned().unwrap_or_default();
        let mut bits = [0u8; 8];
        getrandom::fill(&mut bits).expect("the system's random source works");
        LocalTransport {
            ufrag: credentials.ufrag.clone(),
            pwd: credentials.pwd.clone(),
            fingerprint,
            candidates,
            session_id: u64::from_be_bytes(bits) >> 2,
        }
    }

    /// The addresses that media is taken at.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        self.shared.local.get().map(|(candidates, _)| candidates.clone()).unwrap_or_default()
    }

    /// Puts a session into the table, where the shards find it.
    ///
    /// # Errors
    /// When the table is full or the server stops; `role` is dropped then.
    pub fn insert(&self, new: NewSession) -> Result<Arc<Session>, SessionError> {
        if self.shared.inboxes.get().is_none() {
            return Err(SessionError::NoMedia);
        }
        let limit = self.shared.limit.load(Ordering::Relaxed);
        let mut table = self.table();
        if table.stopping {
            return Err(SessionError::Stopping);
        }
        if table.by_id.len() >= limit {
            return Err(SessionError::Full(limit));
        }
        let remote = &new.negotiated.remote;
        let ice = Ice {
            remote: IceCredentials { ufrag: remote.ufrag.clone(), pwd: remote.pwd.clone() },
            local: vec![new.local.clone()],
            generation: 0,
        };
        let session = Arc::new(Session {
            id: new.id,
            action: match new.role {
                Role::Publish(_) => Action::Publish,
                Role::Play(_) => Action::Play,
            },
            stream: new.stream,
            client: new.client,
            subject: new.subject,
            created: SystemTime::now(),
            stats: SessionStats::default(),
            negotiated: new.negotiated,
            created_at: Instant::now(),
            state: watch::Sender::new(SessionState::Pending),
            remote: Mutex::new(None),
            owner: AtomicUsize::new(UNOWNED),
            role: Mutex::new(Some(new.role)),
            ice: Mutex::new(ice),
            sessions: self.clone(),
        });
        table.by_ufrag.insert(new.local.ufrag, session.clone());
        table.by_id.insert(session.id.clone(), session.clone());
        drop(table);
        self.changed();
        Ok(session)
    }

    /// The session of an id, pending or live.
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.table().by_id.get(id).cloned()
    }

    /// All sessions, in no order.
    pub fn list(&self) -> Vec<Arc<Session>> {
        self.table().by_id.values().cloned().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table().by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ticks whenever a session comes or goes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Ends a session. Its state says when it is done. False when there is no such session.
    pub fn close(&self, id: &str, reason: CloseReason) -> bool {
        let Some(session) = self.get(id) else { return false };
        match session.claim(UNOWNED - 1) {
            // No shard had it: nothing else has to be ended. The role is dropped, which frees the stream's name.
            Ok(role) => {
                session.closed(reason);
                drop(role);
            }
            Err(owner) => {
                if let Some(inbox) = self.inbox(owner) {
                    // Gone from the table at once, so that nobody finds it any more.
                    self.remove(&session);
                    inbox.command(Command::Close(session, reason));
                }
            }
        }
        true
    }

    /// Refuses new sessions from now on and ends those that no shard has taken.
    pub fn stop(&self) {
        self.table().stopping = true;
        for session in self.list() {
            if session.state() == SessionState::Pending {
                self.close(session.id.as_str(), CloseReason::Shutdown);
            }
        }
    }

    /// Whether it refuses new sessions because the server stops.
    pub fn is_stopping(&self) -> bool {
        self.table().stopping
    }

    /// Ends sessions that nobody has connected to in time.
    pub(super) fn expire_pending(&self) {
        for session in self.list() {
            if session.owner.load(Ordering::Relaxed) == UNOWNED && session.age() > PENDING_TIMEOUT {
                tracing::info!(session = %session.id, stream = %session.stream, "no connection came in time");
                self.close(session.id.as_str(), CloseReason::ConnectTimeout);
            }
        }
    }

    pub(super) fn by_ufrag(&self, ufrag: &str) -> Option<Arc<Session>> {
        self.table().by_ufrag.get(ufrag).cloned()
    }

    pub(super) fn inbox(&self, shard: usize) -> Option<Arc<Inbox>> {
        self.shared.inboxes.get()?.get(shard).cloned()
    }

    /// Asks every shard to answer.
    pub(super) fn inboxes(&self) -> &[Arc<Inbox>] {
        self.shared.inboxes.get().map_or(&[], Vec::as_slice)
    }

    fn remove(&self, session: &Session) {
        let ufrags: Vec<String> = session.ice().local.iter().map(|local| local.ufrag.clone()).collect();
        let mut table = self.table();
        let removed = table.by_id.remove(&session.id);
        for ufrag in ufrags {
            table.by_ufrag.remove(&ufrag);
        }
        drop(table);
        if removed.is_some() {
            self.changed();
        }
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().expect("no holder of this lock panics")
    }
}
