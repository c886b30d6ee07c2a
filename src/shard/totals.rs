//! What each track of each session counts: written by its shard once a second, read by whoever looks.

use super::session::{Action, Session, SessionState};
use super::sessions::Sessions;
use crate::media::MediaKind;
use crate::observe::tracks::TrackTotals;
use crate::protocol::webrtc::MediaParams;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one track, or of one layer that a publisher sends.
#[derive(Debug)]
pub struct TrackStats {
    pub kind: MediaKind,
    /// The layer, of a publisher that sends several.
    rid: Arc<str>,
    clock_rate: u32,
    pub bytes: AtomicU64,
    pub packets: AtomicU64,
    pub frames: AtomicU64,
    /// As the receiver's reports say, or as is seen here.
    pub lost: AtomicU64,
    pub expected: AtomicU64,
    /// In ticks of the RTP clock.
    pub jitter: AtomicU64,
    pub nacks: AtomicU64,
    pub retransmitted: AtomicU64,
    pub keyframe_requests: AtomicU64,
    pub skipped_frames: AtomicU64,
}

impl TrackStats {
    /// Those of a session: one for each m-line, or for each layer of one.
    pub(super) fn of(media: &[MediaParams]) -> Box<[TrackStats]> {
        let of = |media: &MediaParams| {
            let rids: Vec<&str> = match media.rids.is_empty() {
                true => vec![""],
                false => media.rids.iter().map(String::as_str).collect(),
            };
            rids.into_iter().map(|rid| TrackStats::new(media, rid)).collect::<Vec<_>>()
        };
        media.iter().flat_map(of).collect()
    }

    fn new(media: &MediaParams, rid: &str) -> Self {
        TrackStats {
            kind: media.track.kind(),
            rid: rid.into(),
            clock_rate: media.track.codec.clock_rate(),
            bytes: AtomicU64::default(),
            packets: AtomicU64::default(),
            frames: AtomicU64::default(),
            lost: AtomicU64::default(),
            expected: AtomicU64::default(),
            jitter: AtomicU64::default(),
            nacks: AtomicU64::default(),
            retransmitted: AtomicU64::default(),
            keyframe_requests: AtomicU64::default(),
            skipped_frames: AtomicU64::default(),
        }
    }

    fn totals(&self, index: usize, session: &Session, base: &TrackTotals) -> TrackTotals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let video = self.kind == MediaKind::Video;
        let (width, height) = if video { (base.width, base.height) } else { (0, 0) };
        let own = session.action == Action::Publish || !video;
        TrackTotals {
            index,
            rendition: if own { self.rid.clone() } else { base.rendition.clone() },
            kind: if video { "video" } else { "audio" },
            bytes: get(&self.bytes),
            packets: get(&self.packets),
            frames: get(&self.frames),
            lost: get(&self.lost),
            expected: get(&self.expected),
            nacks: get(&self.nacks),
            retransmitted: get(&self.retransmitted),
            keyframe_requests: get(&self.keyframe_requests),
            skipped_frames: get(&self.skipped_frames),
            jitter_us: get(&self.jitter) * 1_000_000 / u64::from(self.clock_rate.max(1)),
            width,
            height,
            ..base.clone()
        }
    }
}

impl Sessions {
    /// The tracks of all sessions whose media flows, as their shards have counted them; at most a second old.
    pub fn track_totals(&self) -> Vec<TrackTotals> {
        let connected = |session: &Arc<Session>| session.state() == SessionState::Connected;
        self.list().into_iter().filter(connected).flat_map(|session| totals(&session)).collect()
    }
}

fn totals(session: &Session) -> Vec<TrackTotals> {
    let given = session.given();
    let picture = given.as_ref().and_then(|given| given.rendition.stream.picture()).unwrap_or_default();
    let base = TrackTotals {
        session: session.id.as_str().into(),
        stream: session.stream.as_str().into(),
        rendition: given.map(|given| given.rendition.rid).unwrap_or_default(),
        inbound: session.action == Action::Publish,
        rtt_us: session.stats.rtt_us.load(Ordering::Relaxed),
        estimate_kbps: session.stats.estimate.load(Ordering::Relaxed) / 1_000,
        width: picture.0,
        height: picture.1,
        ..TrackTotals::default()
    };
    session.tracks.iter().enumerate().map(|(index, track)| track.totals(index, session, &base)).collect()
}
