//! What a publisher sends: the test source or a file, as frames at their time.

use super::error::ClientError;
use crate::codec::source::{SourceOptions, TestSource};
use crate::media::{Frame, TrackInfo, TrackSet, wall_clock};
use crate::protocol::container::{self, Hint, Reader};
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

/// Where frames come from.
pub enum Source {
    Test(Box<TestSource>),
    File(Box<FileSource>),
}

/// A media file.
pub struct FileSource {
    path: String,
    bytes: Bytes,
    fps: Option<f64>,
    repeat: bool,
    reader: Reader,
    tracks: TrackSet,
    /// Tracks of the file that are sent, by their index in `tracks`.
    chosen: Vec<usize>,
    upcoming: Option<Frame>,
    /// Added to times of the file, since it was played before.
    offset_ns: u64,
    /// Where the latest frame of this round ends.
    end_ns: u64,
}

/// Frames in the order of sending, each not before its time.
pub struct Feed {
    frames: mpsc::Receiver<Result<Frame, ClientError>>,
    keyframe: Arc<AtomicBool>,
}

impl Source {
    /// A synthetic stream.
    pub fn test(options: SourceOptions) -> Result<Self, ClientError> {
        let source = TestSource::new(options).map_err(|error| ClientError::Local(format!("test source: {error}")))?;
        Ok(Source::Test(Box::new(source)))
    }

    /// Opens a file; `fps` is for those that do not tell their frame rate.
    pub fn file(path: &str, fps: Option<f64>, repeat: bool, audio: bool, video: bool) -> Result<Self, ClientError> {
        let fail = |reason: String| ClientError::Source { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| fail(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| fail(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(fail("it is larger than 2 GiB".to_owned()));
        }
        let bytes = Bytes::from(bytes);
        let reader = open(path, &bytes, fps)?;
        let mut chosen: Vec<usize> = Vec::new();
        for (index, track) in reader.tracks().iter().enumerate() {
            let kind = track.kind();
            let wanted = if kind == crate::media::MediaKind::Audio { audio } else { video };
            if wanted && !chosen.iter().any(|other| reader.tracks()[*other].kind() == kind) {
                chosen.push(index);
            }
        }
        if chosen.is_empty() {
            return Err(fail("it has no track to send".to_owned()));
        }
        let tracks = chosen.iter().map(|index| reader.tracks()[*index].clone()).collect();
        let mut source = FileSource {
            path: path.to_owned(),
            bytes,
            fps,
            repeat,
            reader,
            tracks,
            chosen,
            upcoming: None,
            offset_ns: 0,
            end_ns: 0,
        };
        source.advance()?;
        if source.upcoming.is_none() {
            return Err(fail("it has no frames".to_owned()));
        }
        Ok(Source::File(Box::new(source)))
    }

    /// What is sent; a frame names its track by the index here.
    pub fn tracks(&self) -> Vec<TrackInfo> {
        match self {
            Source::Test(source) => source.tracks().to_vec(),
            Source::File(source) => source.tracks.clone(),
        }
    }

    /// Starts to produce frames on a thread of its own; it ends with the feed.
    pub fn start(self) -> Result<Feed, ClientError> {
        let (sender, frames) = mpsc::channel(FEED);
        let keyframe = Arc::new(AtomicBool::new(false));
        let wanted = keyframe.clone();
        let thread = std::thread::Builder::new().name("source".to_owned());
        thread
            .spawn(move || produce(self, &sender, &wanted))
            .map_err(|error| ClientError::Local(format!("cannot start a thread: {error}")))?;
        Ok(Feed { frames, keyframe })
    }

    /// Media time of the next frame; `None`: the end.
    fn next_due(&self) -> Option<Duration> {
        match self {
            Source::Test(source) => Some(source.next_due()),
            Source::File(source) => Some(Duration::from_nanos(source.upcoming.as_ref()?.pts_ns())),
        }
    }

    fn next(&mut self, wall_ns: u64) -> Result<Option<Frame>, ClientError> {
        match self {
            Source::Test(source) => {
                source.next(wall_ns).map_err(|error| ClientError::Local(format!("test source: {error}")))
            }
            Source::File(source) => {
                let frame = source.upcoming.take();
                source.advance()?;
                Ok(frame)
            }
        }
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

fn produce(mut source: Source, sender: &mpsc::Sender<Result<Frame, ClientError>>, keyframe: &AtomicBool) {
    let started = Instant::now();
    let started_wall = wall_clock(SystemTime::now());
    // What was lost to lags: media time runs this much behind.
    let mut behind = Duration::ZERO;
    while let Some(due) = source.next_due() {
        let elapsed = started.elapsed();
        match (due + behind).checked_sub(elapsed) {
            Some(pause) => std::thread::sleep(pause),
            None if elapsed - due - behind > MAX_LAG => match &mut source {
                Source::Test(test) => test.skip_to(elapsed),
                Source::File(_) => behind = elapsed - due,
            },
            None => {}
        }
        if keyframe.swap(false, Ordering::Relaxed)
            && let Source::Test(test) = &mut source
        {
            test.force_keyframe();
        }
        let captured = |media: Duration| started_wall + (media + behind).as_nanos() as u64;
        let result = match source.next(captured(due)) {
            Ok(None) => continue,
            Ok(Some(mut frame)) => {
                frame.capture_ns = Some(captured(Duration::from_nanos(frame.pts_ns())));
                Ok(frame)
            }
            Err(error) => Err(error),
        };
        let failed = result.is_err();
        if sender.blocking_send(result).is_err() || failed {
            return;
        }
    }
}

impl FileSource {
    /// Reads the next frame of a chosen track, from the beginning again where that was asked for.
    fn advance(&mut self) -> Result<(), ClientError> {
        loop {
            match self.reader.next() {
                Some(Ok(mut frame)) => {
                    let Some(track) = self.chosen.iter().position(|index| *index == usize::from(frame.track)) else {
                        continue;
                    };
                    frame.track = track as u8;
                    let clock = u64::from(frame.codec.clock_rate());
                    let duration = u64::from(frame.duration) * 1_000_000_000 / clock;
                    self.end_ns = self.end_ns.max(frame.pts_ns() + duration);
                    frame.pts += (u128::from(self.offset_ns) * u128::from(clock) / 1_000_000_000) as u64;
                    self.upcoming = Some(frame);
                    return Ok(());
                }
                Some(Err(error)) => {
                    return Err(ClientError::Source { path: self.path.clone(), reason: error.to_string() });
                }
                // A file without any frame must not be read for ever.
                None if self.repeat && self.end_ns > 0 => {
                    self.offset_ns += std::mem::take(&mut self.end_ns);
                    self.reader = open(&self.path, &self.bytes, self.fps)?;
                }
                None => {
                    self.upcoming = None;
                    return Ok(());
                }
            }
        }
    }
}

fn open(path: &str, bytes: &Bytes, fps: Option<f64>) -> Result<Reader, ClientError> {
    container::open(bytes.clone(), Hint { name: path, fps })
        .map_err(|error| ClientError::Source { path: path.to_owned(), reason: error.to_string() })
}
