//! One RTP stream of a publisher: continuous numbers, what has come of it, and the frames that its packets belong to.

use super::received::Received;
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::payload::{Dependencies, Facts, Inspector};
use crate::protocol::webrtc::rtp::{Header, SequenceMap, SequenceUnwrapper, TimestampUnwrapper};
use std::collections::VecDeque;

/// Frames whose number is remembered for packets that come late.
const RECENT_FRAMES: usize = 64;

/// A track, or one layer of a track that comes in several.
pub struct Track {
    pub media: MediaParams,
    /// Which of the publisher's layers it is part of; none: of all.
    pub layer: Option<usize>,
    pub rid: Option<String>,
    /// As seen last, or as the offer said.
    pub ssrc: Option<u32>,
    pub sequence: SequenceUnwrapper,
    pub timestamp: TimestampUnwrapper,
    pub map: Option<SequenceMap>,
    pub received: Received,
    /// Packets that came again because they were asked for.
    pub recovered: u64,
    /// Packets that were asked for again.
    pub nacks: u64,
    /// Interarrival jitter as last reported, in ticks.
    pub jitter: u32,
    pub inspector: Inspector,
    dependencies: Dependencies,
    frame: u32,
    recent: VecDeque<(u64, u32)>,
}

impl Track {
    /// The tracks of an m-line: one, or one for each layer of it. `all`: it goes with every layer of another m-line.
    pub fn of(media: &MediaParams, all: bool) -> Vec<Track> {
        if media.rids.is_empty() {
            let layer = if all { None } else { Some(0) };
            return vec![Track::new(media, layer, None, media.ssrc)];
        }
        let ssrc = |layer: usize| media.layer_ssrcs.get(layer).map(|(ssrc, _)| *ssrc);
        let rids = media.rids.iter().enumerate();
        rids.map(|(layer, rid)| Track::new(media, Some(layer), Some(rid.clone()), ssrc(layer))).collect()
    }

    fn new(media: &MediaParams, layer: Option<usize>, rid: Option<String>, ssrc: Option<u32>) -> Track {
        Track {
            inspector: Inspector::new(&media.track),
            dependencies: Dependencies::default(),
            media: media.clone(),
            layer,
            rid,
            ssrc,
            sequence: SequenceUnwrapper::default(),
            timestamp: TimestampUnwrapper::default(),
            map: None,
            received: Received::default(),
            recovered: 0,
            nacks: 0,
            jitter: 0,
            frame: 0,
            recent: VecDeque::new(),
        }
    }

    /// Its index among the tracks of the stream.
    pub fn index(&self) -> usize {
        usize::from(self.media.track_index)
    }

    /// SSRCs that the offer named for it, and whether each carries retransmissions.
    pub fn offered_ssrcs(&self) -> Vec<(u32, bool)> {
        let (media, rtx) = match (&self.rid, self.layer) {
            (Some(_), Some(layer)) => {
                let offered = self.media.layer_ssrcs.get(layer);
                (offered.map(|(ssrc, _)| *ssrc), offered.and_then(|(_, rtx)| *rtx))
            }
            _ => (self.media.ssrc, self.media.rtx_ssrc),
        };
        media.map(|ssrc| (ssrc, false)).into_iter().chain(rtx.map(|ssrc| (ssrc, true))).collect()
    }

    /// Adds what the dependency descriptor of a packet tells, where it has one. Returns it, if it is needed to put the picture together.
    pub fn describe<'a>(&mut self, facts: &mut Facts, header: &Header, packet: &'a [u8]) -> Option<&'a [u8]> {
        let value = header.extension(packet, self.media.extensions.dependencies?)?;
        let described = self.dependencies.read(value)?;
        (facts.layer, facts.layer_end, facts.upward) = (described.layer, described.ends, described.upward);
        facts.sizes = described.sizes.or(facts.sizes);
        Some(value).filter(|_| self.dependencies.has_spatial_layers())
    }

    /// How many frames came.
    pub fn frames(&self) -> u32 {
        self.frame
    }

    /// The number of the frame with a timestamp: packets that come late belong to the frame that they are of.
    pub fn frame_of(&mut self, timestamp: u64) -> u32 {
        match self.recent.back() {
            Some((newest, frame)) if *newest == timestamp => return *frame,
            Some((newest, _)) if *newest > timestamp => {
                let older = self.recent.iter().rev().find(|(at, _)| *at <= timestamp);
                return older.or(self.recent.front()).map_or(0, |(_, frame)| *frame);
            }
            _ => {}
        }
        self.frame = self.frame.wrapping_add(1);
        self.recent.push_back((timestamp, self.frame));
        if self.recent.len() > RECENT_FRAMES {
            self.recent.pop_front();
        }
        self.frame
    }
}
