//! `wasmcast play`: a headless WHEP viewer that tells what a viewer would see.

use super::dtls::Identity;
use super::error::{ClientError, TransportError};
use super::masked::masked;
use super::offer::viewer_sections;
use super::receiver::{Mark, Receiver};
use super::report::{self, Fields};
use super::session::Session;
use super::signal::{SignalOptions, Signalling, parse_endpoint, read_token};
use super::socket::Carrier;
use super::transport::Received;
use crate::media::wall_clock;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

/// Play a stream by WHEP without a screen, and tell what a viewer would see
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "Example:\n  wasmcast play http://127.0.0.1:8080/whep/demo --duration 10\n\n\
    Prints one JSON line at the end, and one each --interval. Times to the first packet (ttfp_ms) and to the first complete \
    keyframe (ttff_ms) count from just before the POST. The latency is from the time inside the picture, as `wasmcast publish \
    testsrc` and the demo put there, to the arrival of the frame's last packet: both clocks must agree. av_offset_ms tells how \
    much later the picture arrives than the sound of the same moment, by the sender's reports. Rates and \
    latencies leave out the first second, in which a server may send what was before, for the viewer to catch up.\n\n\
    Exit code 0: played for the whole duration, or until interrupted; with --expect-frames: that many frames came.")]
pub struct Args {
    /// WHEP endpoint, http or https
    url: String,
    /// Bearer token; env:NAME or file:PATH keep it off the command line
    #[arg(long, value_name = "T")]
    token: Option<String>,
    /// Seconds to play; without: until interrupted or the stream ends
    #[arg(long, value_name = "S")]
    duration: Option<f64>,
    /// Print a line each so many seconds, too
    #[arg(long, value_name = "S")]
    interval: Option<f64>,
    /// End well as soon as so many complete frames came, and badly if the duration is over before (10 s if not given)
    #[arg(long, value_name = "N")]
    expect_frames: Option<u64>,
    /// Do not ask for sound
    #[arg(long, conflicts_with = "no_video")]
    no_audio: bool,
    /// Do not ask for a picture
    #[arg(long)]
    no_video: bool,
    /// Accept any TLS certificate
    #[arg(long)]
    insecure: bool,
    /// What carries the media
    #[arg(long, value_enum, default_value_t)]
    transport: Carrier,
}

/// After the first frame, a server may send faster than time what was before: no yardstick for rates.
const CATCH_UP: Duration = Duration::from_secs(1);
/// With `--expect-frames` and no `--duration`.
const EXPECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest duration that may be asked for, 30 years.
const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// Plays.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    let duration = super::seconds("--duration", args.duration)?;
    let interval = super::seconds("--interval", args.interval)?;
    let endpoint = parse_endpoint(&args.url)?;
    let options =
        SignalOptions { token: read_token(args.token.as_deref())?, insecure: args.insecure, fresh_connections: false };
    let signalling = Signalling::new(options)?;
    let sections = viewer_sections(!args.no_audio, !args.no_video);
    let session = Session::open(&signalling, &endpoint, Identity::generate()?, args.transport, &sections).await?;
    let now = Instant::now();
    let duration = duration.or(args.expect_frames.map(|_| EXPECT_TIMEOUT)).unwrap_or(FOREVER);
    let player = Player {
        receiver: Receiver::new(&session.answer, session.opened.posted_wall, CATCH_UP, now),
        session,
        args,
        connected_ms: None,
        began: Mark::default(),
        caught_up: None,
        interval_began: Mark::default(),
    };
    Box::pin(player.play(now + duration, interval)).await
}

struct Player {
    session: Session,
    receiver: Receiver,
    args: Args,
    connected_ms: Option<f64>,
    began: Mark,
    caught_up: Option<(Instant, Mark)>,
    interval_began: Mark,
}

/// Why playing ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Duration,
    Interrupted,
    EnoughFrames,
    Failed(TransportError),
}

impl Player {
    async fn play(mut self, end: Instant, interval: Option<Duration>) -> Result<ExitCode, ClientError> {
        let mut interrupted = std::pin::pin!(super::interrupted());
        let mut next_line = interval.map(|interval| Instant::now() + interval);
        let reason = loop {
            let until = end.min(self.receiver.poll_timeout()).min(next_line.unwrap_or(end));
            tokio::select! {
                () = self.session.wait(until) => {}
                () = &mut interrupted => break End::Interrupted,
            }
            if let Err(error) = self.work() {
                break End::Failed(error);
            }
            let now = Instant::now();
            if self.args.expect_frames.is_some_and(|expected| self.receiver.frames() >= expected) {
                break End::EnoughFrames;
            }
            if now >= end {
                break End::Duration;
            }
            if let (Some(due), Some(interval)) = (next_line, interval)
                && now >= due
            {
                next_line = Some(due + interval);
                self.report(now, &self.interval_began, None)?;
                self.interval_began = self.receiver.mark(now);
            }
        };
        let now = Instant::now();
        let since = self.caught_up.filter(|(at, _)| now - *at > CATCH_UP).map_or(self.began, |(_, mark)| mark);
        self.report(now, &since, Some(&reason))?;
        let exit = self.verdict(reason);
        self.session.close().await;
        exit
    }

    /// Takes what came and sends what is due.
    fn work(&mut self) -> Result<(), TransportError> {
        let Player { session, receiver, .. } = self;
        session.work(|transport, kind, datagram| {
            let now = Instant::now();
            if kind == Received::Rtcp {
                if let Some(packet) = transport.open_rtcp(datagram.data) {
                    receiver.rtcp(now, packet);
                }
            } else {
                let wall_ns = datagram.arrival_ns.unwrap_or_else(|| wall_clock(SystemTime::now()));
                if let Some(packet) = transport.open_rtp(datagram.data) {
                    receiver.rtp(now, wall_ns, packet);
                }
            }
        })?;
        let now = Instant::now();
        if !self.session.transport.is_connected() {
            return Ok(());
        }
        if self.connected_ms.is_none() {
            self.connected_ms = Some((now - self.session.opened.posted).as_secs_f64() * 1e3);
            self.began = self.receiver.mark(now);
            self.interval_began = self.began;
        }
        match self.caught_up {
            None if self.receiver.frames() > 0 => self.caught_up = Some((now + CATCH_UP, self.receiver.mark(now))),
            Some((at, mark)) if now >= at && mark.is_before(at) => self.caught_up = Some((at, self.receiver.mark(now))),
            _ => {}
        }
        for packet in self.receiver.poll_feedback(now) {
            self.session.send_rtcp(packet);
        }
        Ok(())
    }

    fn report(&self, now: Instant, since: &Mark, end: Option<&End>) -> Result<(), ClientError> {
        let mut fields = Fields::new("wasmcast play");
        fields.put("url", masked(&self.args.url));
        fields.put("final", end.is_some());
        if let Some(end) = end {
            fields.put(
                "ended",
                match end {
                    End::Duration => "duration".to_owned(),
                    End::Interrupted => "interrupted".to_owned(),
                    End::EnoughFrames => "frames".to_owned(),
                    End::Failed(error) => error.to_string(),
                },
            );
        }
        fields.number("seconds", Some((now - self.session.opened.posted).as_secs_f64()), 2);
        let answered = self.session.opened.answered - self.session.opened.posted;
        fields.number("post_ms", Some(answered.as_secs_f64() * 1e3), 1);
        fields.number("connected_ms", self.connected_ms, 1);
        fields.put("srtp", self.session.transport.profile());
        fields.number("rtt_ms", self.session.transport.rtt().map(|rtt| rtt.as_secs_f64() * 1e3), 2);
        self.receiver.fill(&mut fields, now, since);
        report::print(&fields)
    }

    fn verdict(&self, end: End) -> Result<ExitCode, ClientError> {
        let frames = self.receiver.frames();
        match (end, self.args.expect_frames) {
            (End::EnoughFrames | End::Interrupted, _) | (End::Duration, None) if frames > 0 => Ok(ExitCode::SUCCESS),
            (End::Interrupted, _) => Ok(ExitCode::SUCCESS),
            (End::Failed(error @ TransportError::ClosedByPeer), None) if self.args.duration.is_none() && frames > 0 => {
                tracing::info!("{error}");
                Ok(ExitCode::SUCCESS)
            }
            (End::Failed(error), _) => Err(error.into()),
            (_, Some(expected)) => Err(ClientError::Local(format!("{frames} of {expected} frames came in time"))),
            (_, None) => Err(ClientError::Local("connected, but no complete frame came".to_owned())),
        }
    }
}
