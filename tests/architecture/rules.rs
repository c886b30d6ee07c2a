//! The rules themselves: who may import whom, what stays where, how long, and under which names.

use crate::source::Source;

const VALUES: &[&str] = &["media", "observe", "task"];
const EVERYTHING: &[&str] = &["*"];

/// Each top-level module of `src` and what it may import; `*` is everything.
const LAYERS: &[(&str, &[&[&str]])] = &[
    ("media", &[]),
    ("observe", &[]),
    ("task", &[]),
    ("protocol", &[VALUES]),
    ("codec", &[VALUES]),
    ("hub", &[VALUES]),
    ("plugin", &[VALUES]),
    ("access", &[VALUES, &["plugin"]]),
    ("shard", &[VALUES, &["protocol", "hub"]]),
    ("pipeline", &[VALUES, &["hub", "codec", "plugin"]]),
    ("ingest", &[VALUES, &["hub", "protocol", "access", "shard"]]),
    ("egress", &[VALUES, &["hub", "protocol", "access", "shard"]]),
    ("cluster", &[VALUES, &["hub", "protocol", "access", "shard"]]),
    (
        "http",
        &[
            VALUES,
            &["protocol", "codec", "hub", "plugin", "access", "shard", "pipeline", "ingest", "egress", "cluster"],
        ],
    ),
    ("client", &[EVERYTHING]),
    ("config", &[EVERYTHING]),
    ("server", &[EVERYTHING]),
    ("main", &[EVERYTHING]),
    ("lib", &[EVERYTHING]),
];

/// Crates that can be replaced in one room. A name that ends in `*` stands for all crates that begin so.
const QUARANTINE: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("hyper", &["http", "client"]),
    ("hyper_util", &["http", "client"]),
    ("tower", &["http", "client"]),
    ("tower_http", &["http"]),
    ("rtc_*", &["protocol/webrtc", "shard", "client"]),
    ("webrtc", &["protocol/webrtc", "shard", "client"]),
    ("wasmtime", &["plugin"]),
    ("wasmparser", &["plugin"]),
    ("wit_component", &["plugin"]),
    ("openh264", &["codec"]),
    ("openh264_sys2", &["codec"]),
    ("opus", &["codec"]),
    ("rav1e", &["codec"]),
    ("rav1d", &["codec"]),
    ("symphonia", &["codec"]),
    ("fast_image_resize", &["codec"]),
    ("yuv", &["codec"]),
    ("figment", &["config"]),
];

/// Where the compiler's guarantees may be set aside: socket batching, codec wrappers, and the loading of compiled plugins.
const UNSAFE_ROOMS: &[&str] = &["shard", "codec", "client", "plugin/cache"];

const MAX_LINES: usize = 700;
const DRAWERS: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "define", "defines", "types", "shared", "stuff", "base"];

fn within(path: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| path == format!("{room}.rs") || path.starts_with(&format!("{room}/")))
}

pub fn layers(file: &Source) -> Vec<String> {
    let own = file.module();
    let Some((_, allowed)) = LAYERS.iter().find(|(module, _)| *module == own) else {
        return vec![format!(
            "{}: `{own}` is in no layer; add it to ARCHITECTURE.md and tests/architecture",
            file.path
        )];
    };
    let may = |name: &str| name == own || allowed.iter().any(|set| set.contains(&"*") || set.contains(&name));
    file.modules()
        .into_iter()
        .filter(|mention| LAYERS.iter().any(|(module, _)| *module == mention.name) && !may(&mention.name))
        .map(|mention| format!("{}:{}: `{own}` must not import `{}`", file.path, mention.line, mention.name))
        .collect()
}

pub fn quarantine(file: &Source) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, rooms) in QUARANTINE.iter().filter(|(_, rooms)| !within(&file.path, rooms)) {
        let uses: Vec<(String, usize)> = match name.strip_suffix('*') {
            Some(prefix) => file.words_with_prefix(prefix).into_iter().map(|seen| (seen.name, seen.line)).collect(),
            None => file.uses_of_crate(name).into_iter().map(|line| ((*name).to_owned(), line)).collect(),
        };
        let rooms = rooms.join(", ");
        broken.extend(uses.iter().map(|(used, line)| format!("{}:{line}: `{used}` is only for {rooms}", file.path)));
    }
    broken
}

pub fn unsafe_code(file: &Source) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut broken = Vec::new();
    for line in file.lines_with("unsafe") {
        let explained = lines[line.saturating_sub(8)..line].iter().any(|text| {
            let comment = text.trim_start();
            comment.starts_with("//") && (comment.contains("SAFETY:") || comment.contains("# Safety"))
        });
        if !within(&file.path, UNSAFE_ROOMS) {
            broken.push(format!("{}:{line}: `unsafe` is only for {}", file.path, UNSAFE_ROOMS.join(", ")));
        } else if !explained {
            broken.push(format!("{}:{line}: `unsafe` without a SAFETY comment", file.path));
        }
    }
    broken
}

pub fn length(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    // What a generator wrote nobody has to read.
    if lines <= MAX_LINES || file.text.starts_with("//! Generated ") {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines; split it by concept, {MAX_LINES} is the limit", file.path)]
}

pub fn names(file: &Source) -> Vec<String> {
    file.path
        .split('/')
        .map(|part| part.strip_suffix(".rs").unwrap_or(part))
        .filter(|part| DRAWERS.contains(part))
        .map(|part| format!("{}: `{part}` is a drawer, not a concept; name what is in it", file.path))
        .collect()
}

pub fn first_sentence(file: &Source) -> Vec<String> {
    let sentence: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let sentence = sentence.join(" ");
    if sentence.split_whitespace().count() >= 4 && (sentence.contains(". ") || sentence.trim_end().ends_with('.')) {
        return Vec::new();
    }
    vec![format!("{}: the first line must be `//! ` and a sentence that says the file's one job", file.path)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&Source::new(path.into(), text.into())).len()
    }

    #[test]
    fn a_layer_may_import_only_what_lies_below() {
        let rows: &[(&str, &str, usize)] = &[
            ("hub/ring.rs", "use crate::media::Packet; use crate::hub::Stream;", 0),
            ("hub/ring.rs", "use crate::protocol::webrtc;", 1),
            ("media/time.rs", "use crate::observe::log;", 1),
            ("shard/mod.rs", "use crate::{hub, protocol, task};", 0),
            ("shard/mod.rs", "use crate::{access, codec};", 2),
            ("egress/whep.rs", "use crate::ingest::whip;", 1),
            ("http/error.rs", "use crate::{access::Denied, shard::Error}; use crate::config::Http;", 1),
            ("server/mod.rs", "use crate::{http, config, client};", 0),
            ("main.rs", "use wasmcast::{server, client};", 0),
            ("extras/mod.rs", "", 1),
        ];
        for (path, text, expected) in rows {
            assert_eq!(broken(layers, path, text), *expected, "{path}: {text}");
        }
    }

    #[test]
    fn a_quarantined_crate_stays_in_its_room() {
        let rows: &[(&str, &str, usize)] = &[
            ("http/mod.rs", "use axum::Router;", 0),
            ("server/mod.rs", "use axum::Router;", 1),
            ("protocol/webrtc/sdp.rs", "use rtc_sdp::Description;", 0),
            ("protocol/rtmp/mod.rs", "use rtc_rtp::Packet;", 1),
            ("client/play.rs", "use rtc_dtls::endpoint::Endpoint;", 0),
            ("config.rs", "use figment::Figment;", 0),
            ("http/mod.rs", "fn f() -> figment::Error { todo }", 1),
        ];
        for (path, text, expected) in rows {
            assert_eq!(broken(quarantine, path, text), *expected, "{path}: {text}");
        }
    }

    #[test]
    fn unsafe_code_needs_its_room_and_a_reason() {
        let rows: &[(&str, &str, usize)] = &[
            ("shard/batch.rs", "// SAFETY: the buffers outlive the call.\nunsafe { send() }", 0),
            ("shard/batch.rs", "unsafe { send() }", 1),
            ("hub/ring.rs", "// SAFETY: sure.\nunsafe { send() }", 1),
            ("hub/ring.rs", "#![allow(unsafe_code)] // unsafe is not used\nlet s = \"unsafe\";", 0),
        ];
        for (path, text, expected) in rows {
            assert_eq!(broken(unsafe_code, path, text), *expected, "{path}: {text}");
        }
    }

    #[test]
    fn files_are_short_named_for_a_concept_and_begin_with_their_job() {
        let job = "//! Sends batches of datagrams.\n";
        assert_eq!(broken(length, "a.rs", &"\n".repeat(MAX_LINES)), 0);
        assert_eq!(broken(length, "a.rs", &"\n".repeat(MAX_LINES + 1)), 1);
        assert_eq!(broken(length, "a.rs", &format!("//! Generated from x.{}", "\n".repeat(MAX_LINES + 1))), 0);
        assert_eq!(broken(names, "hub/ring.rs", job), 0);
        assert_eq!(broken(names, "hub/utils.rs", job), 1);
        assert_eq!(broken(names, "common/ring.rs", job), 1);
        assert_eq!(broken(first_sentence, "a.rs", job), 0);
        assert_eq!(broken(first_sentence, "a.rs", "//! Sends batches of\n//! datagrams to peers.\nuse std::fs;"), 0);
        assert_eq!(broken(first_sentence, "a.rs", "//! Batch\n"), 1);
        assert_eq!(broken(first_sentence, "a.rs", "use std::fs;\n//! Sends batches of datagrams."), 1);
    }
}
