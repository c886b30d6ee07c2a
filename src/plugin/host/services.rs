//! What all plugins share: clock, randomness, logs, metrics, keys, stores and the way to other servers.

use super::clock::Clock;
use super::exposition;
use super::http::{Net, Transport};
use super::journal::Line;
use super::keys::Keys;
use super::log::Grade;
use super::notify::{self, Note};
use super::random::Random;
use super::series::Registry;
use super::share::Share;
use super::space::Spaces;
use crate::observe::Events;
use crate::observe::trace::{Span, Tracer};
use crate::observe::tracks::TrackSource;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use tokio::sync::broadcast;

/// How often the services tidy up.
const TURN: Duration = Duration::from_secs(1);

/// Behind the imports of all instances of all plugins.
#[derive(Debug)]
pub struct Services {
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) series: Registry,
    pub(super) keys: Keys,
    pub(super) spaces: Spaces,
    pub(super) transport: Transport,
    pub(super) notes: broadcast::Sender<Note>,
    /// Where the server tells what happens.
    events: Events,
    /// How the tracks of sessions do.
    tracks: OnceLock<TrackSource>,
    /// Whether the server learns where clients are.
    countries: AtomicBool,
    shares: RwLock<BTreeMap<Arc<str>, Arc<Share>>>,
    tracer: OnceLock<Tracer>,
}

impl Services {
    /// The real ones: the machine's clock and randomness, the network.
    pub fn new() -> Arc<Self> {
        Services::of(Events::default())
    }

    /// The real ones, of a server that tells what happens there.
    pub fn of(events: Events) -> Arc<Self> {
        let services = Services::with(Clock::machine(), Random::System, Transport::Net(Net::new()));
        Arc::new(Services { events, ..services })
    }

    pub(super) fn with(clock: Clock, random: Random, transport: Transport) -> Self {
        Services {
            clock,
            random,
            series: Registry::default(),
            keys: Keys::default(),
            spaces: Spaces::default(),
            transport,
            notes: broadcast::Sender::new(notify::QUEUE),
            events: Events::default(),
            tracks: OnceLock::new(),
            countries: AtomicBool::new(true),
            shares: RwLock::default(),
            tracer: OnceLock::new(),
        }
    }

    /// Whether the server learns where clients are. Where it does not, a plugin that is asked about some countries only would
    /// never be asked.
    pub fn knows_countries(&self) -> bool {
        self.countries.load(Ordering::Relaxed)
    }

    /// Says so; true from the start.
    pub fn set_knows_countries(&self, known: bool) {
        self.countries.store(known, Ordering::Relaxed);
    }

    /// Sets who records traces of what happens to plugins. Later calls change nothing.
    pub fn set_tracer(&self, tracer: Tracer) {
        let _ = self.tracer.set(tracer);
    }

    /// Begins a trace; nothing where none are recorded.
    pub(in crate::plugin) fn begin_trace(&self, name: &'static str) -> Span {
        self.tracer.get().map(|tracer| tracer.begin(name, None)).unwrap_or_default()
    }

    /// Tidies up once a second, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut turns = tokio::time::interval(TURN);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            self.tidy();
        }
    }

    /// Tells what was dropped, and removes what has expired.
    pub fn tidy(&self) {
        let (now, unix_ns) = (self.clock.now(), self.clock.unix_ns());
        let shares: Vec<_> = self.shares.read().expect("no holder of this lock panics").values().cloned().collect();
        for share in shares {
            share.report_dropped(now, unix_ns);
        }
        self.spaces.sweep(now);
    }

    /// The last lines of a plugin's log after the one of this number, oldest first; 0 gives all that are kept.
    pub fn log_tail(&self, plugin: &str, after: u64) -> Vec<Line> {
        let shares = self.shares.read().expect("no holder of this lock panics");
        shares.get(plugin).map(|share| share.lines_after(after)).unwrap_or_default()
    }

    /// Writes a line of the host about a plugin, into the server's log and the plugin's. Never rate limited: keep it rare.
    pub fn tell(&self, plugin: &Arc<str>, generation: u64, grade: Grade, message: String) {
        self.share(plugin).tell(grade, generation, message, self.clock.unix_ns());
    }

    /// Appends the metrics of plugins, as OpenMetrics text without the end mark.
    pub fn render_metrics(&self, out: &mut String) {
        self.series.render(out);
        let shares = self.shares.read().expect("no holder of this lock panics");
        exposition::dropped(out, shares.iter().map(|(plugin, share)| (&**plugin, share.dropped())));
    }

    /// Where the server tells what happens.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Sets how observers look at the tracks of sessions. Later calls change nothing.
    pub fn set_tracks(&self, tracks: TrackSource) {
        let _ = self.tracks.set(tracks);
    }

    /// How observers look at the tracks of sessions, once there are any.
    pub fn tracks(&self) -> Option<TrackSource> {
        self.tracks.get().cloned()
    }

    /// What plugins report from now on.
    pub fn notes(&self) -> broadcast::Receiver<Note> {
        self.notes.subscribe()
    }

    /// Forgets the log and the metrics of a removed plugin. What it kept in its space stays, as it may be replaced.
    pub fn forget(&self, plugin: &str) {
        self.series.forget(plugin);
        self.shares.write().expect("no holder of this lock panics").remove(plugin);
    }

    /// Whether a line of this grade goes anywhere: to the server's log, or from `info` on to the plugin's own.
    pub(super) fn logs(&self, grade: Grade) -> bool {
        grade >= Grade::Info || matches!(self.clock, Clock::Virtual(_)) || grade.is_logged()
    }

    pub(super) fn share(&self, plugin: &Arc<str>) -> Arc<Share> {
        let known = self.shares.read().expect("no holder of this lock panics").get(plugin).cloned();
        known.unwrap_or_else(|| {
            let mut shares = self.shares.write().expect("no holder of this lock panics");
            shares.entry(plugin.clone()).or_insert_with(|| Arc::new(Share::new(plugin.clone()))).clone()
        })
    }
}
