//! The table of all WebRTC sessions, pending and live: the one place where signalling and shards meet.

use super::census::Census;
use super::ice::IceCredentials;
use super::inbox::{Command, Inbox};
use super::joins::Joins;
use super::load::Load;
use super::room::{NoRoom, SessionLimits};
use super::session::{CloseReason, NO_SHARD, NewSession, Session, SessionId, SessionState};
use super::tcp::Doorman;
use crate::protocol::webrtc::LocalTransport;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A session that no valid STUN request has reached by then is given up.
const PENDING_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a session can not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SessionError {
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error("this server carries no WebRTC media: `media.listen` is off")]
    NoMedia,
    #[error("the server is being drained")]
    Draining,
    #[error("the server is stopping")]
    Stopping,
}

/// Whether sessions may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    Open,
    /// None may, until the operator takes that back; those there are go on.
    Draining,
    /// None may, ever again.
    Stopping,
}

/// The table of sessions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reached: OnceLock<Reached>,
    inboxes: OnceLock<Vec<Arc<Inbox>>>,
    table: Mutex<Table>,
    joins: Mutex<Joins>,
    load: Mutex<Arc<Load>>,
    /// The limit of every publisher's bitrate, apart from the others since shards look at it all the time.
    ingest_kbps: AtomicU32,
    changes: watch::Sender<u64>,
    doors: watch::Sender<Doors>,
    observer: OnceLock<Observer>,
    doorman: OnceLock<Doorman>,
}

/// How the media plane is reached: what every session's `LocalTransport` has in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    pub(super) candidates: Vec<SocketAddr>,
    pub(super) tcp: bool,
    pub(super) fingerprint: [u8; 32],
}

/// What becomes of a session.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// Its media may flow.
    Connected,
    /// A viewer got another rendition of its stream: from this one to that one.
    Moved { from: &'a str, to: &'a str, why: &'a str },
    /// It ended; told once.
    Closed(CloseReason),
}

/// Told what becomes of sessions, by whichever thread makes it so.
struct Observer(Box<dyn Fn(&Session, News<'_>) + Send + Sync>);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

#[derive(Debug, Default)]
struct Table {
    by_id: HashMap<SessionId, Entry>,
    by_ufrag: HashMap<String, Arc<Session>>,
    limits: SessionLimits,
    census: Census,
}

#[derive(Debug)]
struct Entry {
    session: Arc<Session>,
    /// Whether the census counts it as pending.
    pending: bool,
}

impl Sessions {
    /// An empty table.
    pub fn new(limits: SessionLimits) -> Self {
        Sessions {
            shared: Arc::new(Shared {
                reached: OnceLock::new(),
                inboxes: OnceLock::new(),
                table: Mutex::new(Table { limits, ..Table::default() }),
                joins: Mutex::default(),
                load: Mutex::default(),
                ingest_kbps: AtomicU32::new(limits.ingest_kbps),
                changes: watch::Sender::new(0),
                doors: watch::Sender::new(Doors::Open),
                observer: OnceLock::new(),
                doorman: OnceLock::new(),
            }),
        }
    }

    /// Sets who is told what becomes of sessions; he must not block. Later calls change nothing.
    pub fn on_news(&self, observer: impl Fn(&Session, News<'_>) + Send + Sync + 'static) {
        let _ = self.shared.observer.set(Observer(Box::new(observer)));
    }

    /// Sets who is asked before a TCP connection for media is taken; to be done before the shards start. Later calls change
    /// nothing.
    pub fn set_doorman(&self, doorman: Doorman) {
        let _ = self.shared.doorman.set(doorman);
    }

    pub(super) fn doorman(&self) -> Doorman {
        self.shared.doorman.get().cloned().unwrap_or_default()
    }

    /// Replaces the limits; sessions that exist stay.
    pub fn set_limits(&self, limits: SessionLimits) {
        self.shared.ingest_kbps.store(limits.ingest_kbps, Ordering::Relaxed);
        self.table().limits = limits;
    }

    /// Connects the table with the shards; done once, before the first session.
    pub(super) fn connect(&self, reached: Reached, inboxes: Vec<Arc<Inbox>>) {
        self.shared.reached.set(reached).expect("shards are started once");
        self.shared.inboxes.set(inboxes).expect("shards are started once");
    }

    /// Our side of the transport with given credentials.
    pub fn local_transport(&self, credentials: &IceCredentials) -> LocalTransport {
        let Reached { candidates, tcp, fingerprint } = self.shared.reached.get().cloned().unwrap_or_default();
        let mut bits = [0u8; 8];
        getrandom::fill(&mut bits).expect("the system's random source works");
        LocalTransport {
            ufrag: credentials.ufrag.clone(),
            pwd: credentials.pwd.clone(),
            fingerprint,
            candidates,
            tcp,
            session_id: u64::from_be_bytes(bits) >> 2,
        }
    }

    /// The addresses that media is taken at.
    pub fn candidates(&self) -> Vec<SocketAddr> {
        self.shared.reached.get().map(|reached| reached.candidates.clone()).unwrap_or_default()
    }

    /// The limits in force.
    pub fn limits(&self) -> SessionLimits {
        self.table().limits
    }

    /// How busy the shards are, as far as it is known.
    pub fn load(&self) -> Arc<Load> {
        self.shared.load.lock().expect("no holder of this lock panics").clone()
    }

    /// Says how busy the shards are.
    pub fn set_load(&self, load: Load) {
        *self.shared.load.lock().expect("no holder of this lock panics") = Arc::new(load);
    }

    /// Whether there is a shard that a new viewer would not be too much for. Those who publish a stream that others wait for
    /// are not asked about: without them there is nothing to watch.
    ///
    /// # Errors
    /// When all are overloaded.
    pub fn spare(&self) -> Result<(), NoRoom> {
        if self.load().is_overloaded() { Err(NoRoom::Overloaded) } else { Ok(()) }
    }

    /// The most that any publisher may send, in kbit/s.
    pub fn ingest_kbps(&self) -> Option<u32> {
        Some(self.shared.ingest_kbps.load(Ordering::Relaxed)).filter(|kbps| *kbps > 0)
    }

    /// A client asks for a session. To be called before anything is done for it.
    ///
    /// # Errors
    /// When it asks too often.
    pub fn knock(&self, address: IpAddr) -> Result<(), NoRoom> {
        let rate = self.table().limits.joins_per_address;
        self.shared.joins.lock().expect("no holder of this lock panics").ask(address, rate, Instant::now())
    }

    /// Puts a session into the table, where the shards find it.
    ///
    /// # Errors
    /// When there is no room for it or the server stops; `role` is dropped then.
    pub fn insert(&self, new: NewSession) -> Result<Arc<Session>, SessionError> {
        if self.shared.inboxes.get().is_none() {
            return Err(SessionError::NoMedia);
        }
        let mut table = self.table();
        match self.doors() {
            Doors::Open => {}
            Doors::Draining => return Err(SessionError::Draining),
            Doors::Stopping => return Err(SessionError::Stopping),
        }
        let limits = table.limits;
        table.census.admit(&limits, new.client.remote_ip)?;
        let ufrag = new.local.ufrag.clone();
        let session = Arc::new(Session::new(new, self.clone()));
        table.by_ufrag.insert(ufrag, session.clone());
        table.by_id.insert(session.id.clone(), Entry { session: session.clone(), pending: true });
        drop(table);
        self.changed();
        Ok(session)
    }

    /// The session of an id, pending or live.
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.table().by_id.get(id).map(|entry| entry.session.clone())
    }

    /// All sessions, in no order.
    pub fn list(&self) -> Vec<Arc<Session>> {
        self.table().by_id.values().map(|entry| entry.session.clone()).collect()
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
        match session.claim(NO_SHARD) {
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

    /// As [`Sessions::close`], with words for the client. Of two that end it at once, the first has the word.
    pub fn close_with(&self, id: &str, reason: CloseReason, farewell: &str) -> bool {
        if let Some(session) = self.get(id) {
            session.set_farewell(farewell);
        }
        self.close(id, reason)
    }

    /// Refuses new sessions from now on and ends those that no shard has taken.
    pub fn stop(&self) {
        self.shared.doors.send_replace(Doors::Stopping);
        for session in self.list() {
            if session.state() == SessionState::Pending {
                self.close(session.id.as_str(), CloseReason::Shutdown);
            }
        }
    }

    /// Refuses new sessions until [`Sessions::reopen`]. False when the server stops already.
    pub fn drain(&self) -> bool {
        self.move_doors(Doors::Draining)
    }

    /// Takes [`Sessions::drain`] back. False when the server stops.
    pub fn reopen(&self) -> bool {
        self.move_doors(Doors::Open)
    }

    /// Whether sessions may start.
    pub fn doors(&self) -> Doors {
        *self.shared.doors.borrow()
    }

    /// Follows whether sessions may start.
    pub fn watch_doors(&self) -> watch::Receiver<Doors> {
        self.shared.doors.subscribe()
    }

    fn move_doors(&self, to: Doors) -> bool {
        let mut may = true;
        self.shared.doors.send_if_modified(|doors| {
            may = *doors != Doors::Stopping;
            let change = may && *doors != to;
            if change {
                *doors = to;
            }
            change
        });
        may
    }

    /// Ends sessions that nobody has connected to in time.
    pub(super) fn expire_pending(&self) {
        for session in self.list() {
            if session.is_unowned() && session.age() > PENDING_TIMEOUT {
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

    /// Its media may flow: it counts as pending no more.
    pub(super) fn connected(&self, session: &Session) {
        let mut table = self.table();
        if let Some(entry) = table.by_id.get_mut(&session.id)
            && std::mem::take(&mut entry.pending)
        {
            table.census.connected(session.client.remote_ip);
        }
    }

    /// Its ICE restarted: it is found by another user fragment, and not by those that are over.
    pub(super) fn restarted(&self, id: &SessionId, ufrag: &str, over: &[String]) {
        let mut table = self.table();
        for old in over {
            table.by_ufrag.remove(old);
        }
        if let Some(entry) = table.by_id.get(id) {
            let session = entry.session.clone();
            table.by_ufrag.insert(ufrag.to_owned(), session);
        }
    }

    /// Tells the observer.
    pub(super) fn tell(&self, session: &Session, news: News<'_>) {
        if let Some(Observer(observe)) = self.shared.observer.get() {
            observe(session, news);
        }
    }

    /// Forgets it.
    pub(super) fn remove(&self, session: &Session) {
        let ufrags = session.local_ufrags();
        let mut table = self.table();
        let removed = table.by_id.remove(&session.id);
        for ufrag in ufrags {
            table.by_ufrag.remove(&ufrag);
        }
        if let Some(entry) = &removed {
            table.census.left(session.client.remote_ip, entry.pending);
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
