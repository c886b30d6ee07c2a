//! The configuration: defaults, overlaid by `wasmcast.toml`, by `WASMCAST_` variables, by flags.

mod check;
mod demo;
mod environment;
mod file;
mod http;
mod ice;
mod keys;
mod listen;
mod load;
mod media;
mod node;
mod plan;
mod plugins;
mod problem;
mod show;
mod span;
#[cfg(test)]
mod tests;
mod trace;
mod watch;

pub use demo::{Demo, DemoName, Size};
pub use http::{Admin, Http, Origin, Tls};
pub use ice::{DEFAULT_TTL, Ice, IceServer, IceUrl};
pub use keys::Reload;
pub use listen::{InvalidListen, Listen};
pub use load::{Flag, FlagValue, Loaded, Source, Sources};
pub use media::{Codecs, Egress, Ingest, Media, OnConflict, PublicAddress, PublicAddresses, Rtmp};
pub use node::{Limits, Node, NodeName, Shutdown};
pub use plan::{Plan, plan};
pub use plugins::Plugins;
pub use problem::{ConfigError, Problem};
pub use show::Shown;
pub use span::Span;
pub use trace::{Trace, TraceExporter};
pub use watch::{Change, Watcher};

use crate::access::{self, Password, Secret};
use crate::observe::log;
use std::path::PathBuf;

/// The whole configuration, checked. One field a section, in the order of `config show`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Config {
    pub http: Http,
    pub media: Media,
    pub rtmp: Rtmp,
    pub admin: Admin,
    pub access: access::Config,
    pub ingest: Ingest,
    pub egress: Egress,
    pub ice: Ice,
    pub limits: Limits,
    pub plugins: Plugins,
    pub log: log::Config,
    pub trace: Trace,
    pub node: Node,
    pub shutdown: Shutdown,
    pub demo: Demo,
}

impl Config {
    /// Whether every listener that carries streams is bound to loopback, so that without access rules anyone may enter.
    pub fn loopback_only(&self) -> bool {
        !self.http.listen.is_public() && !self.rtmp.listen.is_public()
    }

    /// Files that secrets were read from.
    fn secret_files(&self) -> Vec<PathBuf> {
        let secrets = self.access.secrets().chain(&self.admin.token);
        let passwords = self.ice.secrets().chain(self.trace.secrets()).filter_map(Password::file);
        let mut files: Vec<PathBuf> = secrets.filter_map(Secret::file).chain(passwords).map(PathBuf::from).collect();
        files.sort();
        files.dedup();
        files
    }
}
