//! The only assembly: starts every part with its configuration and stops them in order.

mod absences;
mod ask_again;
mod ceilings;
mod demo;
mod descriptors;
mod ending;
mod happenings;
mod ingest_rules;
mod overload;
mod reload;
mod traces;
mod watch_sessions;

use crate::access::{self, Access};
use crate::config::{self, Config, Loaded, Shown, Watcher};
use crate::egress::Whep;
use crate::http::{self, HttpError, ListenerAddress, Listeners, Origins, Policy};
use crate::hub::{Hub, HubLimits};
use crate::ingest::Whip;
use crate::observe::trace::{Exporting, Tracer};
use crate::observe::tracks::TrackSource;
use crate::observe::{Events, Log, Metrics};
use crate::plugin::{self, Plugins};
use crate::shard::{self, Doorman, SessionLimits, Sessions, ShardOptions, Shards, StartError};
use crate::task::Tasks;
use ending::Signals;
use reload::Reloader;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A shard that does not answer within this time hangs: its loop turns every 10 ms.
const SHARD_PATIENCE: Duration = Duration::from_millis(800);
/// How long requests that are under way at the end may take.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Why the server did not start, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("signals can not be received: {0}")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Media(#[from] StartError),
    #[error(transparent)]
    Plugins(#[from] plugin::StartError),
    #[error(
        "there is no place for compiled plugins: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set; set \
         `plugins.state_dir`"
    )]
    NoStateDirectory,
    #[error(
        "other machines can reach this server, and nothing says who may publish and play: no plugin in {} decides. \
         Put one there that exports `auth/check`, or say so with access.publish, access.play or [[access.rules]]",
        .0.display()
    )]
    NobodyDecides(PathBuf),
    #[error("the demo stream can not start: {0}")]
    Demo(#[from] demo::StartDemoError),
}

impl ServeError {
    /// What the process ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            ServeError::Http(HttpError::AdminOpen(_) | HttpError::Certificate(_))
            | ServeError::NoStateDirectory
            | ServeError::NobodyDecides(_)
            | ServeError::Plugins(plugin::StartError::Directory { .. }) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When a listener can not be bound or the system refuses what the server needs.
pub async fn run(loaded: Loaded, log: Log) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let config = loaded.config.clone();
    let tasks = Tasks::new("server");
    let metrics = Metrics::new(config.media.shard_count(), log.dropped());
    let (tracer, finished) = Tracer::new(metrics.traces.clone());
    let trace_settings = traces::settings(&config);
    tracer.switch(trace_settings.exporting != Exporting::Off);
    let events = Events::new(config.node.name.as_str());
    let plugin_tasks = Tasks::new("plugins");
    let plugins = tokio::select! {
        plugins = start_plugins(&config, &plugin_tasks, &events, tracer.clone()) => plugins?,
        () = signals.next() => return Ok(()),
    };
    let tracing_tasks = Tasks::new("traces");
    let traces = traces::start(&tracing_tasks, tracer.clone(), finished, trace_settings, plugins.clone());
    let access = Access::new(config.access.clone(), plugins.clone(), config.loopback_only());
    let access = access.with_node(config.node.name.as_str());
    let listeners = Listeners::bind(&http_settings(&config))?;
    let hub = Hub::new(hub_limits(&config));
    hub.report_to(events.clone());
    let sessions = Sessions::new(session_limits(&config));
    let doorkeeper = plugins.clone();
    sessions.set_doorman(Doorman::new(move |address| Some(Box::new(doorkeeper.limit_connection(address).ok()?))));
    // Arrival times of all streams count from here.
    let epoch = Instant::now();
    let shards = match config.media.listen.address() {
        Some(listen) => {
            let options = shard_options(&config, listen);
            Some(Shards::start(&options, epoch, &sessions, |index| metrics.shard(index))?)
        }
        None => None,
    };
    let media = shards.as_ref().map(|shards| ListenerAddress {
        listener: "media",
        address: shards.address(),
        url: format!("udp://{}", shards.address()),
    });
    if let Some(media) = &media {
        tracing::info!(listener = media.listener, address = %media.address, url = media.url, tcp = config.media.tcp,
            "listening");
    }
    let node = config.node.name.as_str();
    let whip = Whip::new(access.clone(), hub.clone(), sessions.clone(), &config.ingest.codecs.preference());
    whip.set_takeover(config.ingest.on_conflict == config::OnConflict::Takeover);
    let whep = Whep::new(access.clone(), hub.clone(), sessions.clone(), config.egress.wait.duration());
    whep.set_bandwidth(config.limits.egress_mbps);
    access.book().set_viewers_per_stream(config.limits.viewers_per_stream);
    let policy = watch::Sender::new(Arc::new(http_policy(&config)));
    let ready = watch::Sender::new(false);
    let stopping = CancellationToken::new();
    let leave = watch::Sender::new(false);
    let shown = Arc::new(RwLock::new(Shown(&loaded).json()));
    // Before anyone can come in: who comes first is followed too.
    plugins.services().set_tracks({
        let sessions = sessions.clone();
        TrackSource::new(move || sessions.track_totals())
    });
    watch_sessions::start(&tasks, &hub, &sessions, &access, &metrics, &events, &tracer);
    let sums = happenings::sums(events.clone(), metrics.clone(), config.media.shard_count());
    tasks.spawn_until_stop("sums of events", sums);
    tasks.spawn_until_stop("doors", happenings::doors(events.clone(), sessions.clone()));
    let running = http::serve(
        listeners,
        http::State {
            hub: hub.clone(),
            sessions: sessions.clone(),
            whip: whip.clone(),
            whep: whep.clone(),
            access: access.clone(),
            plugins: plugins.clone(),
            metrics: metrics.clone(),
            tracer: tracer.clone(),
            events: events.clone(),
            policy: policy.subscribe(),
            config: {
                let shown = shown.clone();
                Arc::new(move || shown.read().expect("no holder of this lock panics").clone())
            },
            health: {
                let (sessions, hub) = (sessions.clone(), hub.clone());
                Arc::new(move || {
                    let (sessions, hub) = (sessions.clone(), hub.clone());
                    Box::pin(async move {
                        hub.streams();
                        shard::ping(&sessions, SHARD_PATIENCE).await
                    })
                })
            },
            ready: ready.subscribe(),
            stopping: stopping.clone(),
            leave: leave.clone(),
            node: node.to_owned(),
            other_listeners: media.into_iter().collect(),
            features: Vec::new(),
        },
    )?;

    let demo = config.demo.enabled.then(|| demo::start(&config.demo, &hub, epoch)).transpose()?;
    tasks.spawn_until_stop("streams without publishers", absences::run(hub.clone()));
    if shards.is_some() {
        let watch = overload::run(sessions.clone(), metrics.clone(), events.clone(), config.media.shard_count(), epoch);
        tasks.spawn_until_stop("overload", watch);
    }

    let watcher = Watcher::new(&loaded);
    let (grace, grace_in_force) = watch::channel(config.shutdown.grace());
    let reloader = Reloader {
        log,
        access,
        metrics,
        events,
        hub,
        sessions: sessions.clone(),
        whip,
        whep,
        policy,
        grace,
        shown,
        plugins,
        traces,
    };
    let config_stop = tasks.stopping();
    tasks.spawn("config", async move { watcher.run(config_stop, |change| reloader.handle(change)).await });
    ready.send_replace(true);
    if let Some(address) = running.addresses().iter().find(|address| address.listener == "http") {
        tracing::info!(url = address.url, "ready");
    }

    let drained = ending::wanted(&mut signals, &sessions, leave.subscribe(), &grace_in_force).await;
    // New sessions are refused from here on, and viewers are told to go elsewhere.
    ready.send_replace(false);
    stopping.cancel();
    sessions.stop();
    if !drained {
        ending::wait(&mut signals, &sessions, &grace_in_force).await;
    }

    drop(demo);
    if let Some(shards) = shards {
        // Its threads end their sessions; a join must not block this one.
        let stopped = tokio::task::spawn_blocking(move || shards.stop());
        let _ = stopped.await;
    }
    // Plugins last: whoever still asks gets an answer.
    let stopped =
        [running.stop(LAST_REQUESTS).await, tasks.stop(LAST_REQUESTS).await, plugin_tasks.stop(LAST_REQUESTS).await];
    // After those who write them; the last ones go out.
    let traced = tracing_tasks.stop(LAST_REQUESTS).await;
    for result in stopped.into_iter().chain([traced]) {
        if let Err(error) = result {
            tracing::warn!("{error}");
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// Loads the plugins before anyone can come in.
async fn start_plugins(config: &Config, tasks: &Tasks, events: &Events, tracer: Tracer) -> Result<Plugins, ServeError> {
    let Some(dir) = &config.plugins.dir else { return Ok(Plugins::none()) };
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let state_dir = config.plugins.state_dir(variable).ok_or(ServeError::NoStateDirectory)?;
    let options = plugin::Options {
        dir: dir.clone(),
        state_dir,
        // This program, also when its file was replaced meanwhile.
        compiler: Some(PathBuf::from("/proc/self/exe")),
        memory: (config.plugins.memory_mib as usize) << 20,
        instances: None,
        countries: knows_countries(config),
        events: events.clone(),
        trust: plugin::Trust {
            // Checked with the configuration.
            keys: config.plugins.trusted_keys.iter().filter_map(|key| plugin::Key::parse(key).ok()).collect(),
            required: config.plugins.require_signature,
        },
    };
    let plugins = Plugins::start_traced(options, tasks, tracer).await?;
    // The configuration only saw that there are files; now it is known what they do.
    let said = [access::Action::Publish, access::Action::Play].iter().all(|action| config.access.covers(*action));
    if !config.loopback_only() && !said && !plugins.decides_auth() {
        return Err(ServeError::NobodyDecides(dir.clone()));
    }
    Ok(plugins)
}

fn http_settings(config: &Config) -> http::Settings {
    http::Settings {
        http: config.http.listen.address(),
        tls: http_tls(config),
        admin: config.admin.listen.address(),
        admin_has_token: config.admin.token.is_some(),
        most_connections: descriptors::raise(),
    }
}

fn http_tls(config: &Config) -> http::Tls {
    match &config.http.tls {
        config::Tls::Off => http::Tls::Off,
        config::Tls::SelfSigned => http::Tls::SelfSigned {
            names: config.media.public_address.iter().map(|address| address.ip.to_string()).collect(),
        },
        config::Tls::Files { cert, key } => http::Tls::Files { cert: cert.clone(), key: key.clone() },
    }
}

/// What would keep a server with this configuration from starting, as far as that can be told without starting one.
///
/// # Errors
/// As [`run`] would give.
pub fn rehearse(config: &Config) -> Result<(), ServeError> {
    http::check_certificate(&http_tls(config)).map_err(|error| ServeError::Http(error.into()))
}

fn http_policy(config: &Config) -> Policy {
    let origins: Vec<String> = config.http.cors_origins.iter().map(|origin| origin.as_str().to_owned()).collect();
    Policy {
        origins: if origins.iter().any(|origin| origin == "*") { Origins::Any } else { Origins::Listed(origins) },
        trusted_proxies: config.http.trusted_proxies.clone(),
        country_header: config.http.country_header.as_ref().and_then(|name| name.as_str().parse().ok()),
        admin_token: config.admin.token.as_ref().map(|token| token.digest()),
        open_metrics: config.admin.open_metrics,
        ice_servers: config.ice.servers.iter().map(ice_server).collect(),
    }
}

/// Whether anything tells where clients are.
fn knows_countries(config: &Config) -> bool {
    config.http.country_header.is_some() && !config.http.trusted_proxies.is_empty()
}

fn ice_server(server: &config::IceServer) -> http::IceServer {
    let login = match (&server.username, &server.credential, &server.secret) {
        (_, _, Some(secret)) => {
            http::Login::Made { secret: secret.clone(), ttl: server.ttl.unwrap_or(config::DEFAULT_TTL).duration() }
        }
        (Some(username), Some(credential), _) => {
            http::Login::Fixed { username: username.clone(), credential: credential.clone() }
        }
        _ => http::Login::None,
    };
    http::IceServer { url: server.url.to_string(), login }
}

fn hub_limits(config: &Config) -> HubLimits {
    HubLimits {
        streams: config.limits.streams as usize,
        ring_mib: config.limits.ring_mib,
        resume: config.ingest.resume.duration(),
        ..HubLimits::default()
    }
}

fn session_limits(config: &Config) -> SessionLimits {
    let limits = &config.limits;
    SessionLimits {
        sessions: limits.sessions as usize,
        sessions_per_address: limits.sessions_per_address as usize,
        pending: limits.pending as usize,
        pending_per_address: limits.pending_per_address as usize,
        joins_per_address: limits.joins_per_address,
        ingest_kbps: limits.ingest_kbps,
        shard_load_percent: limits.shard_load_percent,
    }
}

fn shard_options(config: &Config, listen: SocketAddr) -> ShardOptions {
    let public = config.media.public_address.iter();
    ShardOptions {
        listen,
        public: public.map(|address| SocketAddr::new(address.ip, address.port.unwrap_or(0))).collect(),
        tcp: config.media.tcp,
        shards: config.media.shard_count(),
    }
}
