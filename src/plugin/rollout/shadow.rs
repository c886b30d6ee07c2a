//! Asks a generation in the shadow what it would have decided, away from the sessions, and compares.

use super::differences::Comparisons;
use crate::plugin::chain::{Plugin, Server};
use crate::plugin::decision::{Answer, Grant};
use crate::plugin::facts::Facts;
use crate::plugin::question::{MayIt, Question, Whither};
use crate::plugin::route::Route;
use crate::plugin::serving::Serving;
use crate::task::Tasks;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// A session that was decided.
pub struct Asked {
    pub facts: Arc<Facts>,
    pub decided: Said,
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Auth(Answer<Grant>),
    Router(Answer<Route>),
    /// The access rules decided, since no plugin did: whether they allowed it.
    Rules(bool),
}

/// The way to a generation in the shadow.
pub struct Shadow {
    queue: mpsc::Sender<Asked>,
    comparisons: Arc<Comparisons>,
    differences: AtomicU64,
}

/// Sessions that wait to be compared. Sessions come in bursts; a candidate that is slower than they come, or does not return,
/// misses those beyond, which are counted, and delays nobody.
const WAITING: usize = 256;
/// Calls of the candidate at once: enough for one that waits for another server, and so much memory at most.
const WORKERS: usize = 4;

impl Shadow {
    /// Begins to compare, until `end`. `beside`: whether it stands beside a generation in service; else it is compared with what
    /// was decided without the plugin.
    pub fn start<S: Serving>(
        tasks: &Tasks,
        end: &CancellationToken,
        plugin: &Arc<Plugin>,
        server: &Server<S>,
        beside: bool,
    ) -> Arc<Self> {
        let (queue, waiting) = mpsc::channel(WAITING);
        let comparisons = plugin.comparisons.clone();
        let shadow = Arc::new(Shadow { queue, comparisons, differences: AtomicU64::new(0) });
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..WORKERS.min(server.manifest.settings.instances) {
            let (server, waiting, shadow) = (server.clone(), waiting.clone(), shadow.clone());
            let end = end.clone();
            tasks.spawn("plugin shadow", async move {
                end.run_until_cancelled(work(server, waiting, shadow, beside)).await;
            });
        }
        shadow
    }

    /// Puts a session to it, unless it is behind.
    pub fn offer(&self, facts: &Arc<Facts>, decided: Option<Said>) {
        let Some(decided) = decided else { return };
        if self.queue.try_send(Asked { facts: facts.clone(), decided }).is_err() {
            self.comparisons.dropped();
        }
    }

    /// Differences found.
    pub fn differences(&self) -> u64 {
        self.differences.load(Ordering::Relaxed)
    }
}

async fn work<S: Serving>(
    server: Server<S>,
    waiting: Arc<Mutex<mpsc::Receiver<Asked>>>,
    shadow: Arc<Shadow>,
    beside: bool,
) {
    loop {
        // The lock is held by whoever waits for the next one.
        let next = waiting.lock().await.recv().await;
        let Some(asked) = next else { return };
        match &asked.decided {
            Said::Auth(_) | Said::Rules(_) => compare(&MayIt, &server, &shadow, &asked, beside).await,
            Said::Router(_) => compare(&Whither, &server, &shadow, &asked, beside).await,
        }
    }
}

async fn compare<Q: Question, S: Serving>(
    question: &Q,
    server: &Server<S>,
    shadow: &Shadow,
    asked: &Asked,
    beside: bool,
) {
    let Asked { facts, decided } = asked;
    // One that keeps failing is asked less: the breaker lets some through.
    let Some(answer) = server.try_out(question, facts).await else {
        shadow.comparisons.dropped();
        return;
    };
    shadow.comparisons.compared();
    let candidate = match answer {
        Ok(answer) => {
            let Some(said) = Q::said(answer) else { return };
            if !decided.differs(&said, beside) {
                return;
            }
            said.words()
        }
        Err(fault) => format!("failed ({}): {fault}", fault.class().name()),
    };
    shadow.differences.fetch_add(1, Ordering::Relaxed);
    let mask = &server.manifest.settings.mask;
    let words = (mask.hide(decided.words()), mask.hide(candidate));
    shadow.comparisons.note(server.number, Q::HOOK, facts, words.0, words.1);
}
