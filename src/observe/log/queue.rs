//! The bounded queue between those who log and the thread that writes.

use super::sink::Sink;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Hands lines to the writing thread. When it can not keep up, lines are dropped and counted: logging never waits.
#[derive(Debug)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    waiting_bytes: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

impl Queue {
    /// Starts the thread; it ends when the queue is dropped.
    pub(super) fn start(sink: Sink, dropped: Arc<AtomicU64>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(MAX_LINES);
        let waiting_bytes = Arc::new(AtomicUsize::new(0));
        let waiting = waiting_bytes.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&receiver, &waiting, sink))?;
        Ok(Queue { sender, waiting_bytes, dropped })
    }

    /// Queues a line, or drops it when the queue is full.
    pub(super) fn push(&self, line: Vec<u8>) {
        let length = line.len();
        let before = self.waiting_bytes.fetch_add(length, Ordering::Relaxed);
        if before > MAX_BYTES || self.sender.try_send(Message::Line(line)).is_err() {
            self.waiting_bytes.fetch_sub(length, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all that was queued before is written, at most `timeout`.
    pub(super) fn flush(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let (done, written) = sync_channel(1);
        let mut message = Message::Flush(done);
        while let Err(std::sync::mpsc::TrySendError::Full(back)) = self.sender.try_send(message) {
            if Instant::now() >= deadline {
                return;
            }
            // Full: the writer is behind. Nobody is woken when it catches up, so look again soon.
            std::thread::sleep(Duration::from_millis(1));
            message = back;
        }
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// A second or more of very heavy logging; a writer that is further behind does not catch up.
const MAX_LINES: usize = 8192;
/// Bounds the memory of long lines.
const MAX_BYTES: usize = 8 * 1024 * 1024;

fn write_all(receiver: &Receiver<Message>, waiting_bytes: &AtomicUsize, mut sink: Sink) {
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Line(line) => {
                sink.write(&line, Instant::now());
                waiting_bytes.fetch_sub(line.len(), Ordering::Relaxed);
            }
            Message::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}
