//! The routers over an empty server, and short ways to ask them.

use super::super::request::Peer;
use super::super::{App, ListenerAddress, Policy, State, router};
use crate::access::{self, Access};
use crate::egress::Whep;
use crate::hub::{Hub, HubLimits, Publisher};
use crate::ingest::Whip;
use crate::media::{Codec, MediaKind, TrackInfo};
use crate::observe::Events;
use crate::observe::metrics::Metrics;
use crate::observe::trace::Tracer;
use crate::plugin::Plugins;
use crate::protocol::webrtc::{Negotiated, RemoteTransport};
use crate::shard::{
    ClientInfo, IceCredentials, NewSession, Role, Session, SessionId, SessionLimits, Sessions, ShardOptions, Shards,
};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(super) struct Fixture {
    pub(super) state: State,
    pub(super) policy: watch::Sender<Arc<Policy>>,
    pub(super) ready: watch::Sender<bool>,
    pub(super) public: Router,
    pub(super) admin: Router,
    pub(super) app: Arc<App>,
    shards: Option<Shards>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(shards) = self.shards.take() {
            shards.stop();
        }
    }
}

/// A response, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The name of the problem, checked against the status line.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
        body["type"].as_str().unwrap().strip_prefix("urn:wasmcast:problem:").unwrap().to_owned()
    }
}

impl Fixture {
    /// Everyone may do everything.
    pub(super) fn open() -> Fixture {
        Fixture::new(access::Config::default(), Policy::default())
    }

    pub(super) fn new(rules: access::Config, policy: Policy) -> Fixture {
        Fixture::with_plugins(rules, policy, Plugins::none())
    }

    /// With the plugins of a directory.
    pub(super) fn with_plugins(rules: access::Config, policy: Policy, plugins: Plugins) -> Fixture {
        let (policy, policy_seen) = watch::channel(Arc::new(policy));
        let (ready, ready_seen) = watch::channel(true);
        let (hub, sessions, access) = (
            Hub::new(HubLimits::default()),
            Sessions::new(SessionLimits::default()),
            Access::new(rules, plugins.clone(), true),
        );
        let metrics = Metrics::new(1, Arc::new(AtomicU64::new(0)));
        let options = ShardOptions { listen: "127.0.0.1:0".parse().unwrap(), public: Vec::new(), tcp: true, shards: 1 };
        let shards =
            Shards::start(&options, std::time::Instant::now(), &sessions, |index| metrics.shard(index)).unwrap();
        let state = State {
            whip: Whip::new(access.clone(), hub.clone(), sessions.clone(), &[]),
            whep: Whep::new(access.clone(), hub.clone(), sessions.clone(), Duration::ZERO),
            hub,
            sessions,
            access,
            plugins,
            metrics,
            tracer: Tracer::off(),
            events: Events::new("test"),
            policy: policy_seen,
            config: Arc::new(|| serde_json::json!({ "node": { "name": "test" } })),
            health: Arc::new(|| Box::pin(async { Ok(()) })),
            ready: ready_seen,
            stopping: CancellationToken::new(),
            leave: watch::Sender::new(false),
            node: "test".to_owned(),
            other_listeners: Vec::new(),
            features: vec!["webrtc"],
        };
        let (app, public, admin) = routers(&state);
        Fixture { state, policy, ready, public, admin, app, shards: Some(shards) }
    }

    /// Gives it another answer to health checks.
    pub(super) fn with_health(mut self, health: super::super::Health) -> Fixture {
        self.state.health = health;
        (self.app, self.public, self.admin) = routers(&self.state);
        self
    }

    /// A stream with H.264 and Opus.
    pub(super) fn publish(&self, name: &str) -> Publisher {
        let tracks = vec![TrackInfo::new(Codec::H264), TrackInfo::new(Codec::Opus)];
        assert_eq!(tracks[0].kind(), MediaKind::Video);
        let publisher = self.state.hub.publish(name.parse().unwrap(), tracks).unwrap();
        publisher.push(&mut vec![packet()], &Arc::from([]));
        publisher
    }

    /// A session, as WHIP or WHEP make one.
    pub(super) fn session(&self, role: Role, token: Option<&str>) -> Arc<Session> {
        let stream = match &role {
            Role::Publish(publisher) => publisher.stream().name.clone(),
            Role::Play(stream) => stream.name.clone(),
        };
        let new = NewSession {
            id: SessionId::random("test"),
            stream,
            client: ClientInfo {
                protocol: "whep",
                remote_ip: "192.0.2.1".parse().unwrap(),
                user_agent: Some("tests".to_owned()),
                credential: token.map(access::digest),
            },
            negotiated: Negotiated {
                answer: "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n".to_owned(),
                remote: RemoteTransport {
                    ufrag: "oldufrag".to_owned(),
                    pwd: "oldpasswordoldpassword".to_owned(),
                    fingerprints: Vec::new(),
                },
                dtls_client: false,
                media: Vec::new(),
            },
            local: IceCredentials::random(),
            role,
        };
        self.state.sessions.insert(new).unwrap()
    }

    /// A viewer's session of a stream that is live.
    pub(super) fn viewer(&self, publisher: &Publisher, token: Option<&str>) -> Arc<Session> {
        self.session(Role::Play(publisher.stream().clone()), token)
    }
}

fn routers(state: &State) -> (Arc<App>, Router, Router) {
    let address = "127.0.0.1:8080".parse().unwrap();
    let listener = ListenerAddress { listener: "http", address, url: format!("http://{address}/") };
    let app = App::new(state.clone(), vec![listener]);
    (app.clone(), router::public(app.clone()), router::admin(app))
}

fn packet() -> crate::media::Packet {
    crate::media::Packet {
        track: 0,
        flags: crate::media::PacketFlags::default(),
        padding: 0,
        audio_level: None,
        frame: 0,
        seq: 1,
        timestamp: 0,
        capture: crate::media::NtpTime(0),
        arrival_ns: 0,
        payload: bytes::Bytes::from_static(b"x"),
        descriptor: None,
    }
}

/// An offer that a real program made.
pub(super) fn offer(name: &str) -> String {
    std::fs::read_to_string(format!("{}/tests/data/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Header lines.
pub(super) type Lines<'a> = &'a [(&'a str, &'a str)];

/// A request from the loopback address to `localhost`; `lines` are its headers.
pub(super) fn request(method: &str, uri: &str, lines: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri).header("host", "localhost:8080");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let mut request = request.body(body.into()).unwrap();
    request.extensions_mut().insert(Peer("127.0.0.1:40000".parse().unwrap()));
    request
}

pub(super) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.into()).unwrap() }
}

/// As [`send`], in one breath.
pub(super) async fn ask(router: &Router, method: &str, uri: &str, lines: &[(&str, &str)], body: &str) -> Answer {
    send(router, request(method, uri, lines, body.to_owned())).await
}
