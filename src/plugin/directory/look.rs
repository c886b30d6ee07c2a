//! One look at the plugin directory: what is there, by file status alone.

use super::is_plugin_name;
use crate::plugin::signature::EXTENSION;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The signature; none when there is none.
    pub signature: Option<Stamp>,
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

/// Looks at the directory; links are followed. `secrets`: files of secrets by plugin. `known`: plugins that were seen
/// before. They keep their place whatever else is put beside them, and a manifest alone keeps them too: its plugin can
/// not be read then, which is no removal.
///
/// # Errors
/// When the directory can not be read.
pub fn look(directory: &Path, secrets: &BTreeMap<String, Vec<PathBuf>>, known: &BTreeSet<String>) -> io::Result<Look> {
    let metadata = std::fs::metadata(directory)?;
    let mut look = Look { identity: (metadata.dev(), metadata.ino()), ..Look::default() };
    let mut names = BTreeSet::new();
    let mut strange = |file: &str, reason| {
        if look.strange.len() < MAX_STRANGE {
            look.strange.insert(file.chars().take(80).collect(), reason);
        }
    };
    let mut others = 0;
    for entry in std::fs::read_dir(directory)? {
        let file_name = entry?.file_name();
        let lossy = file_name.to_string_lossy();
        // Editors and copiers write beside the file, under names that begin with a dot or a hash.
        let Some((name, extension)) = lossy.rsplit_once('.').filter(|_| !lossy.starts_with(['.', '#'])) else {
            continue;
        };
        match extension {
            "toml" if known.contains(name) => drop(names.insert(name.to_owned())),
            "wasm" if !is_plugin_name(name) => {
                strange(&lossy, "a plugin's name is 1 to 64 of a-z 0-9 -, not starting with -");
            }
            "wasm" if known.contains(name) => drop(names.insert(name.to_owned())),
            "wasm" if known.len() + others >= MAX_PLUGINS => {
                strange(&lossy, "there are more than 256 plugins in the directory");
            }
            "wasm" => {
                others += 1;
                names.insert(name.to_owned());
            }
            extension if extension.eq_ignore_ascii_case("wasm") => {
                strange(&lossy, "its name must end in .wasm, in small letters");
            }
            _ => {}
        }
    }
    for name in names {
        let toml = directory.join(format!("{name}.toml"));
        let signature = directory.join(format!("{name}.{EXTENSION}"));
        let files = Files {
            wasm: Stamp::at(&directory.join(format!("{name}.wasm"))),
            // Without following: a link to nowhere is a manifest that can not be read, not the absence of one.
            toml: toml.symlink_metadata().is_ok().then(|| Stamp::at(&toml)),
            signature: signature.symlink_metadata().is_ok().then(|| Stamp::at(&signature)),
            secrets: secrets.get(&name).into_iter().flatten().map(|path| Stamp::at(path)).collect(),
        };
        look.plugins.insert(name, files);
    }
    Ok(look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_known_plugin_keeps_its_place_among_any_number_of_others() {
        let dir = std::env::temp_dir().join(format!("wasmcast-look-{}", std::process::id()));
        fs::create_dir_all(dir.join("folder.wasm")).unwrap();
        for number in 0..600 {
            fs::write(dir.join(format!("junk-{number}.wasm")), "x").unwrap();
        }
        for file in ["guard.wasm", "left.toml", "stray.toml", "LOUD.WASM", ".part.wasm"] {
            fs::write(dir.join(file), "x").unwrap();
        }
        let known = BTreeSet::from(["guard", "left", "gone"].map(str::to_owned));
        let found = look(&dir, &BTreeMap::new(), &known).unwrap();
        assert!(matches!(found.plugins["guard"].wasm, Stamp::File { .. }));
        assert_eq!(
            found.plugins["left"].wasm,
            Stamp::Broken(io::ErrorKind::NotFound),
            "its manifest says that it should be"
        );
        assert!(!found.plugins.contains_key("gone") && !found.plugins.contains_key("stray"));
        assert!(found.plugins.len() <= MAX_PLUGINS && found.strange.len() <= MAX_STRANGE);
        let unknown = look(&dir, &BTreeMap::new(), &BTreeSet::new()).unwrap();
        assert_eq!(unknown.plugins.len(), MAX_PLUGINS);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_folder_in_the_place_of_a_plugin_is_one_that_can_not_be_read() {
        let dir = std::env::temp_dir().join(format!("wasmcast-look-folder-{}", std::process::id()));
        fs::create_dir_all(dir.join("guard.wasm")).unwrap();
        assert!(look(&dir, &BTreeMap::new(), &BTreeSet::new()).unwrap().plugins.contains_key("guard"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
