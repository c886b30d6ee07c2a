//! Publishes the demo stream of `serve --demo` like any other stream.

use crate::codec::SourceOptions;
use crate::config;
use crate::hub::{Hub, PublishError};
use crate::ingest::FramePublisher;
use crate::media::{Frame, wall_clock};
use crate::pipeline::demo::{Demo, DemoError, DemoSink, DemoSource};
use std::time::{Instant, SystemTime};

/// Why there is no demo stream.
#[derive(Debug, thiserror::Error)]
pub enum StartDemoError {
    #[error(transparent)]
    Source(#[from] DemoError),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Starts it; it ends when the result is dropped. `epoch` is that of the media plane's clock.
///
/// # Errors
/// When an encoder can not be opened with these settings.
pub(super) fn start(config: &config::Demo, hub: &Hub, epoch: Instant) -> Result<Demo, StartDemoError> {
    let name = config.name.0.clone();
    let source = DemoSource::new(SourceOptions {
        width: config.size.width as usize,
        height: config.size.height as usize,
        fps: config.fps,
        video_bitrate: config.bitrate_kbps * 1_000,
        name: name.to_string(),
        ..SourceOptions::default()
    })?;
    let publisher = hub.publish(name, source.tracks())?;
    Ok(source.start(Sink(FramePublisher::new(publisher, epoch)))?)
}

struct Sink(FramePublisher);

impl DemoSink for Sink {
    fn frame(&mut self, frame: Frame) {
        self.0.frame(&frame, wall_clock(SystemTime::now()));
    }

    fn watched(&mut self) -> bool {
        !self.0.rest()
    }

    fn keyframe_requested(&mut self) -> bool {
        self.0.take_keyframe_request()
    }
}
