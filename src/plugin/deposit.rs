//! Puts a component, its manifest or signature, as the operator sends them, into the plugin directory: judged first, then whole or not at all.

use super::directory::is_plugin_name;
use super::inspect::{InspectError, MAX_FILE, inspect};
use super::manifest::{InvalidManifest, Manifest};
use super::signature::{self, MAX_SIGNATURE};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Deposits at once: each holds a file on disk, and while it is judged its bytes in memory. Who comes meanwhile tries again.
const AT_ONCE: usize = 2;
/// Largest manifest that is taken, in bytes; the directory's own bound is the same.
pub const MAX_MANIFEST: usize = 1 << 20;

/// The plugin directory, as a place to put files into.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    directory: PathBuf,
    places: Arc<Semaphore>,
}

/// A file on its way into the plugin directory. Dropped before its end, it leaves nothing behind.
#[derive(Debug)]
pub struct Deposit {
    directory: PathBuf,
    plugin: String,
    /// Beside its place, so that the last step is a rename; hidden, so that no look takes it for a plugin.
    part: Part,
    file: File,
    length: usize,
    _place: OwnedSemaphorePermit,
}

/// What a deposit became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placed {
    /// There was no such file before.
    New,
    Replaced,
}

/// Why nothing was put into the directory.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    #[error("this server has no plugin directory; set `plugins.dir`")]
    NoDirectory,
    #[error("`{0}` can not name a plugin: 1 to 64 of a-z 0-9 -, not starting with -")]
    Name(String),
    #[error("other files are being taken; try again in a moment")]
    Busy,
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    NoPlugin(InspectError),
    #[error("{0}")]
    Manifest(InvalidManifest),
    #[error("the manifest is not UTF-8 text")]
    NotText,
    #[error("it is no signature: send the .minisig file that `minisign -S` writes")]
    NoSignature,
    #[error("{} is a link, so something else looks after the directory: put the new version where the link leads", .0.display())]
    Link(PathBuf),
    #[error("{} can not be written: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// The file while it is written; gone with this value.
#[derive(Debug)]
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = fs::remove_file(&self.0);
    }
}

impl Shelf {
    pub(super) fn new(directory: PathBuf) -> Self {
        Shelf { directory, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Begins a deposit for a plugin.
    pub(super) async fn begin(&self, plugin: &str) -> Result<Deposit, DepositError> {
        if !is_plugin_name(plugin) {
            return Err(DepositError::Name(plugin.chars().take(80).collect()));
        }
        let place = self.places.clone().try_acquire_owned().map_err(|_| DepositError::Busy)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the system has random numbers");
        let path = self.directory.join(format!(".{plugin}.{:016x}.part", u64::from_ne_bytes(random)));
        let mut options = File::options();
        options.write(true).create_new(true);
        let file = options.open(&path).await.map_err(|error| DepositError::Write { path: path.clone(), error })?;
        let (directory, plugin) = (self.directory.clone(), plugin.to_owned());
        Ok(Deposit { directory, plugin, part: Part(path), file, length: 0, _place: place })
    }
}

impl Deposit {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they can not be written, or are more than a component may have.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), DepositError> {
        self.length += bytes.len();
        if self.length > MAX_FILE {
            return Err(DepositError::TooLarge(MAX_FILE));
        }
        self.file.write_all(bytes).await.map_err(|error| self.failed(error))
    }

    /// Ends it as the plugin's component, and tells its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// When it is no plugin that this server can run, or can not be put in place.
    pub async fn component(self) -> Result<(Placed, String), DepositError> {
        let judge = |_: &str, bytes: Vec<u8>| Ok(inspect(&bytes).map_err(DepositError::NoPlugin)?.digest);
        self.end("wasm", judge).await
    }

    /// Ends it as the plugin's manifest.
    ///
    /// # Errors
    /// When anything in it is wrong, all of it told, or it can not be put in place.
    pub async fn manifest(self) -> Result<Placed, DepositError> {
        let judge = |plugin: &str, bytes: Vec<u8>| {
            if bytes.len() > MAX_MANIFEST {
                return Err(DepositError::TooLarge(MAX_MANIFEST));
            }
            let text = String::from_utf8(bytes).map_err(|_| DepositError::NotText)?;
            Manifest::parse(&text, plugin, &format!("{plugin}.toml")).map(drop).map_err(DepositError::Manifest)
        };
        self.end("toml", judge).await.map(|(placed, ())| placed)
    }

    /// Ends it as the signature of the plugin's component. Whether it is right is seen together with the component.
    ///
    /// # Errors
    /// When it is no signature file by its looks, or can not be put in place.
    pub async fn signature(self) -> Result<Placed, DepositError> {
        let judge = |_: &str, bytes: Vec<u8>| {
            if bytes.len() > MAX_SIGNATURE {
                return Err(DepositError::TooLarge(MAX_SIGNATURE));
            }
            let text = String::from_utf8(bytes).map_err(|_| DepositError::NoSignature)?;
            // Four lines: two comments, each before what is signed.
            if text.lines().count() == 4 && text.starts_with("untrusted comment:") {
                Ok(())
            } else {
                Err(DepositError::NoSignature)
            }
        };
        self.end(signature::EXTENSION, judge).await.map(|(placed, ())| placed)
    }

    async fn end<T: Send + 'static>(
        mut self,
        extension: &'static str,
        judge: impl FnOnce(&str, Vec<u8>) -> Result<T, DepositError> + Send + 'static,
    ) -> Result<(Placed, T), DepositError> {
        // The flush tells whether the last bytes were written; the disk has them before the name leads to them.
        let written = match self.file.flush().await {
            Ok(()) => self.file.sync_all().await,
            error => error,
        };
        written.map_err(|error| self.failed(error))?;
        let place = self.directory.join(format!("{}.{extension}", self.plugin));
        let work = move || {
            let failed = |error| DepositError::Write { path: place.clone(), error };
            let judged = judge(&self.plugin, fs::read(&self.part.0).map_err(failed)?)?;
            let before = place.symlink_metadata();
            if before.as_ref().is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(DepositError::Link(place));
            }
            fs::rename(&self.part.0, &place).map_err(failed)?;
            Ok((if before.is_ok() { Placed::Replaced } else { Placed::New }, judged))
        };
        // Fails only when the work panicked or the runtime ends.
        let ended = tokio::task::spawn_blocking(work).await;
        ended.unwrap_or_else(|error| Err(DepositError::Write { path: PathBuf::new(), error: io::Error::other(error) }))
    }

    fn failed(&self, error: io::Error) -> DepositError {
        DepositError::Write { path: self.part.0.clone(), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plugins/auth-token.wasm"));

    fn shelf(name: &str) -> (Shelf, PathBuf) {
        let dir = std::env::temp_dir().join(format!("wasmcast-deposit-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        (Shelf::new(dir.clone()), dir)
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// `kind`: the extension.
    async fn put(shelf: &Shelf, plugin: &str, bytes: &[u8], kind: &str) -> Result<Placed, String> {
        let mut deposit = shelf.begin(plugin).await.map_err(|error| error.to_string())?;
        for chunk in bytes.chunks(1 << 16) {
            deposit.write(chunk).await.map_err(|error| error.to_string())?;
        }
        let ended = match kind {
            "toml" => deposit.manifest().await,
            "minisig" => deposit.signature().await,
            _ => deposit.component().await.map(|(placed, _)| placed),
        };
        ended.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_is_right_is_put_in_place_and_what_is_wrong_leaves_nothing() {
        let (shelf, dir) = shelf("place");
        assert_eq!(put(&shelf, "door", COMPONENT, "wasm").await, Ok(Placed::New));
        assert_eq!(put(&shelf, "door", COMPONENT, "wasm").await, Ok(Placed::Replaced));
        assert_eq!(put(&shelf, "door", b"priority = 3\n", "toml").await, Ok(Placed::New));
        std::os::unix::fs::symlink("door.wasm", dir.join("linked.wasm")).unwrap();
        let rows: [(&str, &[u8], &str, &str); 9] = [
            ("Door", COMPONENT, "wasm", "can not name a plugin"),
            ("../door", COMPONENT, "wasm", "can not name a plugin"),
            ("other", b"no wasm at all", "wasm", "no WebAssembly file"),
            ("other", b"", "wasm", "it is empty"),
            ("door", b"priority = \"high\"\nphase = 1\n", "toml", "door.toml:2"),
            ("door", b"\xff", "toml", "not UTF-8"),
            ("linked", COMPONENT, "wasm", "is a link"),
            ("door", b"untrusted comment: x\n", "minisig", "no signature"),
            ("door", b"\xff", "minisig", "no signature"),
        ];
        for (plugin, bytes, kind, expected) in rows {
            let error = put(&shelf, plugin, bytes, kind).await.unwrap_err();
            assert!(error.contains(expected), "{plugin}: {error}");
        }
        let signed = b"untrusted comment: x\nRUQ\ntrusted comment: y\nabc\n";
        assert_eq!(put(&shelf, "door", signed, "minisig").await, Ok(Placed::New));
        assert_eq!(files(&dir), ["door.toml", "door.wasm", "door.wasm.minisig", "linked.wasm"]);
        assert_eq!(fs::read(dir.join("door.toml")).unwrap(), b"priority = 3\n", "the old one stays");
        fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn few_deposits_run_at_once_and_none_outgrows_its_bound() {
        let (shelf, dir) = shelf("bound");
        let first = shelf.begin("a").await.unwrap();
        let mut second = shelf.begin("b").await.unwrap();
        assert!(matches!(shelf.begin("c").await, Err(DepositError::Busy)));
        drop(first);
        second.length = MAX_FILE - 1;
        second.write(b"x").await.unwrap();
        assert!(matches!(second.write(b"y").await, Err(DepositError::TooLarge(MAX_FILE))));
        drop(second);
        assert_eq!(files(&dir), [""; 0]);
        fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(shelf.begin("a").await, Err(DepositError::Write { .. })));
    }
}
