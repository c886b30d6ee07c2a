//! Reads a plugin's files, each as a whole and all as one version.

use crate::plugin::directory::Stamp;
use crate::plugin::inspect::{InspectError, MAX_FILE, hex};
use crate::plugin::signature::{EXTENSION, MAX_SIGNATURE};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the directory holds of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) bytes: Arc<[u8]>,
    /// SHA-256 in hexadecimal.
    pub(super) digest: String,
    pub(super) manifest: Option<String>,
    /// The text of the signature; what is no text is no signature, and reads as an empty one.
    pub(super) signature: Option<String>,
}

/// Why there is no version to be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    #[error("{} can not be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{0}")]
    TooLarge(InspectError),
    #[error("{} is larger than 1 MiB", .0.display())]
    LargeManifest(PathBuf),
    #[error("{} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// It changed while it was read: the watch will tell when it is at rest.
    #[error("{} is being written", .0.display())]
    Unsettled(PathBuf),
}

/// Far more than any manifest.
const MAX_MANIFEST: usize = 1 << 20;

/// The manifest's path.
pub(super) fn manifest_path(directory: &Path, plugin: &str) -> PathBuf {
    directory.join(format!("{plugin}.toml"))
}

/// The size of the component's file in bytes, 0 where there is none. Blocks.
pub(super) fn size(directory: &Path, plugin: &str) -> u64 {
    fs::metadata(directory.join(format!("{plugin}.wasm"))).map_or(0, |metadata| metadata.len())
}

/// Reads all of them. Blocks.
pub(super) fn read(directory: &Path, plugin: &str) -> Result<Files, FilesError> {
    let path = directory.join(format!("{plugin}.wasm"));
    let unreadable = |error| FilesError::Unreadable { path: path.clone(), error };
    let length = fs::metadata(&path).map_err(unreadable)?.len();
    if length > MAX_FILE as u64 {
        let mib = usize::try_from(length >> 20).unwrap_or(usize::MAX);
        return Err(FilesError::TooLarge(InspectError::TooLarge(mib)));
    }
    let bytes = read_settled(&path, MAX_FILE)?;
    let manifest = manifest_path(directory, plugin);
    // Without following: a link to nowhere is a manifest that can not be read, not the absence of one.
    let manifest = match manifest.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => {
            let text = read_settled(&manifest, MAX_MANIFEST + 1)?;
            if text.len() > MAX_MANIFEST {
                return Err(FilesError::LargeManifest(manifest));
            }
            Some(String::from_utf8(text).map_err(|_| FilesError::NotText(manifest))?)
        }
    };
    let path = directory.join(format!("{plugin}.{EXTENSION}"));
    let signature = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => Some(String::from_utf8(read_settled(&path, MAX_SIGNATURE)?).unwrap_or_default()),
    };
    Ok(Files { signature, digest: hex(&Sha256::digest(&bytes)), bytes: bytes.into(), manifest })
}

/// The content of a regular file that did not change meanwhile.
fn read_settled(path: &Path, most: usize) -> Result<Vec<u8>, FilesError> {
    let unreadable = |error| FilesError::Unreadable { path: path.to_owned(), error };
    // A pipe would block at the opening.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::other("it is no regular file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    let before = Stamp::of(&file.metadata().map_err(unreadable)?);
    let mut bytes = Vec::new();
    (&file).take(most as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    let after = Stamp::of(&file.metadata().map_err(unreadable)?);
    if before == after { Ok(bytes) } else { Err(FilesError::Unsettled(path.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_read_and_what_is_no_file_is_told() {
        let dir = std::env::temp_dir().join(format!("wasmcast-plugin-files-{}", std::process::id()));
        fs::create_dir_all(dir.join("folder.wasm")).unwrap();
        fs::write(dir.join("a.wasm"), "abc").unwrap();
        fs::write(dir.join("b.wasm"), "abc").unwrap();
        fs::write(dir.join("b.toml"), "enabled = true").unwrap();
        std::os::unix::fs::symlink("nowhere", dir.join("c.toml")).unwrap();
        std::os::unix::fs::symlink("b.wasm", dir.join("c.wasm")).unwrap();
        fs::write(dir.join("d.wasm"), "abc").unwrap();
        fs::write(dir.join("d.toml"), b"\xff").unwrap();
        File::create(dir.join("e.wasm")).unwrap().set_len(200 << 20).unwrap();
        fs::write(dir.join("f.wasm"), "abc").unwrap();
        fs::write(dir.join("f.toml"), vec![b' '; MAX_MANIFEST + 1]).unwrap();
        let rows = [
            ("a", "none"),
            ("b", "enabled = true"),
            ("c", "c.toml can not be read"),
            ("d", "d.toml is not UTF-8 text"),
            ("e", "it has 200 MiB; at most 64 MiB"),
            ("f", "f.toml is larger than 1 MiB"),
            ("folder", "no regular file"),
            ("missing", "missing.wasm can not be read"),
        ];
        for (name, expected) in rows {
            let found = match read(&dir, name) {
                Ok(files) => {
                    assert!(files.digest.starts_with("ba7816bf"));
                    files.manifest.unwrap_or("none".to_owned())
                }
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected), "{name}: {found}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
