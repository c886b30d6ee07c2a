//! `wasmcast bench whip`: many publishers on one thread, and what they sent in a steady window, as one JSON line.

use super::process::Usage;
use super::publisher::{Clip, Counts, Publisher, State};
use super::signalling::{Answered, Ask, leave, socket_error, start_signalling, until_interrupted};
use crate::client::dtls::Identity;
use crate::client::error::ClientError;
use crate::client::report;
use crate::client::samples::Samples;
use crate::client::session::resolve;
use crate::client::signal::{SessionUrl, SignalOptions, Signalling, parse_endpoint, read_token};
use crate::client::socket::{Batch, Carrier, raise_socket_limit};
use crate::codec::SourceOptions;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Seconds of the clip that all publishers repeat.
const CLIP_SECONDS: u32 = 6;
const TICK: Duration = Duration::from_millis(10);
/// Longest sleep between two looks at sockets and frames.
const PAUSE: Duration = Duration::from_millis(2);
/// Beyond ramp, settle time and window.
const GRACE: Duration = Duration::from_secs(45);

/// Many publishers by WHIP, on one thread
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "Example:\n  wasmcast bench whip http://127.0.0.1:8080/whip/load{i} --publishers 20 --duration 20\n\n\
    Prints one JSON line. {i} in the URL is the publisher's number from 0. Every publisher sends the same clip of the test \
    source, encoded once. The window starts when all are connected and the settle time is over."
)]
pub struct Args {
    /// WHIP endpoint, http or https; {i} is replaced by the publisher's number
    url: String,
    /// Publishers to open
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    publishers: u32,
    /// Publishers opened per second
    #[arg(long, value_name = "PER_S", default_value_t = 10.0)]
    ramp: f64,
    /// Length of the steady window in seconds
    #[arg(long, value_name = "S", default_value_t = 20.0)]
    duration: f64,
    /// Seconds between the last publisher's connection and the window
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    settle: f64,
    /// Video bitrate of each in kbit/s
    #[arg(long, value_name = "KBPS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(50..=50_000))]
    bitrate: u32,
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
}

/// Runs the load.
pub async fn run(args: Args) -> Result<ExitCode, ClientError> {
    super::check_times(args.ramp, args.duration, args.settle)?;
    if args.publishers > 1 && !args.url.contains("{i}") {
        let advice = "one stream has one publisher: put {i} into the URL, it becomes the publisher's number";
        return Err(ClientError::Usage(advice.to_owned()));
    }
    let endpoint = parse_endpoint(&args.url.replace("{i}", "0"))?;
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
    let stopping = stop.clone();
    let load = move || {
        let options = SourceOptions { video_bitrate: args.bitrate * 1000, ..SourceOptions::default() };
        let clip = Arc::new(Clip::make(options, CLIP_SECONDS)?);
        let identity = Identity::generate()?;
        let publishers = Vec::with_capacity(args.publishers as usize);
        Load { args, server, baseline, clip, identity, publishers, asks, answers, stop: stopping, window: None }.run()
    };
    let outcome = until_interrupted("publishers", stop, load).await?;
    report::print(&outcome.report)?;
    leave(&signalling, outcome.sessions).await;
    Ok(if outcome.publishers_ok > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Outcome {
    report: report::Fields,
    sessions: Vec<SessionUrl>,
    publishers_ok: u64,
}

/// Everything that the thread of the publishers owns.
struct Load {
    args: Args,
    server: SocketAddr,
    baseline: Option<Usage>,
    clip: Arc<Clip>,
    identity: Arc<Identity>,
    publishers: Vec<Publisher>,
    asks: UnboundedSender<Ask>,
    answers: mpsc::Receiver<Answered>,
    stop: Arc<AtomicBool>,
    window: Option<Window>,
}

/// The state at the start of the steady window.
struct Window {
    began: Instant,
    server: Usage,
    own: Usage,
    counts: Vec<Counts>,
}

impl Load {
    fn run(mut self) -> Result<Outcome, ClientError> {
        let started = Instant::now();
        let mut batch = Batch::default();
        let mut last_tick = started;
        let mut all_up: Option<Instant> = None;
        let ramp = Duration::from_secs_f64(f64::from(self.args.publishers) / self.args.ramp);
        let window = Duration::from_secs_f64(self.args.duration);
        let settle = Duration::from_secs_f64(self.args.settle);
        let give_up = started + ramp + settle + window + GRACE;
        loop {
            let now = Instant::now();
            if self.stop.load(Ordering::Relaxed) || now > give_up {
                break;
            }
            self.open_due(now - started)?;
            while let Ok((publisher, result)) = self.answers.try_recv() {
                self.publishers[publisher].opened(result, Instant::now());
            }
            let mut next = now + PAUSE;
            for publisher in &mut self.publishers {
                publisher.receive(&mut batch);
                if let Some(due) = publisher.send_due(Instant::now()) {
                    next = next.min(due);
                }
            }
            if now - last_tick >= TICK {
                last_tick = now;
                self.publishers.iter_mut().for_each(|publisher| publisher.tick(now));
                let complete = self.publishers.len() == self.args.publishers as usize;
                let mut states = self.publishers.iter().map(|publisher| &publisher.state);
                if all_up.is_none()
                    && complete
                    && !states.any(|state| matches!(state, State::Asking | State::Connecting))
                {
                    all_up = Some(now);
                    if !self.publishers.iter().any(|publisher| publisher.state == State::Publishing) {
                        break;
                    }
                }
            }
            match (&self.window, all_up) {
                (Some(open), _) if now - open.began >= window => break,
                (None, Some(at)) if now - at >= settle => {
                    self.window = Some(Window {
                        server: self.args.server_pid.and_then(Usage::of_tree).unwrap_or_default(),
                        own: Usage::own(),
                        counts: self.publishers.iter().map(|publisher| publisher.counts).collect(),
                        began: Instant::now(),
                    });
                }
                _ => {}
            }
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(self.finish())
    }

    /// Opens the publishers that are due by the ramp.
    fn open_due(&mut self, elapsed: Duration) -> Result<(), ClientError> {
        let total = self.args.publishers as usize;
        while self.publishers.len() < total && elapsed.as_secs_f64() >= self.publishers.len() as f64 / self.args.ramp {
            let index = self.publishers.len();
            let endpoint = parse_endpoint(&self.args.url.replace("{i}", &index.to_string()))?;
            let publisher =
                Publisher::new(self.identity.clone(), (self.server, self.args.transport), self.clip.clone());
            let publisher = publisher.map_err(socket_error)?;
            let ask = Ask { session: index, endpoint, offer: publisher.offer() };
            self.publishers.push(publisher);
            if self.asks.send(ask).is_err() {
                return Err(ClientError::Local("the signalling ended unexpectedly".to_owned()));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Outcome {
        let ended = Instant::now();
        let (report, publishers_ok) = self.report(ended);
        self.publishers.iter_mut().for_each(|publisher| publisher.close(ended));
        let sessions = self.publishers.iter().filter_map(|publisher| publisher.session.clone()).collect();
        Outcome { report, sessions, publishers_ok }
    }

    fn report(&self, ended: Instant) -> (report::Fields, u64) {
        let server = self.args.server_pid.and_then(Usage::of_tree).unwrap_or_default();
        let own = Usage::own();
        let seconds = self.window.as_ref().map_or(0.0, |window| (ended - window.began).as_secs_f64());
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        let mut sum = Counts::default();
        let mut ok = 0u64;
        for (index, publisher) in self.publishers.iter().enumerate() {
            let before = self.window.as_ref().map(|window| window.counts[index]);
            match (&publisher.state, before) {
                (State::Publishing, Some(before)) => {
                    ok += 1;
                    sum.packets += publisher.counts.packets - before.packets;
                    sum.bytes += publisher.counts.bytes - before.bytes;
                    sum.frames += publisher.counts.frames - before.frames;
                }
                (State::Failed(reason), _) => *failures.entry(reason.clone()).or_default() += 1,
                _ => *failures.entry("aborted".to_owned()).or_default() += 1,
            }
            sum.plis += publisher.counts.plis;
            sum.nacks += publisher.counts.nacks;
            sum.resent += publisher.counts.resent;
        }
        let connected: Samples = self.publishers.iter().filter_map(|publisher| publisher.connected_ms).collect();
        let [connect_p50, connect_p95] = connected.percentiles([50.0, 95.0]);
        let gbit = sum.bytes as f64 * 8.0 / 1e9;
        let mut fields = report::Fields::new("wasmcast bench whip");
        fields.put("n", self.args.publishers);
        fields.put("publishers_ok", ok);
        fields.put("publishers_failed", u64::from(self.args.publishers) - ok);
        fields.put("failures", serde_json::json!(failures));
        fields.number("secs", Some(seconds), 2);
        fields.put("packets", sum.packets);
        fields.put("frames", sum.frames);
        fields.put("bytes", sum.bytes);
        fields.number("mbit_s", Some(gbit * 1e3 / seconds), 2);
        fields.put("plis", sum.plis);
        fields.put("nacks", sum.nacks);
        fields.put("resent", sum.resent);
        fields.number("connect_p50_ms", connect_p50, 1);
        fields.number("connect_p95_ms", connect_p95, 1);
        let own_before = self.window.as_ref().map_or(own, |window| window.own);
        fields.number("own_cpu_s", Some(own.cpu_s() - own_before.cpu_s()), 3);
        if let Some(baseline) = self.baseline {
            let before = self.window.as_ref().map_or(server, |window| window.server);
            let cpu = server.cpu_s() - before.cpu_s();
            fields.number("server_cpu_s", Some(cpu), 2);
            fields.number("cpu_seconds_per_gbit", Some(cpu / gbit), 4);
            fields.number("cpu_us_per_packet", Some(cpu * 1e6 / sum.packets as f64), 3);
            fields.put("rss_kb_base", baseline.rss_kb);
            fields.put("rss_kb_end", server.rss_kb);
            let grown = server.rss_kb as f64 - baseline.rss_kb as f64;
            fields.number("rss_kb_per_publisher", Some(grown / ok as f64), 1);
        }
        (fields, ok)
    }
}
