//! `wasmcast plugin test-host`: runs a plugin for the tests of its author, asked and answering in lines of JSON.

use super::check::host;
use super::rehearsal::{Rehearsal, Standing};
use super::{Failure, bounded, sdk};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use wasmcast::observe::Event;
use wasmcast::plugin::{
    Action, Facts, Grant, Manifest, Measure, PROTOCOLS, Place, Reply, Route, START, Scripted, Simulation, TrackRates,
};

/// Run a plugin for the SDK's tests: one question a line on stdin, one answer a line on stdout
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin test        runs the tests, which start this themselves")]
pub struct Args {}

/// What a test asks for.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Question {
    Load { file: PathBuf, manifest: String },
    Manifest { manifest: String },
    Start(Box<Visitor>),
    Session { id: String },
    Leave { id: String },
    Pass { measure: String, address: IpAddr, count: u32 },
    Rules,
    Advance { ns: u64 },
    Events { events: Vec<Happened> },
    Stats { tracks: Vec<Track> },
    Calls { hook: String },
    KvGet { key: String },
    KvSet { key: String, value: String },
    HttpAnswer(Box<HttpAnswer>),
    HttpSent,
    Log,
}

/// Somebody who comes.
#[derive(Deserialize)]
#[serde(default)]
struct Visitor {
    action: Action,
    stream: String,
    protocol: String,
    method: String,
    path: String,
    rendition: Option<String>,
    remote_ip: IpAddr,
    country: Option<String>,
    device: Option<String>,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    token: Option<String>,
    subject: Option<String>,
    tags: BTreeMap<String, String>,
    spiffe_id: Option<String>,
    certificate_sha256: Option<String>,
}

/// Something that happened.
#[derive(Deserialize)]
struct Happened {
    sequence: u64,
    unix_ns: u64,
    kind: String,
    stream: String,
    session: String,
    attributes: Vec<(String, String)>,
}

/// How a track did.
#[derive(Deserialize)]
struct Track {
    stream: String,
    session: String,
    rendition: String,
    kind: String,
    inbound: bool,
    bitrate_kbps: u32,
    frame_rate: f32,
    loss: f32,
    rtt_ms: f32,
    jitter_ms: f32,
    nacks: u32,
    keyframe_requests: u32,
    skipped_frames: u32,
}

/// An answer of another server.
#[derive(Deserialize)]
struct HttpAnswer {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    down: Option<String>,
    #[serde(default)]
    delay_ms: u64,
}

impl Default for Visitor {
    fn default() -> Self {
        Self {
            action: Action::Play,
            stream: String::new(),
            protocol: "whep".to_owned(),
            method: "POST".to_owned(),
            path: String::new(),
            rendition: None,
            // For documentation: RFC 5737.
            remote_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            country: None,
            device: None,
            headers: Vec::new(),
            query: Vec::new(),
            token: None,
            subject: None,
            tags: BTreeMap::new(),
            spiffe_id: None,
            certificate_sha256: None,
        }
    }
}

/// Runs `wasmcast plugin test-host`.
pub fn run(_: &Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let failed = |error| Failure::Failed(format!("the threads for the plugin can not be started: {error}"));
    let runtime = runtime.map_err(failed)?;
    let mut stage = None;
    // The test's end closes stdin; then so does this.
    for line in stdin().lock().lines().map_while(Result::ok) {
        let answer = match serde_json::from_str(&line) {
            Ok(question) => runtime.block_on(answer(&mut stage, question)),
            Err(error) => {
                Err(format!("the SDK asks for what this wasmcast does not know ({error}); are both of one version?"))
            }
        };
        let answer = answer.unwrap_or_else(|error| json!({"error": error}));
        let mut out = stdout().lock();
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn answer(stage: &mut Option<Rehearsal>, question: Question) -> Result<Value, String> {
    if let Question::Load { file, manifest } = question {
        *stage = Some(load(&file, &manifest).await?);
        return Ok(json!({}));
    }
    let rehearsal = stage.as_mut().ok_or("no plugin is loaded")?;
    let simulation = rehearsal.simulation.clone();
    let space = rehearsal.manifest.settings.grants.kv.as_ref().map(|grant| grant.space.clone());
    let space = || space.ok_or("the test does not grant a store; add .grant_kv()");
    match question {
        Question::Load { .. } => {}
        Question::Manifest { manifest } => {
            let manifest = read(&manifest, &rehearsal.name)?;
            rehearsal.change(manifest).await?;
        }
        Question::Start(visitor) => return Ok(json!({"id": rehearsal.come(facts(*visitor)?).await})),
        Question::Session { id } => {
            let mut told = rehearsal.standing(&id).map(shown).ok_or_else(|| format!("no session {id}"))?;
            match rehearsal.routed(&id) {
                Some(Ok(route)) => told["route"] = route_shown(route),
                Some(Err(why)) => told["route_failure"] = json!(why),
                None => {}
            }
            if let Some(why) = rehearsal.undecided(&id) {
                told["verdict_failure"] = json!(why);
            }
            return Ok(told);
        }
        Question::Leave { id } => rehearsal.leave(&id),
        Question::Pass { measure, address, count } => {
            let known = [Measure::Connection, Measure::Request].into_iter().find(|known| known.name() == measure);
            let measure = known.ok_or_else(|| format!("{measure} is neither connection nor request"))?;
            return Ok(json!({"passed": rehearsal.passing(measure, address, count)}));
        }
        Question::Rules => return Ok(json!({"rules": rehearsal.rules()})),
        Question::Advance { ns } => rehearsal.advance(Duration::from_nanos(ns)).await,
        Question::Calls { hook } => {
            let times: Vec<f64> = rehearsal.calls(&hook).map(|call| call.took.as_secs_f64() * 1e6).collect();
            return Ok(json!({"us": times}));
        }
        Question::Events { events } => {
            let events = events.into_iter().map(event).collect();
            return Ok(json!({"failure": rehearsal.events(events).await.err()}));
        }
        Question::Stats { tracks } => {
            let tracks: Vec<TrackRates> = tracks.into_iter().map(rates).collect();
            return Ok(json!({"failure": rehearsal.stats(&tracks).await.err()}));
        }
        Question::KvGet { key } => {
            let value = simulation.value(&space()?, &key);
            return Ok(json!({"value": value.map(|value| String::from_utf8_lossy(&value).into_owned())}));
        }
        Question::KvSet { key, value } => simulation.put(&space()?, &key, value.into_bytes()),
        Question::HttpAnswer(answer) => simulation.http().answer(scripted(*answer)),
        Question::HttpSent => {
            let sent = simulation.http().take_sent().into_iter();
            let sent: Vec<Value> = sent
                .map(|sent| {
                    let body = String::from_utf8_lossy(&sent.body).into_owned();
                    json!({"method": sent.method, "url": sent.url, "headers": sent.headers, "body": body})
                })
                .collect();
            return Ok(json!({"sent": sent}));
        }
        Question::Log => {
            let lines = simulation.services().log_tail(&rehearsal.name, 0).into_iter();
            let lines: Vec<String> = lines
                .map(|line| {
                    let fields: String = line.fields.iter().map(|(key, value)| format!(" {key}={value}")).collect();
                    format!("{} {}{fields}", line.level, line.message)
                })
                .collect();
            return Ok(json!({"lines": lines}));
        }
    }
    Ok(json!({}))
}

async fn load(file: &std::path::Path, manifest: &str) -> Result<Rehearsal, String> {
    let bytes = bounded::read(file, wasmcast::plugin::MAX_FILE).map_err(|error| error.to_string())?;
    let name: Arc<str> = file.file_stem().unwrap_or_default().to_string_lossy().into();
    let manifest = read(manifest, &name)?;
    let simulation = Simulation::new(SEED, START);
    let cache = sdk::cache().map_err(|error| error.to_string())?.join("check");
    let runtime = host(cache, simulation.services().clone()).map_err(|error| error.to_string())?;
    let artifact = runtime.load(bytes.into()).await.map_err(|error| error.to_string())?;
    Rehearsal::begin(simulation, runtime, name, artifact, manifest).await
}

/// Of the randomness of each test.
const SEED: u64 = 1;

fn read(manifest: &str, name: &str) -> Result<Manifest, String> {
    Manifest::parse(manifest, name, &format!("{name}.toml")).map_err(|error| error.to_string())
}

fn facts(visitor: Visitor) -> Result<Facts, String> {
    let protocol = PROTOCOLS.iter().find(|known| **known == visitor.protocol);
    let protocol =
        protocol.ok_or_else(|| format!("protocol `{}` is none of {}", visitor.protocol, PROTOCOLS.join(", ")))?;
    Ok(Facts {
        method: visitor.method,
        path: visitor.path,
        stream: visitor.stream,
        rendition: visitor.rendition,
        country: visitor.country,
        device: visitor.device,
        headers: visitor.headers.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        query: visitor.query,
        token: visitor.token,
        subject: visitor.subject,
        tags: visitor.tags,
        spiffe_id: visitor.spiffe_id,
        certificate_sha256: visitor.certificate_sha256,
        ..Facts::new(String::new(), visitor.action, protocol, visitor.remote_ip)
    })
}

fn event(happened: Happened) -> Event {
    let attributes = happened.attributes.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Event {
        sequence: happened.sequence,
        unix_ns: happened.unix_ns,
        at: std::time::Instant::now(),
        kind: happened.kind.into(),
        stream: happened.stream,
        session: happened.session,
        attributes,
        source: None,
    }
}

fn rates(track: Track) -> TrackRates {
    TrackRates {
        stream: track.stream.into(),
        session: track.session.into(),
        rendition: track.rendition.into(),
        kind: if track.kind == "audio" { "audio" } else { "video" },
        inbound: track.inbound,
        bitrate_kbps: track.bitrate_kbps,
        frame_rate: track.frame_rate,
        loss: track.loss,
        rtt_ms: track.rtt_ms,
        jitter_ms: track.jitter_ms,
        nacks: track.nacks,
        keyframe_requests: track.keyframe_requests,
        skipped_frames: track.skipped_frames,
        extras: Vec::new(),
    }
}

fn scripted(answer: HttpAnswer) -> Scripted {
    let HttpAnswer { url, method, status, headers, body, down, delay_ms } = answer;
    let reply = match down {
        Some(why) => Reply::Down(why),
        None => Reply::Response { status, headers, body: body.into_bytes() },
    };
    Scripted { method, url, reply, delay: Duration::from_millis(delay_ms), times: None }
}

fn shown(standing: &Standing) -> Value {
    match standing {
        Standing::Allowed(grant) => json!({"allow": grant_shown(grant)}),
        Standing::Denied(denial) => json!({"deny": {"status": denial.status, "reason": denial.reason}}),
        Standing::Ended(denial) => json!({"end": {"status": denial.status, "reason": denial.reason}}),
        Standing::Abstained => json!({"abstain": {}}),
        Standing::Failed(why) => json!({"failure": why}),
        Standing::Limited { rule, retry_after } => {
            json!({"limited": {"rule": rule, "retry_after_ms": u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX)}})
        }
    }
}

fn grant_shown(grant: &Grant) -> Value {
    json!({
        "subject": grant.subject,
        "stream_name": grant.stream_name,
        "ttl_ms": grant.ttl.map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        "max_bitrate_kbps": grant.max_bitrate_kbps,
        "max_viewers": grant.max_viewers,
        "tags": grant.tags,
    })
}

fn route_shown(route: &Route) -> Value {
    let place = |place: &Place| match place {
        Place::Node(name) => name.clone(),
        // As authors write it.
        Place::Server(url) => url.as_str().trim_end_matches('/').to_owned(),
        Place::Address(url) => url.to_string(),
    };
    json!({
        "nodes": route.places.iter().map(place).collect::<Vec<_>>(),
        "stream_name": route.stream_name,
        "rendition": route.rendition,
        "tags": route.tags,
    })
}
