//! Compiled components on disk, in a directory of our own: the one place from which native code is loaded.

use super::inspect::hex;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled components that are kept; the longest unused go first. A Rust plugin takes some 100 KiB.
const MAX_ENTRIES: usize = 128;

/// Why the directory can not be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("the directory {} can not be made or read: {error}; set `plugins.state_dir` to one that can", path.display())]
    Unusable { path: PathBuf, error: io::Error },
    #[error(
        "the directory {} belongs to somebody else or may be written by others; native code is kept there: `chmod 700` it, or set `plugins.state_dir`", path.display()
    )]
    NotPrivate { path: PathBuf },
    #[error(
        "another server (process {process}) runs with the plugins in {} and keeps their last good versions in {}: stop it, or set `plugins.state_dir` of one of them to another directory", plugins.display(), path.display()
    )]
    InUse { plugins: PathBuf, path: PathBuf, process: String },
}

/// The directory.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

/// Makes a directory that only this user can read and write, and makes sure of it.
///
/// # Errors
/// When it can not be made, or is open to others.
pub(super) fn private_dir(path: &Path) -> Result<(), CacheError> {
    let unusable = |error| CacheError::Unusable { path: path.to_owned(), error };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    let data = fs::metadata(path).map_err(unusable)?;
    if data.uid() != rustix::process::geteuid().as_raw() || data.mode() & 0o022 != 0 {
        return Err(CacheError::NotPrivate { path: path.to_owned() });
    }
    Ok(())
}

impl Cache {
    /// Uses this directory, made where absent.
    pub(super) fn open(dir: PathBuf) -> Result<Self, CacheError> {
        private_dir(&dir)?;
        Ok(Cache { dir })
    }

    /// The compiled form of the component with this digest, if it was compiled by this very version for this engine.
    pub(super) fn find(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        let sum = fs::read_to_string(path.with_extension("sum")).ok()?;
        let code = fs::read(&path).ok()?;
        if sum != hex(&Sha256::digest(&code)) {
            tracing::warn!(file = %path.display(), "a cached plugin is damaged; it is compiled again");
            return None;
        }
        drop(code);
        let loaded = load(engine, &path);
        let told = |error: &wasmtime::Error| tracing::debug!(file = %path.display(), "a cached plugin does not load: {error:#}");
        let component = loaded.inspect_err(told).ok()?;
        if let Ok(file) = File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(component)
    }

    /// Keeps a compiled component and loads it. The inner error: it does not fit into the engine's pool.
    pub(super) fn store(&self, engine: &Engine, digest: &str, code: &[u8]) -> io::Result<wasmtime::Result<Component>> {
        let path = self.path(engine, digest);
        write_whole(&path, code)?;
        write_whole(&path.with_extension("sum"), hex(&Sha256::digest(code)).as_bytes())?;
        self.evict();
        Ok(load(engine, &path))
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    fn evict(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut compiled: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
            .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
            .collect();
        compiled.sort();
        for (_, path) in compiled.iter().rev().skip(MAX_ENTRIES) {
            let _ = fs::remove_file(path);
            let _ = fs::remove_file(path.with_extension("sum"));
        }
    }
}

/// Writes a file so that it is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = File::create(&fresh).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.and_then(|()| fs::rename(&fresh, path)).inspect_err(|_| drop(fs::remove_file(&fresh)))
}

#[allow(unsafe_code)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `store` of this program, from the output of `precompile_component` of an engine
    // with the same configuration, in this process or another of this program, into a directory that only this user can write; its digest was compared just now,
    // and files are replaced by rename only, so the mapping never changes below us.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn code_is_kept_only_where_nobody_else_can_write() {
        let base = std::env::temp_dir().join(format!("wasmcast-cache-{}", std::process::id()));
        let dir = base.join("a/b");
        private_dir(&dir).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(private_dir(&dir), Err(CacheError::NotPrivate { .. })));
        fs::write(base.join("file"), "").unwrap();
        assert!(matches!(private_dir(&base.join("file")), Err(CacheError::Unusable { .. })));
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_component_of_too_many_parts_is_told_so() {
        // A component of one empty module, and instances of it.
        let of = |instances: u8| {
            let mut bytes = b"\0asm\x0d\0\x01\0\x01\x08\0asm\x01\0\0\0\x02".to_vec();
            let length = 1 + 3 * u32::from(instances);
            bytes.extend([(length % 128) as u8 | 0x80, (length / 128) as u8, instances]);
            bytes.extend([0, 0, 0].repeat(instances.into()));
            bytes
        };
        let dir = std::env::temp_dir().join(format!("wasmcast-cache-parts-{}", std::process::id()));
        let cache = Cache::open(dir.clone()).unwrap();
        let engine = super::super::engine::pooled(64).unwrap();
        let store = |instances| {
            let code = engine.precompile_component(&of(instances)).unwrap();
            cache
                .store(&engine, &instances.to_string(), &code)
                .unwrap()
                .map(|_| ())
                .map_err(|error| format!("{error:#}"))
        };
        assert_eq!(store(64), Ok(()));
        assert!(store(65).is_err_and(|told| told.contains("64")));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_damaged_entry_is_not_loaded() {
        let dir = std::env::temp_dir().join(format!("wasmcast-cache-damage-{}", std::process::id()));
        let cache = Cache::open(dir.clone()).unwrap();
        let engine = super::super::engine::throwaway().unwrap();
        let code = engine.precompile_component(b"\0asm\x0d\0\x01\0").unwrap();
        assert!(cache.find(&engine, "d").is_none());
        cache.store(&engine, "d", &code).unwrap().unwrap();
        assert!(cache.find(&engine, "d").is_some());
        let path = cache.path(&engine, "d");
        fs::remove_file(&path).unwrap();
        fs::write(&path, &code[..code.len() / 2]).unwrap();
        assert!(cache.find(&engine, "d").is_none());
        fs::remove_dir_all(&dir).unwrap();
    }
}
