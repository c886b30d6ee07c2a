//! The receiving side of a publisher's session: packets become the hub's, with their facts, each layer on its timeline.

use super::egress::Egress;
use super::feedback::Feedback;
use super::layer::{self, Layer};
use super::remb::{Remb, Seen};
use super::setup::Setup;
use super::socket::Peer;
use super::sources::Sources;
use super::totals::TrackStats;
use super::track::Track;
use crate::hub::Publisher;
use crate::media::{MediaKind, NtpTime, Packet, PacketFlags};
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::rtcp;
use crate::protocol::webrtc::rtp::{self, Header, SequenceMap};
use crate::protocol::webrtc::srtp::SrtpSender;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The capture time goes with every so many frames, and with keyframes.
const CAPTURE_EVERY: u32 = 32;

/// A publisher's session on its shard.
pub struct Ingest {
    pub publisher: Publisher,
    pub sender: SrtpSender,
    feedback: Feedback,
    tracks: Vec<Track>,
    sources: Sources,
    /// The layers of its picture: one, or those of its simulcast. Sound goes with each.
    layers: Vec<Layer>,
    /// What kind each track of the stream is.
    kinds: Vec<MediaKind>,
    /// The layers are not told apart yet, and what comes is held.
    undivided: bool,
    /// When the first packet came.
    first_seen: Option<Instant>,
    remb: Option<Remb>,
    /// The most that it is told to send, in kbit/s.
    pub ceiling_kbps: Option<u32>,
    /// Packets missing now, some of which may still come.
    pub lost: u64,
    /// Packets that never came.
    pub given_up: u64,
    pub keyframe_requests: u64,
    /// When its peer closed DTLS.
    pub left: Option<Instant>,
    /// It was lost, or left without a word, and may come back.
    pub gone: bool,
    /// The trace of its start, until its first keyframe.
    pub setup: Setup,
}

impl Ingest {
    pub fn new(publisher: Publisher, sender: SrtpSender, media: &[MediaParams], now: Instant) -> Self {
        let undivided = media.iter().any(|media| !media.rids.is_empty());
        let of = |media: &MediaParams| Track::of(media, undivided && media.track.kind() == MediaKind::Audio);
        let tracks: Vec<Track> = media.iter().flat_map(of).collect();
        let sources = Sources::new(&tracks);
        let mut feedback = Feedback::default();
        for source in sources.iter() {
            feedback.bind(source.ssrc, &tracks[source.track].media, source.rtx);
        }
        let adaptive = media.iter().all(|media| !media.feedback.transport_cc);
        let remb = media.iter().any(|media| media.feedback.remb).then(|| Remb::new(adaptive, now));
        let count = tracks.iter().filter_map(|track| track.layer).max().unwrap_or(0) + 1;
        let stream = (!undivided).then(|| publisher.stream().clone());
        Ingest {
            layers: (0..count).map(|_| Layer::new(media, stream.clone())).collect(),
            kinds: media.iter().map(|media| media.track.kind()).collect(),
            publisher,
            sender,
            feedback,
            tracks,
            sources,
            undivided,
            first_seen: None,
            remb,
            ceiling_kbps: None,
            lost: 0,
            given_up: 0,
            keyframe_requests: 0,
            left: None,
            gone: false,
            setup: Setup::default(),
        }
    }

    /// Takes a decrypted RTP packet.
    pub fn rtp(&mut self, packet: &[u8], now: Instant, now_ns: u64, wall_ns: u64) {
        let Ok(header) = Header::parse(packet) else { return };
        let Ok(range) = header.payload_range(packet) else { return };
        let Some((source, new)) = self.sources.find(&self.tracks, &header, packet) else { return };
        let (track_index, rtx) = (source.track, source.rtx);
        self.first_seen.get_or_insert(now);
        let track = &mut self.tracks[track_index];
        if new {
            self.feedback.bind(header.ssrc, &track.media, rtx);
        }
        let payload = Bytes::copy_from_slice(&packet[range]);
        let (payload, sequence) = if rtx {
            // Padding that probes the path has no original.
            match rtp::rtx_original(&payload) {
                Some((sequence, original)) if !original.is_empty() => (payload.slice_ref(original), sequence),
                _ => {
                    self.feedback.packet(now, &header, packet, &payload, header.ssrc, header.sequence);
                    return;
                }
            }
        } else {
            (payload, header.sequence)
        };
        let ssrc = if rtx { track.ssrc.unwrap_or(header.ssrc) } else { header.ssrc };
        self.feedback.packet(now, &header, packet, &payload, ssrc, sequence);
        let source_seq = track.sequence.unwrap(sequence);
        if !track.received.insert(source_seq) {
            return;
        }
        if rtx {
            track.recovered += 1;
        }
        if !rtx {
            track.ssrc = Some(header.ssrc);
        }
        let timestamp = track.timestamp.unwrap(header.timestamp);
        let video = track.media.track.kind() == MediaKind::Video;
        for layer in of_track(&mut self.layers, track.layer) {
            layer.count_bytes(payload.len(), video);
        }
        let map = track.map.get_or_insert_with(|| SequenceMap::new(source_seq, 0x1_0000));
        if payload.is_empty() {
            map.skip(source_seq);
            return;
        }
        let inspected = track.inspector.inspect(timestamp, &payload);
        let inserted = inspected.insert_before.len() as u64;
        let first_inserted = if inserted > 0 { map.insert_before(source_seq, inserted) } else { None };
        let Some(seq) = map.map(source_seq) else { return };
        let frame = track.frame_of(timestamp);
        let index = track.index();
        let mut facts = inspected.facts;
        let descriptor = track.describe(&mut facts, &header, packet).map(|value| Arc::new(value.into()));
        let starts = facts.frame_start || inspected.inserted.frame_start;
        if starts {
            for layer in of_track(&mut self.layers, track.layer) {
                layer.timeline.packet(index, timestamp, wall_ns);
            }
        }
        let keyframe_starts = facts.keyframe_start || (first_inserted.is_some() && inspected.inserted.keyframe_start);
        let mut capture = NtpTime(0);
        if video {
            let layer = &mut self.layers[track.layer.unwrap_or(0)];
            layer.saw(now);
            layer.count_layer(&facts, payload.len());
            if let Some((width, height)) = facts.size {
                layer.set_size(width, height);
            }
            if keyframe_starts {
                layer.keyframe.came();
                std::mem::take(&mut self.setup).media();
                // Who asked before this keyframe came is served by it.
                if let Some(stream) = &layer.stream {
                    stream.served_by_keyframe();
                }
            } else {
                layer.keyframe.want_first();
            }
            let clock = &layer.timeline.clocks()[index];
            if starts && (keyframe_starts || frame.is_multiple_of(CAPTURE_EVERY)) && clock.wall_ns > 0 {
                capture = NtpTime::from_unix_ns(clock.wall_at(timestamp));
            }
        }
        let audio_level = track
            .media
            .extensions
            .audio_level
            .and_then(|id| header.extension(packet, id))
            .and_then(|value| value.first().copied());
        let base = Packet {
            track: index as u8,
            flags: PacketFlags {
                marker: header.marker,
                frame_start: facts.frame_start,
                keyframe_start: facts.keyframe_start && video,
                keyframe: facts.keyframe && video,
                discardable: facts.discardable,
                layer: facts.layer,
                layer_end: facts.layer_end,
                upward: facts.upward,
                spare: facts.spare,
            },
            padding: 0,
            audio_level,
            frame,
            seq,
            timestamp,
            capture,
            arrival_ns: now_ns,
            payload,
            descriptor,
        };
        let layer = track.layer;
        if let Some(first) = first_inserted {
            for (index, payload) in inspected.insert_before.into_iter().enumerate() {
                let start = index == 0;
                let packet = Packet {
                    flags: PacketFlags {
                        marker: false,
                        frame_start: start && inspected.inserted.frame_start,
                        keyframe_start: start && inspected.inserted.keyframe_start,
                        keyframe: true,
                        discardable: false,
                        layer: base.flags.layer,
                        ..PacketFlags::default()
                    },
                    seq: first + index as u64,
                    capture: if start { base.capture } else { NtpTime(0) },
                    payload,
                    ..base.clone()
                };
                self.take(layer, packet, now);
            }
        }
        let capture = if first_inserted.is_some() { NtpTime(0) } else { base.capture };
        self.take(layer, Packet { capture, ..base }, now);
    }

    /// Takes a packet of one layer, or of all of them. Viewers move from layer to layer: sound goes to all at one moment, so
    /// that none of it is missed or heard twice on the way.
    fn take(&mut self, layer: Option<usize>, packet: Packet, now: Instant) {
        match layer {
            Some(layer) => self.layers[layer].hold(packet, now),
            None if self.undivided => self.layers.iter_mut().for_each(|layer| layer.hold(packet.clone(), now)),
            None => self.layers.iter_mut().for_each(|layer| layer.pass(packet.clone(), &self.publisher)),
        }
    }

    /// Takes a decrypted compound RTCP packet.
    pub fn rtcp(&mut self, compound: &[u8], now: Instant, wall_ns: u64) {
        for packet in rtcp::packets(compound) {
            let Ok(rtcp::Packet::SenderReport { ssrc, info: report, .. }) = packet else { continue };
            self.feedback.report(now, ssrc, report.ntp.0, report.rtp_timestamp);
            if let Some(track) = self.sources.track_of(ssrc).map(|track| &self.tracks[track])
                && track.timestamp.highest().is_some()
            {
                let timestamp = track.timestamp.clone().unwrap(report.rtp_timestamp);
                for layer in of_track(&mut self.layers, track.layer) {
                    layer.timeline.report(track.index(), timestamp, report.ntp.unix_ns(), wall_ns);
                }
            }
        }
    }

    /// When waiting packets must go.
    pub fn flush_at(&self) -> Option<Instant> {
        self.layers.iter().filter_map(Layer::flush_at).min()
    }

    /// Passes to the hub what has waited long enough, or makes a whole frame.
    pub fn flush_due(&mut self, now: Instant) {
        if self.undivided {
            return self.divide(now);
        }
        let is_audio = |track: u8| self.kinds.get(usize::from(track)) == Some(&MediaKind::Audio);
        for layer in &mut self.layers {
            if layer.should_flush(now, is_audio) {
                layer.flush(&self.publisher);
            }
        }
    }

    /// Passes all that waits to the hub.
    pub fn flush(&mut self) {
        self.layers.iter_mut().for_each(|layer| layer.flush(&self.publisher));
    }

    /// Tells the layers apart as soon as that can be done, and passes on what was held until then.
    fn divide(&mut self, now: Instant) {
        let Some(first) = self.first_seen else { return };
        let Some(best) = layer::best(&self.layers, first, now) else { return };
        let rids: Vec<String> = self.tracks.iter().filter_map(|track| track.rid.clone()).collect();
        let anew = !self.publisher.stream().has_renditions();
        let streams = self.publisher.divide(&rids, best);
        for (index, (layer, stream)) in self.layers.iter_mut().zip(streams).enumerate() {
            // The stream's own layer counts as sent from the start.
            let changed = layer.settle(stream, now).or((anew && index == best).then_some(true));
            if let (Some(sent), Some(stream)) = (changed, &layer.stream) {
                self.publisher.tell_rendition(stream, sent);
            }
        }
        self.undivided = false;
        tracing::info!(stream = %self.publisher.stream().name, renditions = rids.join(","), best = rids[best],
            "layers told apart");
        self.flush();
    }

    /// Runs its timers: feedback, keyframe requests, figures.
    pub fn tick(&mut self, now: Instant, peer: &Peer, slot: u32, egress: &mut Egress) {
        self.lost = self.tracks.iter().map(|track| track.received.missing()).sum();
        self.given_up = self.tracks.iter().map(|track| track.received.given_up()).sum();
        self.flush_due(now);
        let sender = &mut self.sender;
        let mut send = |mut compound: Vec<u8>| {
            if sender.seal_rtcp(&mut compound).is_ok() {
                egress.datagram(peer, slot, &compound);
            }
        };
        let (sources, tracks) = (&self.sources, &mut self.tracks);
        self.feedback.due(now, |compound| {
            note_feedback(&compound, sources, tracks);
            send(compound);
        });
        let several = self.layers.len() > 1;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.measure(now);
            if several
                && let Some(sent) = layer.note_activity(now)
                && let Some(stream) = &layer.stream
            {
                self.publisher.tell_rendition(stream, sent);
            }
            if !layer.ask_for_keyframe(now) {
                continue;
            }
            let video = |track: &&Track| track.media.track.kind() == MediaKind::Video;
            let track = self.tracks.iter().filter(video).find(|track| track.layer.unwrap_or(0) == index);
            if let Some((track, ssrc)) = track.and_then(|track| Some((track, track.ssrc?))) {
                let mut compound = Vec::new();
                if track.media.feedback.pli || !track.media.feedback.fir {
                    rtcp::write_pli(&mut compound, 0, ssrc);
                } else {
                    rtcp::write_fir(&mut compound, 0, ssrc, self.keyframe_requests as u8);
                }
                send(compound);
                self.keyframe_requests += 1;
                layer.keyframe_requests += 1;
            }
        }
        if let Some(remb) = &mut self.remb {
            let seen = Seen {
                packets: self.tracks.iter().map(|track| track.received.count()).sum(),
                lost: self.lost,
                bitrate: self.layers.iter().map(Layer::bitrate).sum(),
            };
            if let Some(bitrate) = remb.step(now, seen, self.ceiling_kbps) {
                let mut compound = Vec::new();
                rtcp::write_remb(&mut compound, 0, bitrate, &self.sources.media_ssrcs());
                send(compound);
            }
        }
    }
}

impl Ingest {
    /// Brings the figures of the tracks up to date; once a second.
    pub fn count_tracks(&self, stats: &[TrackStats]) {
        for (track, stats) in self.tracks.iter().zip(stats) {
            let video = stats.kind == MediaKind::Video;
            let Some(layer) = self.layers.get(track.layer.unwrap_or(0)) else { continue };
            let (sound, picture) = layer.total_bytes();
            let (count, missing) = (track.received.count(), track.received.missing());
            stats.bytes.store(if video { picture } else { sound }, Ordering::Relaxed);
            stats.packets.store(count, Ordering::Relaxed);
            stats.expected.store(count + missing, Ordering::Relaxed);
            stats.lost.store(track.recovered + missing, Ordering::Relaxed);
            stats.retransmitted.store(track.recovered, Ordering::Relaxed);
            stats.nacks.store(track.nacks, Ordering::Relaxed);
            stats.jitter.store(u64::from(track.jitter), Ordering::Relaxed);
            if video {
                stats.frames.store(u64::from(track.frames()), Ordering::Relaxed);
                stats.keyframe_requests.store(layer.keyframe_requests, Ordering::Relaxed);
            }
        }
    }
}

/// Counts what a publisher is told of its tracks.
fn note_feedback(compound: &[u8], sources: &Sources, tracks: &mut [Track]) {
    for packet in rtcp::packets(compound).flatten() {
        match packet {
            rtcp::Packet::Nack { media, lost, .. } => {
                if let Some(track) = sources.track_of(media) {
                    tracks[track].nacks += lost.count() as u64;
                }
            }
            rtcp::Packet::ReceiverReport { reports, .. } => {
                for block in reports {
                    if let Some(track) = sources.track_of(block.ssrc) {
                        tracks[track].jitter = block.jitter;
                    }
                }
            }
            _ => {}
        }
    }
}

/// The layers that a track is part of.
fn of_track(layers: &mut [Layer], layer: Option<usize>) -> &mut [Layer] {
    match layer {
        Some(layer) => &mut layers[layer..=layer],
        None => layers,
    }
}
