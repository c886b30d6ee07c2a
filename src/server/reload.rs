//! Carries a changed configuration to the parts that can take it while they run.

use super::{http_policy, hub_limits, knows_countries, session_limits, traces};
use crate::access::Access;
use crate::config::{Change, Config, OnConflict};
use crate::egress::Whep;
use crate::http::Policy;
use crate::hub::Hub;
use crate::ingest::Whip;
use crate::observe::{Events, Happening, Log, Metrics, trace};
use crate::plugin::Plugins;
use crate::shard::Sessions;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// The parts that take changes.
pub(super) struct Reloader {
    pub(super) log: Log,
    pub(super) access: Access,
    pub(super) metrics: Metrics,
    pub(super) events: Events,
    pub(super) hub: Hub,
    pub(super) sessions: Sessions,
    pub(super) whip: Whip,
    pub(super) whep: Whep,
    pub(super) policy: watch::Sender<Arc<Policy>>,
    /// Time that sessions get to end when the server stops.
    pub(super) grace: watch::Sender<Duration>,
    /// The configuration as the API shows it.
    pub(super) shown: Arc<RwLock<serde_json::Value>>,
    pub(super) plugins: Plugins,
    pub(super) traces: watch::Sender<trace::Settings>,
}

impl Reloader {
    /// Applies what changed and says what was done.
    pub(super) fn handle(&self, change: Change) {
        match change {
            Change::Applied { config, shown, apply, restart_required } => {
                self.apply(&config);
                *self.shown.write().expect("no holder of this lock panics") = shown;
                self.metrics.config_reload("applied");
                let applied = Happening::new("config.applied").with("keys", apply.join(" "));
                self.events.tell(applied.with("restart_required", restart_required.join(" ")));
                if apply.is_empty() && restart_required.is_empty() {
                    tracing::info!("the configuration file changed, but no value in it did");
                }
                if !apply.is_empty() {
                    tracing::info!(keys = apply.join(" "), "configuration changed and applied");
                }
                if !restart_required.is_empty() {
                    let keys = restart_required.join(" ");
                    tracing::warn!(keys, "these changed keys need a restart and are left as they were");
                }
            }
            Change::Refused(error) => {
                self.metrics.config_reload("refused");
                self.events.tell(Happening::new("config.refused").with("cause", &error));
                for line in error.to_string().lines() {
                    tracing::error!("the changed configuration is not used: {line}");
                }
            }
            Change::Gone(path) => {
                tracing::warn!("the configuration file {} is gone; what it said stays in force", path.display());
            }
        }
    }

    fn apply(&self, config: &Config) {
        self.log.set_level(&config.log.level);
        self.access.update(config.access.clone());
        self.hub.set_limits(hub_limits(config));
        self.sessions.set_limits(session_limits(config));
        self.whip.set_codecs(&config.ingest.codecs.preference());
        self.whip.set_takeover(config.ingest.on_conflict == OnConflict::Takeover);
        self.whep.set_bandwidth(config.limits.egress_mbps);
        self.access.book().set_viewers_per_stream(config.limits.viewers_per_stream);
        self.whep.set_wait(config.egress.wait.duration());
        self.grace.send_replace(config.shutdown.grace());
        self.policy.send_replace(Arc::new(http_policy(config)));
        self.traces.send_replace(traces::settings(config));
        self.plugins.services().set_knows_countries(knows_countries(config));
    }
}
