//! Holds the source tree to the layers, quarantine, length and names that `ARCHITECTURE.md` promises.

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of ours below `folder`, build output left out, with its path relative to `base`.
fn sources(folder: &Path, base: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a readable folder").path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !matches!(name, "target" | "node_modules" | "corpus" | "artifacts") && !name.starts_with('.') {
                sources(&path, base, found);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).expect("a readable source file");
            let relative = path.strip_prefix(base).expect("found below the base").to_string_lossy().into_owned();
            found.push(Source::new(relative, text));
        }
    }
}

/// The files of the server itself, paths relative to `src`.
fn server() -> Vec<Source> {
    let (mut found, src) = (Vec::new(), root().join("src"));
    sources(&src, &src, &mut found);
    assert!(!found.is_empty(), "no source file below {}", src.display());
    found
}

/// All Rust files of the repository, paths relative to its root.
fn everything() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "sdk", "plugins", "examples"] {
        sources(&root().join(folder), &root(), &mut found);
    }
    found
}

fn check(files: &[Source], rule: fn(&Source) -> Vec<String>) {
    let broken: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "the code left the plan of ARCHITECTURE.md:\n  {}", broken.join("\n  "));
}

#[test]
fn layers_import_only_what_lies_below() {
    check(&server(), rules::layers);
}

#[test]
fn quarantined_dependencies_stay_in_their_room() {
    check(&server(), rules::quarantine);
}

#[test]
fn unsafe_code_stays_in_its_rooms_and_is_explained() {
    check(&server(), rules::unsafe_code);
}

#[test]
fn no_file_is_too_long() {
    check(&everything(), rules::length);
}

#[test]
fn no_module_is_a_drawer() {
    check(&everything(), rules::names);
}

#[test]
fn every_file_says_its_one_job_first() {
    check(&everything(), rules::first_sentence);
}
