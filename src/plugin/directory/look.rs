//! One look at the plugin directory: what is there, by file status alone.

use super::is_plugin_name;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Which directory it was: another one after an unmount, or when a link to it was changed.
    pub identity: (u64, u64),
    pub plugins: BTreeMap<String, Files>,
    /// `.wasm` files that can be no plugins, and why.
    pub strange: BTreeMap<String, &'static str>,
}

/// The files of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub wasm: Stamp,
    /// The manifest; none when there is none.
    pub toml: Option<Stamp>,
    /// Files of secrets that the manifest names.
    pub secrets: Vec<Stamp>,
}

/// A file as its status tells it; when this differs the content may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    File {
        device: u64,
        inode: u64,
        length: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
    /// It is there and can not be reached, such as a link to nowhere.
    Broken(io::ErrorKind),
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(metadata: &Metadata) -> Self {
        Stamp::File {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn at(path: &Path) -> Self {
        std::fs::metadata(path).map_or_else(|error| Stamp::Broken(error.kind()), |metadata| Stamp::of(&metadata))
    }
}

/// Plugins of one directory. Each is looked at ten times a second.
const MAX_PLUGINS: usize = 256;
/// Strange files that are named; more would only fill the log.
const MAX_STRANGE: usize = 32;

/// Looks at the directory; links are followed. `secrets`: files of secrets by plugin.
///
/// # Errors
/// When the directory can not be read.
pub fn look(directory: &Path, secrets: &BTreeMap<String, Vec<PathBuf>>) -> io::Result<Look> {
    let metadata = std::fs::metadata(directory)?;
    let mut look = Look { identity: (metadata.dev(), metadata.ino()), ..Look::default() };
    for entry in std::fs::read_dir(directory)? {
        let file_name = entry?.file_name();
        let lossy = file_name.to_string_lossy();
        // Editors and copiers write beside the file, under names that begin with a dot or a hash.
        let Some(name) = lossy.strip_suffix(".wasm").filter(|name| !name.starts_with(['.', '#'])) else { continue };
        let path = directory.join(&file_name);
        let reason = if !is_plugin_name(name) {
            Some("a plugin's name is 1 to 64 of a-z 0-9 -, not starting with -")
        } else if look.plugins.len() == MAX_PLUGINS {
            Some("there are more than 256 plugins in the directory")
        } else if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            Some("it is no regular file")
        } else {
            None
        };
        if let Some(reason) = reason {
            if look.strange.len() < MAX_STRANGE {
                look.strange.insert(lossy.chars().take(80).collect(), reason);
            }
            continue;
        }
        let toml = directory.join(format!("{name}.toml"));
        let files = Files {
            wasm: Stamp::at(&path),
            // Without following: a link to nowhere is a manifest that can not be read, not the absence of one.
            toml: toml.symlink_metadata().is_ok().then(|| Stamp::at(&toml)),
            secrets: secrets.get(name).into_iter().flatten().map(|path| Stamp::at(path)).collect(),
        };
        look.plugins.insert(name.to_owned(), files);
    }
    Ok(look)
}
