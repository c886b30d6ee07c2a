//! One publisher of a load generator: sends a prepared clip in a loop, answers NACK, and jumps to a keyframe on request.

use crate::client::answer::Answer;
use crate::client::dtls::Identity;
use crate::client::error::ClientError;
use crate::client::feedback;
use crate::client::offer::{ABS_CAPTURE_TIME, Section, sender_section};
use crate::client::outbound::{Outbound, OutboundParams};
use crate::client::session::{make_offer, reachable};
use crate::client::signal::{Opened, SessionUrl};
use crate::client::socket::{BATCH, Batch, Carrier, MediaSocket};
use crate::client::transport::{Received, Transport};
use crate::codec::{SourceOptions, TestSource};
use crate::media::{Frame, MediaKind, NtpTime, TrackSet, wall_clock};
use crate::protocol::webrtc::payload::{DEFAULT_MTU, Packetizer};
use crate::protocol::webrtc::rtcp::{self, Packet, SenderInfo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Keyframes on request come at most this often.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);
/// Behind by more than this, frames are left out.
const MAX_LAG: Duration = Duration::from_millis(500);

/// Frames made once and sent by every publisher.
pub struct Clip {
    pub tracks: TrackSet,
    /// The frames of each track, and the time from one to the next.
    frames: Vec<(Vec<Frame>, Duration)>,
}

impl Clip {
    /// Encodes so many seconds of the test source.
    pub fn make(options: SourceOptions, seconds: u32) -> Result<Self, ClientError> {
        let length = Duration::from_secs(u64::from(seconds));
        let picture = Duration::from_secs(1) / options.fps.max(1);
        let mut source = TestSource::new(options).map_err(|error| ClientError::Usage(error.to_string()))?;
        let tracks = source.tracks();
        let mut frames: Vec<(Vec<Frame>, Duration)> = tracks
            .iter()
            .map(|track| {
                (Vec::new(), if track.kind() == MediaKind::Video { picture } else { Duration::from_millis(20) })
            })
            .collect();
        let began = wall_clock(SystemTime::now());
        while source.next_due() < length {
            // The clock in the picture runs, as it does when the source is paced.
            let shown = began + source.next_due().as_nanos() as u64;
            let frame = source.next(shown).map_err(|error| ClientError::Local(error.to_string()))?;
            if let Some(frame) = frame {
                frames[usize::from(frame.track)].0.push(frame);
            }
        }
        if frames.iter().any(|(frames, _)| frames.is_empty()) {
            return Err(ClientError::Local("the test source made no frames".to_owned()));
        }
        Ok(Clip { tracks, frames })
    }

    /// The keyframe at or after a frame, around the end of the clip.
    fn keyframe_from(&self, track: usize, index: usize) -> usize {
        let frames = &self.frames[track].0;
        (0..frames.len()).map(|step| (index + step) % frames.len()).find(|at| frames[*at].keyframe).unwrap_or(0)
    }
}

/// Where a publisher stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Asking,
    Connecting,
    Publishing,
    Failed(String),
}

/// Counters that grow all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub packets: u64,
    /// UDP payload of RTP.
    pub bytes: u64,
    pub frames: u64,
    pub plis: u64,
    pub nacks: u64,
    pub resent: u64,
}

/// A publisher and its socket.
pub struct Publisher {
    socket: MediaSocket,
    transport: Transport,
    clip: Arc<Clip>,
    sections: Vec<Section>,
    outputs: Vec<Output>,
    pub state: State,
    pub counts: Counts,
    pub posted: Option<Instant>,
    pub connected_ms: Option<f64>,
    pub session: Option<SessionUrl>,
    began: Instant,
    began_wall_ns: u64,
    next_report: Instant,
    next_keyframe: Instant,
    keyframe_wanted: bool,
}

struct Output {
    outbound: Outbound,
    packetizer: Packetizer,
    /// Index into the clip, and frames sent so far.
    at: usize,
    sent: u64,
}

impl Publisher {
    /// Opens the socket of a publisher.
    pub fn new(
        identity: Arc<Identity>,
        (server, carrier): (SocketAddr, Carrier),
        clip: Arc<Clip>,
    ) -> std::io::Result<Self> {
        let socket = MediaSocket::open(server, carrier, 1 << 18)?;
        let mut random = [0u8; 4];
        getrandom::fill(&mut random).expect("the system's random source works");
        let base = u32::from_be_bytes(random) & !0xf;
        let sections = clip.tracks.iter().zip((1u32..).step_by(2));
        let sections =
            sections.map(|(track, number)| sender_section(track, base + number, base + number + 1)).collect();
        let now = Instant::now();
        Ok(Publisher {
            socket,
            transport: Transport::new(identity),
            clip,
            sections,
            outputs: Vec::new(),
            state: State::Asking,
            counts: Counts::default(),
            posted: None,
            connected_ms: None,
            session: None,
            began: now,
            began_wall_ns: 0,
            next_report: now,
            next_keyframe: now,
            keyframe_wanted: false,
        })
    }

    /// The offer to send.
    pub fn offer(&self) -> String {
        make_offer(&self.transport, &self.socket, &self.sections)
    }

    /// Takes the answer to the offer.
    pub fn opened(&mut self, result: Result<Opened, ClientError>, now: Instant) {
        let started = result.and_then(|opened| {
            self.posted = Some(opened.posted);
            self.session = opened.session;
            let answer = Answer::parse(&opened.answer)?;
            let candidates = reachable(&answer, &mut self.socket)?;
            for (track, section) in self.clip.tracks.iter().zip(&self.sections) {
                let taken = answer.section(track.kind());
                let format = taken.and_then(|taken| taken.formats.iter().find(|format| format.codec == track.codec));
                let (Some(taken), Some(format), Some((ssrc, rtx))) = (taken, format, section.ssrc) else {
                    return Err(ClientError::Answer(format!("the server does not take {}", track.codec)));
                };
                self.outputs.push(Output {
                    outbound: Outbound::new(OutboundParams {
                        codec: track.codec,
                        ssrc,
                        payload_type: format.payload_type,
                        rtx: format.rtx.zip(rtx),
                        capture_time_extension: taken.extension(ABS_CAPTURE_TIME.1),
                    }),
                    packetizer: Packetizer::new(track.codec, DEFAULT_MTU),
                    at: 0,
                    sent: 0,
                });
            }
            self.transport.start(&answer, &candidates, now);
            Ok(())
        });
        match started {
            Ok(()) => self.state = State::Connecting,
            Err(error) => self.state = State::Failed(super::viewer::summary(&error)),
        }
        self.flush();
    }

    /// Takes everything that has come.
    pub fn receive(&mut self, batch: &mut Batch) {
        loop {
            let count = self.socket.receive(batch, true);
            let now = Instant::now();
            for index in 0..count {
                let Some(datagram) = batch.datagram(index) else { continue };
                match self.transport.receive(now, datagram.from, datagram.data) {
                    Ok(Received::Rtcp) => {
                        if let Some(packet) = self.transport.open_rtcp(datagram.data) {
                            let packet = packet.to_vec();
                            self.take_feedback(&packet);
                        }
                    }
                    Ok(Received::Connected) => self.start(now),
                    Ok(_) => {}
                    Err(error) => self.state = State::Failed(super::viewer::short(&error)),
                }
            }
            self.flush();
            if count < BATCH {
                return;
            }
        }
    }

    fn start(&mut self, now: Instant) {
        self.connected_ms = self.posted.map(|posted| (now - posted).as_secs_f64() * 1e3);
        self.state = State::Publishing;
        self.began = now;
        self.began_wall_ns = wall_clock(SystemTime::now());
        self.next_report = now + REPORT_INTERVAL / 10;
    }

    fn take_feedback(&mut self, packet: &[u8]) {
        for packet in rtcp::packets(packet).flatten() {
            match packet {
                Packet::Pli { .. } | Packet::Fir { .. } => {
                    self.counts.plis += 1;
                    self.keyframe_wanted = true;
                }
                Packet::Nack { media, lost, .. } => {
                    let Some(output) = self.outputs.iter_mut().find(|output| output.outbound.ssrc() == media) else {
                        continue;
                    };
                    for sequence in lost {
                        self.counts.nacks += 1;
                        if let Some(packet) = output.outbound.resend(&self.transport, sequence)
                            && let Some(peer) = self.transport.peer()
                        {
                            self.counts.resent += 1;
                            self.socket.send(peer, &packet);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Sends the frames that are due. Returns when the next one is.
    pub fn send_due(&mut self, now: Instant) -> Option<Instant> {
        if self.state != State::Publishing {
            return None;
        }
        let elapsed = now - self.began;
        let mut next = now + Duration::from_secs(1);
        let peer = self.transport.peer()?;
        for (track, output) in self.outputs.iter_mut().enumerate() {
            let (frames, interval) = &self.clip.frames[track];
            let due = |sent: u64| Duration::from_nanos(interval.as_nanos() as u64 * sent);
            if elapsed > due(output.sent) + MAX_LAG {
                output.sent = (elapsed.as_nanos() / interval.as_nanos()) as u64;
            }
            while due(output.sent) <= elapsed {
                let is_video = frames[output.at].codec.kind() == MediaKind::Video;
                if is_video && self.keyframe_wanted && now >= self.next_keyframe {
                    self.keyframe_wanted = false;
                    self.next_keyframe = now + KEYFRAME_INTERVAL;
                    output.at = self.clip.keyframe_from(track, output.at);
                }
                let clock = u64::from(output.outbound.clock_rate());
                let mut frame = frames[output.at].clone();
                frame.pts = due(output.sent).as_nanos() as u64 * clock / 1_000_000_000;
                frame.capture_ns = Some(wall_clock(SystemTime::now()));
                let captured = NtpTime::from_unix_ns(self.began_wall_ns + due(output.sent).as_nanos() as u64);
                let payloads = output.packetizer.packetize(&frame);
                let last = payloads.len().saturating_sub(1);
                for (index, payload) in payloads.iter().enumerate() {
                    let marker = is_video && index == last;
                    let captured = Some(captured).filter(|_| index == last);
                    if let Some(packet) = output.outbound.packet(&self.transport, frame.pts, marker, captured, payload)
                    {
                        self.counts.packets += 1;
                        self.counts.bytes += packet.len() as u64;
                        self.socket.send(peer, &packet);
                    }
                }
                self.counts.frames += u64::from(is_video);
                output.at = (output.at + 1) % frames.len();
                output.sent += 1;
            }
            next = next.min(self.began + due(output.sent));
        }
        Some(next)
    }

    /// Does what is due besides media. To be called every 10 ms or so.
    pub fn tick(&mut self, now: Instant) {
        if matches!(self.state, State::Asking | State::Failed(_)) {
            return;
        }
        if let Err(error) = self.transport.handle_timeout(now) {
            self.state = State::Failed(super::viewer::short(&error));
            return;
        }
        if self.state == State::Publishing && now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            let elapsed = now - self.began;
            let ntp = NtpTime::from_unix_ns(self.began_wall_ns + elapsed.as_nanos() as u64);
            for output in &self.outputs {
                let pts = elapsed.as_nanos() * u128::from(output.outbound.clock_rate()) / 1_000_000_000;
                let info = SenderInfo {
                    ntp,
                    rtp_timestamp: output.outbound.timestamp(pts as u64),
                    packets: output.outbound.packets as u32,
                    octets: output.outbound.octets as u32,
                };
                let mut report = feedback::sender_report(output.outbound.ssrc(), &info);
                if self.transport.seal_rtcp(&mut report)
                    && let Some(peer) = self.transport.peer()
                {
                    self.socket.send(peer, &report);
                }
            }
        }
        self.flush();
    }

    /// Says farewell.
    pub fn close(&mut self, now: Instant) {
        self.transport.close(now);
        self.flush();
    }

    fn flush(&mut self) {
        let socket = &mut self.socket;
        self.transport.transmit(|to, datagram| socket.send(to, datagram));
        drop(socket.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_has_both_tracks_and_keyframes_to_jump_to() {
        let options = SourceOptions { width: 64, height: 64, fps: 10, keyframe_seconds: 1, ..SourceOptions::default() };
        let clip = Clip::make(options, 2).unwrap();
        let lengths: Vec<_> = clip.frames.iter().map(|(frames, _)| frames.len()).collect();
        assert_eq!(lengths[1], 100);
        assert!((18..=20).contains(&lengths[0]), "{lengths:?}");
        assert_eq!(clip.keyframe_from(0, 0), 0);
        let second = clip.keyframe_from(0, 1);
        assert!(second > 5 && clip.frames[0].0[second].keyframe);
        assert_eq!(clip.keyframe_from(0, second + 1), 0, "around the end");
    }
}
