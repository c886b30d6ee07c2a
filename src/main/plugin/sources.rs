//! The files that a plugin is built from, as they were at one look: another look that differs means a save.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most files looked at; a plugin has tens.
const MAX_FILES: usize = 2_000;
/// Folders that hold no sources.
const OTHERS: &[&str] = &["target", "dist", "node_modules"];

/// Each file's time of change and size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, (SystemTime, u64)>);

impl Sources {
    /// Looks at a folder. What can not be read is not there.
    pub fn look(folder: &Path) -> Self {
        let mut found = Self::default();
        found.add(folder);
        found
    }

    fn add(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Hidden files are editors' and tools'. Cargo writes its lock file itself.
            if name.starts_with('.') || name.ends_with('~') || name == "Cargo.lock" || self.0.len() >= MAX_FILES {
                continue;
            }
            let path = entry.path();
            let Ok(about) = fs::metadata(&path) else { continue };
            if about.is_dir() {
                if !OTHERS.contains(&&*name) {
                    self.add(&path);
                }
            } else if let Ok(changed) = about.modified() {
                self.0.insert(path, (changed, about.len()));
            }
        }
    }

    /// When the last of them was changed.
    pub fn newest(&self) -> Option<SystemTime> {
        self.0.values().map(|(changed, _)| *changed).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let folder = std::env::temp_dir().join(format!("wasmcast-sources-{}", std::process::id()));
        for path in ["src", "dist", "target/debug", ".git"] {
            fs::create_dir_all(folder.join(path)).unwrap();
        }
        let mut before = Sources::look(&folder);
        let mut differs_after = |path: &str, text: &str| {
            fs::write(folder.join(path), text).unwrap();
            let now = Sources::look(&folder);
            let differs = now != before;
            before = now;
            differs
        };
        let rows = [
            ("src/lib.rs", "a", true),
            ("src/lib.rs", "ab", true),
            ("a.toml", "", true),
            ("dist/a.wasm", "a", false),
            ("target/debug/a", "a", false),
            (".git/a", "a", false),
            ("src/.lib.rs.swp", "a", false),
            ("src/lib.rs~", "a", false),
            ("Cargo.lock", "a", false),
        ];
        for (path, text, expected) in rows {
            assert_eq!(differs_after(path, text), expected, "{path}");
        }
        assert!(before.newest().is_some());
        fs::remove_dir_all(folder).unwrap();
    }
}
