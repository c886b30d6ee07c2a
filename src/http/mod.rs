//! The HTTP surface: pages, WHIP and WHEP on the public listener, the operator's API on the admin listener.

mod admin;
mod admin_guard;
mod admission;
mod api;
mod body;
mod certificate;
mod client_address;
mod connection;
mod console;
mod cors;
mod credential;
mod device;
mod drain;
mod error;
mod event_feed;
mod events;
mod facts;
mod happenings;
mod health;
mod ice_servers;
mod layers;
mod limits;
mod listener;
mod local;
mod offer;
mod overview;
mod pages;
mod plugins;
mod refusals;
mod request;
mod router;
mod session;
mod stalling;
mod standing;
mod stream_path;
mod streams;
#[cfg(test)]
mod tests;
mod timestamp;
mod tls;
mod traced;
mod upload;
mod whep;
mod whip;

pub use certificate::CertificateError;
pub use cors::Origins;
pub use health::Health;
pub use ice_servers::{IceServer, Login};
pub use listener::{HttpError, Listeners, Running, Settings, serve};
pub use tls::{Tls, check_certificate};

use crate::access::{Access, Network, SecretDigest};
use crate::egress::Whep;
use crate::hub::Hub;
use crate::ingest::Whip;
use crate::observe::Events;
use crate::observe::metrics::Metrics;
use crate::observe::trace::Tracer;
use crate::plugin::Plugins;
use crate::shard::{Doors, Sessions};
use axum::http::HeaderName;
use events::EventStreams;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// The handles of the layers below that requests are served from.
#[derive(Clone)]
pub struct State {
    pub hub: Hub,
    pub sessions: Sessions,
    pub whip: Whip,
    pub whep: Whep,
    pub access: Access,
    pub plugins: Plugins,
    pub metrics: Metrics,
    pub tracer: Tracer,
    /// What happens, for those who follow it.
    pub events: Events,
    /// What may change while the server runs.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The configuration in force as JSON, secrets masked, with the source of each value.
    pub config: Arc<dyn Fn() -> serde_json::Value + Send + Sync>,
    /// Asks the shards and the hub whether they still answer.
    pub health: Health,
    /// Whether the server has started.
    pub ready: watch::Receiver<bool>,
    /// Cancelled when the server begins to stop: no new sessions, viewers are told to go elsewhere.
    pub stopping: CancellationToken,
    /// Whether the operator wants the server to end once it is drained.
    pub leave: watch::Sender<bool>,
    /// The name of this node in session ids.
    pub node: String,
    /// Listeners that others own (media, rtmp), for `/api/v1/info`.
    pub other_listeners: Vec<ListenerAddress>,
    /// Optional parts that this build has, for `/api/v1/info`.
    pub features: Vec<&'static str>,
}

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ListenerAddress {
    pub listener: &'static str,
    pub address: SocketAddr,
    /// How a client on this machine reaches it.
    pub url: String,
}

/// The part of the configuration that applies to the next request when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Origins whose pages may use the public listener.
    pub origins: Origins,
    /// Proxies that are believed about the client's address.
    pub trusted_proxies: Vec<Network>,
    /// The header in which those proxies tell the client's country.
    pub country_header: Option<HeaderName>,
    /// SHA-256 of the admin token; without one the admin listener serves loopback only.
    pub admin_token: Option<SecretDigest>,
    /// Whether `/metrics` needs no token.
    pub open_metrics: bool,
    /// STUN and TURN servers that sessions are told of.
    pub ice_servers: Vec<IceServer>,
}

/// What handlers work with.
pub(crate) struct App {
    state: State,
    events: EventStreams,
    /// Places for those who follow `/api/v1/events`.
    readers: Arc<Semaphore>,
    listeners: Vec<ListenerAddress>,
    started: SystemTime,
}

impl App {
    fn new(state: State, listeners: Vec<ListenerAddress>) -> Arc<App> {
        let readers = Arc::new(Semaphore::new(happenings::READERS));
        Arc::new(App { state, events: EventStreams::default(), readers, listeners, started: SystemTime::now() })
    }

    /// What the server is at, in a word for the operator.
    fn standing(&self) -> &'static str {
        let stopping = self.state.stopping.is_cancelled();
        match self.state.sessions.doors() {
            Doors::Stopping => "stopping",
            _ if stopping => "stopping",
            Doors::Draining => "draining",
            Doors::Open if *self.state.ready.borrow() => "running",
            Doors::Open => "starting",
        }
    }

    fn policy(&self) -> Arc<Policy> {
        self.state.policy.borrow().clone()
    }
}
