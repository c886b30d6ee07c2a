//! The table of all keys: how each is read, compared, taken over, and whether it applies without a restart.

use super::Config;
use figment::Figment;

/// A key of the configuration, `section.name`.
pub(super) struct Key {
    pub(super) path: &'static str,
    /// How the text of an environment variable is taken.
    pub(super) form: Form,
    pub(super) reload: Reload,
    /// Reads the key from what was supplied into the configuration.
    pub(super) read: fn(&mut Config, &Figment) -> Result<(), Box<figment::Error>>,
    /// Takes the key over from another configuration.
    pub(super) copy: fn(&mut Config, &Config),
    pub(super) same: fn(&Config, &Config) -> bool,
}

/// What the text of an environment variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Number,
    /// `true` or `false`.
    Switch,
    /// Texts with commas between them, or a TOML array.
    List,
}

/// When a changed key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    Live,
    Restart,
}

impl Key {
    /// The section, before the dot.
    pub(super) fn section(&self) -> &'static str {
        self.path.split('.').next().unwrap_or_default()
    }

    /// The name within the section.
    pub(super) fn name(&self) -> &'static str {
        self.path.split('.').next_back().unwrap_or_default()
    }

    /// The environment variable that overlays it.
    pub(super) fn variable(&self) -> String {
        variable(self.path)
    }
}

/// The environment variable of a path.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// The key of a path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// What environment variables of ours begin with.
pub(super) const PREFIX: &str = "WASMCAST_";

macro_rules! key {
    ($section:ident.$name:ident, $form:ident, $reload:ident) => {
        Key {
            path: concat!(stringify!($section), ".", stringify!($name)),
            form: Form::$form,
            reload: Reload::$reload,
            read: |config, figment| {
                config.$section.$name = figment.extract_inner(concat!(stringify!($section), ".", stringify!($name)))?;
                Ok(())
            },
            copy: |to, from| to.$section.$name = from.$section.$name.clone(),
            same: |a, b| a.$section.$name == b.$section.$name,
        }
    };
}

/// Every key, in the order of `config show`.
pub(super) const KEYS: &[Key] = &[
    key!(http.listen, Text, Restart),
    key!(http.tls, Text, Restart),
    key!(http.trusted_proxies, List, Live),
    key!(http.cors_origins, List, Live),
    key!(http.country_header, Text, Live),
    key!(media.listen, Text, Restart),
    key!(media.public_address, List, Restart),
    key!(media.tcp, Switch, Restart),
    key!(media.shards, Number, Restart),
    key!(rtmp.listen, Text, Restart),
    key!(admin.listen, Text, Restart),
    key!(admin.token, Text, Live),
    key!(admin.open_metrics, Switch, Live),
    key!(access.publish, Text, Live),
    key!(access.play, Text, Live),
    key!(access.rules, List, Live),
    key!(ingest.codecs, List, Live),
    key!(ingest.resume, Text, Live),
    key!(ingest.on_conflict, Text, Live),
    key!(egress.wait, Text, Live),
    key!(ice.servers, List, Live),
    key!(limits.streams, Number, Live),
    key!(limits.viewers_per_stream, Number, Live),
    key!(limits.sessions, Number, Live),
    key!(limits.sessions_per_address, Number, Live),
    key!(limits.pending, Number, Live),
    key!(limits.pending_per_address, Number, Live),
    key!(limits.joins_per_address, Number, Live),
    key!(limits.ingest_kbps, Number, Live),
    key!(limits.egress_mbps, Number, Live),
    key!(limits.ring_mib, Number, Live),
    key!(limits.shard_load_percent, Number, Live),
    key!(plugins.dir, Text, Restart),
    key!(plugins.state_dir, Text, Restart),
    key!(plugins.memory_mib, Number, Restart),
    key!(plugins.trusted_keys, List, Restart),
    key!(plugins.require_signature, Switch, Restart),
    key!(log.level, Text, Live),
    key!(log.format, Text, Restart),
    key!(log.file, Text, Restart),
    key!(trace.exporter, Text, Live),
    key!(trace.endpoint, Text, Live),
    key!(trace.headers, List, Live),
    key!(trace.share, Text, Live),
    key!(trace.file, Text, Live),
    key!(trace.file_mib, Number, Live),
    key!(node.name, Text, Restart),
    key!(shutdown.grace_s, Number, Live),
    key!(demo.enabled, Switch, Restart),
    key!(demo.name, Text, Restart),
    key!(demo.size, Text, Restart),
    key!(demo.fps, Number, Restart),
    key!(demo.bitrate_kbps, Number, Restart),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_field_of_the_configuration() {
        let json = serde_json::to_value(Config::default()).unwrap();
        let sections = json.as_object().unwrap();
        let mut fields: Vec<String> = sections
            .iter()
            .flat_map(|(section, fields)| {
                fields.as_object().unwrap().keys().map(move |name| format!("{section}.{name}"))
            })
            .collect();
        let mut paths: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
        fields.sort();
        paths.sort_unstable();
        assert_eq!(fields, paths);
    }

    #[test]
    fn keys_have_their_names() {
        let key = find("http.listen").unwrap();
        assert_eq!((key.section(), key.name()), ("http", "listen"));
        assert_eq!(key.variable(), "WASMCAST_HTTP__LISTEN");
        assert!(find("http").is_none());
    }
}
