//! Signalling of many sessions: a thread of media asks, tokio posts a bounded number of offers at a time.

use crate::client::error::ClientError;
use crate::client::signal::{Opened, SessionUrl, Signalling};
use reqwest::Url;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

/// Offers that wait for their answers at the same time; later ones queue, as behind a proxy.
const CONCURRENT_POSTS: usize = 32;
/// For all farewells together.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// An offer of a session.
pub struct Ask {
    pub session: usize,
    pub endpoint: Url,
    pub offer: String,
}

/// The session, and what came of its offer.
pub type Answered = (usize, Result<Opened, ClientError>);

/// Posts offers as they come. Both queues are bounded by the sessions, one offer each.
pub fn start_signalling(signalling: &Signalling) -> (UnboundedSender<Ask>, mpsc::Receiver<Answered>) {
    let (asks, mut asked) = tokio::sync::mpsc::unbounded_channel::<Ask>();
    let (answered, answers) = mpsc::channel();
    let signalling = signalling.clone();
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(CONCURRENT_POSTS));
        while let Some(Ask { session, endpoint, offer }) = asked.recv().await {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (signalling, answered) = (signalling.clone(), answered.clone());
            tokio::spawn(async move {
                let result = signalling.post(&endpoint, offer).await;
                drop(slot);
                // Nobody waits any more: the load has ended.
                drop(answered.send((session, result)));
            });
        }
    });
    (asks, answers)
}

/// Deletes sessions, a bounded number at a time and for a bounded time.
pub async fn leave(signalling: &Signalling, sessions: Vec<SessionUrl>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT_POSTS));
    let mut farewells = tokio::task::JoinSet::new();
    for session in sessions {
        let (slots, signalling) = (slots.clone(), signalling.clone());
        farewells.spawn(async move {
            if let Ok(_slot) = slots.acquire().await {
                drop(signalling.delete(&session).await);
            }
        });
    }
    drop(tokio::time::timeout(LEAVE_TIMEOUT, farewells.join_all()).await);
}

/// Runs a load on a thread of its own; SIGINT and SIGTERM set `stop`.
pub async fn until_interrupted<T: Send + 'static>(
    name: &str,
    stop: Arc<AtomicBool>,
    load: impl FnOnce() -> Result<T, ClientError> + Send + 'static,
) -> Result<T, ClientError> {
    let (done, mut outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || drop(done.send(load())))
        .map_err(|error| ClientError::Local(format!("cannot start a thread: {error}")))?;
    let outcome = tokio::select! {
        outcome = &mut outcome => outcome,
        () = crate::client::interrupted() => {
            stop.store(true, Ordering::Relaxed);
            outcome.await
        }
    };
    outcome.map_err(|_| ClientError::Local("the load ended unexpectedly".to_owned()))?
}

/// Says what to do where sockets run out.
pub fn socket_error(error: std::io::Error) -> ClientError {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => {
            let advice =
                "too many open files: each viewer has a socket. Raise the limit (ulimit -n 65536) and try again";
            ClientError::Local(advice.to_owned())
        }
        _ => ClientError::Socket(error),
    }
}
