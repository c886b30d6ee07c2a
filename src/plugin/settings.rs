//! What the host needs to know to run a plugin: limits, rights, isolation, configuration; the manifest fills it.

use super::mask::Mask;
use std::sync::Arc;
use std::time::Duration;

/// Whom an instance serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// A fresh instance for each call.
    Call,
    /// One for each session.
    Session,
    /// One for each stream.
    Stream,
    /// A pool for all.
    Plugin,
}

/// Bounds of one plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Guest code a call.
    pub cpu: Duration,
    /// A call with its waiting, from when it has an instance.
    pub wall: Duration,
    /// `init`, `restore`, `reconfigure` and `self-test`, with waiting; their CPU time too.
    pub init: Duration,
    /// All memories and tables of an instance, in bytes.
    pub memory: usize,
    /// Bytes passed between guest and host in one call.
    pub hostcall: usize,
    /// Calls that wait for an instance.
    pub queue: usize,
    /// How long each of them waits at most.
    pub queue_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cpu: Duration::from_millis(10),
            wall: Duration::from_secs(1),
            init: Duration::from_secs(2),
            memory: 32 << 20,
            hostcall: 256 << 10,
            queue: 1_000,
            queue_wait: Duration::from_secs(5),
        }
    }
}

/// How far entries of a kv space are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvGrant {
    /// The name of the space; the plugin's own name unless the operator chose another.
    pub space: String,
    /// Keys and values together, in bytes.
    pub max_bytes: usize,
}

/// An origin that a plugin may send requests to.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// `https://host` or `https://host:port`, in lower case, without a slash at the end.
    pub origin: String,
    pub timeout: Duration,
    /// Of a response's body, in bytes.
    pub max_bytes: usize,
    /// Whether the origin may stand for a private or link-local address.
    pub private: bool,
    /// Added to each request to this origin; may be secret.
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for HttpGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpGrant").field("origin", &self.origin).field("headers", &headers).finish_non_exhaustive()
    }
}

/// The rights that the operator gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub kv: Option<KvGrant>,
    /// With an empty list the plugin may be run, and may ask nobody.
    pub http: Option<Vec<HttpGrant>>,
}

/// Instances of a pool, where the manifest does not say: calls of microseconds need few, ...
pub const INSTANCES: usize = 8;
/// ... calls that wait for other servers hold theirs meanwhile: at 300 ms each these answer 200 a second.
pub const INSTANCES_THAT_WAIT: usize = 64;

/// Everything that one generation runs under.
#[derive(Clone, PartialEq)]
pub struct Settings {
    pub isolation: Isolation,
    /// Instances of a pool at most.
    pub instances: usize,
    pub limits: Limits,
    pub grants: Grants,
    /// The `[config]` table, secrets put in. Never shown.
    pub config: Arc<serde_json::Value>,
    /// Hides its secrets in what the plugin says.
    pub mask: Arc<Mask>,
    /// Hooks to use, of those exported; none: all.
    pub hooks: Option<Vec<String>>,
    /// Whether what it counts and notifies goes nowhere: a generation in the shadow must not be seen as one that decides.
    pub silent: bool,
}

/// Without the configuration: it holds secrets.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("isolation", &self.isolation)
            .field("instances", &self.instances)
            .field("limits", &self.limits)
            .field("grants", &self.grants)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

/// Ends the name of the kv space of a generation in the shadow; no operator can choose such a name.
const SHADOW_SPACE: &str = "~shadow";

impl Settings {
    /// For a generation in the shadow: nothing of what it does is seen by others, but its requests by `http`. Its kv space is
    /// one of its own, empty at first.
    pub fn in_shadow(&self) -> Self {
        let mut settings = Settings { silent: true, ..self.clone() };
        if let Some(kv) = &mut settings.grants.kv {
            kv.space.push_str(SHADOW_SPACE);
        }
        settings
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            isolation: Isolation::Plugin,
            instances: INSTANCES,
            limits: Limits::default(),
            grants: Grants::default(),
            config: Arc::new(serde_json::Value::Object(serde_json::Map::new())),
            mask: Arc::default(),
            hooks: None,
            silent: false,
        }
    }
}
