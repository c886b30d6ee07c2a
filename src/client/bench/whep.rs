//! `wasmcast bench whep`: many viewers on one thread, and what they saw in a steady window, as one JSON line.

use super::process::Usage;
use super::signalling::{Answered, Ask, leave, socket_error, start_signalling, until_interrupted};
use super::viewer::{Counts, State, Viewer};
use crate::client::dtls::Identity;
use crate::client::error::ClientError;
use crate::client::offer::{Section, counting_sections, viewer_sections};
use crate::client::report;
use crate::client::samples::Samples;
use crate::client::session::resolve;
use crate::client::signal::{SessionUrl, SignalOptions, Signalling, parse_endpoint, read_token};
use crate::client::socket::{Batch, Carrier, raise_socket_limit};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use reqwest::Url;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Timers are looked at this often.
const TICK: Duration = Duration::from_millis(10);
/// Pause between two sweeps of the sockets while viewers join, for exact join times.
const JOINING_PAUSE: Duration = Duration::from_micros(500);
/// Likewise in the steady window, where packets may gather; the kernel keeps the time of each.
const STEADY_PAUSE: Duration = Duration::from_millis(2);
/// Beyond ramp, settle time and window: for joins that fail.
const GRACE: Duration = Duration::from_secs(45);
const EVENTS: usize = 1024;

/// Many viewers of one stream by WHEP, on one thread
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  wasmcast bench whep http://127.0.0.1:8080/whep/demo --viewers 200 --ramp 40 --duration 20 \\\n      --server-pid $(pgrep -of 'wasmcast serve')\n\n\
    Prints one JSON line. Times to the first packet (ttfp) and to the last packet of the first keyframe (ttff) count from just \
    before the POST. packets, bytes, loss, latency and CPU are those of the steady window, which starts when all viewers have \
    media and the settle time is over. Latency needs a publisher that puts the time into the picture, as `wasmcast publish \
    testsrc` does. No retransmissions and no congestion control are negotiated, so that each packet counts once; with --twcc both \
    are, and what the server sends to try a viewer's way counts, too."
)]
pub struct Args {
    /// WHEP endpoint, http or https
    url: String,
    /// Viewers to open
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    viewers: u32,
    /// Viewers opened per second
    #[arg(long, value_name = "PER_S", default_value_t = 25.0)]
    ramp: f64,
    /// Length of the steady window in seconds
    #[arg(long, value_name = "S", default_value_t = 20.0)]
    duration: f64,
    /// Seconds between the last viewer's first media and the window
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    settle: f64,
    /// Viewers that are decrypted all the time, for the latency; spread over the join order
    #[arg(long, value_name = "K", default_value_t = 20)]
    sample: u32,
    /// Measure CPU and memory of this process and its descendants
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Bearer token; env:NAME or file:PATH keep it off the command line
    #[arg(long, value_name = "T")]
    token: Option<String>,
    /// Accept any TLS certificate
    #[arg(long)]
    insecure: bool,
    /// What carries the media
    #[arg(long, value_enum, default_value_t)]
    transport: Carrier,
    /// Do not ask for sound
    #[arg(long, conflicts_with = "no_video")]
    no_audio: bool,
    /// Do not ask for a picture
    #[arg(long)]
    no_video: bool,
    /// Tell the server what arrives, as browsers do, so that it adapts viewers of streams with several renditions
    #[arg(long)]
    twcc: bool,
    /// Copied into the output
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

/// Runs the load.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    super::check_times(args.ramp, args.duration, args.settle)?;
    let endpoint = parse_endpoint(&args.url)?;
    let baseline = match args.server_pid {
        Some(pid) => Some(Usage::of_tree(pid).ok_or(ClientError::NoSuchProcess(pid))?),
        None => None,
    };
    let server = resolve(&endpoint).await?;
    let options =
        SignalOptions { token: read_token(args.token.as_deref())?, insecure: args.insecure, fresh_connections: true };
    let signalling = Signalling::new(options)?;
    raise_socket_limit();
    let (asks, answers) = start_signalling(&signalling);
    let stop = Arc::new(AtomicBool::new(false));
    let load = Load::new(args, endpoint, server, baseline, (asks, answers), stop.clone())?;
    let outcome = until_interrupted("viewers", stop, move || load.run()).await?;
    report::print(&outcome.report)?;
    leave(&signalling, outcome.sessions).await;
    Ok(if outcome.sessions_ok > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the thread of the viewers hands back.
struct Outcome {
    report: report::Fields,
    sessions: Vec<SessionUrl>,
    sessions_ok: u64,
}

/// Everything that the thread of the viewers owns.
struct Load {
    args: Args,
    endpoint: Url,
    server: SocketAddr,
    baseline: Option<Usage>,
    sections: Vec<Section>,
    identity: Arc<Identity>,
    viewers: Vec<Viewer>,
    asks: UnboundedSender<Ask>,
    answers: mpsc::Receiver<Answered>,
    stop: Arc<AtomicBool>,
    poll: Poll,
    batch: Batch,
    latency: Samples,
    window: Option<Window>,
    cpu_before: f64,
}

/// The state at the start of the steady window.
struct Window {
    began: Instant,
    server: Usage,
    own: Usage,
    counts: Vec<Counts>,
}

impl Load {
    fn new(
        args: Args,
        endpoint: Url,
        server: SocketAddr,
        baseline: Option<Usage>,
        (asks, answers): (UnboundedSender<Ask>, mpsc::Receiver<Answered>),
        stop: Arc<AtomicBool>,
    ) -> Result<Self, ClientError> {
        let sections = if args.twcc { viewer_sections } else { counting_sections };
        let sections = sections(!args.no_audio, !args.no_video);
        Ok(Load {
            sections,
            endpoint,
            server,
            baseline,
            identity: Identity::generate()?,
            viewers: Vec::with_capacity(args.viewers as usize),
            asks,
            answers,
            stop,
            poll: Poll::new().map_err(|error| ClientError::Local(format!("cannot watch sockets: {error}")))?,
            batch: Batch::default(),
            latency: Samples::default(),
            window: None,
            cpu_before: Usage::own().cpu_s(),
            args,
        })
    }

    fn run(mut self) -> Result<Outcome, ClientError> {
        let started = Instant::now();
        let mut events = Events::with_capacity(EVENTS);
        let mut last_tick = started;
        let mut all_joined: Option<Instant> = None;
        let ramp = Duration::from_secs_f64(f64::from(self.args.viewers) / self.args.ramp);
        let window = Duration::from_secs_f64(self.args.duration);
        let settle = Duration::from_secs_f64(self.args.settle);
        let give_up = started + ramp + settle + window + GRACE;
        loop {
            let now = Instant::now();
            if self.stop.load(Ordering::Relaxed) || now > give_up {
                break;
            }
            self.open_due(now - started)?;
            while let Ok((viewer, result)) = self.answers.try_recv() {
                self.viewers[viewer].opened(result, Instant::now());
            }
            if let Err(error) = self.poll.poll(&mut events, Some(Duration::ZERO))
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(ClientError::Local(format!("cannot watch sockets: {error}")));
            }
            let in_window = self.window.is_some();
            for event in &events {
                let latency = in_window.then_some(&mut self.latency);
                self.viewers[event.token().0].receive(&mut self.batch, latency);
            }
            if now - last_tick >= TICK {
                last_tick = now;
                self.viewers.iter_mut().for_each(|viewer| viewer.tick(now));
                let complete = self.viewers.len() == self.args.viewers as usize;
                let joining = self.viewers.iter().any(|viewer| matches!(viewer.state, State::Asking | State::Joining));
                if all_joined.is_none() && complete && !joining {
                    all_joined = Some(now);
                    if !self.viewers.iter().any(|viewer| viewer.state == State::Playing) {
                        break;
                    }
                }
            }
            match (&self.window, all_joined) {
                (Some(open), _) if now - open.began >= window => break,
                (None, Some(at)) if now - at >= settle => self.open_window(),
                _ => {}
            }
            std::thread::sleep(if self.window.is_some() { STEADY_PAUSE } else { JOINING_PAUSE });
        }
        Ok(self.finish())
    }

    /// Opens the viewers that are due by the ramp.
    fn open_due(&mut self, elapsed: Duration) -> Result<(), ClientError> {
        let total = self.args.viewers as usize;
        let sample = (self.args.sample as usize).min(total);
        while self.viewers.len() < total && elapsed.as_secs_f64() >= self.viewers.len() as f64 / self.args.ramp {
            let index = self.viewers.len();
            let sampled = (index * sample) / total != ((index + 1) * sample) / total;
            let viewer = Viewer::new(self.identity.clone(), (self.server, self.args.transport), index, sampled)
                .map_err(socket_error)?;
            let descriptor = viewer.socket().as_raw_fd();
            let registry = self.poll.registry();
            registry.register(&mut SourceFd(&descriptor), Token(index), Interest::READABLE).map_err(socket_error)?;
            let ask = Ask { session: index, endpoint: self.endpoint.clone(), offer: viewer.offer(&self.sections) };
            self.viewers.push(viewer);
            if self.asks.send(ask).is_err() {
                return Err(ClientError::Local("the signalling ended unexpectedly".to_owned()));
            }
        }
        Ok(())
    }

    fn open_window(&mut self) {
        self.window = Some(Window {
            server: self.args.server_pid.and_then(Usage::of_tree).unwrap_or_default(),
            own: Usage::own(),
            counts: self.viewers.iter().map(Viewer::counts).collect(),
            began: Instant::now(),
        });
    }

    fn finish(mut self) -> Outcome {
        let ended = Instant::now();
        let server = self.args.server_pid.and_then(Usage::of_tree).unwrap_or_default();
        let own = Usage::own();
        let (report, sessions_ok) = self.report(ended, server, own);
        self.viewers.iter_mut().for_each(|viewer| viewer.close(ended));
        let sessions = self.viewers.iter().filter_map(|viewer| viewer.posted.as_ref()?.session.clone()).collect();
        Outcome { report, sessions, sessions_ok }
    }

    fn report(&self, ended: Instant, server: Usage, own: Usage) -> (report::Fields, u64) {
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        let mut sum = Counts::default();
        let mut rates = Samples::default();
        let mut ok = 0u64;
        let seconds = self.window.as_ref().map_or(0.0, |window| (ended - window.began).as_secs_f64());
        for (index, viewer) in self.viewers.iter().enumerate() {
            let counts = viewer.counts();
            let before = self.window.as_ref().map(|window| window.counts[index]);
            let gained = before.map(|before| counts.since(&before));
            let failure = match (&viewer.state, gained) {
                (State::Failed(reason), _) => Some(reason.clone()),
                (_, None) => Some("aborted".to_owned()),
                (_, Some(gained)) if gained.packets == 0 => Some("no media in the window".to_owned()),
                _ => None,
            };
            match (failure, gained) {
                (None, Some(gained)) => {
                    ok += 1;
                    sum.add(&gained);
                    rates.add(gained.bytes as f64 * 8.0 / 1e3 / seconds);
                }
                (reason, _) => *failures.entry(reason.unwrap_or_default()).or_default() += 1,
            }
        }
        let unopened = u64::from(self.args.viewers) - self.viewers.len() as u64;
        if unopened > 0 {
            *failures.entry("not opened".to_owned()).or_default() += unopened;
        }
        let mut fields = report::Fields::new("wasmcast bench whep");
        if let Some(label) = &self.args.label {
            fields.put("label", label.as_str());
        }
        fields.put("n", self.args.viewers);
        fields.put("sessions_ok", ok);
        fields.put("sessions_failed", u64::from(self.args.viewers) - ok);
        fields.put("failures", serde_json::json!(failures));
        fields.number("secs", Some(seconds), 2);
        fields.put("packets", sum.packets);
        fields.put("video_packets", sum.video_packets);
        fields.put("bytes", sum.bytes);
        fields.number("mbit_s", Some(sum.bytes as f64 * 8.0 / 1e6 / seconds), 2);
        fields.number("kbit_s_per_viewer_p50", rates.percentiles([50.0])[0], 0);
        let lost = sum.expected.saturating_sub(sum.received);
        fields.put("lost", lost);
        fields.number("loss", Some(lost as f64 / sum.expected as f64), 6);
        fields.put("gap_events", sum.gap_events);
        let [p50, p95, p99] = self.latency.percentiles([50.0, 95.0, 99.0]);
        fields.number("latency_p50_ms", p50, 2);
        fields.number("latency_p95_ms", p95, 2);
        fields.number("latency_p99_ms", p99, 2);
        fields.number("latency_max_ms", self.latency.max(), 2);
        fields.put("latency_samples", self.latency.count());
        self.join_times(&mut fields);
        let mut profiles: BTreeMap<&str, u64> = BTreeMap::new();
        for profile in self.viewers.iter().filter_map(Viewer::profile) {
            *profiles.entry(profile).or_default() += 1;
        }
        fields.put("srtp", serde_json::json!(profiles));
        let before = self.window.as_ref().map_or(own, |window| window.own);
        let own_cpu = own.cpu_s() - before.cpu_s();
        fields.number("own_cpu_s", Some(own_cpu), 3);
        fields.number("own_cpu_total_s", Some(own.cpu_s() - self.cpu_before), 3);
        fields.number("own_us_per_packet", Some(own_cpu * 1e6 / sum.packets as f64), 3);
        fields.put("own_rss_kb", own.rss_kb);
        if let Some(baseline) = self.baseline {
            let before = self.window.as_ref().map_or(server, |window| window.server);
            let cpu = server.cpu_s() - before.cpu_s();
            fields.number("server_cpu_s", Some(cpu), 2);
            fields.number("server_user_s", Some(server.user_s - before.user_s), 2);
            fields.number("server_sys_s", Some(server.system_s - before.system_s), 2);
            fields.number("server_core_pct", Some(100.0 * cpu / seconds), 1);
            fields.number("cpu_seconds_per_gbit", Some(cpu / (sum.bytes as f64 * 8.0 / 1e9)), 4);
            fields.number("cpu_us_per_packet", Some(cpu * 1e6 / sum.packets as f64), 3);
            fields.put("rss_kb_base", baseline.rss_kb);
            fields.put("rss_kb_end", server.rss_kb);
            fields.number("rss_kb_per_viewer", Some((server.rss_kb as f64 - baseline.rss_kb as f64) / ok as f64), 1);
            fields.put("server_pids", server.processes);
            fields.put("server_threads", server.threads);
        }
        (fields, ok)
    }

    fn join_times(&self, fields: &mut report::Fields) {
        let column = |value: fn(&Viewer) -> Option<f64>| self.viewers.iter().filter_map(value).collect::<Samples>();
        let posts = column(|viewer| Some(viewer.posted.as_ref()?.took_ms));
        let [post_p50, post_p95] = posts.percentiles([50.0, 95.0]);
        let [connect_p50] = column(|viewer| viewer.connected_ms).percentiles([50.0]);
        let [packet_p50, packet_p95] = column(|viewer| viewer.first_packet_ms).percentiles([50.0, 95.0]);
        let frames = column(|viewer| viewer.first_frame_ms);
        let [frame_p50, frame_p95] = frames.percentiles([50.0, 95.0]);
        fields.number("post_p50_ms", post_p50, 1);
        fields.number("post_p95_ms", post_p95, 1);
        fields.number("connect_p50_ms", connect_p50, 1);
        fields.number("ttfp_p50_ms", packet_p50, 1);
        fields.number("ttfp_p95_ms", packet_p95, 1);
        fields.number("ttff_p50_ms", frame_p50, 1);
        fields.number("ttff_p95_ms", frame_p95, 1);
        fields.put("ttff_n", frames.count());
        fields.put("plis_sent", self.viewers.iter().map(|viewer| viewer.plis).sum::<u64>());
        fields.put("srtp_auth_fail", self.viewers.iter().map(|viewer| viewer.not_authentic).sum::<u64>());
        fields.put("rtcp_in", self.viewers.iter().map(|viewer| viewer.rtcp_in).sum::<u64>());
    }
}
