//! What a publisher sends: the test source or a file, as frames at their time.

use super::error::ClientError;
use crate::codec::{SourceOptions, TestSource};
use crate::media::{Frame, MediaKind, TrackSet, wall_clock};
use crate::protocol::container::MediaFile;
use bytes::Bytes;
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;

/// Files are read whole; a larger one is refused.
const MAX_FILE: u64 = 2 << 30;
/// Frames that wait to be sent: about 150 ms. When full, the source waits, and falls behind as below.
const FEED: usize = 8;
/// Behind by more than this, the source goes on from now instead of catching up in a burst.
const MAX_LAG: Duration = Duration::from_millis(500);
/// The frame rate of a file that does not tell, as most cameras have.
const DEFAULT_FPS: f64 = 30.0;

/// Where frames come from.
pub enum Source {
    Test(Box<TestSource>),
    File(FileSource),
}

/// A media file.
pub struct FileSource {
    path: String,
    file: MediaFile,
    repeat: bool,
    tracks: TrackSet,
    /// Index in `tracks` of each track of the file; `None`: not sent.
    sent_as: Vec<Option<u8>>,
}

/// Frames in the order of sending, each not before its time. `capture_ns` is the wall clock of the media time.
pub struct Feed {
    frames: mpsc::Receiver<Result<Frame, ClientError>>,
    keyframe: Arc<AtomicBool>,
}

impl Source {
    /// A synthetic stream.
    pub fn test(options: SourceOptions) -> Result<Self, ClientError> {
        let source = TestSource::new(options).map_err(|error| ClientError::Usage(error.to_string()))?;
        Ok(Source::Test(Box::new(source)))
    }

    /// Opens a file; `fps` is for those that do not tell their frame rate. At most one track of each kind is sent.
    pub fn file(path: &str, fps: Option<f64>, repeat: bool, audio: bool, video: bool) -> Result<Self, ClientError> {
        let fail = |reason: String| ClientError::Source { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(fail("it is larger than 2 GiB".to_owned()));
        }
        let file = MediaFile::open(&Bytes::from(bytes), fps.unwrap_or(DEFAULT_FPS));
        let file = file.map_err(|error| fail(error.to_string()))?;
        for line in file.left_out() {
            tracing::warn!("{path}: not sent: {line}");
        }
        let mut tracks = TrackSet::new();
        let mut choose = |kind: MediaKind, track| {
            let wanted = if kind == MediaKind::Audio { audio } else { video };
            let first = !tracks.iter().any(|other: &crate::media::TrackInfo| other.kind() == kind);
            (wanted && first).then(|| {
                tracks.push(track);
                tracks.len() as u8 - 1
            })
        };
        let sent_as: Vec<_> = file.tracks().into_iter().map(|track| choose(track.kind(), track)).collect();
        if tracks.is_empty() {
            return Err(fail("it has no track to send".to_owned()));
        }
        Ok(Source::File(FileSource { path: path.to_owned(), file, repeat, tracks, sent_as }))
    }

    /// What is sent; a frame names its track by the index here.
    pub fn tracks(&self) -> TrackSet {
        match self {
            Source::Test(source) => source.tracks(),
            Source::File(source) => source.tracks.clone(),
        }
    }

    /// Starts to produce frames on a thread of its own; it ends with the feed.
    pub fn start(self) -> Result<Feed, ClientError> {
        let (sender, frames) = mpsc::channel(FEED);
        let keyframe = Arc::new(AtomicBool::new(false));
        let wanted = keyframe.clone();
        let produce = move || match self {
            Source::Test(source) => produce_test(*source, &sender, &wanted),
            Source::File(source) => produce_file(&source, &sender),
        };
        let thread = std::thread::Builder::new().name("source".to_owned()).spawn(produce);
        thread.map_err(|error| ClientError::Local(format!("cannot start a thread: {error}")))?;
        Ok(Feed { frames, keyframe })
    }
}

impl Feed {
    /// The next frame; `None`: the source has ended.
    pub async fn next(&mut self) -> Option<Result<Frame, ClientError>> {
        self.frames.recv().await
    }

    /// Asks for a keyframe, which a file cannot give.
    pub fn request_keyframe(&self) {
        self.keyframe.store(true, Ordering::Relaxed);
    }
}

/// Ties media time to the clock.
struct Pace {
    began: Instant,
    began_wall_ns: u64,
    /// Lost to lags: media time runs this much behind.
    behind: Duration,
}

impl Pace {
    fn new() -> Self {
        Pace { began: Instant::now(), began_wall_ns: wall_clock(SystemTime::now()), behind: Duration::ZERO }
    }

    /// Waits until a media time has come, or tells how much too late it is, where that is too much.
    fn wait(&self, media: Duration) -> Option<Duration> {
        let due = media + self.behind;
        let elapsed = self.began.elapsed();
        match due.checked_sub(elapsed) {
            Some(pause) => std::thread::sleep(pause),
            None if elapsed - due > MAX_LAG => return Some(elapsed - due),
            None => {}
        }
        None
    }

    /// The wall clock of a media time, in nanoseconds since 1970.
    fn wall_ns(&self, media: Duration) -> u64 {
        self.began_wall_ns + (media + self.behind).as_nanos() as u64
    }
}

fn produce_test(mut source: TestSource, sender: &mpsc::Sender<Result<Frame, ClientError>>, keyframe: &AtomicBool) {
    let pace = Pace::new();
    loop {
        if let Some(lag) = pace.wait(source.next_due()) {
            source.skip_to(source.next_due() + lag);
        }
        if keyframe.swap(false, Ordering::Relaxed) {
            source.force_keyframe();
        }
        let frame = match source.next(pace.wall_ns(source.next_due())) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) if sender.is_closed() => return,
            Ok(None) => continue,
            Err(error) => Err(ClientError::Local(format!("the test source failed: {error}"))),
        };
        let failed = frame.is_err();
        if sender.blocking_send(frame).is_err() || failed {
            return;
        }
    }
}

fn produce_file(source: &FileSource, sender: &mpsc::Sender<Result<Frame, ClientError>>) {
    let mut pace = Pace::new();
    let mut offset = Duration::ZERO;
    loop {
        for frame in source.file.frames() {
            let frame = match frame {
                Ok(mut frame) => {
                    let Some(track) = source.sent_as[usize::from(frame.track)] else { continue };
                    frame.track = track;
                    let media = offset + Duration::from_nanos(frame.pts_ns());
                    pace.behind += pace.wait(media).unwrap_or_default();
                    frame.capture_ns = Some(pace.wall_ns(media));
                    let ticks = offset.as_nanos() * u128::from(frame.codec.clock_rate()) / 1_000_000_000;
                    frame.pts += ticks as u64;
                    Ok(frame)
                }
                Err(error) => Err(ClientError::Source { path: source.path.clone(), reason: error.to_string() }),
            };
            let failed = frame.is_err();
            if sender.blocking_send(frame).is_err() || failed {
                return;
            }
        }
        if !source.repeat {
            return;
        }
        // A file that says it takes no time must not be sent as fast as can be.
        offset += source.file.duration().max(Duration::from_millis(20));
    }
}
