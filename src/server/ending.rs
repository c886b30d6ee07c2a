//! When the server ends: a signal, or the operator who drains it to leave; and how long its sessions get.

use crate::shard::{Action, Sessions};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals that end the server.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
    }
}

/// Waits until the server is to end. True when its sessions have had their time already: the operator drained it to leave
/// and did not take that back.
pub(super) async fn wanted(
    signals: &mut Signals,
    sessions: &Sessions,
    mut leave: watch::Receiver<bool>,
    grace: &watch::Receiver<Duration>,
) -> bool {
    loop {
        tokio::select! {
            () = signals.next() => return false,
            () = turns(&mut leave, true) => {}
        }
        tokio::select! {
            () = wait(signals, sessions, grace) => {
                tracing::info!("drained: stopping");
                return true;
            }
            () = turns(&mut leave, false) => {}
        }
    }
}

/// Waits for viewers to leave: until the grace is over, or another signal says that this takes too long.
pub(super) async fn wait(signals: &mut Signals, sessions: &Sessions, grace: &watch::Receiver<Duration>) {
    let grace = *grace.borrow();
    tokio::select! {
        () = viewers_gone(sessions) => {}
        () = tokio::time::sleep(grace) => {}
        () = signals.next() => {}
    }
}

async fn viewers_gone(sessions: &Sessions) {
    let mut changes = sessions.changes();
    while sessions.list().iter().any(|session| session.action == Action::Play) {
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn turns(leave: &mut watch::Receiver<bool>, to: bool) {
    if leave.wait_for(|leave| *leave == to).await.is_err() {
        // Nobody is left who could want it.
        std::future::pending::<()>().await;
    }
}
