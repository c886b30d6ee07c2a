//! What reaches a shard from other threads: media batches, commands, and what another shard's sockets took: datagrams and
//! connections.

use super::session::{CloseReason, Session};
use super::socket::Peer;
use super::tcp::Handover;
use crate::hub::{Batch, Sink, StreamKey};
use bytes::Bytes;
use crossbeam_queue::ArrayQueue;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Batches that wait for a shard: at 100 batches a second and stream, four seconds of 20 busy streams. A shard that is
/// further behind has stalled; what is beyond is lost to it, its viewers see the gap and ask for a keyframe.
const MEDIA_QUEUE: usize = 8_192;
/// Datagrams of viewers whose address changed. Beyond, they are lost as on any network.
const DATAGRAM_QUEUE: usize = 1_024;
/// TCP connections of sessions that another shard owns. Beyond, they are closed, and the peer tries again.
const CONNECTION_QUEUE: usize = 256;

thread_local! {
    /// The shard that runs on this thread.
    static CURRENT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Asks a shard to do something outside the flow of packets. Their number is bounded by that of sessions and streams.
#[derive(Debug)]
pub enum Command {
    /// End a session.
    Close(Arc<Session>, CloseReason),
    /// A viewer's wish for a rendition changed.
    Choose(Arc<Session>),
    /// A subscribed stream ended.
    StreamEnded(StreamKey),
    /// Somebody wants a keyframe of a stream that is published here.
    KeyframeWanted(StreamKey),
    /// Answer, to show that the loop turns.
    Ping(oneshot::Sender<()>),
    /// End all sessions and leave.
    Stop,
}

/// The way into one shard.
pub struct Inbox {
    index: usize,
    waker: mio::Waker,
    signalled: AtomicBool,
    media: ArrayQueue<(StreamKey, Arc<Batch>)>,
    datagrams: ArrayQueue<(Peer, Bytes)>,
    connections: ArrayQueue<Handover>,
    commands: Mutex<Vec<Command>>,
    /// Batches, datagrams and connections lost because a queue was full.
    pub dropped: AtomicU64,
}

impl Inbox {
    pub fn new(index: usize, waker: mio::Waker) -> Self {
        Inbox {
            index,
            waker,
            signalled: AtomicBool::new(false),
            media: ArrayQueue::new(MEDIA_QUEUE),
            datagrams: ArrayQueue::new(DATAGRAM_QUEUE),
            connections: ArrayQueue::new(CONNECTION_QUEUE),
            commands: Mutex::default(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Marks this thread as the shard's own: it drains the inbox in every turn and needs no waking.
    pub fn attach(&self) {
        CURRENT.set(self.index);
    }

    /// Hands the shard a command.
    pub fn command(&self, command: Command) {
        self.commands.lock().expect("no holder of this lock panics").push(command);
        self.wake();
    }

    /// Hands the shard a datagram of one of its sessions.
    pub fn datagram(&self, peer: Peer, data: Bytes) {
        if self.datagrams.push((peer, data)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake();
    }

    /// Hands the shard a connection of one of its sessions.
    pub fn connection(&self, handover: Handover) {
        if self.connections.push(handover).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake();
    }

    /// To be called by the shard before it drains: later pushes wake it again.
    pub fn rearm(&self) {
        self.signalled.store(false, Ordering::SeqCst);
    }

    pub fn take_media(&self) -> Option<(StreamKey, Arc<Batch>)> {
        self.media.pop()
    }

    pub fn take_datagram(&self) -> Option<(Peer, Bytes)> {
        self.datagrams.pop()
    }

    pub fn take_connection(&self) -> Option<Handover> {
        self.connections.pop()
    }

    pub fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock().expect("no holder of this lock panics"))
    }

    fn wake(&self) {
        if CURRENT.get() != self.index
            && !self.signalled.swap(true, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(shard = self.index, %error, "can not wake the shard");
        }
    }
}

impl Sink for Inbox {
    fn push(&self, key: StreamKey, batch: &Arc<Batch>) -> bool {
        let taken = self.media.push((key, batch.clone())).is_ok();
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake();
        taken
    }

    fn ended(&self, key: StreamKey) {
        self.command(Command::StreamEnded(key));
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("index", &self.index).finish_non_exhaustive()
    }
}
