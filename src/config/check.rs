//! What must hold between keys, and within ranges, before a configuration may run.

use super::problem::Problem;
use super::{Config, Listen, Span, Tls, TraceExporter};
use crate::access::Action;
use crate::plugin;
use std::ops::RangeInclusive;
use std::path::Path;

/// Each is a header of every answer, and gathered from by every client. Browsers warn from five on.
const MOST_ICE_SERVERS: usize = 16;

/// Everything that is wrong. `place` tells where a key was set.
pub(super) fn problems(config: &Config, place: impl Fn(&str) -> Option<String>) -> Vec<Problem> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let ranges: [(&'static str, u32, RangeInclusive<u32>); 19] = [
        ("media.shards", u32::from(config.media.shards), 0..=256),
        ("limits.streams", config.limits.streams, 1..=1_000_000),
        ("limits.sessions", config.limits.sessions, 1..=1_000_000),
        ("limits.sessions_per_address", config.limits.sessions_per_address, 0..=1_000_000),
        ("limits.pending", config.limits.pending, 1..=1_000_000),
        ("limits.pending_per_address", config.limits.pending_per_address, 1..=1_000_000),
        ("limits.viewers_per_stream", config.limits.viewers_per_stream, 0..=1_000_000),
        ("limits.joins_per_address", config.limits.joins_per_address, 0..=1_000_000),
        ("limits.ingest_kbps", config.limits.ingest_kbps, 0..=1_000_000),
        ("limits.egress_mbps", config.limits.egress_mbps, 0..=1_000_000),
        ("limits.ring_mib", config.limits.ring_mib, 16..=1_048_576),
        ("limits.shard_load_percent", config.limits.shard_load_percent, 0..=100),
        ("plugins.memory_mib", config.plugins.memory_mib, 16..=1_048_576),
        ("trace.file_mib", config.trace.file_mib, 1..=1_048_576),
        ("trace.headers", u32::try_from(config.trace.headers.len()).unwrap_or(u32::MAX), 0..=16),
        ("shutdown.grace_s", config.shutdown.grace_s, 0..=3600),
        ("demo.fps", config.demo.fps, 1..=60),
        ("demo.bitrate_kbps", config.demo.bitrate_kbps, 50..=50_000),
        ("access.rules", u32::try_from(config.access.rules.len()).unwrap_or(u32::MAX), 0..=10_000),
    ];
    for (key, value, range) in ranges {
        if !range.contains(&value) {
            found.push((key, format!("{value} is out of range: {} to {} is possible", range.start(), range.end())));
        }
    }
    let spans = [("ingest.resume", config.ingest.resume, 600), ("egress.wait", config.egress.wait, 60)];
    for (key, value, most) in spans {
        if value > Span::from_secs(most) {
            found.push((key, format!("{value} is out of range: 0s to {most}s is possible")));
        }
    }
    if config.ice.servers.len() > MOST_ICE_SERVERS {
        found.push(("ice.servers", format!("more than {MOST_ICE_SERVERS}; clients try each of them at every join")));
    }
    if config.trace.exporter == TraceExporter::File && config.trace.file.is_none() {
        let text = "it is \"file\", and trace.file is not set; say where, such as \"/var/log/wasmcast-traces.jsonl\"";
        found.push(("trace.exporter", text.to_owned()));
    }
    if let Some(dir) = &config.plugins.dir
        && dir.exists()
        && !dir.is_dir()
    {
        found.push(("plugins.dir", format!("{} is a file; name the directory that holds the plugins", dir.display())));
    }
    for key in &config.plugins.trusted_keys {
        if let Err(problem) = plugin::Key::parse(key) {
            found.push(("plugins.trusted_keys", format!("\"{}\" {problem}", key.escape_debug())));
        }
    }
    if config.plugins.require_signature && config.plugins.trusted_keys.is_empty() {
        let text = "no plugin could be loaded: plugins.trusted_keys is empty; name there whose signatures are trusted";
        found.push(("plugins.require_signature", text.to_owned()));
    }
    if let Tls::Files { cert, key } = &config.http.tls {
        found.extend([cert, key].into_iter().filter_map(|path| unreadable(path)).map(|text| ("http.tls", text)));
    }
    let listeners = [
        ("http.listen", config.http.listen),
        ("admin.listen", config.admin.listen),
        ("media.listen", config.media.listen),
        ("rtmp.listen", config.rtmp.listen),
    ];
    for (index, (key, listen)) in listeners.iter().enumerate() {
        for (other_key, other) in &listeners[..index] {
            if listen.collides(*other) {
                let text = format!("{listen} can not be bound beside {other_key} = \"{other}\"; give it another port");
                found.push((key, text));
            }
        }
    }
    if config.admin.listen.is_public() && config.admin.token.is_none() {
        let text = format!(
            "{} can be reached by other machines, so admin.token must be set; `wasmcast config token` makes one \
             (or listen on 127.0.0.1)",
            config.admin.listen
        );
        found.push(("admin.listen", text));
    }
    found.extend(unguarded(config, &place));
    let problem = |(key, text): (&str, String)| {
        let problem = Problem::new(format!("`{key}`: {text}"));
        match place(key) {
            Some(place) => problem.at(place),
            None => problem,
        }
    };
    found.into_iter().map(problem).collect()
}

/// What is allowed but does not do what its author expects.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.rtmp.listen != Listen::Off {
        warnings.push("rtmp.listen is set, but this version has no RTMP yet; nothing listens there".to_owned());
    }
    if config.http.country_header.is_some() && config.http.trusted_proxies.is_empty() {
        let text =
            "http.country_header is set, but http.trusted_proxies is empty; the header is believed only from those";
        warnings.push(text.to_owned());
    }
    warnings.extend(open_here(config));
    warnings.extend(placeholders(config).map(|key| {
        format!(
            "`{key}` is a placeholder, whose token nobody has; `wasmcast config token` makes a token and its digest"
        )
    }));
    warnings
}

/// What is open to this machine alone because no rule says anything, where its author may expect something else.
fn open_here(config: &Config) -> Option<String> {
    let missing: Vec<&str> = [(Action::Publish, "access.publish"), (Action::Play, "access.play")]
        .into_iter()
        .filter(|(action, _)| !config.access.covers(*action))
        .map(|(_, key)| key)
        .collect();
    if missing.is_empty() || !config.loopback_only() || config.plugins.has_any() {
        return None;
    }
    let keys = missing.join(" and ");
    if !config.access.rules.is_empty() {
        return Some(format!(
            "there are access rules, but none for {keys}: everybody on this machine may; write \"open\" or \"denied\""
        ));
    }
    let expects_others = if !config.http.trusted_proxies.is_empty() {
        "http.trusted_proxies"
    } else if !config.media.public_address.is_empty() {
        "media.public_address"
    } else {
        return None;
    };
    Some(format!(
        "{expects_others} is set, but not {keys}: clients of other machines are refused; write \"open\", or rules"
    ))
}

/// Keys that hold a digest out of an example.
fn placeholders(config: &Config) -> impl Iterator<Item = String> {
    let rules = config.access.rules.iter().enumerate().flat_map(|(rule, entry)| {
        let tokens = entry.tokens.iter().enumerate().filter(|(_, token)| token.secret.is_placeholder());
        tokens.map(move |(token, _)| format!("access.rules[{rule}].tokens[{token}]"))
    });
    let admin = config.admin.token.as_ref().filter(|token| token.is_placeholder());
    admin.map(|_| "admin.token".to_owned()).into_iter().chain(rules)
}

/// A listener that others can reach while nothing says who may enter.
fn unguarded(config: &Config, place: &impl Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let public = [("http.listen", config.http.listen), ("rtmp.listen", config.rtmp.listen)];
    let (key, listen) = public.into_iter().find(|(_, listen)| listen.is_public())?;
    let missing: Vec<Action> =
        [Action::Publish, Action::Play].into_iter().filter(|action| !config.access.covers(*action)).collect();
    // A plugin may decide; what it leaves open is denied off loopback.
    if missing.is_empty() || config.plugins.has_any() {
        return None;
    }
    // A file that has an [access] table can not have dotted access keys above it, and the other way round.
    let in_file = |key: &str| place(key).is_some_and(|place| !place.starts_with("env ") && !place.starts_with("flag "));
    let has_section = ["access.publish", "access.play", "access.rules"].into_iter().any(in_file);
    let lines: Vec<String> =
        missing
            .iter()
            .map(|action| {
                if has_section { format!("    {action} = \"open\"") } else { format!("    access.{action} = \"open\"") }
            })
            .collect();
    let where_to = if has_section { "to its access section" } else { "at the top of the configuration file" };
    let who = missing.iter().map(Action::to_string).collect::<Vec<_>>().join(" and ");
    let text = format!(
        "{listen} can be reached by other machines, but nothing says who may {who}. To let anyone, write {where_to}\n\
         {}\n\
         or let in holders of tokens with [[access.rules]] (see `wasmcast config token`), or put a plugin that decides \
         into plugins.dir, or listen on 127.0.0.1",
        lines.join("\n")
    );
    Some((key, text))
}

fn unreadable(path: &Path) -> Option<String> {
    let error = std::fs::File::open(path).err()?;
    Some(format!("the file {} can not be read: {error}", path.display()))
}
