//! A byte stream that fails when its peer stalls: before the first request line, or in taking what is written to it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Wraps a stream with two deadlines that HTTP libraries do not set.
pub(super) struct Stalling<S> {
    inner: S,
    /// Runs until the peer has said enough to tell HTTP/1 from HTTP/2; from then on HTTP's own timeouts count.
    opening: Option<Pin<Box<Sleep>>>,
    heard: usize,
    patience: Duration,
    /// Runs while the peer takes nothing of what waits for it.
    writing: Option<Pin<Box<Sleep>>>,
}

/// Bytes after which the version is known: the length of the HTTP/2 preface.
const OPENING_BYTES: usize = 24;

impl<S> Stalling<S> {
    /// `opening` is the time for the first bytes, `patience` for any progress in writing.
    pub(super) fn new(inner: S, opening: Duration, patience: Duration) -> Stalling<S> {
        let opening = Some(Box::pin(tokio::time::sleep(opening)));
        Stalling { inner, opening, heard: 0, patience, writing: None }
    }

    /// Turns an endless wait into an error.
    fn bound_write<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.writing = None;
            return progress;
        }
        let patience = self.patience;
        let deadline = self.writing.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(timed_out("the peer takes no data"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(opening) = &mut self.opening {
            match result {
                Poll::Pending if opening.as_mut().poll(cx).is_ready() => {
                    return Poll::Ready(Err(timed_out("the peer sends no request")));
                }
                Poll::Pending => {}
                Poll::Ready(_) => {
                    self.heard += buf.filled().len() - before;
                    if self.heard >= OPENING_BYTES {
                        self.opening = None;
                    }
                }
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // An answer is on its way: the request was complete, however short.
        self.opening = None;
        let progress = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.bound_write(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.opening = None;
        let progress = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.bound_write(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.inner).poll_flush(cx);
        self.bound_write(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.bound_write(cx, progress)
    }
}

fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const OPENING: Duration = Duration::from_secs(10);
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_given_up() {
        for first in [&b""[..], b"PRI * HTT"] {
            let (near, mut far) = duplex(64);
            let mut near = Stalling::new(near, OPENING, PATIENCE);
            far.write_all(first).await.unwrap();
            let began = tokio::time::Instant::now();
            let error = near.read_exact(&mut [0; 24]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(began.elapsed().as_secs(), OPENING.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_opening_others_keep_the_time() {
        let (near, mut far) = duplex(64);
        let mut near = Stalling::new(near, OPENING, PATIENCE);
        far.write_all(&[0; 24]).await.unwrap();
        near.read_exact(&mut [0; 24]).await.unwrap();
        let wait = tokio::time::timeout(OPENING * 10, near.read_u8()).await;
        assert!(wait.is_err(), "the stream itself waits on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (near, mut far) = duplex(64);
        let mut near = Stalling::new(near, OPENING, PATIENCE);
        for _ in 0..5 {
            // Slow but steady progress is no stall.
            near.write_all(&[0; 64]).await.unwrap();
            tokio::time::advance(PATIENCE / 2).await;
            far.read_exact(&mut [0; 64]).await.unwrap();
        }
        let began = tokio::time::Instant::now();
        let error = near.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
    }
}
