//! The demo stream: the test source, paced by the clock on a thread of its own.

use crate::codec::{CodecError, SourceOptions, TestSource};
use crate::media::{Frame, MediaKind, TrackSet, wall_clock};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// A frame later than this is left out, and all others that are due: they would come as a burst.
const LATEST: Duration = Duration::from_millis(100);

/// Takes the frames of the demo. Called on the demo's thread; it must not block for long.
pub trait DemoSink: Send + 'static {
    /// Takes the next frame, at the time when it is due.
    fn frame(&mut self, frame: Frame);
    /// Whether anybody would see or hear a frame that is made now. Asked before each frame.
    fn watched(&mut self) -> bool;
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
    let mut attention = Attention::default();
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
                match attention.step(sink.watched()) {
                    Attend::Make => {}
                    Attend::MakeKeyframe => source.force_keyframe(),
                    Attend::Rest => {
                        source.skip_to(due + Duration::from_nanos(1));
                        continue;
                    }
                }
                if sink.keyframe_requested() {
                    source.force_keyframe();
                }
                let late = now.saturating_sub(due).as_nanos() as u64;
                let wall = wall_clock(SystemTime::now()).saturating_sub(late);
                if let Some(frame) = source.next(wall)? {
                    attention.made(&frame);
                    sink.frame(frame);
                }
            }
        }
    }
}

/// Whether frames are made: while somebody watches, and at the start until there is one picture, so that the stream is live
/// and its size known.
#[derive(Debug, Default)]
struct Attention {
    introduced: bool,
    resting: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Attend {
    Make,
    /// Somebody has come: what was made before is unknown to him.
    MakeKeyframe,
    Rest,
}

impl Attention {
    fn step(&mut self, watched: bool) -> Attend {
        let before = self.resting;
        self.resting = self.introduced && !watched;
        match (before, self.resting) {
            (_, true) => Attend::Rest,
            (true, false) => Attend::MakeKeyframe,
            (false, false) => Attend::Make,
        }
    }

    fn made(&mut self, frame: &Frame) {
        self.introduced |= frame.codec.kind() == MediaKind::Video;
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
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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
        /// How often it was asked whether somebody watches, while nobody did.
        unwatched: Arc<AtomicU32>,
        watched: Arc<AtomicBool>,
    }

    impl Recorder {
        fn new(watched: bool) -> (Recorder, mpsc::Receiver<Frame>) {
            let (frames, received) = mpsc::channel();
            let recorder = Recorder {
                frames,
                wanted: Arc::default(),
                unwatched: Arc::default(),
                watched: Arc::new(AtomicBool::new(watched)),
            };
            (recorder, received)
        }
    }

    impl DemoSink for Recorder {
        fn watched(&mut self) -> bool {
            let watched = self.watched.load(Ordering::Relaxed);
            if !watched && self.unwatched.fetch_add(1, Ordering::Relaxed) == 20 {
                self.watched.store(true, Ordering::Relaxed);
            }
            watched
        }

        fn frame(&mut self, frame: Frame) {
            _ = self.frames.send(frame);
        }

        fn keyframe_requested(&mut self) -> bool {
            self.wanted.swap(false, Ordering::Relaxed)
        }
    }

    #[test]
    fn nothing_is_made_while_nobody_watches_and_a_comer_gets_a_keyframe_at_once() {
        let mut attention = Attention::default();
        assert_eq!(attention.step(false), Attend::Make, "the stream introduces itself");
        attention.introduced = true;
        let steps = [false, false, true, true, false, true].map(|watched| attention.step(watched));
        use Attend::{Make, MakeKeyframe, Rest};
        assert_eq!(steps, [Rest, Rest, MakeKeyframe, Make, Rest, MakeKeyframe]);

        let options = SourceOptions { width: 64, height: 64, keyframe_seconds: 0, ..SourceOptions::default() };
        let source = DemoSource::new(options).expect("it opens");
        let (recorder, received) = Recorder::new(false);
        let demo = source.start(recorder).expect("it starts");
        let first = received.recv().expect("a picture by which the stream is live");
        assert!(first.keyframe && first.codec == Codec::H264);
        // Nobody comes for the next twenty frames; all of them are left out.
        let next = received.recv().expect("somebody has come");
        assert!(next.pts_ns() > 200_000_000, "{}", next.pts_ns());
        let picture = std::iter::once(next).chain(received.iter()).find(|frame| frame.codec == Codec::H264);
        assert!(picture.expect("a picture").keyframe);
        drop(demo);
    }

    #[test]
    fn frames_flow_until_it_is_dropped() {
        let options = SourceOptions { width: 64, height: 64, keyframe_seconds: 0, ..SourceOptions::default() };
        let source = DemoSource::new(options).expect("it opens");
        assert_eq!(source.tracks().len(), 2);
        let (recorder, received) = Recorder::new(true);
        let wanted = recorder.wanted.clone();
        let demo = source.start(recorder).expect("it starts");
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
