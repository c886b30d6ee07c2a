//! The SDK that this binary carries, until it is in the registry: unpacked once into the user's cache.

use super::Failure;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Files by their path in the repository.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)))),*]
    };
}

/// What a plugin is built with.
const FILES: &[(&str, &str)] = files![
    "sdk/README.md",
    "sdk/rust/Cargo.toml",
    "sdk/rust/macros/Cargo.toml",
    "sdk/rust/macros/src/ability.rs",
    "sdk/rust/macros/src/derive.rs",
    "sdk/rust/macros/src/function.rs",
    "sdk/rust/macros/src/hook.rs",
    "sdk/rust/macros/src/lib.rs",
    "sdk/rust/macros/src/limits.rs",
    "sdk/rust/macros/src/observer.rs",
    "sdk/rust/macros/src/section.rs",
    "sdk/rust/src/auth.rs",
    "sdk/rust/src/bindings/check.rs",
    "sdk/rust/src/bindings/decide.rs",
    "sdk/rust/src/bindings/imports.rs",
    "sdk/rust/src/bindings/init.rs",
    "sdk/rust/src/bindings/events.rs",
    "sdk/rust/src/bindings/mod.rs",
    "sdk/rust/src/bindings/reconfigure.rs",
    "sdk/rust/src/bindings/revoke.rs",
    "sdk/rust/src/bindings/routing.rs",
    "sdk/rust/src/bindings/rules.rs",
    "sdk/rust/src/bindings/self_test.rs",
    "sdk/rust/src/bindings/state.rs",
    "sdk/rust/src/bindings/stats.rs",
    "sdk/rust/src/bindings/tick.rs",
    "sdk/rust/src/clock.rs",
    "sdk/rust/src/config.rs",
    "sdk/rust/src/crypto.rs",
    "sdk/rust/src/error.rs",
    "sdk/rust/src/host_error.rs",
    "sdk/rust/src/http.rs",
    "sdk/rust/src/instance.rs",
    "sdk/rust/src/json.rs",
    "sdk/rust/src/kv.rs",
    "sdk/rust/src/lib.rs",
    "sdk/rust/src/log.rs",
    "sdk/rust/src/metrics.rs",
    "sdk/rust/src/notify.rs",
    "sdk/rust/src/observer.rs",
    "sdk/rust/src/plugin.rs",
    "sdk/rust/src/prelude.rs",
    "sdk/rust/src/random.rs",
    "sdk/rust/src/ratelimit.rs",
    "sdk/rust/src/router.rs",
    "sdk/rust/src/sandbox.rs",
    "sdk/rust/src/session.rs",
    "sdk/rust/src/testing/harness.rs",
    "sdk/rust/src/testing/host.rs",
    "sdk/rust/src/testing/mod.rs",
    "sdk/rust/src/testing/observed.rs",
    "sdk/rust/src/testing/outside.rs",
    "sdk/rust/src/testing/session.rs",
    "sdk/rust/src/testing/under_test.rs",
    "sdk/rust/src/trace.rs",
    "sdk/rust/src/units.rs",
    "wit/deps/auth/auth.wit",
    "wit/deps/host/media.wit",
    "wit/deps/host/package.wit",
    "wit/deps/lifecycle/lifecycle.wit",
    "wit/deps/media/media.wit",
    "wit/deps/observer/observer.wit",
    "wit/deps/ratelimit/ratelimit.wit",
    "wit/deps/router/router.wit",
    "wit/sdk.wit",
];

/// The crate `wasmcast-plugin` in the cache; writes it when it is not there yet.
pub fn unpacked(cache: &Path) -> Result<PathBuf, Failure> {
    let folder = cache.join("sdk").join(identity());
    if !folder.is_dir() {
        let parent = cache.join("sdk");
        fs::create_dir_all(&parent).map_err(Failure::file("cannot make the cache folder", &parent))?;
        // Complete under its name, or not there: two commands may do this at once.
        let fresh = parent.join(format!(".{}.{}", identity(), std::process::id()));
        write(&fresh)?;
        if let Err(error) = fs::rename(&fresh, &folder)
            && !folder.is_dir()
        {
            return Err(Failure::File { what: "cannot write the SDK to", path: folder, error });
        }
        drop(fs::remove_dir_all(&fresh));
    }
    Ok(folder.join("sdk/rust"))
}

fn write(folder: &Path) -> Result<(), Failure> {
    for (path, text) in FILES {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, text))
            .map_err(Failure::file("cannot write the SDK to", &file))?;
    }
    Ok(())
}

/// The version and what it is made of: another build of the server may carry another SDK.
fn identity() -> String {
    let mut hash = Sha256::new();
    for (path, text) in FILES {
        hash.update(path);
        hash.update([0]);
        hash.update(text);
        hash.update([0]);
    }
    let digest: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", env!("CARGO_PKG_VERSION"))
}

/// Where caches of this user are: `$XDG_CACHE_HOME/wasmcast` or `~/.cache/wasmcast`.
pub fn cache() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    let missing = || Failure::Usage("neither HOME nor XDG_CACHE_HOME says where the cache is; set one".to_owned());
    Ok(base.ok_or_else(missing)?.join("wasmcast"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn files(folder: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                files(&entry, base, found);
            } else {
                found.insert(entry.strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn the_whole_sdk_is_carried() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut there = BTreeSet::from(["sdk/README.md".to_owned()]);
        for folder in ["sdk/rust", "wit"] {
            files(&root.join(folder), root, &mut there);
        }
        let is_needed = |path: &str| !path.starts_with("sdk/rust/tests/") && path != "wit/README.md";
        there.retain(|path| is_needed(path) && !path.ends_with(".lock") && !path.ends_with(".sha256"));
        let carried: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, there, "list in src/main/plugin/sdk.rs what is in sdk/rust and wit");
    }

    #[test]
    fn the_bindings_are_of_the_present_contract() {
        let mut files: Vec<_> = FILES.iter().filter(|(path, _)| path.ends_with(".wit")).collect();
        files.sort_by_key(|(path, _)| Path::new(path));
        let mut hash = Sha256::new();
        for (path, text) in files {
            hash.update(path.trim_start_matches("wit/"));
            hash.update([0]);
            hash.update(text);
            hash.update([0]);
        }
        let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let generated = include_str!("../../../sdk/rust/src/bindings/wit.sha256");
        assert_eq!(generated.trim(), digest, "wit/ has changed: run `make bindings`");
    }

    #[test]
    fn it_is_unpacked_once() {
        let cache = std::env::temp_dir().join(format!("wasmcast-sdk-{}", std::process::id()));
        let first = unpacked(&cache).unwrap();
        assert!(first.join("Cargo.toml").is_file() && first.join("../../wit/deps/auth/auth.wit").is_file());
        fs::write(first.join("seen"), "").unwrap();
        assert_eq!(unpacked(&cache).unwrap(), first);
        assert!(first.join("seen").is_file());
        assert_eq!(fs::read_dir(cache.join("sdk")).unwrap().count(), 1);
        fs::remove_dir_all(cache).unwrap();
    }
}
