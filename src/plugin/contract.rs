//! The interfaces that this server offers and calls, by version: what a component's imports and exports are held to.

use super::inspect::{InspectError, Interface};

/// The version of every package of this server.
const VERSION: &str = "0.1.0";

/// Interfaces that are called, with the hook that each belongs to.
const CALLED: [(&str, &str); 13] = [
    ("wasmcast:auth/check", "auth"),
    ("wasmcast:auth/revoke", "auth"),
    ("wasmcast:router/routing", "router"),
    ("wasmcast:ratelimit/rules", "ratelimit"),
    ("wasmcast:ratelimit/decide", "ratelimit"),
    ("wasmcast:observer/events", "observer"),
    ("wasmcast:observer/stats", "observer"),
    ("wasmcast:observer/sampling", "observer"),
    ("wasmcast:lifecycle/init", ""),
    ("wasmcast:lifecycle/reconfigure", ""),
    ("wasmcast:lifecycle/state", ""),
    ("wasmcast:lifecycle/tick", ""),
    ("wasmcast:lifecycle/self-test", ""),
];

/// Interfaces that are offered, with their functions.
const OFFERED: [(&str, &[&str]); 12] = [
    ("wasmcast:host/types", &[]),
    ("wasmcast:host/log", &["write", "enabled"]),
    (
        "wasmcast:host/metrics",
        &["counter.new", "counter.add", "gauge.new", "gauge.set", "histogram.new", "histogram.observe"],
    ),
    ("wasmcast:host/trace", &["annotate", "span.new", "span.annotate"]),
    ("wasmcast:host/notify", &["emit"]),
    ("wasmcast:host/clock", &["unix-ns", "monotonic-ns"]),
    ("wasmcast:host/random", &["next-u64", "next-bytes"]),
    ("wasmcast:host/crypto", &["sha256", "hmac-sha256", "equal", "verify"]),
    ("wasmcast:host/config", &["json", "value"]),
    ("wasmcast:host/kv", &["get", "put", "remove", "increment", "compare-and-set"]),
    ("wasmcast:host/http", &["send"]),
    (
        "wasmcast:host/sessions",
        &[
            "session.id",
            "session.action",
            "session.protocol",
            "session.method",
            "session.path",
            "session.stream-name",
            "session.rendition",
            "session.remote-ip",
            "session.country",
            "session.device",
            "session.header",
            "session.query",
            "session.token",
            "session.spiffe-id",
            "session.certificate-sha256",
            "session.subject",
            "session.tag",
            "session.age-ms",
            "session.json",
        ],
    ),
];

/// Whether a version that a component names is one that this server has: of 0.x the minor must be the same (semver).
fn compatible(version: &str) -> bool {
    let ours = VERSION.rsplit_once('.').map_or(VERSION, |(minor, _)| minor);
    version.rsplit_once('.').is_some_and(|(minor, _)| minor == ours)
}

/// Whether an import can be given.
pub(super) fn offered(import: &Interface) -> Result<(), InspectError> {
    if import.name.starts_with("wasi:") || import.name.starts_with("wasi_") {
        return Err(InspectError::Wasi(import.name.clone()));
    }
    let package = import.name.split(['/', '@']).next().unwrap_or_default();
    let newer = |what: String| InspectError::Newer {
        what,
        package: package.trim_start_matches("wasmcast:").to_owned(),
        offered: VERSION,
    };
    let Some((_, functions)) = OFFERED.iter().find(|(name, _)| *name == import.name) else {
        return Err(match package {
            "wasmcast:host" => newer(import.name.clone()),
            _ => InspectError::UnknownImport(import.name.clone()),
        });
    };
    if !compatible(&import.version) {
        return Err(newer(format!("{}@{}", import.name, import.version)));
    }
    match import.functions.iter().find(|function| !functions.contains(&function.as_str())) {
        Some(function) => Err(newer(format!("{}.{function}", import.short()))),
        None => Ok(()),
    }
}

/// The exports that are called: `auth/check`.
pub(super) fn hooks(exports: &[Interface]) -> Vec<String> {
    let called =
        |export: &&Interface| CALLED.iter().any(|(name, _)| *name == export.name) && compatible(&export.version);
    let mut hooks: Vec<String> = exports.iter().filter(called).map(|export| path(&export.name)).collect();
    // An instance that can only be begun has nothing to answer.
    if hooks.iter().all(|hook| hook.starts_with("lifecycle/")) {
        hooks.clear();
    }
    hooks
}

/// The refusal of a component with a known export of an unknown version. To call only the others would let a door's guard
/// vanish unseen.
pub(super) fn other_version(exports: &[Interface]) -> Option<InspectError> {
    let known = |export: &&Interface| CALLED.iter().any(|(name, _)| *name == export.name);
    let other = exports.iter().filter(known).find(|export| !compatible(&export.version))?;
    Some(InspectError::OtherVersion { name: other.name.clone(), version: other.version.clone(), known: VERSION })
}

/// The refusal of a component that exports no hook.
pub(super) fn no_hook(exports: &[Interface]) -> InspectError {
    let mut found: Vec<String> = exports.iter().map(|export| format!("`{}@{}`", export.name, export.version)).collect();
    if found.is_empty() {
        found.push("nothing".to_owned());
    }
    let mut known: Vec<String> =
        CALLED.iter().filter(|(_, hook)| !hook.is_empty()).map(|(name, _)| format!("{name} {VERSION}")).collect();
    known.dedup();
    InspectError::NoHook { found: found.join(", "), known: known.join(", ") }
}

/// The lowest version of `wasmcast:host` that has all of this.
pub(super) fn host_version(imports: &[Interface]) -> String {
    let versions =
        imports.iter().filter(|import| import.name.starts_with("wasmcast:host/")).map(|import| &import.version);
    versions.max().cloned().unwrap_or_else(|| VERSION.to_owned())
}

/// `wasmcast:auth/check` as `auth/check`.
fn path(name: &str) -> String {
    name.trim_start_matches("wasmcast:").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, version: &str, functions: &[&str]) -> Interface {
        let functions = functions.iter().map(|&function| function.to_owned()).collect();
        Interface { name: name.to_owned(), version: version.to_owned(), functions }
    }

    #[test]
    fn imports_are_held_to_what_is_offered() {
        let rows = [
            (interface("wasmcast:host/kv", "0.1.0", &["get"]), None),
            (interface("wasmcast:host/kv", "0.1.7", &["get"]), None),
            (interface("wasmcast:host/kv", "0.1.0", &["scan"]), Some("needs `kv.scan`")),
            (interface("wasmcast:host/kv", "0.2.0", &["get"]), Some("needs `wasmcast:host/kv@0.2.0`")),
            (interface("wasmcast:host/sql", "0.1.0", &[]), Some("needs `wasmcast:host/sql`")),
            (interface("wasi:cli/environment", "0.2.0", &[]), Some("imports WASI")),
            (interface("acme:db/client", "1.0.0", &[]), Some("`acme:db/client`, which this server does not have")),
        ];
        for (import, expected) in rows {
            match (offered(&import), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (other, _) => panic!("{import:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn hooks_are_found_by_name_and_version() {
        let check = interface("wasmcast:auth/check", "0.1.0", &["authorize"]);
        let init = interface("wasmcast:lifecycle/init", "0.1.0", &["init"]);
        let newer = interface("wasmcast:auth/check", "2.0.0", &["authorize"]);
        assert_eq!(hooks(&[check.clone(), init.clone()]), ["auth/check", "lifecycle/init"]);
        assert!(other_version(&[check.clone(), init.clone()]).is_none());
        let refused = other_version(&[check, init.clone(), newer.clone()]).map(|error| error.to_string());
        assert!(
            refused.is_some_and(|text| text.contains("`wasmcast:auth/check@2.0.0`, this server knows version 0.1.0"))
        );
        assert!(hooks(&[init]).is_empty());
        assert!(hooks(std::slice::from_ref(&newer)).is_empty());
        assert!(
            no_hook(&[newer])
                .to_string()
                .contains("`wasmcast:auth/check@2.0.0`; this server knows wasmcast:auth/check 0.1.0")
        );
    }
}
