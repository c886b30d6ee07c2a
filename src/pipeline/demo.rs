//! The demo stream: the test source, paced by the clock on a thread of its own.

use crate::codec::{CodecError, SourceOptions, TestSource};
use crate::media::{Frame, TrackSet, wall_clock};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// A frame later than this is left out, and all others that are due: they would come as a burst.
const LATEST: Duration = Duration::from_millis(100);

/// Takes the frames of the demo. Called on the demo's thread; it must not block for long.
pub trait DemoSink: Send + 'static {
    /// Takes the next frame, at the time when it is due.
    fn frame(&mut self, frame: Frame);
    /// Whether somebody has asked for a keyframe since the last call. Asked once a picture at most.
    fn keyframe_requested(&mut self) -> bool;
}

/// Why the demo can not run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("the demo stream can not be encoded: {0}")]
    Codec(#[from] CodecError),
    #[error("no thread could be started for the demo stream: {0}")]
    Thread(#[source] std::io::Error),
}

/// A demo stream that is ready to start.
pub struct DemoSource {
    source: TestSource,
}

impl DemoSource {
    /// Opens the encoders.
    pub fn new(options: SourceOptions) -> Result<Self, DemoError> {
        Ok(DemoSource { source: TestSource::new(options)? })
    }

    /// The tracks, to publish them under.
    pub fn tracks(&self) -> TrackSet {
        self.source.tracks()
    }

    /// Starts the thread.
    pub fn start(self, sink: impl DemoSink) -> Result<Demo, DemoError> {
        let (stop, stopped) = mpsc::channel();
        let mut source = self.source;
        let mut sink = sink;
        let work = move || {
            if let Err(error) = run(&mut source, &mut sink, &stopped) {
                tracing::error!(%error, "the demo stream has ended");
            }
        };
        let thread = std::thread::Builder::new().name("demo".into()).spawn(work).map_err(DemoError::Thread)?;
        Ok(Demo { stop: Some(stop), thread: Some(thread) })
    }
}

/// The running demo; dropping it stops it and drops the sink.
pub struct Demo {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook.
            _ = thread.join();
        }
    }
}

fn run(source: &mut TestSource, sink: &mut impl DemoSink, stopped: &mpsc::Receiver<()>) -> Result<(), CodecError> {
    let start = Instant::now();
    loop {
        let due = source.next_due();
        let now = start.elapsed();
        match step(due, now) {
            Step::Wait(time) => match stopped.recv_timeout(time) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            },
            Step::Skip => source.skip_to(now),
            Step::Make => {
                if matches!(stopped.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
                    return Ok(());
                }
                if sink.keyframe_requested() {
                    source.force_keyframe();
                }
                let late = now.saturating_sub(due).as_nanos() as u64;
                let wall = wall_clock(SystemTime::now()).saturating_sub(late);
                if let Some(frame) = source.next(wall)? {
                    sink.frame(frame);
                }
            }
        }
    }
}

/// What to do about the next frame.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Wait(Duration),
    Make,
    Skip,
}

fn step(due: Duration, now: Duration) -> Step {
    match now.checked_sub(due) {
        None => Step::Wait(due - now),
        Some(late) if late > LATEST => Step::Skip,
        Some(_) => Step::Make,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Codec;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn late_frames_are_skipped_and_early_ones_waited_for() {
        let ms = Duration::from_millis;
        assert_eq!(step(ms(40), ms(30)), Step::Wait(ms(10)));
        assert_eq!(step(ms(40), ms(40)), Step::Make);
        assert_eq!(step(ms(40), ms(140)), Step::Make);
        assert_eq!(step(ms(40), ms(141)), Step::Skip);
    }

    struct Recorder {
        frames: mpsc::Sender<Frame>,
        wanted: Arc<AtomicBool>,
    }

    impl DemoSink for Recorder {
        fn frame(&mut self, frame: Frame) {
            _ = self.frames.send(frame);
        }

        fn keyframe_requested(&mut self) -> bool {
            self.wanted.swap(false, Ordering::Relaxed)
        }
    }

    #[test]
    fn frames_flow_until_it_is_dropped() {
        let options = SourceOptions { width: 64, height: 64, keyframe_seconds: 0, ..SourceOptions::default() };
        let source = DemoSource::new(options).expect("it opens");
        assert_eq!(source.tracks().len(), 2);
        let (frames, received) = mpsc::channel();
        let wanted = Arc::new(AtomicBool::new(false));
        let demo = source.start(Recorder { frames, wanted: wanted.clone() }).expect("it starts");
        let picture = || received.iter().find(|frame| frame.codec == Codec::H264).expect("the demo runs");
        assert!(picture().keyframe && !picture().keyframe);
        wanted.store(true, Ordering::Relaxed);
        let next: Vec<_> = (0..3).map(|_| picture().keyframe).collect();
        assert!(next.contains(&true), "{next:?}");
        drop(demo);
        // The sink is gone, so the channel ends.
        received.iter().for_each(drop);
    }
}
