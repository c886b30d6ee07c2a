//! Secrets that a manifest names by `{ secret = "file:PATH" }` or `{ secret = "env:NAME" }`.

use super::document::Item;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A secret that was fetched.
pub(super) struct Secret {
    pub(super) text: String,
    /// `file:PATH` or `env:NAME`.
    pub(super) reference: String,
    /// Where it was read from, to see its changes.
    pub(super) file: Option<PathBuf>,
}

/// Why a secret can not be had. The text never holds it.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidSecret {
    #[error("the secret file {0} can not be read: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the secret file {0} is empty, longer than 64 KiB, no regular file, or not UTF-8 text")]
    FileContent(PathBuf),
    #[error("the environment variable {0} is not set, or not UTF-8 text")]
    Environment(String),
    #[error(
        "a secret is a reference: write {{ secret = \"file:PATH\" }} or {{ secret = \"env:NAME\" }}; for a table of the plugin's \
         own with a key `secret` write a header, as in [config.NAME], and the key below it"
    )]
    Reference,
}

impl InvalidSecret {
    /// The file that should hold it.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            InvalidSecret::File(path, _) | InvalidSecret::FileContent(path) => Some(path),
            InvalidSecret::Environment(_) | InvalidSecret::Reference => None,
        }
    }
}

/// The secret that a table stands for; none when it is no such table.
pub(super) fn read(item: Item<'_>) -> Option<Result<Secret, InvalidSecret>> {
    let table = item.get_ref().as_table()?;
    let mut entries = table.iter();
    let (Some((key, value)), None) = (entries.next(), entries.next()) else { return None };
    (key.get_ref() == "secret").then(|| fetch(value.get_ref().as_str().unwrap_or_default()))
}

/// Whether a text that is none looks like a reference.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with("file:") || text.starts_with("env:")
}

fn fetch(reference: &str) -> Result<Secret, InvalidSecret> {
    let (text, file) = if let Some(path) = reference.strip_prefix("file:").filter(|path| !path.is_empty()) {
        (read_file(Path::new(path))?, Some(PathBuf::from(path)))
    } else if let Some(name) = reference.strip_prefix("env:").filter(|name| !name.is_empty()) {
        let known = !name.contains(['=', '\0']);
        let text = known.then(|| std::env::var(name).ok()).flatten();
        (text.ok_or_else(|| InvalidSecret::Environment(name.escape_debug().to_string()))?, None)
    } else {
        return Err(InvalidSecret::Reference);
    };
    Ok(Secret { text, reference: reference.to_owned(), file })
}

/// A key or a certificate fits; a wrong path must not read a disk image into memory.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The content, without line breaks at its end.
fn read_file(path: &Path) -> Result<String, InvalidSecret> {
    let fail = |error| InvalidSecret::File(path.to_owned(), error);
    let useless = || InvalidSecret::FileContent(path.to_owned());
    // A pipe would block.
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(useless());
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(fail)?;
    let text = String::from_utf8(content).map_err(|_| useless())?;
    let trimmed = text.trim_end_matches(['\n', '\r']);
    if trimmed.is_empty() || text.len() as u64 > MAX_FILE_BYTES {
        return Err(useless());
    }
    Ok(trimmed.to_owned())
}
