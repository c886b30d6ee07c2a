//! Rights: what a manifest grants, and which of them a component uses.

use super::document::{Item, Section};
use super::secret;
use crate::plugin::settings::{Grants, HttpGrant, KvGrant};
use std::path::PathBuf;
use std::time::Duration;

/// Imports that need a grant, by the interface's name in `wasmcast:host`.
const RIGHTS: [&str; 2] = ["kv", "http"];

/// The rights that are imported and granted.
pub fn used<'a>(imports: impl Iterator<Item = &'a str>, grants: &Grants) -> Vec<&'static str> {
    let granted = granted(grants);
    imports.filter_map(right).filter(|right| granted.contains(right)).collect()
}

/// The rights that are imported and not granted.
pub fn refused<'a>(imports: impl Iterator<Item = &'a str>, grants: &Grants) -> Vec<&'static str> {
    let granted = granted(grants);
    imports.filter_map(right).filter(|right| !granted.contains(right)).collect()
}

/// The rights that are granted.
pub fn granted(grants: &Grants) -> Vec<&'static str> {
    let granted = |right: &&str| match *right {
        "kv" => grants.kv.is_some(),
        _ => grants.http.is_some(),
    };
    RIGHTS.into_iter().filter(granted).collect()
}

/// The right that an import (`wasmcast:host/kv`) needs.
fn right(interface: &str) -> Option<&'static str> {
    let name = interface.strip_prefix("wasmcast:host/")?;
    RIGHTS.into_iter().find(|right| *right == name)
}

/// Origins of one plugin: more are an error, not a list to walk at each request.
const MAX_ORIGINS: usize = 32;
/// Headers added to requests of one origin.
const MAX_HEADERS: usize = 32;

/// Reads `[grants]`. `files` is given the paths of the secrets in files, `secrets` all secrets.
pub(super) fn read(section: Section<'_>, plugin: &str, files: &mut Vec<PathBuf>, secrets: &mut Vec<String>) -> Grants {
    let kv = read_kv(section.section("kv"), plugin);
    let mut http = section.item("http").is_some().then(Vec::new);
    for entry in section.sections("http", MAX_ORIGINS) {
        let place = entry.text("origin").map(|(_, offset)| offset);
        let Some(grant) = read_http(&entry, files, secrets) else {
            entry.finish();
            continue;
        };
        let granted = http.get_or_insert_default();
        if granted.iter().any(|other: &HttpGrant| other.origin == grant.origin) {
            let text = format!("{} is granted twice; leave one of them", grant.origin);
            entry.wrong_at("origin", place.unwrap_or(0), &text);
        }
        granted.push(grant);
        entry.finish();
    }
    section.finish();
    Grants { kv, http }
}

fn read_kv(section: Section<'_>, plugin: &str) -> Option<KvGrant> {
    if let Some(("cluster", offset)) = section.peek("scope") {
        section.wrong_at(
            "scope",
            offset,
            "\"cluster\" comes with the cluster, which this version does not have; write \"node\"",
        );
    } else {
        section.word("scope", &[("node", ())]);
    }
    let space = section.text("space").and_then(|(space, offset)| {
        let valid = crate::plugin::directory::is_plugin_name(space);
        if !valid {
            section.wrong_at(
                "space",
                offset,
                "a space is named like a plugin: 1 to 64 of a-z 0-9 -, not starting with -",
            );
        }
        valid.then(|| space.to_owned())
    });
    let mib = section.integer("max-mib", 1..=1_024, "MiB").unwrap_or(8);
    let present = section.is_present();
    section.finish();
    let max_bytes = usize::try_from(mib).unwrap_or(8) << 20;
    present.then(|| KvGrant { space: space.unwrap_or_else(|| plugin.to_owned()), max_bytes })
}

fn read_http(section: &Section<'_>, files: &mut Vec<PathBuf>, secrets: &mut Vec<String>) -> Option<HttpGrant> {
    let origin = match section.text("origin") {
        Some((text, offset)) => match origin(text) {
            Ok(origin) => Some(origin),
            Err(reason) => {
                section.wrong_at("origin", offset, reason);
                None
            }
        },
        None => {
            section.missing("origin", "is missing: the origin that may be asked, as in \"https://id.example\"");
            None
        }
    };
    let timeout = section.integer("timeout-ms", 1..=60_000, "milliseconds").unwrap_or(2_000);
    let kib = section.integer("max-kib", 1..=65_536, "KiB").unwrap_or(1_024);
    let private = section.switch("private").unwrap_or(false);
    let headers = section.item("headers");
    let headers = headers.map(|item| read_headers(section, item, files, secrets)).unwrap_or_default();
    Some(HttpGrant {
        origin: origin?,
        timeout: Duration::from_millis(u64::try_from(timeout).unwrap_or(0)),
        max_bytes: usize::try_from(kib).unwrap_or(0) << 10,
        private,
        headers,
    })
}

fn read_headers(
    section: &Section<'_>,
    item: Item<'_>,
    files: &mut Vec<PathBuf>,
    secrets: &mut Vec<String>,
) -> Vec<(String, String)> {
    let Some(table) = item.get_ref().as_table().filter(|table| table.len() <= MAX_HEADERS) else {
        section.wrong(
            "headers",
            item,
            "expected a table of at most 32 headers, as in { authorization = { secret = \"env:ID_KEY\" } }",
        );
        return Vec::new();
    };
    let mut headers = Vec::with_capacity(table.len());
    for (name, item) in table {
        let shown = name.get_ref().escape_debug();
        let value = match (item.get_ref().as_str(), secret::read(item)) {
            (Some(text), _) => Ok(text.to_owned()),
            (None, Some(Ok(secret))) => {
                files.extend(secret.file);
                secrets.push(secret.text.clone());
                Ok(secret.text)
            }
            (None, Some(Err(error))) => {
                files.extend(error.file().map(PathBuf::from));
                Err(error.to_string())
            }
            (None, None) => Err("expected a text in quotes, or { secret = \"env:NAME\" }".to_owned()),
        };
        let checked = value.and_then(|value| {
            check_header(name.get_ref(), &value)?;
            Ok(value)
        });
        match checked {
            Ok(value) => headers.push((name.get_ref().to_ascii_lowercase(), value)),
            Err(reason) => section.wrong(&format!("headers.{shown}"), item, &reason),
        }
    }
    headers
}

/// The value is not repeated: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    const OURS: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade"];
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(token) {
        return Err("is no name of an HTTP header".to_owned());
    }
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err("is a header that the server sets itself".to_owned());
    }
    if value.len() > 8_192 || !value.bytes().all(|b| matches!(b, b'\t' | 0x20..=0x7e)) {
        return Err("the value must be at most 8192 visible ASCII characters".to_owned());
    }
    Ok(())
}

/// `https://host` or `https://host:port` in lower case, without the port that the scheme implies.
fn origin(text: &str) -> Result<String, &'static str> {
    const EXAMPLE: &str = "expected an origin as in \"https://id.example\" or \"http://[::1]:8080\", without path";
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or(EXAMPLE)?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err("only https:// and http:// can be asked"),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[') {
        Some(inner) => {
            let (address, after) = inner.split_once(']').ok_or(EXAMPLE)?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| EXAMPLE)?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(EXAMPLE)?) };
            (format!("[{address}]"), port)
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        },
    };
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if !host.starts_with('[') && (host.is_empty() || host.len() > 253 || !host.bytes().all(name)) {
        return Err(EXAMPLE);
    }
    let port = port.map(str::parse::<u16>).transpose().map_err(|_| EXAMPLE)?;
    Ok(match port {
        Some(0) => return Err(EXAMPLE),
        Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}
