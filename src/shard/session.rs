//! One session as everyone but its shard sees it: who, what, where it stands, what it counts.

use super::ice::{CheckCredentials, Ice, IceCredentials, IceRestart};
use super::inbox::Command;
use super::layering::Layering;
use super::sessions::{News, Sessions};
use super::setup::{self, Setup};
use super::socket::Peer;
use super::totals::TrackStats;
use super::wish::{Given, Watching, Wish};
use crate::hub::{Publisher, Stream};
use crate::media::{LayerId, MediaKind, StreamName};
use crate::protocol::webrtc::{Direction, Negotiated};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::watch;

/// No shard owns the session yet.
const UNOWNED: usize = usize::MAX;
/// It ends before a shard has taken it.
pub(super) const NO_SHARD: usize = usize::MAX - 1;

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

impl Action {
    /// The action as a label, as in the API.
    pub fn name(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Play => "play",
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

impl SessionState {
    /// Whether it is over for one of these reasons.
    pub fn is_closed_by(&self, reasons: &[CloseReason]) -> bool {
        matches!(self, SessionState::Closed(reason) if reasons.contains(reason))
    }
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
    /// The stream that it viewed goes on with other tracks, under the same name: it must start anew.
    StreamReplaced,
    /// Another session publishes the stream now.
    Replaced,
    /// Ended by the operator.
    Kicked,
    /// The access rules changed, or a plugin took its word back.
    AccessRevoked,
    /// The time of its grant was over, and it got no more.
    AccessExpired,
    /// It sent, or would have been sent, more than its grant allows.
    LimitExceeded,
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
            CloseReason::StreamReplaced => "stream-replaced",
            CloseReason::Replaced => "replaced",
            CloseReason::Kicked => "kicked",
            CloseReason::AccessRevoked => "access-revoked",
            CloseReason::AccessExpired => "access-expired",
            CloseReason::LimitExceeded => "limit-exceeded",
            CloseReason::Shutdown => "shutdown",
            CloseReason::DtlsFailed => "dtls-failed",
            CloseReason::Overload => "overload",
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
    /// Viewer: what its way carries, as far as it was tried, in bits a second; 0 while unknown, and where nobody measures.
    pub estimate: AtomicU64,
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

/// Where a session's media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    pub address: SocketAddr,
    /// By TCP, not UDP.
    pub tcp: bool,
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
    /// The same of each track, or of each layer that a publisher sends.
    pub tracks: Box<[TrackStats]>,
    /// What the SDP exchange settled.
    pub negotiated: Negotiated,
    created_at: Instant,
    /// How long after that its media could flow.
    connected_after: OnceLock<Duration>,
    state: watch::Sender<SessionState>,
    remote: Mutex<Option<Remote>>,
    /// The shard that is to take it, once that is said.
    pub(super) home: OnceLock<usize>,
    owner: AtomicUsize,
    role: Mutex<Option<Role>>,
    ice: Mutex<Ice>,
    /// The most that a publisher may send, in kbit/s; 0: no limit.
    ceiling_kbps: AtomicU32,
    /// Why it ended, in words for the client.
    farewell: OnceLock<String>,
    /// The rendition that a viewer asked for and gets.
    watching: Watching,
    /// And the layers of its picture.
    pub(super) layering: Layering,
    /// The trace of its start.
    pub(super) setup: Setup,
    sessions: Sessions,
}

/// What signalling knows of a session that it wants to start.
#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub stream: StreamName,
    pub client: ClientInfo,
    pub negotiated: Negotiated,
    /// Our ICE credentials, as in the answer.
    pub local: IceCredentials,
    pub role: Role,
}

impl Session {
    /// A session that nobody has connected to yet.
    pub(super) fn new(new: NewSession, sessions: Sessions) -> Session {
        let remote = &new.negotiated.remote;
        let remote = IceCredentials { ufrag: remote.ufrag.clone(), pwd: remote.pwd.clone() };
        let is_publisher = matches!(new.role, Role::Publish(_));
        let has_video = new.negotiated.media.iter().any(|media| media.track.kind() == MediaKind::Video);
        Session {
            setup: Setup::begin(is_publisher && !has_video),
            id: new.id,
            action: match new.role {
                Role::Publish(_) => Action::Publish,
                Role::Play(_) => Action::Play,
            },
            stream: new.stream,
            client: new.client,
            created: SystemTime::now(),
            stats: SessionStats::default(),
            tracks: TrackStats::of(&new.negotiated.media),
            negotiated: new.negotiated,
            created_at: Instant::now(),
            connected_after: OnceLock::new(),
            state: watch::Sender::new(SessionState::Pending),
            remote: Mutex::new(None),
            home: OnceLock::new(),
            owner: AtomicUsize::new(UNOWNED),
            role: Mutex::new(Some(new.role)),
            ice: Mutex::new(Ice::new(new.local, remote)),
            ceiling_kbps: AtomicU32::new(0),
            farewell: OnceLock::new(),
            watching: Watching::default(),
            layering: Layering::default(),
            sessions,
        }
    }

    /// Where it stands now.
    pub fn state(&self) -> SessionState {
        self.state.borrow().clone()
    }

    /// Follows its state.
    pub fn watch(&self) -> watch::Receiver<SessionState> {
        self.state.subscribe()
    }

    /// Where its media goes, once known.
    pub fn remote(&self) -> Option<Remote> {
        *self.remote.lock().expect("no holder of this lock panics")
    }

    /// Since the request that created it.
    pub fn age(&self) -> Duration {
        self.created_at.elapsed()
    }

    /// How long after that request its media could flow; none where it never could.
    pub fn connected_after(&self) -> Option<Duration> {
        self.connected_after.get().copied()
    }

    /// The most that a publisher is told to send, or that a viewer's rendition may have by the server's choice, in kbit/s;
    /// none: no limit. Takes effect within half a second.
    pub fn set_ceiling(&self, kbps: Option<u32>) {
        self.ceiling_kbps.store(kbps.map_or(0, |kbps| kbps.max(1)), Ordering::Relaxed);
    }

    /// As [`Session::set_ceiling`] set it; of a publisher never more than the server takes from anyone.
    pub fn ceiling(&self) -> Option<u32> {
        let own = Some(self.ceiling_kbps.load(Ordering::Relaxed)).filter(|kbps| *kbps > 0);
        match (own, self.sessions.ingest_kbps().filter(|_| self.action == Action::Publish)) {
            (Some(own), Some(of_all)) => Some(own.min(of_all)),
            (own, of_all) => own.or(of_all),
        }
    }

    /// The rendition that a viewer asked for.
    pub fn wish(&self) -> Wish {
        self.watching.wish()
    }

    /// The rendition that a viewer gets; none where its stream has one only, or before it is connected.
    pub fn given(&self) -> Option<Given> {
        self.watching.given()
    }

    /// The layers of the picture that a viewer asked for: these and all below. `LayerId::ALL`: it did not ask.
    pub fn asked_layers(&self) -> LayerId {
        self.layering.asked()
    }

    /// The layers that a viewer gets.
    pub fn given_layers(&self) -> LayerId {
        self.layering.given()
    }

    /// Says which layers of the picture a viewer asks for; [`Session::choose`] makes it so.
    pub fn ask_layers(&self, layers: LayerId) {
        self.layering.ask(layers);
    }

    /// Asks for another rendition, or for the server's choice. It changes with the next keyframe.
    pub fn choose(self: &Arc<Self>, wish: Wish) {
        self.watching.set_wish(wish);
        if let Some(inbox) = self.sessions.inbox(self.owner.load(Ordering::Acquire)) {
            inbox.command(Command::Choose(self.clone()));
        }
    }

    pub(super) fn set_given(&self, given: Given) {
        self.watching.set_given(given);
    }

    /// Why it ended, in words for the client, where whoever ended it gave some.
    pub fn farewell(&self) -> Option<&str> {
        self.farewell.get().map(String::as_str)
    }

    /// Sets the words of farewell; the first have it.
    pub(super) fn set_farewell(&self, words: &str) {
        let _ = self.farewell.set(words.to_owned());
    }

    /// The entity tag of its ICE session (RFC 9725, 4.3), quotes included.
    pub fn etag(&self) -> String {
        self.ice().etag(&self.id)
    }

    /// The peer's newest ICE user fragment.
    pub fn remote_ufrag(&self) -> String {
        self.ice().remote_ufrag().to_owned()
    }

    /// Makes new credentials of ours for an ICE restart. The old ones stay valid until the peer uses the new.
    pub fn ice_restart(&self, remote_ufrag: &str, remote_pwd: &str) -> IceRestart {
        let fresh = IceCredentials::random();
        let remote = IceCredentials { ufrag: remote_ufrag.to_owned(), pwd: remote_pwd.to_owned() };
        let (over, etag) = {
            let mut ice = self.ice();
            let over = ice.restart(fresh.clone(), remote);
            (over, ice.etag(&self.id))
        };
        self.sessions.restarted(&self.id, &fresh.ufrag, &over);
        IceRestart { local: self.sessions.local_transport(&fresh), etag }
    }

    /// What a check of ours is made with.
    pub(super) fn check_credentials(&self) -> CheckCredentials {
        self.ice().check_credentials()
    }

    /// The password that goes with a user fragment of ours, if it is still valid.
    pub(super) fn local_pwd(&self, ufrag: &str) -> Option<String> {
        self.ice().local_pwd(ufrag)
    }

    /// Takes the session for a shard. Returns what it starts with to the first that asks; the owner's index to others.
    pub(super) fn claim(&self, shard: usize) -> Result<Role, usize> {
        match self.owner.compare_exchange(UNOWNED, shard, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => self.role.lock().expect("no holder of this lock panics").take().ok_or(shard),
            Err(owner) => Err(owner),
        }
    }

    /// Says where its media goes.
    pub(super) fn set_remote(&self, peer: &Peer) {
        let remote = Remote { address: peer.address, tcp: peer.link.is_some() };
        *self.remote.lock().expect("no holder of this lock panics") = Some(remote);
    }

    /// Ends the trace of a start that takes too long.
    pub fn tell_late_start(&self) {
        if self.age() > setup::PATIENCE {
            self.setup.late();
        }
    }

    /// Moves it on. A closed session stays closed.
    pub(super) fn set_state(&self, state: SessionState) -> bool {
        let (connected, entered) = (state == SessionState::Connected, state.clone());
        let changed = self.state.send_if_modified(|current| {
            let change = !matches!(current, SessionState::Closed(_)) && *current != state;
            if change {
                *current = state;
            }
            change
        });
        if changed && connected {
            let _ = self.connected_after.set(self.age());
            self.sessions.connected(self);
            self.sessions.tell(self, News::Connected);
        }
        if changed {
            match entered {
                SessionState::Pending => {}
                SessionState::Connecting => self.setup.connecting(),
                SessionState::Connected => self.setup.connected(),
                SessionState::Closed(reason) => self.setup.closed(reason),
            }
        }
        changed
    }

    /// Takes it out of the table and marks it closed; its shard calls this last.
    pub(super) fn closed(&self, reason: CloseReason) {
        if self.set_state(SessionState::Closed(reason)) {
            self.sessions.tell(self, News::Closed(reason));
        }
        self.sessions.remove(self);
    }

    /// Whether no shard has it yet.
    pub(super) fn is_unowned(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == UNOWNED
    }

    /// User fragments of ours that lead to it.
    pub(super) fn local_ufrags(&self) -> Vec<String> {
        self.ice().local_ufrags()
    }

    fn ice(&self) -> MutexGuard<'_, Ice> {
        self.ice.lock().expect("no holder of this lock panics")
    }
}
