//! One stream on one shard: its viewers, and the loop that writes, seals and queues their packets.

use super::adaptation::Auto;
use super::egress::Egress;
use super::lane::{Lane, Progress};
use super::numbered::Way;
use super::socket::Peer;
use super::tcp;
use crate::hub::{Batch, Ring, Stream, Subscription, TrackClock, ViewerGuard};
use crate::media::MediaKind;
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::srtp::SrtpSender;
use std::sync::Arc;
use std::time::Instant;

/// Bytes that a joiner gets at once, beyond its first keyframe: about what a keyframe of a 2 Mbit/s stream has.
const FIRST_BURST: usize = 48 << 10;
/// What a joiner that catches up gets each turn of `CATCH_UP_NS` at least: 13 Mbit/s.
const CATCH_UP_BYTES: usize = 16 << 10;
/// Beyond the least, so many times the stream's own rate.
const CATCH_UP_FACTOR: u64 = 6;
/// How often joiners get their share.
pub const CATCH_UP_NS: u64 = 10_000_000;
/// Retransmissions that one viewer may get in a second; more would double what a bad link has to carry.
pub const RETRANSMISSIONS: u32 = 400;

/// What became of packets that a viewer asked for again, within its share.
#[derive(Clone, Copy, Debug, Default)]
pub struct Again {
    pub sent: u32,
    /// Not there any more, or never sent to it.
    pub missed: u32,
}

/// A viewer as the fan-out sees it: all that is read per packet, side by side.
pub struct Viewer {
    /// The session's slot.
    pub slot: u32,
    pub peer: Peer,
    pub sender: SrtpSender,
    pub lanes: Vec<Lane>,
    /// Retransmissions left in this second.
    pub resends: u32,
    /// What is known of its way, where it has a choice and tells what arrives.
    pub auto: Option<Box<Auto>>,
    guard: ViewerGuard,
}

impl Viewer {
    /// Lanes that get their share of each turn until they are up to date. By TCP the connection sets the pace.
    pub(super) fn catching_up(&self) -> usize {
        if self.peer.link.is_some() { 0 } else { self.lanes.iter().filter(|lane| lane.is_behind()).count() }
    }
}

/// A stream that this shard has viewers of.
pub struct LocalStream {
    pub stream: Arc<Stream>,
    pub ring: Ring,
    pub clocks: Arc<[TrackClock]>,
    pub viewers: Vec<Viewer>,
    /// Slots of viewers of other renditions who come over with the next keyframe.
    pub arrivals: Vec<u32>,
    /// How many lanes by UDP are behind the newest packet.
    pub(super) catching_up: usize,
    _subscription: Subscription,
}

impl LocalStream {
    pub fn new(mut subscription: Subscription) -> Self {
        let ring = subscription.ring.take().expect("a new subscription has the ring");
        LocalStream {
            stream: subscription.stream.clone(),
            ring,
            clocks: subscription.clocks.clone(),
            viewers: Vec::new(),
            arrivals: Vec::new(),
            catching_up: 0,
            _subscription: subscription,
        }
    }

    /// Adds a viewer, which starts at the newest keyframe or asks for one. Returns its index. `rung`: where the rendition
    /// stands among those that it may have.
    pub fn join(
        &mut self,
        slot: u32,
        peer: Peer,
        sender: SrtpSender,
        media: &[MediaParams],
        rung: usize,
        now: Instant,
    ) -> usize {
        let overhead = sender.profile().tag_len();
        let mut lanes: Vec<Lane> = media.iter().map(|media| Lane::new(media, overhead)).collect();
        let mut keyframe_wanted = false;
        for lane in &mut lanes {
            if lane.kind == MediaKind::Video {
                match self.ring.keyframe() {
                    Some(position) => {
                        lane.start_at(position, &self.ring);
                    }
                    None => keyframe_wanted = true,
                }
            }
        }
        if keyframe_wanted {
            self.stream.request_keyframe();
        }
        let guard = self.stream.count_viewer();
        let auto = lanes.iter().any(Lane::is_numbered).then(|| Box::new(Auto::new(now, rung)));
        let viewer = Viewer { slot, peer, sender, lanes, resends: RETRANSMISSIONS, auto, guard };
        self.catching_up += viewer.catching_up();
        self.viewers.push(viewer);
        self.viewers.len() - 1
    }

    /// Takes a viewer out. Returns it, and the slot of the one that now has its index.
    pub fn take(&mut self, index: usize) -> (Viewer, Option<u32>) {
        let viewer = self.viewers.swap_remove(index);
        self.catching_up -= viewer.catching_up();
        (viewer, self.viewers.get(index).map(|moved| moved.slot))
    }

    /// A viewer's media goes to another address from now on.
    pub fn move_viewer(&mut self, index: usize, peer: Peer) {
        let viewer = &mut self.viewers[index];
        self.catching_up -= viewer.catching_up();
        viewer.peer = peer;
        self.catching_up += viewer.catching_up();
    }

    /// Goes on with a viewer whose connection has room again.
    pub fn resume(&mut self, index: usize, egress: &mut Egress) {
        tcp::drain(&self.ring, &self.stream, &mut self.viewers[index], egress);
    }

    /// Takes a viewer over from another rendition; its lanes are on their way already. Returns its index.
    pub fn adopt(&mut self, mut viewer: Viewer) -> usize {
        viewer.guard = self.stream.count_viewer();
        // A cursor into another ring means nothing here.
        for lane in viewer.lanes.iter_mut().filter(|lane| lane.is_behind()) {
            lane.leave_out();
            lane.up_to_date();
        }
        self.viewers.push(viewer);
        self.viewers.len() - 1
    }

    /// Timestamp and arrival, in nanoseconds, of the newest packet of a track.
    pub fn newest(&self, track: u8) -> Option<(u64, u64)> {
        let positions = (self.ring.start()..self.ring.end()).rev();
        let mut packets = positions.filter_map(|position| self.ring.get(position));
        packets.find(|packet| packet.track == track).map(|packet| (packet.timestamp, packet.arrival_ns))
    }

    /// The number of the newest frame of a track.
    pub fn newest_frame(&self, track: u8) -> Option<u32> {
        let positions = (self.ring.start()..self.ring.end()).rev();
        let mut packets = positions.filter_map(|position| self.ring.get(position));
        packets.find(|packet| packet.track == track).map(|packet| packet.frame)
    }

    /// Sends a new batch to all viewers that are up to date, and remembers it for the others.
    pub fn batch(&mut self, batch: &Batch, now: Instant, egress: &mut Egress) {
        self.ring.extend(&batch.packets);
        self.clocks = batch.clocks.clone();
        let first = self.ring.end() - batch.packets.len() as u64;
        for viewer in &mut self.viewers {
            if viewer.peer.link.is_some() {
                viewer.lanes.iter_mut().for_each(|lane| lane.fall_behind(&batch.packets, first));
                tcp::drain(&self.ring, &self.stream, viewer, egress);
                continue;
            }
            for packet in &batch.packets {
                let Some(lane) = viewer.lanes.iter_mut().find(|lane| lane.track == packet.track) else { continue };
                if !lane.admits(packet) {
                    continue;
                }
                let sender = &viewer.sender;
                let way = viewer.auto.as_deref_mut().map(|auto| Way { auto, now });
                egress.packet(&viewer.peer, viewer.slot, |room| lane.write(room, packet, sender, way));
            }
        }
    }

    /// Gives viewers that are behind their share. `first`: only this one, which has just joined.
    pub fn catch_up(&mut self, first: Option<usize>, now: Instant, egress: &mut Egress) {
        if let Some(index) = first.filter(|index| self.viewers[*index].peer.link.is_some()) {
            return self.resume(index, egress);
        }
        if self.catching_up == 0 {
            return;
        }
        let bitrate = self.stream.stats.bitrate.load(std::sync::atomic::Ordering::Relaxed);
        let share = (bitrate / 8 * CATCH_UP_FACTOR * CATCH_UP_NS / 1_000_000_000) as usize;
        let range = first.map_or(0..self.viewers.len(), |index| index..index + 1);
        for viewer in self.viewers[range].iter_mut().filter(|viewer| viewer.peer.link.is_none()) {
            for lane in &mut viewer.lanes {
                let mut budget = if first.is_some() { FIRST_BURST } else { share.max(CATCH_UP_BYTES) };
                while let Some(position) = lane.behind() {
                    let Some(packet) = self.ring.get(position.max(self.ring.start())) else {
                        lane.up_to_date();
                        self.catching_up -= 1;
                        break;
                    };
                    // What was evicted before it was sent leaves a gap: only a new keyframe mends that.
                    if position < self.ring.start() {
                        lane.wait_for_keyframe();
                        self.catching_up -= 1;
                        self.stream.request_keyframe();
                        break;
                    }
                    let first_keyframe = first.is_some() && packet.flags.keyframe;
                    if packet.track == lane.track {
                        if budget < packet.payload.len() && !first_keyframe {
                            break;
                        }
                        budget = budget.saturating_sub(packet.payload.len());
                        let sender = &viewer.sender;
                        let way = viewer.auto.as_deref_mut().map(|auto| Way { auto, now });
                        egress.packet(&viewer.peer, viewer.slot, |room| lane.write(room, packet, sender, way));
                    }
                    lane.advance();
                }
            }
        }
    }

    /// Sends lost packets again, as far as they are still here and the viewer's share lasts.
    pub fn retransmit(
        &mut self,
        index: usize,
        lane_index: usize,
        lost: impl Iterator<Item = u16>,
        now: Instant,
        egress: &mut Egress,
    ) -> Again {
        let viewer = &mut self.viewers[index];
        let lane = &mut viewer.lanes[lane_index];
        let mut again = Again::default();
        for sequence in lost {
            if viewer.resends == 0 {
                break;
            }
            // A miss costs a search too: it counts like a hit, or a flood of requests would stall the shard.
            viewer.resends -= 1;
            let found = match lane.source_of(sequence) {
                Progress::Sent(source) => self.ring.find(lane.track, source),
                Progress::Unknown => None,
            };
            let Some(packet) = found else {
                again.missed += 1;
                continue;
            };
            let sender = &viewer.sender;
            let way = viewer.auto.as_deref_mut().map(|auto| Way { auto, now });
            egress.packet(&viewer.peer, viewer.slot, |room| lane.write_again(room, packet, sender, way));
            again.sent += 1;
        }
        again
    }
}
