//! One viewer of a load generator: counts packets by their clear headers, opens them only where that is needed.

use crate::client::answer::Answer;
use crate::client::arrivals::Arrivals;
use crate::client::dtls::Identity;
use crate::client::error::{ClientError, TransportError};
use crate::client::feedback;
use crate::client::offer::{Section, TRANSPORT_CC};
use crate::client::reception::Reception;
use crate::client::samples::Samples;
use crate::client::session::{make_offer, reachable};
use crate::client::signal::{Opened, SessionUrl};
use crate::client::socket::{BATCH, Batch, Carrier, Datagram, MediaSocket};
use crate::client::transport::{Received, Transport};
use crate::media::{Codec, MediaKind};
use crate::protocol::webrtc::payload::{self, Assembler};
use crate::protocol::webrtc::rtp::{Header, TimestampUnwrapper};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sources of one viewer: audio and video; more than this are not counted.
const MAX_SOURCES: usize = 8;
/// A viewer that has no media this long after its POST has failed.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(15);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A keyframe is asked for when none began this long after the first packet of video, and then each second.
const FIRST_PLI: Duration = Duration::from_millis(20);
const PLI_INTERVAL: Duration = Duration::from_secs(1);

/// Where a viewer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The offer is on its way.
    Asking,
    /// Connecting, or without media yet.
    Joining,
    Playing,
    Failed(String),
}

/// Counters that grow all the time; a window is the difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub packets: u64,
    pub video_packets: u64,
    /// UDP payload of RTP.
    pub bytes: u64,
    pub expected: u64,
    pub received: u64,
    pub gap_events: u64,
}

impl Counts {
    /// What was gained since `before`.
    pub fn since(&self, before: &Counts) -> Counts {
        Counts {
            packets: self.packets - before.packets,
            video_packets: self.video_packets - before.video_packets,
            bytes: self.bytes - before.bytes,
            expected: self.expected.saturating_sub(before.expected),
            received: self.received.saturating_sub(before.received),
            gap_events: self.gap_events - before.gap_events,
        }
    }

    /// Adds those of another viewer.
    pub fn add(&mut self, other: &Counts) {
        self.packets += other.packets;
        self.video_packets += other.video_packets;
        self.bytes += other.bytes;
        self.expected += other.expected;
        self.received += other.received;
        self.gap_events += other.gap_events;
    }
}

/// A viewer and its socket.
pub struct Viewer {
    socket: MediaSocket,
    transport: Transport,
    pub state: State,
    /// Opened and looked into all the time, for the latency.
    pub sampled: bool,
    sources: Vec<Source>,
    counts: Counts,
    video: Option<(u8, Codec)>,
    audio: Option<(u8, Codec)>,
    pub posted: Option<Posted>,
    pub connected_ms: Option<f64>,
    pub first_packet_ms: Option<f64>,
    pub first_frame_ms: Option<f64>,
    pub rtcp_in: u64,
    pub not_authentic: u64,
    pub plis: u64,
    keyframe_began: bool,
    /// Where the server wants to be told what arrives: the id of the header extension with its numbers.
    arrivals: Option<(u8, Arrivals)>,
    /// Only while packets are looked into.
    assembler: Option<Assembler>,
    timestamps: TimestampUnwrapper,
    next_report: Instant,
    next_pli: Option<Instant>,
    ssrc: u32,
    report_offset: Duration,
}

/// What is known of the POST.
#[derive(Clone, Debug)]
pub struct Posted {
    at: Instant,
    wall_ns: u64,
    pub took_ms: f64,
    pub session: Option<SessionUrl>,
}

struct Source {
    payload_type: u8,
    reception: Reception,
}

impl Viewer {
    /// Opens the socket of viewer `index`.
    pub fn new(
        identity: Arc<Identity>,
        (server, carrier): (SocketAddr, Carrier),
        index: usize,
        sampled: bool,
    ) -> std::io::Result<Self> {
        let socket = MediaSocket::open(server, carrier, 1 << 20)?;
        let mut ssrc = [0u8; 4];
        getrandom::fill(&mut ssrc).expect("the system's random source works");
        Ok(Viewer {
            socket,
            transport: Transport::new(identity),
            state: State::Asking,
            sampled,
            sources: Vec::new(),
            counts: Counts::default(),
            video: None,
            audio: None,
            posted: None,
            connected_ms: None,
            first_packet_ms: None,
            first_frame_ms: None,
            rtcp_in: 0,
            not_authentic: 0,
            plis: 0,
            keyframe_began: false,
            arrivals: None,
            assembler: None,
            timestamps: TimestampUnwrapper::default(),
            next_report: Instant::now(),
            next_pli: None,
            ssrc: u32::from_be_bytes(ssrc) | 1,
            // Reports of many viewers spread over a second.
            report_offset: Duration::from_millis(200 + (index as u64 * 37) % 1000),
        })
    }

    /// The socket, to be watched.
    pub fn socket(&self) -> &MediaSocket {
        &self.socket
    }

    /// The offer to send.
    pub fn offer(&self, sections: &[Section]) -> String {
        make_offer(&self.transport, &self.socket, sections)
    }

    /// The name of the SRTP profile in use.
    pub fn profile(&self) -> Option<&'static str> {
        self.transport.profile()
    }

    /// Takes the answer to the offer.
    pub fn opened(&mut self, result: Result<Opened, ClientError>, now: Instant) {
        let opened = match result {
            Ok(opened) => opened,
            Err(error) => return self.fail(summary(&error)),
        };
        self.posted = Some(Posted {
            at: opened.posted,
            wall_ns: opened.posted_wall,
            took_ms: (opened.answered - opened.posted).as_secs_f64() * 1e3,
            session: opened.session,
        });
        let answer = Answer::parse(&opened.answer);
        match answer.and_then(|answer| Ok((reachable(&answer, &mut self.socket)?, answer))) {
            Ok((candidates, answer)) => {
                let format = |kind| {
                    let section = answer.section(kind)?;
                    section.formats.first().map(|format| (format.payload_type, format.codec))
                };
                self.video = format(MediaKind::Video);
                self.audio = format(MediaKind::Audio);
                let number = answer.section(MediaKind::Video).and_then(|section| section.extension(TRANSPORT_CC.1));
                self.arrivals = number.map(|id| (id, Arrivals::new(now)));
                self.transport.start(&answer, &candidates, now);
                self.state = State::Joining;
                self.flush();
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Counters so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        for source in &self.sources {
            counts.expected += source.reception.expected();
            counts.received += source.reception.received;
            counts.gap_events += source.reception.gap_events;
        }
        counts
    }

    /// Whether whole packets are needed, not only their headers.
    fn looks_inside(&self) -> bool {
        self.sampled || (self.first_frame_ms.is_none() && self.video.is_some())
    }

    /// Takes everything that has come. `latency` collects only where it is given.
    pub fn receive(&mut self, batch: &mut Batch, mut latency: Option<&mut Samples>) {
        loop {
            // The first packet is not looked into where there is no video, but its time of arrival is wanted.
            let whole = self.first_packet_ms.is_none() || self.looks_inside();
            let count = self.socket.receive(batch, whole);
            if count == 0 {
                return;
            }
            let now = Instant::now();
            for index in 0..count {
                if let Some(datagram) = batch.datagram(index) {
                    self.datagram(now, datagram, whole, &mut latency);
                }
            }
            self.flush();
            if count < BATCH {
                return;
            }
        }
    }

    fn datagram(&mut self, now: Instant, mut datagram: Datagram<'_>, whole: bool, latency: &mut Option<&mut Samples>) {
        match self.transport.receive(now, datagram.from, datagram.data) {
            Ok(Received::Rtp) => self.rtp(now, &mut datagram, whole, latency),
            Ok(Received::Rtcp) => self.rtcp_in += 1,
            Ok(Received::Connected) => {
                self.connected_ms = self.posted.as_ref().map(|posted| (now - posted.at).as_secs_f64() * 1e3);
                self.next_report = now + self.report_offset;
            }
            Ok(Received::Nothing) => {}
            Err(error) => self.fail(short(&error)),
        }
    }

    fn rtp(&mut self, now: Instant, datagram: &mut Datagram<'_>, whole: bool, latency: &mut Option<&mut Samples>) {
        let Ok(header) = Header::parse(datagram.data) else { return };
        if let (Some((id, arrivals)), Some(posted)) = (&mut self.arrivals, &self.posted)
            && let Some([high, low]) = header.extension(datagram.data, *id)
        {
            arrivals.came(u16::from_be_bytes([*high, *low]), (now - posted.at).as_micros() as i64);
        }
        let known = self.sources.iter().position(|source| source.reception.ssrc == header.ssrc);
        let index = known.unwrap_or(self.sources.len());
        if known.is_none() {
            if index == MAX_SOURCES {
                return;
            }
            let clock_rate = self.codec(header.payload_type).map_or(90_000, Codec::clock_rate);
            let reception = Reception::new(header.ssrc, clock_rate, header.sequence);
            self.sources.push(Source { payload_type: header.payload_type, reception });
        }
        let sequence = self.sources[index].reception.packet(header.sequence);
        self.counts.packets += 1;
        self.counts.bytes += datagram.len as u64;
        let video = self.video.filter(|(payload_type, _)| *payload_type == header.payload_type);
        self.counts.video_packets += u64::from(video.is_some());
        let arrival_ns = datagram.arrival_ns;
        if self.first_packet_ms.is_none() {
            self.first_packet_ms = self.since_post(arrival_ns);
            self.state = State::Playing;
        }
        let Some((_, codec)) = video.filter(|_| whole && self.looks_inside()) else { return };
        if self.next_pli.is_none() && !self.keyframe_began {
            self.next_pli = Some(now + FIRST_PLI);
        }
        let Some(plain) = self.transport.open_rtp(datagram.data) else {
            self.not_authentic += 1;
            return;
        };
        let Ok(payload) = header.payload(plain) else { return };
        let assembler = self.assembler.get_or_insert_with(|| Assembler::new(codec));
        let timestamp = self.timestamps.unwrap(header.timestamp);
        assembler.push(sequence, timestamp, header.marker, &Bytes::copy_from_slice(payload));
        self.keyframe_began |= payload::inspect(codec, payload).keyframe;
        let frames: Vec<_> = std::iter::from_fn(|| assembler.poll()).collect();
        for frame in frames {
            if frame.keyframe && frame.complete && self.first_frame_ms.is_none() {
                self.first_frame_ms = self.since_post(arrival_ns);
            }
            if let (Some(latency), Some(captured), Some(arrival)) =
                (latency.as_deref_mut(), frame.capture_ns, arrival_ns)
                && self.sampled
            {
                latency.add((arrival as f64 - captured as f64) / 1e6);
            }
        }
        if !self.looks_inside() {
            self.assembler = None;
        }
    }

    fn codec(&self, payload_type: u8) -> Option<Codec> {
        let formats = [self.video, self.audio];
        formats.into_iter().flatten().find(|(known, _)| *known == payload_type).map(|(_, codec)| codec)
    }

    fn since_post(&self, arrival_ns: Option<u64>) -> Option<f64> {
        Some(arrival_ns?.saturating_sub(self.posted.as_ref()?.wall_ns) as f64 / 1e6)
    }

    /// Does what is due: checks, consent, reports, requests for a keyframe. To be called every 10 ms or so.
    pub fn tick(&mut self, now: Instant) {
        if matches!(self.state, State::Asking | State::Failed(_)) {
            return;
        }
        if let Err(error) = self.transport.handle_timeout(now) {
            return self.fail(short(&error));
        }
        if self.state == State::Joining
            && let Some(posted) = &self.posted
            && now - posted.at > MEDIA_TIMEOUT
        {
            return self.fail("no media in 15 s".to_owned());
        }
        if self.transport.is_connected() {
            if now >= self.next_report {
                self.next_report += REPORT_INTERVAL;
                let blocks: Vec<_> = self.sources.iter_mut().map(|source| source.reception.report(now)).collect();
                if !blocks.is_empty() {
                    self.send_rtcp(feedback::receiver_report(self.ssrc, &blocks));
                }
            }
            let ssrc = self.sources.first().map_or(0, |source| source.reception.ssrc);
            let report = self.arrivals.as_mut().and_then(|(_, arrivals)| arrivals.poll(now, self.ssrc, ssrc));
            if let Some(report) = report {
                self.send_rtcp(report);
            }
            if !self.keyframe_began && self.next_pli.is_some_and(|due| now >= due) {
                self.next_pli = Some(now + PLI_INTERVAL);
                let video = self.video.map(|(payload_type, _)| payload_type);
                let source = self.sources.iter().find(|source| Some(source.payload_type) == video);
                if let Some(ssrc) = source.map(|source| source.reception.ssrc) {
                    self.plis += 1;
                    self.send_rtcp(feedback::picture_loss(self.ssrc, ssrc));
                }
            }
        }
        self.flush();
    }

    fn send_rtcp(&mut self, mut packet: Vec<u8>) {
        if self.transport.seal_rtcp(&mut packet)
            && let Some(peer) = self.transport.peer()
        {
            self.socket.send(peer, &packet);
        }
    }

    /// Says farewell.
    pub fn close(&mut self, now: Instant) {
        self.transport.close(now);
        self.flush();
    }

    fn fail(&mut self, reason: String) {
        self.state = State::Failed(reason);
    }

    fn flush(&mut self) {
        let socket = &mut self.socket;
        self.transport.transmit(|to, datagram| socket.send(to, datagram));
        drop(socket.flush());
    }
}

/// A cause that does not differ between viewers, so that they can be counted.
pub fn summary(error: &ClientError) -> String {
    match error {
        ClientError::Refused { status, reason, .. } => format!("HTTP {status}: {reason}"),
        ClientError::Unreachable { reason, .. } => format!("HTTP: {reason}"),
        other => other.to_string(),
    }
}

/// Likewise of a transport.
pub fn short(error: &TransportError) -> String {
    match error {
        TransportError::NoIce { seconds, .. } => format!("no answer in {seconds} s"),
        other => other.to_string(),
    }
}
