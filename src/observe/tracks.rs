//! What a track of a session has counted so far, for those who look at it from time to time.

use std::fmt;
use std::sync::Arc;

/// One track of one session: totals since it began. What differs between two looks is what an interval had.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackTotals {
    pub session: Arc<str>,
    /// Its place among the tracks of the session.
    pub index: usize,
    pub stream: Arc<str>,
    /// The rendition or simulcast layer; empty where there is one only.
    pub rendition: Arc<str>,
    /// `audio` or `video`.
    pub kind: &'static str,
    /// From a publisher to the server.
    pub inbound: bool,
    /// Payload.
    pub bytes: u64,
    pub packets: u64,
    /// Of video; of a viewer those of the rendition that it got.
    pub frames: u64,
    /// Packets that the network lost, and how many there should have been.
    pub lost: u64,
    pub expected: u64,
    /// Packets asked for again, and those that were sent again.
    pub nacks: u64,
    pub retransmitted: u64,
    pub keyframe_requests: u64,
    /// Frames that a viewer was not sent, since it was too slow.
    pub skipped_frames: u64,
    /// Now, in microseconds; 0 while unknown.
    pub rtt_us: u64,
    pub jitter_us: u64,
    /// Of the picture, now; 0 while unknown.
    pub width: u16,
    pub height: u16,
    /// What the viewer's way carries, in kbit/s; 0 where nobody measures.
    pub estimate_kbps: u64,
}

/// Looks at all tracks. Cheap to clone.
#[derive(Clone)]
pub struct TrackSource(Arc<dyn Fn() -> Vec<TrackTotals> + Send + Sync>);

impl TrackSource {
    /// Of whoever counts.
    pub fn new(look: impl Fn() -> Vec<TrackTotals> + Send + Sync + 'static) -> Self {
        TrackSource(Arc::new(look))
    }

    /// What all tracks have counted so far.
    pub fn look(&self) -> Vec<TrackTotals> {
        (self.0)()
    }
}

impl fmt::Debug for TrackSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrackSource")
    }
}
