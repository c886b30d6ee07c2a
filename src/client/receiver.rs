//! Everything that a headless viewer receives: binds packets to tracks, answers with feedback, and sums it up.

use super::answer::{Answer, AnswerSection};
use super::arrivals::Arrivals;
use super::feedback;
use super::inbound::{Arrival, Inbound};
use super::offer::TRANSPORT_CC;
use super::report::Fields;
use crate::media::MediaKind;
use crate::protocol::webrtc::rtcp::{self, Packet};
use crate::protocol::webrtc::rtp::{self, Header};
use std::time::{Duration, Instant};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Retransmissions and keyframes are thought about this often.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(10);

/// The tracks of a session, as a viewer sees them.
pub struct Receiver {
    video: Option<AnswerSection>,
    audio: Option<AnswerSection>,
    tracks: [Option<Inbound>; 2],
    /// Where the server wants to be told what arrives: the id of the header extension with its numbers.
    arrivals: Option<(u8, Arrivals)>,
    ssrc: u32,
    next_report: Instant,
    next_feedback: Instant,
    /// The wall clock just before the POST.
    posted_ns: u64,
    live_from_ns: u64,
    /// Packets of no track.
    not_understood: u64,
}

/// Where a track lies in `tracks`.
const VIDEO: usize = 0;
const AUDIO: usize = 1;

/// What was counted when an interval began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    at: Option<Instant>,
    frames: u64,
    video_bytes: u64,
    audio_bytes: u64,
}

impl Mark {
    /// Whether it was made before `at`.
    pub fn is_before(&self, at: Instant) -> bool {
        self.at.is_some_and(|made| made < at)
    }
}

impl Receiver {
    /// For the tracks that an answer has. `posted_ns`: the wall clock just before the POST; what was captured less than
    /// `catch_up` later does not count for the latency.
    pub fn new(answer: &Answer, posted_ns: u64, catch_up: Duration, now: Instant) -> Self {
        let mut ssrc = [0u8; 4];
        getrandom::fill(&mut ssrc).expect("the system's random source works");
        let number = answer.section(MediaKind::Video).and_then(|section| section.extension(TRANSPORT_CC.1));
        Receiver {
            arrivals: number.map(|id| (id, Arrivals::new(now))),
            video: answer.section(MediaKind::Video).cloned(),
            audio: answer.section(MediaKind::Audio).cloned(),
            tracks: [None, None],
            ssrc: u32::from_be_bytes(ssrc) | 1,
            next_report: now + REPORT_INTERVAL,
            next_feedback: now,
            posted_ns,
            live_from_ns: posted_ns.saturating_add(catch_up.as_nanos() as u64),
            not_understood: 0,
        }
    }

    /// Takes a decrypted RTP packet that arrived at `now`, by the kernel's clock at `wall_ns`.
    pub fn rtp(&mut self, now: Instant, wall_ns: u64, packet: &[u8]) {
        let Ok(header) = Header::parse(packet) else { return };
        if let Some((id, arrivals)) = &mut self.arrivals
            && let Some([high, low]) = header.extension(packet, *id)
        {
            arrivals.came(u16::from_be_bytes([*high, *low]), (wall_ns / 1_000) as i64);
        }
        let Ok(payload) = header.payload(packet) else { return };
        let mut arrival = Arrival {
            now,
            wall_ns,
            sequence: header.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload,
        };
        let sections = [&self.video, &self.audio];
        let media = sections.iter().enumerate().find_map(|(track, section)| {
            let format = section.as_ref()?.format(header.payload_type)?;
            Some((track, format.codec, format.nack))
        });
        if let Some((track, codec, nack)) = media {
            match &mut self.tracks[track] {
                // A new source on the same track: the publisher came anew, or the server switched.
                Some(inbound) if inbound.reception.ssrc != header.ssrc => inbound.switch(header.ssrc, &arrival),
                Some(_) => {}
                empty => *empty = Some(Inbound::new(codec, header.ssrc, nack, self.live_from_ns, &arrival)),
            }
            if let Some(inbound) = &mut self.tracks[track] {
                inbound.packet(&arrival);
            }
            return;
        }
        let repeated = sections.iter().position(|section| {
            section.as_ref().is_some_and(|section| section.retransmits(header.payload_type).is_some())
        });
        match (repeated, rtp::rtx_original(payload)) {
            (Some(track), Some((sequence, payload))) => {
                arrival.sequence = sequence;
                arrival.payload = payload;
                if let Some(inbound) = &mut self.tracks[track] {
                    inbound.retransmitted(&arrival);
                }
            }
            // Padding that probes the bandwidth.
            (Some(_), None) => {}
            (None, _) => self.not_understood += 1,
        }
    }

    /// Takes a decrypted compound RTCP packet.
    pub fn rtcp(&mut self, now: Instant, packet: &[u8]) {
        for packet in rtcp::packets(packet).flatten() {
            if let Packet::SenderReport { ssrc, info, .. } = packet {
                let mut tracks = self.tracks.iter_mut().flatten();
                if let Some(track) = tracks.find(|track| track.reception.ssrc == ssrc) {
                    track.sender_report(now, info.ntp, info.rtp_timestamp);
                }
            }
        }
    }

    /// The compound packets to send now.
    pub fn poll_feedback(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        if now >= self.next_feedback {
            self.next_feedback = now + FEEDBACK_INTERVAL;
            for track in self.tracks.iter_mut().flatten() {
                let lost = track.poll_nacks(now);
                if !lost.is_empty() {
                    packets.push(feedback::lost_packets(self.ssrc, track.reception.ssrc, &lost));
                }
                if track.poll_pli(now) {
                    packets.push(feedback::picture_loss(self.ssrc, track.reception.ssrc));
                }
            }
        }
        if let (Some((_, arrivals)), [Some(video), _]) = (&mut self.arrivals, &self.tracks) {
            packets.extend(arrivals.poll(now, self.ssrc, video.reception.ssrc));
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            let blocks: Vec<_> = self.tracks.iter_mut().flatten().map(|track| track.reception.report(now)).collect();
            packets.push(feedback::receiver_report(self.ssrc, &blocks));
        }
        packets
    }

    /// When `poll_feedback` is due.
    pub fn poll_timeout(&self) -> Instant {
        self.next_feedback.min(self.next_report)
    }

    /// Complete frames so far that a decoder could show; without video, packets of sound.
    pub fn frames(&self) -> u64 {
        match (&self.video, &self.tracks) {
            (None, [_, Some(audio)]) => audio.playout.frames,
            (_, [Some(video), _]) => video.playout.frames,
            _ => 0,
        }
    }

    /// Where the counters stand.
    pub fn mark(&self, now: Instant) -> Mark {
        let bytes = |track: usize| self.tracks[track].as_ref().map_or(0, |track| track.bytes);
        Mark { at: Some(now), frames: self.frames(), video_bytes: bytes(VIDEO), audio_bytes: bytes(AUDIO) }
    }

    /// Fills a report: totals, and rates since `since`.
    pub fn fill(&self, fields: &mut Fields, now: Instant, since: &Mark) {
        let mark = self.mark(now);
        let seconds = since.at.map(|at| (now - at).as_secs_f64());
        let rate = |count: u64| seconds.map(|seconds| count as f64 / seconds);
        let after_post = |wall_ns: u64| wall_ns.saturating_sub(self.posted_ns) as f64 / 1e6;
        let tracks = self.tracks.iter().flatten();
        let first_packet = tracks.clone().map(|track| track.first_packet_ns).min();
        fields.number("ttfp_ms", first_packet.map(after_post), 1);
        let [video, audio] = &self.tracks;
        let picture = video.as_ref();
        fields.number("ttff_ms", picture.and_then(|video| video.first_frame_ns).map(after_post), 1);
        fields.put("video_codec", picture.map(|video| video.codec.name()));
        fields.put("width", picture.and_then(|video| video.size).map(|size| size.0));
        fields.put("height", picture.and_then(|video| video.size).map(|size| size.1));
        fields.put("frames", picture.map_or(0, |video| video.playout.frames));
        fields.put("keyframes", picture.map_or(0, |video| video.playout.keyframes));
        fields.put("broken_frames", picture.map_or(0, |video| video.broken_frames));
        fields.number("fps", rate(mark.frames - since.frames).filter(|_| picture.is_some()), 2);
        fields.put("freezes", picture.map_or(0, |video| video.playout.freezes));
        fields.number("freeze_ms", picture.map(|video| video.playout.freeze_time.as_secs_f64() * 1e3), 0);
        fields.number("longest_gap_ms", picture.map(|video| video.playout.longest_gap.as_secs_f64() * 1e3), 0);
        fields.put("video_packets", picture.map_or(0, |video| video.reception.received));
        fields.number("video_kbit_s", rate((mark.video_bytes - since.video_bytes) * 8).map(|rate| rate / 1e3), 1);
        fields.number("video_jitter_ms", picture.map(|video| video.reception.jitter_ms()), 2);
        let sound = audio.as_ref();
        fields.put("audio_codec", sound.map(|audio| audio.codec.name()));
        fields.put("audio_packets", sound.map_or(0, |audio| audio.reception.received));
        fields.number("audio_kbit_s", rate((mark.audio_bytes - since.audio_bytes) * 8).map(|rate| rate / 1e3), 1);
        fields.number("audio_jitter_ms", sound.map(|audio| audio.reception.jitter_ms()), 2);
        let lost: u64 = tracks.clone().map(Inbound::lost).sum();
        let expected: u64 = tracks.clone().map(|track| track.reception.expected()).sum();
        fields.put("lost", lost);
        fields.put("video_lost", picture.map_or(0, Inbound::lost));
        fields.put("audio_lost", sound.map_or(0, Inbound::lost));
        fields.number("loss", Some(lost as f64 / expected as f64), 6);
        fields.put("recovered", tracks.clone().map(|track| track.recovered).sum::<u64>());
        fields.put("nacks", tracks.clone().map(|track| track.nacks).sum::<u64>());
        fields.put("not_understood", self.not_understood);
        fields.put("plis", tracks.map(|track| track.plis).sum::<u64>());
        let latency = picture.map(|video| (&video.latency, video.latency.percentiles([50.0, 99.0])));
        fields.number("latency_p50_ms", latency.and_then(|(_, [p50, _])| p50), 2);
        fields.number("latency_p99_ms", latency.and_then(|(_, [_, p99])| p99), 2);
        fields.number("latency_max_ms", latency.and_then(|(samples, _)| samples.max()), 2);
        fields.put("latency_samples", latency.map_or(0, |(samples, _)| samples.count()));
        let transit = |track: &Option<Inbound>| track.as_ref()?.transit.percentiles([50.0])[0];
        let offset = transit(video).zip(transit(audio)).map(|(video, audio)| video - audio);
        fields.number("av_offset_ms", offset, 1);
    }
}
