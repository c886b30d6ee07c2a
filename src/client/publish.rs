//! `wasmcast publish`: sends the test source or a file to a WHIP endpoint.

use super::dtls::Identity;
use super::error::{ClientError, TransportError};
use super::feedback;
use super::masked::masked;
use super::offer::{ABS_CAPTURE_TIME, sender_section};
use super::outbound::{Outbound, OutboundParams};
use super::report::{self, Fields};
use super::session::Session;
use super::signal::{SignalOptions, Signalling, parse_endpoint, read_token};
use super::socket::Carrier;
use super::source::{Feed, Source};
use super::transport::Received;
use crate::codec::SourceOptions;
use crate::media::{Frame, MediaKind, NtpTime, TrackInfo, wall_clock};
use crate::protocol::webrtc::payload::{DEFAULT_MTU, Packetizer};
use crate::protocol::webrtc::rtcp::{self, Packet, SenderInfo};
use bytes::Bytes;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// Packets that leave at once. More would overflow the buffers on the way.
const BURST: usize = 64;
/// Between two bursts of one frame: 64 packets a millisecond are 600 Mbit/s.
const BURST_PAUSE: Duration = Duration::from_millis(1);
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The first report comes early, so that a receiver can synchronise.
const FIRST_REPORT: Duration = Duration::from_millis(100);
/// Keyframes asked for are made at most this often.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(300);
/// To connect, all in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Publish a synthetic stream or a file by WHIP
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  wasmcast publish testsrc http://127.0.0.1:8080/whip/cam1 --size 1280x720 --bitrate 2000\n  \
    wasmcast publish film.mp4 https://media.example/whip/film --loop --token env:TOKEN\n\n\
    testsrc is a moving picture with a running clock (H.264) and a tone (Opus). Frames of H.264 and H.265 carry the time of \
    sending, by which `wasmcast play` and `wasmcast bench` tell the latency. Files: H.264 Annex B (.h264), IVF, MP4, Ogg Opus. \
    Ends with Ctrl-C, with --duration, or with the file; the session is then deleted."
)]
pub struct Args {
    /// `testsrc`, or a file
    source: String,
    /// WHIP endpoint, http or https
    url: String,
    /// Bearer token; env:NAME or file:PATH keep it off the command line
    #[arg(long, value_name = "T")]
    token: Option<String>,
    /// Begin a file again at its end
    #[arg(long = "loop")]
    repeat: bool,
    /// Picture size of testsrc
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = parse_size)]
    size: (usize, usize),
    /// Frames a second of testsrc (default 30), or of a file that does not tell
    #[arg(long, value_name = "N", value_parser = parse_fps)]
    fps: Option<f64>,
    /// Video bitrate of testsrc in kbit/s
    #[arg(long, value_name = "KBPS", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(50..=50_000))]
    bitrate: u32,
    /// Video codec of testsrc
    #[arg(long, default_value = "h264", value_parser = ["h264"])]
    codec: String,
    /// Seconds between keyframes of testsrc; one is made on request, too
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=600))]
    gop: u32,
    /// Seconds to publish; without: until interrupted or the file ends
    #[arg(long, value_name = "S")]
    duration: Option<f64>,
    /// Send no sound
    #[arg(long, conflicts_with = "no_video")]
    no_audio: bool,
    /// Send no picture
    #[arg(long)]
    no_video: bool,
    /// Accept any TLS certificate
    #[arg(long)]
    insecure: bool,
    /// What carries the media
    #[arg(long, value_enum, default_value_t)]
    transport: Carrier,
    /// Print one JSON line at the end
    #[arg(long)]
    json: bool,
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let (width, height) = text.split_once(['x', 'X']).ok_or("write it as WIDTHxHEIGHT, like 1280x720")?;
    let side = |text: &str| match text.parse() {
        Ok(side @ 16..=4096) if side % 2 == 0 => Ok(side),
        _ => Err(format!("`{text}` is no even number from 16 to 4096")),
    };
    Ok((side(width)?, side(height)?))
}

fn parse_fps(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fps) if (1.0..=240.0).contains(&fps) => Ok(fps),
        _ => Err("a number from 1 to 240".to_owned()),
    }
}

/// Publishes.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    let duration = super::seconds("--duration", args.duration)?;
    let endpoint = parse_endpoint(&args.url)?;
    let token = read_token(args.token.as_deref())?;
    let source = open_source(&args).await?;
    let tracks = source.tracks();
    let signalling = Signalling::new(SignalOptions { token, insecure: args.insecure, fresh_connections: false })?;
    let mut ssrcs = [0u8; 32];
    getrandom::fill(&mut ssrcs).expect("the system's random source works");
    let mut ssrcs = ssrcs.chunks_exact(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let mut ssrc = || ssrcs.next().unwrap_or_default() | 1;
    let sections: Vec<_> = tracks.iter().map(|track| sender_section(track, ssrc(), ssrc())).collect();
    let session = Session::open(&signalling, &endpoint, Identity::generate()?, args.transport, &sections).await?;
    let mut outputs = Vec::new();
    for (track, section) in tracks.iter().zip(&sections) {
        let taken = session.answer.section(track.kind()).and_then(|answer| {
            let format = answer.formats.iter().find(|format| format.codec == track.codec)?;
            Some((format, answer.extension(ABS_CAPTURE_TIME.1)))
        });
        let output = taken.zip(section.ssrc).map(|((format, capture_time), (ssrc, rtx))| Output {
            outbound: Outbound::new(OutboundParams {
                codec: track.codec,
                ssrc,
                payload_type: format.payload_type,
                rtx: format.rtx.zip(rtx),
                capture_time_extension: capture_time,
            }),
            packetizer: Packetizer::new(track.codec, DEFAULT_MTU),
            anchor: None,
            frames: 0,
            keyframes: 0,
        });
        if output.is_none() {
            tracing::warn!("the server does not take the {} track; it is not sent", track.codec);
        }
        outputs.push(output);
    }
    let now = Instant::now();
    let publisher = Publisher {
        session,
        outputs,
        tracks,
        pending: VecDeque::new(),
        next_burst: now,
        next_report: now,
        next_keyframe: now,
        keyframe_wanted: false,
        connected_ms: None,
        counts: Counts::default(),
    };
    publisher.publish(source, &args, duration).await
}

async fn open_source(args: &Args) -> Result<Source, ClientError> {
    let name = args.source.as_str();
    let unsupported = |what: &str| {
        ClientError::Usage(format!("{what} as a source is not supported yet: publish `testsrc` or a file"))
    };
    if name.ends_with(".flv") {
        return Err(unsupported("FLV"));
    }
    if let Some((scheme, _)) = name.split_once("://") {
        return Err(unsupported(&format!("a {scheme} URL")));
    }
    if name != "testsrc" {
        let (path, fps, repeat) = (name.to_owned(), args.fps, args.repeat);
        let (audio, video) = (!args.no_audio, !args.no_video);
        let opened = tokio::task::spawn_blocking(move || Source::file(&path, fps, repeat, audio, video)).await;
        return opened.map_err(|_| ClientError::Local("reading the file ended unexpectedly".to_owned()))?;
    }
    let fps = args.fps.unwrap_or(30.0);
    if fps.fract() != 0.0 {
        return Err(ClientError::Usage("--fps: testsrc takes whole numbers".to_owned()));
    }
    Source::test(SourceOptions {
        width: args.size.0,
        height: args.size.1,
        fps: fps as u32,
        video_bitrate: args.bitrate * 1000,
        keyframe_seconds: args.gop,
        audio: !args.no_audio,
        video: !args.no_video,
        ..SourceOptions::default()
    })
}

/// One track on its way out.
struct Output {
    outbound: Outbound,
    packetizer: Packetizer,
    /// Media time of the latest frame, and the wall clock of it.
    anchor: Option<(u64, u64)>,
    frames: u64,
    keyframes: u64,
}

/// A payload that waits for its turn.
struct Pending {
    track: usize,
    pts: u64,
    marker: bool,
    captured: Option<NtpTime>,
    payload: Bytes,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    bytes: u64,
    asked_again: u64,
    keyframe_requests: u64,
    lost: i32,
    fraction_lost: u8,
    rtt_ms: Option<f64>,
}

struct Publisher {
    session: Session,
    outputs: Vec<Option<Output>>,
    tracks: Vec<TrackInfo>,
    pending: VecDeque<Pending>,
    next_burst: Instant,
    next_report: Instant,
    next_keyframe: Instant,
    keyframe_wanted: bool,
    connected_ms: Option<f64>,
    counts: Counts,
}

impl Publisher {
    async fn publish(
        mut self,
        source: Source,
        args: &Args,
        duration: Option<Duration>,
    ) -> Result<ExitCode, ClientError> {
        let result = match self.connect().await {
            Ok(true) => {
                tracing::info!(url = masked(&args.url), "publishing");
                self.send_all(source, duration).await
            }
            Ok(false) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if args.json {
            report::print(&self.report(args, result.as_ref().err()))?;
        }
        self.session.close().await;
        result.map(|()| ExitCode::SUCCESS)
    }

    /// False: interrupted.
    async fn connect(&mut self) -> Result<bool, TransportError> {
        let mut interrupted = std::pin::pin!(super::interrupted());
        let end = Instant::now() + CONNECT_TIMEOUT;
        while !self.session.transport.is_connected() {
            tokio::select! {
                () = self.session.wait(end) => {}
                () = &mut interrupted => return Ok(false),
            }
            self.session.work(|_, _, _| ())?;
            if Instant::now() >= end {
                return Err(TransportError::DtlsTimeout(CONNECT_TIMEOUT.as_secs()));
            }
        }
        self.connected_ms = Some(self.session.opened.posted.elapsed().as_secs_f64() * 1e3);
        Ok(true)
    }

    async fn send_all(&mut self, source: Source, duration: Option<Duration>) -> Result<(), ClientError> {
        let mut feed = source.start()?;
        let mut interrupted = std::pin::pin!(super::interrupted());
        let began = Instant::now();
        self.next_report = began + FIRST_REPORT;
        let end = duration.map(|duration| began + duration);
        let mut ended = false;
        while !(ended && self.pending.is_empty()) {
            let mut until = end.map_or(self.next_report, |end| end.min(self.next_report));
            if !self.pending.is_empty() {
                until = until.min(self.next_burst);
            }
            tokio::select! {
                () = self.session.wait(until) => {}
                frame = feed.next(), if self.pending.is_empty() && !ended => match frame {
                    Some(frame) => self.take(frame?),
                    None => ended = true,
                },
                () = &mut interrupted => break,
            }
            let now = Instant::now();
            self.work(now, &feed)?;
            if end.is_some_and(|end| now >= end) {
                break;
            }
        }
        Ok(())
    }

    /// Cuts a frame into packets.
    fn take(&mut self, mut frame: Frame) {
        let track = usize::from(frame.track);
        let Some(Some(output)) = self.outputs.get_mut(track) else { return };
        let wall_ns = wall_clock(SystemTime::now());
        output.anchor = Some((frame.pts, frame.capture_ns.unwrap_or(wall_ns)));
        output.frames += 1;
        output.keyframes += u64::from(frame.keyframe);
        let captured = frame.capture_ns.map(NtpTime::from_unix_ns);
        // What receivers measure is the way from here, not the encoder.
        frame.capture_ns = Some(wall_ns);
        let payloads = output.packetizer.packetize(&frame);
        let last = payloads.len().saturating_sub(1);
        let is_video = frame.codec.kind() == MediaKind::Video;
        self.pending.extend(payloads.into_iter().enumerate().map(|(index, payload)| Pending {
            track,
            pts: frame.pts,
            marker: is_video && index == last,
            captured: captured.filter(|_| index == last),
            payload,
        }));
    }

    /// Sends what is due and answers what came.
    fn work(&mut self, now: Instant, feed: &Feed) -> Result<(), TransportError> {
        let Publisher { session, outputs, counts, .. } = self;
        let mut again = Vec::new();
        let mut wanted = false;
        session.work(|transport, kind, datagram| {
            if kind == Received::Rtcp
                && let Some(packet) = transport.open_rtcp(datagram.data)
            {
                wanted |= take_feedback(outputs, counts, packet, |track, sequence| again.push((track, sequence)));
            }
        })?;
        for (track, sequence) in again {
            if let Some(output) = &mut outputs[track]
                && let Some(packet) = output.outbound.resend(&session.transport, sequence)
            {
                session.send(&packet);
            }
        }
        self.keyframe_wanted |= wanted;
        if self.keyframe_wanted && now >= self.next_keyframe {
            self.keyframe_wanted = false;
            self.next_keyframe = now + KEYFRAME_INTERVAL;
            feed.request_keyframe();
        }
        if now >= self.next_burst && !self.pending.is_empty() {
            self.next_burst = now + BURST_PAUSE;
            for pending in self.pending.drain(..self.pending.len().min(BURST)) {
                let Some(output) = &mut self.outputs[pending.track] else { continue };
                let Pending { pts, marker, captured, ref payload, .. } = pending;
                let packet = output.outbound.packet(&self.session.transport, pts, marker, captured, payload);
                if let Some(packet) = packet {
                    self.counts.bytes += packet.len() as u64;
                    self.session.send(&packet);
                }
            }
        }
        if now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            self.send_reports();
        }
        Ok(())
    }

    /// Sender reports of all tracks, by one clock, so that receivers keep lip sync (RFC 3550, 6.4.1).
    fn send_reports(&mut self) {
        let wall_ns = wall_clock(SystemTime::now());
        for output in self.outputs.iter().flatten() {
            let Some((pts, captured)) = output.anchor else { continue };
            let ahead = wall_ns as i64 - captured as i64;
            let ticks = i128::from(ahead) * i128::from(output.outbound.clock_rate()) / 1_000_000_000;
            let info = SenderInfo {
                ntp: NtpTime::from_unix_ns(wall_ns),
                rtp_timestamp: output.outbound.timestamp(pts).wrapping_add(ticks as u32),
                packets: output.outbound.packets as u32,
                octets: output.outbound.octets as u32,
            };
            let report = feedback::sender_report(output.outbound.ssrc(), &info);
            self.session.send_rtcp(report);
        }
    }

    fn report(&self, args: &Args, error: Option<&ClientError>) -> Fields {
        let mut fields = Fields::new("wasmcast publish");
        fields.put("url", masked(&args.url));
        fields.put("source", args.source.as_str());
        fields.put("error", error.map(ToString::to_string));
        let seconds = self.session.opened.posted.elapsed().as_secs_f64();
        fields.number("seconds", Some(seconds), 2);
        fields.number("connected_ms", self.connected_ms, 1);
        fields.put("srtp", self.session.transport.profile());
        let (mut packets, mut resent) = (0, 0);
        for (track, output) in self.tracks.iter().zip(&self.outputs) {
            let Some(output) = output else { continue };
            let kind = if track.kind() == MediaKind::Video { "video" } else { "audio" };
            fields.put(&format!("{kind}_codec"), track.codec.name());
            fields.put(&format!("{kind}_frames"), output.frames);
            if track.kind() == MediaKind::Video {
                fields.put("keyframes", output.keyframes);
            }
            fields.put(&format!("{kind}_packets"), output.outbound.packets);
            fields.number(&format!("{kind}_kbit_s"), Some(output.outbound.octets as f64 * 8.0 / 1e3 / seconds), 1);
            packets += output.outbound.packets;
            resent += output.outbound.resent;
        }
        fields.put("packets", packets);
        fields.put("bytes", self.counts.bytes);
        fields.put("nacks", self.counts.asked_again);
        fields.put("resent", resent);
        fields.put("plis", self.counts.keyframe_requests);
        fields.put("remote_lost", self.counts.lost);
        fields.number("remote_loss_now", Some(f64::from(self.counts.fraction_lost) / 256.0), 4);
        let rtt = self.session.transport.rtt().map(|rtt| rtt.as_secs_f64() * 1e3);
        fields.number("rtt_ms", self.counts.rtt_ms.or(rtt), 2);
        fields
    }
}

/// Takes a compound packet of the server; `again` gets what it wants once more. True: it wants a keyframe.
fn take_feedback(
    outputs: &[Option<Output>],
    counts: &mut Counts,
    packet: &[u8],
    mut again: impl FnMut(usize, u16),
) -> bool {
    let track_of = |ssrc: u32| {
        outputs.iter().position(|output| output.as_ref().is_some_and(|output| output.outbound.ssrc() == ssrc))
    };
    let mut wants_keyframe = false;
    for packet in rtcp::packets(packet).flatten() {
        match packet {
            Packet::Nack { media, lost, .. } => {
                if let Some(track) = track_of(media) {
                    for sequence in lost {
                        counts.asked_again += 1;
                        again(track, sequence);
                    }
                }
            }
            Packet::Pli { .. } | Packet::Fir { .. } => {
                counts.keyframe_requests += 1;
                wants_keyframe = true;
            }
            Packet::ReceiverReport { reports, .. } | Packet::SenderReport { reports, .. } => {
                let now = NtpTime::from_unix_ns(wall_clock(SystemTime::now()));
                for block in reports {
                    if track_of(block.ssrc).is_some_and(|track| track == 0) {
                        counts.lost = block.total_lost;
                        counts.fraction_lost = block.fraction_lost;
                        let rtt = block.round_trip(now).map(|rtt| f64::from(rtt) * 1000.0 / 65536.0);
                        counts.rtt_ms = rtt.or(counts.rtt_ms);
                    }
                }
            }
            _ => {}
        }
    }
    wants_keyframe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_even_and_sane() {
        assert_eq!(parse_size("1280x720"), Ok((1280, 720)));
        for bad in ["", "1280", "1280x", "0x0", "1281x720", "99999x720", "-2x4"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
