//! RTCP with viewers: reports to them, and what they report, ask for and lost.

use super::fanout::RETRANSMISSIONS;
use super::lane::Lane;
use super::session::SessionStats;
use super::slot::SlotState;
use super::totals::TrackStats;
use super::worker::Worker;
use crate::hub::StreamKey;
use crate::media::{MediaKind, NtpTime};
use crate::protocol::webrtc::rtcp::{self, Packet, ReportBlock, SenderInfo};
use crate::protocol::webrtc::sdp::CNAME;
use std::sync::atomic::Ordering;

/// A round trip longer than this is a forged or stale report, in units of 1/65,536 s.
const LONGEST_ROUND_TRIP: u32 = 30 << 16;

impl Worker {
    /// Sender reports for all tracks of a viewer, and its figures.
    pub(super) fn report_to_viewer(&mut self, slot: usize, key: StreamKey, index: usize) {
        self.count_tracks(slot, key, index);
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let viewer = &mut stream.viewers[index];
        viewer.resends = RETRANSMISSIONS;
        let stats = &self.slots[slot].session.stats;
        let (mut packets, mut octets, mut retransmitted) = (0, 0, 0);
        for lane in &viewer.lanes {
            packets += lane.packets;
            octets += lane.octets;
            retransmitted += lane.retransmitted;
            let clock = stream.clocks.get(usize::from(lane.track)).copied().unwrap_or_default();
            if !lane.has_started() || clock.wall_ns == 0 {
                continue;
            }
            let report = SenderInfo {
                ntp: NtpTime::from_unix_ns(self.clock.wall_ns),
                rtp_timestamp: lane.timestamp(clock.timestamp_at(self.clock.wall_ns)),
                packets: lane.packets as u32,
                octets: lane.octets as u32,
            };
            let mut compound = Vec::with_capacity(96);
            rtcp::write_sender_report(&mut compound, lane.ssrc, &report, &[]);
            rtcp::write_source_description(&mut compound, lane.ssrc, CNAME);
            if viewer.sender.seal_rtcp(&mut compound).is_ok() {
                self.egress.datagram(&viewer.peer, slot as u32, &compound);
            }
        }
        stats.packets.store(packets, Ordering::Relaxed);
        stats.bytes.store(octets, Ordering::Relaxed);
        stats.retransmitted.store(retransmitted, Ordering::Relaxed);
    }

    /// Brings the figures of a viewer's tracks up to date.
    fn count_tracks(&mut self, slot: usize, key: StreamKey, index: usize) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        // Of video alone: where no sound is sent a look for it would go through the whole ring.
        let is_video = |lane: &&Lane| lane.kind == MediaKind::Video;
        let video = stream.viewers[index].lanes.iter().find(is_video).map(|lane| lane.track);
        let newest = video.and_then(|track| stream.newest_frame(track));
        let lanes = stream.viewers[index].lanes.iter_mut();
        for (lane, stats) in lanes.zip(&self.slots[slot].session.tracks) {
            stats.bytes.store(lane.octets, Ordering::Relaxed);
            stats.packets.store(lane.packets, Ordering::Relaxed);
            stats.expected.store(lane.packets, Ordering::Relaxed);
            stats.retransmitted.store(lane.retransmitted, Ordering::Relaxed);
            if let Some(newest) = newest.filter(|_| Some(lane.track) == video) {
                SessionStats::add(&stats.frames, lane.frames_since(key, newest));
                stats.skipped_frames.store(lane.skipped_frames, Ordering::Relaxed);
            }
        }
    }

    /// Counts what a viewer did not get because it fits into no datagram.
    pub(super) fn count_oversize(&mut self, slot: usize, key: StreamKey, index: usize) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let lanes = stream.viewers[index].lanes.iter_mut();
        let packets: u64 = lanes.map(|lane| std::mem::take(&mut lane.oversize)).sum();
        self.metrics.oversize.add(packets);
        SessionStats::add(&self.slots[slot].session.stats.dropped, packets);
    }

    /// Viewers whose first packet is out get their first reports, so that sound and picture are together from the start.
    pub(super) fn greet_starting(&mut self) {
        let mut waiting = std::mem::take(&mut self.starting);
        waiting.retain(|slot| {
            let SlotState::Viewing { key, index, .. } = self.slots[*slot].state else { return false };
            let Some(stream) = self.streams.get(&key) else { return false };
            let lanes = &stream.viewers[index].lanes;
            // Video decides, where there is any: sound may come a second before the first picture.
            let decides = |kind| lanes.iter().find(|lane| lane.kind == kind);
            let lane = decides(MediaKind::Video).or_else(|| decides(MediaKind::Audio));
            if !lane.is_some_and(|lane| lane.has_started()) {
                return true;
            }
            self.metrics.joined(self.slots[*slot].session.age());
            self.slots[*slot].session.setup.media();
            self.slots[*slot].state = SlotState::Viewing { key, index, joined: true };
            self.report_to_viewer(*slot, key, index);
            false
        });
        self.starting.append(&mut waiting);
    }

    /// Takes a viewer's compound packet.
    pub(super) fn viewer_rtcp(&mut self, slot: usize, key: StreamKey, index: usize, compound: &[u8]) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let session = &self.slots[slot].session;
        let (stats, tracks) = (&session.stats, &session.tracks);
        for packet in rtcp::packets(compound) {
            let lane_of = |ssrc: u32| stream.viewers[index].lanes.iter().position(|lane| lane.ssrc == ssrc);
            match packet {
                Ok(Packet::ReceiverReport { reports, .. } | Packet::SenderReport { reports, .. }) => {
                    for block in reports {
                        if let Some(lane) = lane_of(block.ssrc) {
                            note_report(stats, tracks.get(lane), &block, self.clock.wall_ns);
                        }
                    }
                }
                Ok(Packet::Nack { media, lost, .. }) => {
                    if let Some(lane) = lane_of(media) {
                        if let Some(track) = tracks.get(lane) {
                            SessionStats::add(&track.nacks, lost.clone().count() as u64);
                        }
                        let again = stream.retransmit(index, lane, lost, self.clock.now, &mut self.egress);
                        self.metrics.retransmitted.add(u64::from(again.sent));
                        self.metrics.retransmit_missed.add(u64::from(again.missed));
                    }
                }
                Ok(Packet::Pli { media, .. }) => {
                    let lane = lane_of(media);
                    let wanted = lane.is_some();
                    ask_for_keyframe(wanted, stats, lane.and_then(|lane| tracks.get(lane)), stream);
                    self.metrics.keyframe_requests_in.add(u64::from(wanted));
                }
                Ok(Packet::Fir { entries, .. }) => {
                    let lane = { entries }.find_map(|(ssrc, _)| lane_of(ssrc));
                    let wanted = lane.is_some();
                    ask_for_keyframe(wanted, stats, lane.and_then(|lane| tracks.get(lane)), stream);
                    self.metrics.keyframe_requests_in.add(u64::from(wanted));
                }
                Ok(Packet::TransportCc { raw, .. }) => {
                    if let Some(auto) = &mut stream.viewers[index].auto {
                        auto.feedback(self.clock.now, raw);
                    }
                }
                // The rest of a broken compound packet can not be found; what came before it counts.
                Err(_) => self.metrics.rejected_packets.add(1),
                Ok(_) => {}
            }
        }
    }

    /// Says goodbye on all tracks (RFC 3550, 6.6).
    pub(super) fn send_bye(&mut self, slot: usize, key: StreamKey, index: usize) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let viewer = &mut stream.viewers[index];
        let ssrcs: Vec<u32> = viewer.lanes.iter().map(|lane| lane.ssrc).collect();
        let mut compound = Vec::new();
        rtcp::write_receiver_report(&mut compound, ssrcs.first().copied().unwrap_or_default(), &[]);
        rtcp::write_bye(&mut compound, &ssrcs);
        if viewer.sender.seal_rtcp(&mut compound).is_ok() {
            self.egress.datagram(&viewer.peer, slot as u32, &compound);
        }
    }
}

fn ask_for_keyframe(
    wanted: bool,
    stats: &SessionStats,
    track: Option<&TrackStats>,
    stream: &super::fanout::LocalStream,
) {
    if wanted {
        SessionStats::add(&stats.keyframe_requests, 1);
        if let Some(track) = track {
            SessionStats::add(&track.keyframe_requests, 1);
        }
        stream.stream.request_repair();
    }
}

fn note_report(stats: &SessionStats, track: Option<&TrackStats>, block: &ReportBlock, wall_ns: u64) {
    let lost = block.total_lost.max(0) as u64;
    stats.lost.store(lost, Ordering::Relaxed);
    if let Some(track) = track {
        track.lost.store(lost, Ordering::Relaxed);
        track.jitter.store(u64::from(block.jitter), Ordering::Relaxed);
    }
    if let Some(trip) = block.round_trip(NtpTime::from_unix_ns(wall_ns))
        && trip < LONGEST_ROUND_TRIP
    {
        stats.rtt_us.store(u64::from(trip) * 1_000_000 / 65_536, Ordering::Relaxed);
    }
}
