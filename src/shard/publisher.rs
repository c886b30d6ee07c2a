//! The receiving side of a publisher's session: packets become the hub's, with their facts, on one timeline.

use super::egress::Egress;
use super::feedback::Feedback;
use super::received::Received;
use super::remb::{Remb, Seen};
use super::socket::Peer;
use super::timeline::Timeline;
use crate::hub::Publisher;
use crate::media::{MediaKind, NtpTime, Packet, PacketFlags};
use crate::protocol::webrtc::MediaParams;
use crate::protocol::webrtc::payload::Inspector;
use crate::protocol::webrtc::rtcp;
use crate::protocol::webrtc::rtp::{self, Header, SequenceMap, SequenceUnwrapper, TimestampUnwrapper};
use crate::protocol::webrtc::srtp::SrtpSender;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Packets wait for the rest of their frame at most this long.
pub const FLUSH_AFTER: Duration = Duration::from_millis(2);
/// A publisher is asked for a keyframe at most so often; asks in between are one.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// An ask that brought no keyframe by then is repeated: the request or the keyframe was lost.
const KEYFRAME_PATIENCE: Duration = Duration::from_millis(1_000);
/// Sources of one session: its tracks, their retransmissions, and a few that changed their SSRC.
const MAX_SOURCES: usize = 16;
/// Packets of one frame that differ by no more are padded to one size, so that they leave in one segmented send.
const EQUALISE: usize = 16;
/// The capture time goes with every so many frames, and with keyframes.
const CAPTURE_EVERY: u32 = 32;
/// Frames whose number is remembered for packets that come late.
const RECENT_FRAMES: usize = 64;

/// A publisher's session on its shard.
pub struct Ingest {
    pub publisher: Publisher,
    pub sender: SrtpSender,
    feedback: Feedback,
    tracks: Vec<Track>,
    sources: Vec<Source>,
    timeline: Timeline,
    pending: Vec<Packet>,
    pending_since: Option<Instant>,
    keyframe: KeyframeAsk,
    remb: Option<Remb>,
    /// The most that it is told to send, in kbit/s.
    pub ceiling_kbps: Option<u32>,
    /// Packets missing now, some of which may still come.
    pub lost: u64,
    /// Packets that never came.
    pub given_up: u64,
    pub keyframe_requests: u64,
    /// Bytes since the last measurement of the bitrate.
    window_bytes: u64,
    window_start: Option<Instant>,
}

struct Track {
    media: MediaParams,
    ssrc: Option<u32>,
    sequence: SequenceUnwrapper,
    timestamp: TimestampUnwrapper,
    map: Option<SequenceMap>,
    received: Received,
    inspector: Inspector,
    frame: u32,
    recent: VecDeque<(u64, u32)>,
}

struct Source {
    ssrc: u32,
    track: usize,
    rtx: bool,
}

#[derive(Default)]
struct KeyframeAsk {
    wanted: bool,
    asked: Option<Instant>,
}

impl Ingest {
    pub fn new(publisher: Publisher, sender: SrtpSender, media: &[MediaParams], now: Instant) -> Self {
        let mut feedback = Feedback::default();
        let mut sources = Vec::new();
        for (track, media) in media.iter().enumerate() {
            for (ssrc, rtx) in [(media.ssrc, false), (media.rtx_ssrc, true)] {
                if let Some(ssrc) = ssrc {
                    feedback.bind(ssrc, media, rtx);
                    sources.push(Source { ssrc, track, rtx });
                }
            }
        }
        let adaptive = media.iter().all(|media| !media.feedback.transport_cc);
        let remb = media.iter().any(|media| media.feedback.remb).then(|| Remb::new(adaptive, now));
        Ingest {
            publisher,
            sender,
            feedback,
            timeline: Timeline::new(media.iter().map(|media| media.track.codec.clock_rate())),
            tracks: media.iter().map(Track::new).collect(),
            sources,
            pending: Vec::new(),
            pending_since: None,
            keyframe: KeyframeAsk::default(),
            remb,
            ceiling_kbps: None,
            lost: 0,
            given_up: 0,
            keyframe_requests: 0,
            window_bytes: 0,
            window_start: None,
        }
    }

    /// Takes a decrypted RTP packet.
    pub fn rtp(&mut self, packet: &[u8], now: Instant, now_ns: u64, wall_ns: u64) {
        let Ok(header) = Header::parse(packet) else { return };
        let Ok(range) = header.payload_range(packet) else { return };
        let Some((track_index, rtx)) = self.source(&header, packet) else { return };
        let payload = Bytes::copy_from_slice(&packet[range]);
        let track = &mut self.tracks[track_index];
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
        if !rtx {
            track.ssrc = Some(header.ssrc);
        }
        let timestamp = track.timestamp.unwrap(header.timestamp);
        self.window_bytes += payload.len() as u64;
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
        let kind = track.media.track.kind();
        let facts = inspected.facts;
        let starts = facts.frame_start || inspected.inserted.frame_start;
        if starts {
            self.timeline.packet(track_index, timestamp, wall_ns);
        }
        if let Some((width, height)) = facts.size {
            let size = u32::from(width) << 16 | u32::from(height);
            self.publisher.stream().stats.picture.store(size, Ordering::Relaxed);
        }
        let keyframe_starts = facts.keyframe_start || (first_inserted.is_some() && inspected.inserted.keyframe_start);
        if keyframe_starts && kind == MediaKind::Video {
            self.keyframe = KeyframeAsk::default();
            // Who asked before this keyframe came is served by it.
            self.publisher.take_keyframe_request();
        }
        let capture = if starts && kind == MediaKind::Video && (keyframe_starts || frame.is_multiple_of(CAPTURE_EVERY))
        {
            let clock = &self.timeline.clocks()[track_index];
            if clock.wall_ns > 0 { NtpTime::from_unix_ns(clock.wall_at(timestamp)) } else { NtpTime(0) }
        } else {
            NtpTime(0)
        };
        let audio_level = track
            .media
            .extensions
            .audio_level
            .and_then(|id| header.extension(packet, id))
            .and_then(|value| value.first().copied());
        let base = Packet {
            track: track_index as u8,
            flags: PacketFlags {
                marker: header.marker,
                frame_start: facts.frame_start,
                keyframe_start: facts.keyframe_start && kind == MediaKind::Video,
                keyframe: facts.keyframe && kind == MediaKind::Video,
                discardable: facts.discardable,
            },
            padding: 0,
            audio_level,
            frame,
            seq,
            timestamp,
            capture,
            arrival_ns: now_ns,
            payload,
        };
        if let Some(first) = first_inserted {
            for (index, payload) in inspected.insert_before.into_iter().enumerate() {
                let start = index == 0;
                self.pending.push(Packet {
                    flags: PacketFlags {
                        marker: false,
                        frame_start: start && inspected.inserted.frame_start,
                        keyframe_start: start && inspected.inserted.keyframe_start,
                        keyframe: true,
                        discardable: false,
                    },
                    seq: first + index as u64,
                    capture: if start { base.capture } else { NtpTime(0) },
                    payload,
                    ..base.clone()
                });
            }
        }
        let capture = if first_inserted.is_some() { NtpTime(0) } else { base.capture };
        self.pending.push(Packet { capture, ..base });
        self.pending_since.get_or_insert(now);
        if kind == MediaKind::Video && !self.keyframe.wanted && self.keyframe.asked.is_none() && !self.has_keyframe() {
            self.keyframe.wanted = true;
        }
    }

    fn has_keyframe(&self) -> bool {
        self.publisher.stream().stats.keyframes.load(Ordering::Relaxed) > 0
            || self.pending.iter().any(|packet| packet.flags.keyframe_start)
    }

    /// The track of a packet, and whether the packet is a retransmission.
    fn source(&mut self, header: &Header, packet: &[u8]) -> Option<(usize, bool)> {
        if let Some(source) = self.sources.iter().find(|source| source.ssrc == header.ssrc) {
            let media = &self.tracks[source.track].media;
            let expected = if source.rtx { media.rtx_payload_type } else { Some(media.payload_type) };
            return (expected == Some(header.payload_type)).then_some((source.track, source.rtx));
        }
        if self.sources.len() >= MAX_SOURCES {
            return None;
        }
        let by_mid = |track: &Track| {
            let id = track.media.extensions.mid?;
            Some(header.extension(packet, id)? == track.media.mid.as_bytes())
        };
        let carries = |track: &Track| {
            track.media.payload_type == header.payload_type || track.media.rtx_payload_type == Some(header.payload_type)
        };
        let track = self
            .tracks
            .iter()
            .position(|track| carries(track) && by_mid(track) == Some(true))
            .or_else(|| self.tracks.iter().position(|track| carries(track) && by_mid(track).is_none()))?;
        let media = &self.tracks[track].media;
        let rtx = media.rtx_payload_type == Some(header.payload_type);
        self.feedback.bind(header.ssrc, media, rtx);
        self.sources.push(Source { ssrc: header.ssrc, track, rtx });
        Some((track, rtx))
    }

    /// Takes a decrypted compound RTCP packet.
    pub fn rtcp(&mut self, compound: &[u8], now: Instant, wall_ns: u64) {
        for packet in rtcp::packets(compound) {
            let Ok(rtcp::Packet::SenderReport { ssrc, info: report, .. }) = packet else { continue };
            self.feedback.report(now, ssrc, report.ntp.0, report.rtp_timestamp);
            let source = self.sources.iter().find(|source| source.ssrc == ssrc && !source.rtx);
            if let Some(track) = source.map(|source| source.track)
                && self.tracks[track].timestamp.highest().is_some()
            {
                let timestamp = self.tracks[track].timestamp.clone().unwrap(report.rtp_timestamp);
                self.timeline.report(track, timestamp, report.ntp.unix_ns(), wall_ns);
            }
        }
    }

    /// Whether packets wait whose time has come, or whose frame is complete.
    pub fn should_flush(&self, now: Instant) -> bool {
        match self.pending_since {
            Some(since) => {
                self.pending.last().is_some_and(|packet| {
                    packet.flags.marker || self.tracks[usize::from(packet.track)].media.track.kind() == MediaKind::Audio
                }) || now >= since + FLUSH_AFTER
            }
            None => false,
        }
    }

    /// When waiting packets must go.
    pub fn flush_at(&self) -> Option<Instant> {
        self.pending_since.map(|since| since + FLUSH_AFTER)
    }

    /// Passes what waits to the hub.
    pub fn flush(&mut self) {
        equalise(&mut self.pending);
        self.publisher.push(&mut self.pending, self.timeline.clocks());
        self.pending_since = None;
    }

    /// Runs its timers: feedback, keyframe requests, figures.
    pub fn tick(&mut self, now: Instant, peer: &Peer, slot: u32, egress: &mut Egress) {
        self.lost = self.tracks.iter().map(|track| track.received.missing()).sum();
        self.given_up = self.tracks.iter().map(|track| track.received.given_up()).sum();
        self.measure(now);
        let sender = &mut self.sender;
        let mut send = |mut compound: Vec<u8>| {
            if sender.seal_rtcp(&mut compound).is_ok() {
                egress.datagram(peer, slot, &compound);
            }
        };
        self.feedback.due(now, &mut send);
        if self.publisher.take_keyframe_request() {
            self.keyframe.wanted = true;
        }
        let overdue = match self.keyframe.asked {
            Some(asked) if self.keyframe.wanted => now >= asked + KEYFRAME_INTERVAL,
            Some(asked) => now >= asked + KEYFRAME_PATIENCE,
            None => self.keyframe.wanted,
        };
        if overdue && let Some(track) = self.tracks.iter().find(|track| track.media.track.kind() == MediaKind::Video) {
            if let Some(ssrc) = track.ssrc.or(track.media.ssrc) {
                let mut compound = Vec::new();
                if track.media.feedback.pli || !track.media.feedback.fir {
                    rtcp::write_pli(&mut compound, 0, ssrc);
                } else {
                    rtcp::write_fir(&mut compound, 0, ssrc, self.keyframe_requests as u8);
                }
                send(compound);
                self.keyframe_requests += 1;
            }
            self.keyframe = KeyframeAsk { wanted: false, asked: Some(now) };
        }
        if let Some(remb) = &mut self.remb {
            let seen = Seen {
                packets: self.tracks.iter().map(|track| track.received.count()).sum(),
                lost: self.lost,
                bitrate: self.publisher.stream().stats.bitrate.load(Ordering::Relaxed),
            };
            if let Some(bitrate) = remb.step(now, seen, self.ceiling_kbps) {
                let ssrcs: Vec<u32> =
                    self.sources.iter().filter(|source| !source.rtx).map(|source| source.ssrc).collect();
                let mut compound = Vec::new();
                rtcp::write_remb(&mut compound, 0, bitrate, &ssrcs);
                send(compound);
            }
        }
    }

    fn measure(&mut self, now: Instant) {
        let start = *self.window_start.get_or_insert(now);
        let elapsed = now.saturating_duration_since(start);
        if elapsed < Duration::from_secs(1) {
            return;
        }
        let current = (self.window_bytes * 8) as f64 / elapsed.as_secs_f64();
        let stats = &self.publisher.stream().stats;
        let before = stats.bitrate.load(Ordering::Relaxed) as f64;
        let mean = if before == 0.0 { current } else { before * 0.6 + current * 0.4 };
        stats.bitrate.store(mean as u64, Ordering::Relaxed);
        self.window_bytes = 0;
        self.window_start = Some(now);
    }
}

impl Track {
    fn new(media: &MediaParams) -> Self {
        Track {
            inspector: Inspector::new(&media.track),
            media: media.clone(),
            ssrc: media.ssrc,
            sequence: SequenceUnwrapper::default(),
            timestamp: TimestampUnwrapper::default(),
            map: None,
            received: Received::default(),
            frame: 0,
            recent: VecDeque::new(),
        }
    }

    /// The number of the frame with a timestamp: packets that come late belong to the frame that they are of.
    fn frame_of(&mut self, timestamp: u64) -> u32 {
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

/// Pads packets of one frame that are nearly of one size to that size. The last may be shorter in any case.
fn equalise(packets: &mut [Packet]) {
    let mut rest = packets;
    while !rest.is_empty() {
        let (track, frame) = (rest[0].track, rest[0].frame);
        let length = rest.iter().take_while(|packet| packet.track == track && packet.frame == frame).count();
        let (group, after) = rest.split_at_mut(length);
        rest = after;
        let largest = group.iter().map(|packet| packet.payload.len()).max().unwrap_or_default();
        let last = group.len() - 1;
        for packet in &mut group[..last] {
            let missing = largest - packet.payload.len();
            if missing <= EQUALISE {
                packet.padding = missing as u8;
            }
        }
    }
}
