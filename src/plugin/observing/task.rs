//! The task of one generation that observes: delivers events, in order and until they arrive, and tells how the tracks do.

use super::backoff::Pace;
use super::figures::Figures;
use super::post::take;
use super::rates::Looks;
use super::{Observes, Wants};
use crate::observe::events::Listener;
use crate::plugin::breaker::Turn;
use crate::plugin::chain::Plugin;
use crate::plugin::fault::Fault;
use crate::plugin::health::Health;
use crate::plugin::host::Grade;
use crate::plugin::manifest::Manifest;
use crate::plugin::matching::Matching;
use crate::plugin::serving::Serving;
use crate::task::Tasks;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;

/// For whom an observer is called, to the breaker: nobody. One client among those of its other hooks.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// How often a plugin that is stopped is looked after.
const STOPPED: Duration = Duration::from_secs(1);
/// Tracks in one call.
const PART: usize = 1_000;
/// What waits when the server ends has so long to arrive.
const LAST_WORDS: Duration = Duration::from_millis(800);

/// A generation that observes.
pub(in crate::plugin) struct Observer<'a, S> {
    pub(in crate::plugin) number: u64,
    pub(in crate::plugin) generation: &'a Arc<S>,
    pub(in crate::plugin) health: Arc<Health>,
    pub(in crate::plugin) manifest: &'a Manifest,
    /// Cancelled when another generation takes its place.
    pub(in crate::plugin) end: CancellationToken,
}

/// Starts the task.
pub(in crate::plugin) fn start<S: Serving>(tasks: &Tasks, plugin: &Arc<Plugin>, observer: Observer<'_, S>) {
    let Observer { number, generation, health, manifest, end } = observer;
    let (wants, rules) = (manifest.observer.clone(), manifest.matching.clone());
    let observes = generation.observes();
    plugin.post.begin();
    if observes.events {
        plugin.post.open(plugin.services().events(), &plugin.name, &wants, &rules);
    }
    let courier = Courier {
        plugin: plugin.clone(),
        number,
        generation: Arc::downgrade(generation),
        health,
        wants,
        rules,
        observes,
        end,
        stop: tasks.stopping(),
        pace: Pace::default(),
        looks: Looks::default(),
        looked: moment(),
    };
    tasks.spawn("plugin observer", courier.run());
}

struct Courier<S> {
    plugin: Arc<Plugin>,
    number: u64,
    generation: Weak<S>,
    health: Arc<Health>,
    wants: Arc<Wants>,
    rules: Arc<Matching>,
    observes: Observes,
    end: CancellationToken,
    /// Cancelled when the server ends.
    stop: CancellationToken,
    pace: Pace,
    looks: Looks,
    looked: Instant,
}

impl<S: Serving> Courier<S> {
    async fn run(mut self) {
        let desk = self.plugin.post.desk.clone();
        // The generation before may be in a call: what that delivers is not delivered again.
        let _desk = tokio::select! {
            biased;
            () = self.end.cancelled() => return,
            desk = desk.lock() => desk,
        };
        let queue = self.plugin.post.queue();
        if let Some(queue) = &queue {
            queue.with_queue(|queue| queue.put_back());
        }
        self.look().await;
        let mut next_look = self.observes.stats.then(|| moment() + self.wants.stats_interval);
        loop {
            let due = queue.as_ref().and_then(|queue| self.due(queue));
            let next = [due, next_look].into_iter().flatten().min();
            let alarm = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            let arrived = async {
                match &queue {
                    Some(queue) => queue.arrived().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.end.cancelled() => break,
                () = alarm => {}
                () = arrived => continue,
            }
            let now = moment();
            if next_look.is_some_and(|next| next <= now) {
                next_look = Some(now + self.wants.stats_interval);
                self.look().await;
            }
            if let Some(queue) = &queue
                && self.due(queue).is_some_and(|due| due <= now)
            {
                self.deliver(queue).await;
            }
        }
        if let Some(queue) = queue.filter(|_| self.stop.is_cancelled()) {
            // Also when the last try is given up: the server waits for nobody.
            let _ = tokio::time::timeout(LAST_WORDS, self.deliver_all(&queue)).await;
        }
    }

    fn due(&self, queue: &Listener) -> Option<Instant> {
        let (waiting, oldest) = queue.with_queue(|queue| (queue.len(), queue.oldest()));
        self.pace.due(waiting, oldest, &self.wants)
    }

    async fn deliver_all(&mut self, queue: &Listener) {
        while self.deliver(queue).await && queue.with_queue(|queue| !queue.is_empty()) {}
    }

    /// Delivers one batch. False when it did not arrive.
    async fn deliver(&mut self, queue: &Listener) -> bool {
        let Some(generation) = self.generation.upgrade() else { return false };
        let batch = take(queue, &self.wants).events;
        if batch.is_empty() {
            return true;
        }
        let outcome = self.call("observer/events", generation.on_events(&batch)).await;
        let figures = self.plugin.post.figures();
        let arrived = matches!(outcome, Outcome::Done);
        if arrived {
            let delivered = queue.with_queue(|queue| queue.delivered());
            Figures::add(&figures.delivered, delivered);
            Figures::add(&figures.batches, 1);
            self.pace.succeeded();
        } else {
            queue.with_queue(|queue| queue.put_back());
        }
        match outcome {
            Outcome::Done => {}
            Outcome::Stopped => self.pace.hold(moment() + STOPPED),
            Outcome::Failed { line } => {
                Figures::add(&figures.failed, 1);
                let next = self.pace.failed(moment());
                if let Some(line) = line {
                    let (waiting, tries) = (queue.with_queue(|queue| queue.len()), self.pace.failures());
                    let line = format!(
                        "{line}; {waiting} events wait, and are delivered again in {} s (try {tries} failed)",
                        next.as_secs()
                    );
                    self.plugin.tell(Grade::Warn, self.number, line);
                }
            }
        }
        arrived
    }

    /// Tells how the tracks did since the last look.
    async fn look(&mut self) {
        if !self.observes.stats {
            return;
        }
        let Some(source) = self.plugin.services().tracks() else { return };
        let (now, unix) = (moment(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        let span = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        let mut totals = source.look();
        totals.retain(|track| self.rules.covers_stream(&track.stream));
        let rates = self.looks.look(totals, span, &self.wants.extras);
        let unix_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX);
        for part in rates.chunks(PART) {
            let Some(generation) = self.generation.upgrade().filter(|_| !self.end.is_cancelled()) else { return };
            let outcome = self.call("observer/stats", generation.on_stats(unix_ns, part)).await;
            let figures = self.plugin.post.figures();
            Figures::add(&figures.looks, 1);
            match outcome {
                Outcome::Done => Figures::add(&figures.tracks, part.len()),
                Outcome::Stopped => return,
                Outcome::Failed { line } => {
                    Figures::add(&figures.failed_looks, 1);
                    if let Some(line) = line {
                        let line = format!("{line}; {} tracks are not told, the next look comes as usual", part.len());
                        self.plugin.tell(Grade::Warn, self.number, line);
                    }
                }
            }
        }
    }

    /// Makes a call, and takes note of how it went.
    async fn call(&self, hook: &'static str, call: impl Future<Output = Result<(), Fault>>) -> Outcome {
        let begun = moment();
        let Some(underway) = self.health.begin(NOBODY, begun) else { return Outcome::Stopped };
        let result = call.await;
        let now = moment();
        self.health.latency.record(now - begun);
        self.plugin.tally.observed();
        let Err(fault) = result else {
            if underway.succeeded(now) == Turn::Closed {
                self.plugin.tell(Grade::Info, self.number, "works again".to_owned());
                self.plugin.report("plugin.recovered", self.number, &[]);
            }
            return Outcome::Done;
        };
        self.plugin.tally.failed(fault.class());
        let (log, turn) = match fault {
            // Its receiver is away: it is asked again later and later. To stop it would stop its other hooks.
            Fault::Error(_) | Fault::Wall { .. } => (underway.excused(now, SystemTime::now(), &fault), Turn::None),
            _ => {
                let after = underway.failed(now, SystemTime::now(), &fault);
                (after.log, after.turn)
            }
        };
        if turn != Turn::None {
            self.plugin.turned(self.number, turn);
        }
        Outcome::Failed { line: log.map(|silent| line(hook, &fault, silent)) }
    }
}

/// How a call went.
enum Outcome {
    Done,
    /// It was not made: the plugin is stopped.
    Stopped,
    /// `line`: for the log, where it is time for one.
    Failed {
        line: Option<String>,
    },
}

fn line(hook: &str, fault: &Fault, silent: u64) -> String {
    match silent {
        0 => format!("{hook}: {fault}"),
        _ => format!("{hook}: {fault} ({silent} more before it)"),
    }
}

/// The runtime's clock, which tests can move.
fn moment() -> Instant {
    tokio::time::Instant::now().into_std()
}
