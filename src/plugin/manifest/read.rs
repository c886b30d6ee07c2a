//! Turns the text of a manifest into checked values.

use super::config::Config;
use super::document::{Document, Section, choice, line_at};
use super::{Failure, InvalidManifest, Manifest, Phase, grants};
use crate::plugin::mask::Mask;
use crate::plugin::matching::Matching;
use crate::plugin::observing::Wants;
use crate::plugin::rollout::Plan;
use crate::plugin::settings::{INSTANCES, INSTANCES_THAT_WAIT, Isolation, Limits, Settings};
use crate::plugin::signature::Key;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use toml::de::DeTable;

/// The hooks that this version asks.
const OFFERED: [&str; 4] = ["auth", "router", "ratelimit", "observer"];
/// Those that are designed and not yet offered.
const PLANNED: [&str; 2] = ["encoded-filter", "raw-filter"];

/// Reads the whole manifest.
pub(super) fn manifest(text: &str, plugin: &str, file: &str) -> Result<Manifest, InvalidManifest> {
    let invalid =
        |problems, secret_files, usable| InvalidManifest { file: file.to_owned(), problems, secret_files, usable };
    let table = DeTable::parse(text).map_err(|error| {
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        let problem = format!("this is not valid TOML: {}", error.message().replace('\n', ", "));
        invalid(vec![(line, problem)], Vec::new(), None)
    })?;
    let document = Document::new(text);
    let mut secret_files = Vec::new();
    let (manifest, is_usable) = read(document.root(table.get_ref()), plugin, &mut secret_files);
    let problems = document.into_problems();
    secret_files.sort();
    secret_files.dedup();
    let manifest = Manifest { secret_files, ..manifest };
    if problems.is_empty() {
        return Ok(manifest);
    }
    Err(invalid(problems, manifest.secret_files.clone(), is_usable.then(|| Box::new(manifest))))
}

/// The manifest, and whether it tells whom the plugin is asked about and what they get when it fails.
fn read(root: Section<'_>, plugin: &str, files: &mut Vec<PathBuf>) -> (Manifest, bool) {
    let document = root.document();
    let rollout = Plan::read(&root);
    let enabled = root.switch("enabled").unwrap_or(true);
    let phases = [("early", Phase::Early), ("normal", Phase::Normal), ("late", Phase::Late)];
    let phase = root.word("phase", &phases).unwrap_or_default();
    let priority = root.integer("priority", -1_000_000..=1_000_000, "steps").unwrap_or(0);
    let before = document.count();
    // Of names that are not understood nothing follows.
    let hooks = hooks(&root).filter(|_| document.count() == before);
    let isolations = [
        ("plugin", Isolation::Plugin),
        ("call", Isolation::Call),
        ("session", Isolation::Session),
        ("stream", Isolation::Stream),
    ];
    let isolation = root.word("isolation", &isolations).unwrap_or(Isolation::Plugin);
    let instances = root.integer("instances", 1..=1_000, "instances").and_then(|count| usize::try_from(count).ok());
    let before = document.count();
    let matching = Matching::read(root.section("match"));
    let mut is_usable = document.count() == before;
    let limits = limits(root.section("limits"));
    let before = document.count();
    let failure = Failure::read(root.section("failure"));
    is_usable &= document.count() == before;
    let observer = Wants::read(root.section("observer"));
    let mut secrets = Vec::new();
    let grants = grants::read(root.section("grants"), plugin, files, &mut secrets);
    let (pin, signer) = trust(root.section("trust"));
    planned(&root);
    let config = Config::read(root.document(), root.item("config"), files);
    root.finish();
    let waits = grants.http.as_ref().is_some_and(|origins| !origins.is_empty());
    let settings = Settings {
        isolation,
        instances: instances.unwrap_or(if waits { INSTANCES_THAT_WAIT } else { INSTANCES }),
        limits,
        grants,
        config: Arc::new(config.values().clone()),
        mask: Arc::new(Mask::new(secrets.iter().map(String::as_str).chain(config.texts()))),
        hooks,
        silent: false,
    };
    let manifest = Manifest {
        enabled,
        phase,
        priority: i32::try_from(priority).unwrap_or(0),
        matching: Arc::new(matching),
        failure,
        observer: Arc::new(observer),
        pin,
        signer,
        config,
        rollout,
        settings,
        secret_files: Vec::new(),
    };
    (manifest, is_usable)
}

fn hooks(root: &Section<'_>) -> Option<Vec<String>> {
    let texts = root.texts("hooks", 16)?;
    if texts.is_empty() {
        let item = root.item("hooks")?;
        root.wrong(
            "hooks",
            item,
            "is empty, so the plugin would never be asked; leave the key out to mean all, or write enabled = false",
        );
    }
    for (text, offset) in &texts {
        if PLANNED.contains(text) {
            root.wrong_at(
                "hooks",
                *offset,
                &format!("the hook \"{text}\" is not offered by this version; it has {}", offered()),
            );
        } else if !OFFERED.contains(text) {
            let text = format!("\"{}\" is no hook; this version has {}", text.escape_debug(), offered());
            root.wrong_at("hooks", *offset, &text);
        }
    }
    Some(texts.into_iter().map(|(text, _)| text.to_owned()).collect())
}

/// The hooks as messages name them.
fn offered() -> String {
    choice(OFFERED.into_iter()).replace(" or ", " and ")
}

fn limits(section: Section<'_>) -> Limits {
    let defaults = Limits::default();
    let ms = |key, most, default| match section.integer(key, 1..=most, "milliseconds") {
        Some(ms) => Duration::from_millis(u64::try_from(ms).unwrap_or(0)),
        None => default,
    };
    let bytes = |key, range, unit, shift: u32, default| match section.integer(key, range, unit) {
        Some(count) => usize::try_from(count).unwrap_or(0) << shift,
        None => default,
    };
    let limits = Limits {
        cpu: ms("cpu-ms", 1_000, defaults.cpu),
        wall: ms("wall-ms", 60_000, defaults.wall),
        init: ms("init-ms", 120_000, defaults.init),
        memory: bytes("memory-mib", 1..=4_096, "MiB", 20, defaults.memory),
        hostcall: bytes("hostcall-kib", 1..=65_536, "KiB", 10, defaults.hostcall),
        queue: bytes("queue", 0..=100_000, "calls", 0, defaults.queue),
        queue_wait: ms("queue-ms", 60_000, defaults.queue_wait),
    };
    if limits.cpu > limits.wall
        && let Some(item) = section.item("cpu-ms").or_else(|| section.item("wall-ms"))
    {
        let text = format!(
            "{} ms of guest code do not fit into {} ms with waiting (wall-ms)",
            limits.cpu.as_millis(),
            limits.wall.as_millis()
        );
        section.wrong("cpu-ms", item, &text);
    }
    section.finish();
    limits
}

fn trust(section: Section<'_>) -> (Option<[u8; 32]>, Option<Key>) {
    let signer = section.text("minisign").and_then(|(text, offset)| {
        Key::parse(text).map_err(|problem| section.wrong_at("minisign", offset, problem)).ok()
    });
    let pin = section.text("sha256").and_then(|(text, offset)| {
        let pin = digest(text);
        if pin.is_none() {
            section.wrong_at(
                "sha256",
                offset,
                "expected the 64 hexadecimal digits of the file's SHA-256; `wasmcast plugin inspect` shows them",
            );
        }
        pin
    });
    section.finish();
    (pin, signer)
}

/// A SHA-256 in hexadecimal.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(digest)
}

/// Tables of hooks to come.
fn planned(root: &Section<'_>) {
    if let Some(item) = root.item("filter") {
        root.wrong("filter", item, "the table is for filters, which this version does not offer; leave it out");
    }
}
