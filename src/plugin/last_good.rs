//! The last good versions of each plugin on disk, so that a failure or a restart comes back to them.

use super::cache::{CacheError, private_dir, write_whole};
use super::hook::Hooks;
use super::inspect::{MAX_FILE, hex};
use super::rollout::{Plan, Rollback};
use super::signature::Signed;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The directory, with one of its own for each plugin.
#[derive(Clone, Debug)]
pub(super) struct LastGood {
    dir: PathBuf,
}

/// What is remembered of a plugin over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// The number of the latest generation.
    pub(super) generation: u64,
    /// Whether the operator switched it off.
    pub(super) disabled: bool,
    /// The component in the directory that was rolled back, by its digest: it stays out of service, whatever its manifest
    /// becomes, until another one is in service or the operator wants it.
    pub(super) rolled_back: Option<String>,
    /// Only with this manifest: the component itself, with another one, is what was gone back to.
    pub(super) rolled_back_manifest: Option<String>,
    /// The version in service, then the one before, and the last one of another component.
    pub(super) good: Vec<Version>,
    /// Whether the first of them is not proven yet.
    pub(super) on_probation: bool,
    /// What was taken out last.
    pub(super) last_rollback: Option<Rollback>,
    /// The plan that the operator put in place of the manifest's, after that one: another one in the manifest ends it.
    pub(super) plan: Option<(Plan, Plan)>,
}

/// A component with its manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Version {
    /// SHA-256 of the component's file, in hexadecimal.
    pub(super) digest: String,
    /// The manifest's text; none where there was none. Holds no secrets, only their references.
    pub(super) manifest: Option<String>,
    /// The signature's text; none where there was none.
    #[serde(default)]
    pub(super) signature: Option<String>,
    /// What that is worth.
    #[serde(default)]
    pub(super) signed: Option<Signed>,
    /// What it answers.
    #[serde(flatten)]
    pub(super) hooks: Hooks,
}

/// Held while a server uses what is remembered of a plugin directory; freed by the drop, and by the end of the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Option<File>,
}

/// The lock's file; no plugin can have this name.
const LOCK: &str = ".lock";
/// Tells a reader whose plugins are remembered here.
const DIRECTORY: &str = ".directory";

/// A manifest of 1 MiB three times, with room for escapes.
const MAX_RECORD: u64 = 16 << 20;
const RECORD: &str = "record.json";

impl Version {
    /// Whether both are the same component with the same manifest.
    pub(super) fn is(&self, digest: &str, manifest: Option<&str>) -> bool {
        self.digest == digest && self.manifest.as_deref() == manifest
    }
}

impl Record {
    /// Notes a version as the one in service.
    pub(super) fn in_service(&mut self, generation: u64, version: Version) {
        self.generation = generation;
        self.good.retain(|other| !other.is(&version.digest, version.manifest.as_deref()));
        self.good.insert(0, version);
        let other = self.other_component();
        let mut place = 0;
        self.good.retain(|_| {
            place += 1;
            place <= 2 || Some(place - 1) == other
        });
    }

    /// Whether a version was rolled back, so that it stays out.
    pub(super) fn keeps_out(&self, digest: &str, manifest: Option<&str>) -> bool {
        let meant = self.rolled_back_manifest.as_deref();
        self.rolled_back.as_deref() == Some(digest) && meant.is_none_or(|meant| meant == manifest.unwrap_or_default())
    }

    /// From now on a version stays out. `stays`: what serves in its place.
    pub(super) fn keep_out(&mut self, version: &Version, stays: Option<&Version>) {
        self.rolled_back = Some(version.digest.clone());
        let same = stays.is_some_and(|stays| stays.digest == version.digest);
        self.rolled_back_manifest = same.then(|| version.manifest.clone().unwrap_or_default());
    }

    /// Nothing stays out any more.
    pub(super) fn let_in(&mut self) {
        (self.rolled_back, self.rolled_back_manifest) = (None, None);
    }

    /// Where the newest proven version is.
    pub(super) fn proven(&self) -> usize {
        usize::from(self.on_probation && self.good.len() > 1)
    }

    /// What holds where the manifest says this.
    pub(super) fn plan(&self, manifest: &Plan) -> Plan {
        match &self.plan {
            Some((base, plan)) if base == manifest => plan.clone(),
            _ => manifest.clone(),
        }
    }

    /// Where the last version of another component than the one in service is: changes of the manifest do not count, or two of
    /// them would leave nothing to go back to.
    pub(super) fn other_component(&self) -> Option<usize> {
        let first = self.good.first()?;
        self.good.iter().position(|version| version.digest != first.digest)
    }

    /// The next version to try after the one at this place; not what the operator rolled back.
    pub(super) fn next_good(&self, place: usize) -> Option<usize> {
        let wanted = |version: &Version| self.rolled_back.as_ref() != Some(&version.digest);
        self.good.iter().skip(place + 1).position(wanted).map(|further| place + 1 + further)
    }
}

impl LastGood {
    /// Uses this directory, made where absent.
    ///
    /// # Errors
    /// When it can not be made or is open to others.
    pub(super) fn open(dir: PathBuf) -> Result<Self, CacheError> {
        private_dir(&dir)?;
        Ok(LastGood { dir })
    }

    /// Uses what is remembered of the plugins of this directory, below this one, made where absent. Each plugin directory
    /// has its own, by its path as the operator writes it: servers of one user may share the state directory, and a link
    /// in the path that is turned is no other directory.
    ///
    /// # Errors
    /// When it can not be made, is open to others, or is used by another server.
    pub(super) fn of(plugins: &Path, state: &Path) -> Result<(Self, Lock), CacheError> {
        let path = std::path::absolute(plugins).unwrap_or_else(|_| plugins.to_owned());
        // Without slashes at the end, and the like.
        let path: PathBuf = path.components().collect();
        let key = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
        private_dir(state)?;
        let store = LastGood::open(state.join(&key[..16]))?;
        let lock = store.lock(&path)?;
        // Only for who looks into the directory.
        let _ = fs::write(store.dir.join(DIRECTORY), path.as_os_str().as_encoded_bytes());
        Ok((store, lock))
    }

    /// Takes the lock for this plugin directory.
    fn lock(&self, plugins: &Path) -> Result<Lock, CacheError> {
        let path = self.dir.join(LOCK);
        let file = File::options().create(true).read(true).append(true).open(&path);
        let mut file = file.map_err(|error| CacheError::Unusable { path: path.clone(), error })?;
        match file.try_lock() {
            Ok(()) => {
                // Whose it is, for the message of who comes second.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(Lock { _file: Some(file) })
            }
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _ = file.take(20).read_to_string(&mut process);
                let process = Some(process).filter(|process| !process.is_empty()).unwrap_or("unknown".to_owned());
                Err(CacheError::InUse { plugins: plugins.to_owned(), path: self.dir.clone(), process })
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(file = %path.display(), "no lock can be had: {error}; see to it that no other server uses it");
                Ok(Lock { _file: None })
            }
        }
    }

    /// The plugins that something is remembered of.
    pub(super) fn plugins(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| super::directory::is_plugin_name(name)).collect()
    }

    /// What is remembered of a plugin; nothing where the record is absent or damaged.
    pub(super) fn record(&self, plugin: &str) -> Record {
        let path = self.path(plugin, RECORD);
        match read(&path, MAX_RECORD) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(plugin, file = %path.display(), "the record of the last good versions is damaged: {error}");
                Record::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Record::default(),
            Err(error) => {
                tracing::warn!(plugin, file = %path.display(), "the record of the last good versions can not be read: {error}");
                Record::default()
            }
        }
    }

    /// The bytes of a version that was kept.
    ///
    /// # Errors
    /// When they are not there, or not the same any more.
    pub(super) fn component(&self, plugin: &str, digest: &str) -> io::Result<Vec<u8>> {
        let bytes = read(&self.component_path(plugin, digest), MAX_FILE as u64)?;
        if hex(&Sha256::digest(&bytes)) == digest {
            Ok(bytes)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the kept file was changed"))
        }
    }

    /// The size of a version that was kept, in bytes; 0 where it is not there.
    pub(super) fn size(&self, plugin: &str, digest: &str) -> u64 {
        fs::metadata(self.component_path(plugin, digest)).map_or(0, |metadata| metadata.len())
    }

    /// Writes the record. `component`: the bytes of the first good version, where they may be new. Files that the
    /// record does not name any more are removed.
    ///
    /// # Errors
    /// Those of the file system; the record before stays then.
    pub(super) fn save(&self, plugin: &str, record: &Record, component: Option<&[u8]>) -> io::Result<()> {
        private_dir(&self.dir.join(plugin)).map_err(io::Error::other)?;
        if let (Some(bytes), Some(version)) = (component, record.good.first()) {
            let path = self.component_path(plugin, &version.digest);
            let is_there = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64);
            if !is_there || self.component(plugin, &version.digest).is_err() {
                write_whole(&path, bytes)?;
            }
        }
        let text = serde_json::to_vec(record).map_err(io::Error::other)?;
        write_whole(&self.path(plugin, RECORD), &text)?;
        let Ok(entries) = fs::read_dir(self.dir.join(plugin)) else { return Ok(()) };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let named = |version: &Version| name.strip_suffix(".wasm") == Some(version.digest.as_str());
            if name != RECORD && !record.good.iter().any(named) {
                // What stays is only untidy.
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Forgets a plugin that was removed.
    pub(super) fn forget(&self, plugin: &str) {
        match fs::remove_dir_all(self.dir.join(plugin)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(plugin, "the last good versions of a removed plugin stay on disk: {error}");
            }
            _ => {}
        }
    }

    fn path(&self, plugin: &str, file: &str) -> PathBuf {
        self.dir.join(plugin).join(file)
    }

    fn component_path(&self, plugin: &str, digest: &str) -> PathBuf {
        // A digest from a damaged record must not lead elsewhere.
        let digest: String = digest.chars().filter(char::is_ascii_hexdigit).take(64).collect();
        self.path(plugin, &format!("{digest}.wasm"))
    }
}

/// Reads a regular file of at most so many bytes.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path)?;
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(bytes: &[u8], manifest: Option<&str>) -> Version {
        Version {
            digest: hex(&Sha256::digest(bytes)),
            manifest: manifest.map(str::to_owned),
            signature: None,
            signed: None,
            hooks: Hooks { auth: true, ..Hooks::default() },
        }
    }

    #[test]
    fn the_two_last_good_versions_are_kept() {
        let dir = std::env::temp_dir().join(format!("wasmcast-last-good-{}", std::process::id()));
        let store = LastGood::open(dir.join("good")).unwrap();
        assert_eq!(store.record("a"), Record::default());
        let mut record = Record::default();
        for (generation, bytes) in [(1, b"one"), (2, b"two"), (3, b"thr"), (4, b"thr")] {
            record.in_service(generation, version(bytes, None));
            store.save("a", &record, Some(bytes)).unwrap();
        }
        let record = store.record("a");
        assert_eq!(record.generation, 4);
        assert_eq!(record.good, [version(b"thr", None), version(b"two", None)]);
        assert_eq!(store.component("a", &record.good[1].digest).unwrap(), b"two");
        assert!(store.component("a", &version(b"one", None).digest).is_err());
        assert_eq!(fs::read_dir(dir.join("good/a")).unwrap().count(), 3);
        assert_eq!(store.plugins(), ["a"]);

        let path = store.component_path("a", &record.good[0].digest);
        fs::write(&path, "bad").unwrap();
        assert!(store.component("a", &record.good[0].digest).is_err(), "changed behind our back");
        store.save("a", &record, Some(b"thr")).unwrap();
        assert_eq!(store.component("a", &record.good[0].digest).unwrap(), b"thr");

        fs::write(dir.join("good/a/record.json"), "{").unwrap();
        assert_eq!(store.record("a"), Record::default());
        store.forget("a");
        store.forget("a");
        assert!(store.plugins().is_empty());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn two_servers_of_one_user_do_not_touch_what_the_other_keeps() {
        let base = std::env::temp_dir().join(format!("wasmcast-last-good-two-{}", std::process::id()));
        let (one, lock) = LastGood::of(&base.join("one"), &base.join("state")).unwrap();
        let (two, _lock) = LastGood::of(&base.join("two"), &base.join("state")).unwrap();
        let mut record = Record::default();
        record.in_service(1, version(b"one", None));
        one.save("a", &record, Some(b"one")).unwrap();
        assert_eq!((one.plugins(), two.plugins()), (vec!["a".to_owned()], vec![]));
        assert_eq!(two.record("a"), Record::default(), "nor is it switched off there when it is here");

        let again = || LastGood::of(&base.join("./one/"), &base.join("state"));
        let error = again().unwrap_err().to_string();
        let expected = format!("process {}", std::process::id());
        assert!(error.contains(&expected) && error.contains("plugins.state_dir"), "{error}");
        drop(lock);
        assert_eq!(again().unwrap().0.record("a"), record);
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn another_manifest_is_another_version() {
        let mut record = Record::default();
        record.in_service(1, version(b"one", None));
        record.in_service(2, version(b"one", Some("priority = 1")));
        record.in_service(3, version(b"one", None));
        assert_eq!(record.good, [version(b"one", None), version(b"one", Some("priority = 1"))]);
    }

    #[test]
    fn changes_of_the_manifest_do_not_push_out_the_component_before() {
        let mut record = Record::default();
        record.in_service(1, version(b"one", None));
        for (number, manifest) in ["a = 1", "a = 2", "a = 3"].into_iter().enumerate() {
            record.in_service(2 + number as u64, version(b"two", Some(manifest)));
        }
        let kept = [version(b"two", Some("a = 3")), version(b"two", Some("a = 2")), version(b"one", None)];
        assert_eq!((record.good.as_slice(), record.other_component()), (kept.as_slice(), Some(2)));
        assert_eq!((record.next_good(0), record.next_good(1), record.next_good(2)), (Some(1), Some(2), None));
        record.rolled_back = Some(kept[1].digest.clone());
        assert_eq!((record.next_good(0), record.next_good(2)), (Some(2), None));
    }
}
