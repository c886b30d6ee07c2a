//! Chooses the Rust toolchain that builds a plugin: one with the target's standard library, or with its sources.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What plugins are built for: no system interface at all.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Names a compiler to be used, whatever else there is.
pub const OVERRIDE: &str = "WASMCAST_PLUGIN_RUSTC";
/// The oldest compiler that the SDK builds with.
const OLDEST: (u32, u32) = (1, 88);

/// A toolchain and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    pub cargo: PathBuf,
    pub rustc: PathBuf,
    /// Builds the standard library too, from its sources: once, about 100 s of CPU time.
    pub build_std: bool,
    /// `rustc 1.96.0`.
    pub version: String,
}

/// What was found out about a compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// The first line of `rustc --version`.
    pub version: String,
    pub cargo: Option<PathBuf>,
    pub has_std: bool,
    pub has_sources: bool,
    pub has_lld: bool,
}

/// Why no toolchain can be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolchainError {
    #[error(
        "no Rust toolchain here can build for {TARGET}{found}. Do one of these:\n\
         \x20 with rustup:    rustup target add {TARGET}      (Rust itself: https://rustup.rs)\n\
         \x20 on Debian 12:   apt-get install --no-install-recommends rustc-web cargo-web rust-web-src rust-web-llvm lld-22"
    )]
    None { found: String },
    #[error("{OVERRIDE} is {0}, which is no Rust compiler that can be run")]
    NoCompiler(PathBuf),
    #[error("{rustc} can not build for {TARGET}: {why}")]
    Unfit { rustc: PathBuf, why: String },
}

/// The toolchain for a project: the override, else one with the target's standard library, else one with its sources.
pub fn choose(
    overriding: Option<&Path>,
    candidates: &[PathBuf],
    probe: impl Fn(&Path) -> Option<Probe>,
) -> Result<Toolchain, ToolchainError> {
    if let Some(rustc) = overriding {
        let found = probe(rustc).ok_or_else(|| ToolchainError::NoCompiler(rustc.to_owned()))?;
        return found
            .usable(rustc)
            .ok_or_else(|| ToolchainError::Unfit { rustc: rustc.to_owned(), why: found.lack().to_owned() });
    }
    let probed: Vec<(&PathBuf, Probe)> =
        candidates.iter().filter_map(|rustc| probe(rustc).map(|found| (rustc, found))).collect();
    let mut usable = probed.iter().filter_map(|(rustc, found)| found.usable(rustc));
    let first = usable.next();
    if let Some(complete) = first.iter().cloned().chain(usable).find(|toolchain| !toolchain.build_std) {
        return Ok(complete);
    }
    first.ok_or_else(|| {
        let found = probed.iter().map(|(rustc, found)| format!("{} {}", rustc.display(), found.lack()));
        let found = found.collect::<Vec<_>>().join("; ");
        ToolchainError::None { found: if found.is_empty() { found } else { format!(" ({found})") } }
    })
}

impl Probe {
    fn usable(&self, rustc: &Path) -> Option<Toolchain> {
        let cargo = self.cargo.clone().filter(|_| self.lack().is_empty())?;
        let version = self.version.split(' ').take(2).collect::<Vec<_>>().join(" ");
        Some(Toolchain { cargo, rustc: rustc.to_owned(), build_std: !self.has_std, version })
    }

    /// What keeps it from being used; empty when nothing does.
    fn lack(&self) -> &'static str {
        match self {
            Probe { cargo: None, .. } => "has no cargo beside it",
            found if minor(&found.version) < Some(OLDEST) => "is older than Rust 1.88",
            Probe { has_std: true, .. } => "",
            Probe { has_sources: false, .. } => "lacks the target's standard library",
            Probe { has_lld: false, .. } => "has the sources of the standard library, but no working rust-lld",
            _ => "",
        }
    }
}

/// 1 and 96 of `rustc 1.96.0 (...)`.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("rustc ")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Compilers to be asked, the likeliest first: those on the path, rustup's, the system's.
pub fn candidates(path: Option<&OsStr>, home: Option<&Path>) -> Vec<PathBuf> {
    let on_path = path.into_iter().flat_map(std::env::split_paths);
    let rustup = home.map(|home| home.join(".cargo/bin"));
    let system = ["/usr/local/bin", "/usr/bin"].map(PathBuf::from);
    let mut found: Vec<PathBuf> = Vec::new();
    for folder in on_path.chain(rustup).chain(system) {
        let rustc = folder.join("rustc");
        // `/bin` is often `/usr/bin`. rustup's own file is one for all programs: its name must stay.
        let same = |other: &PathBuf| other.canonicalize().ok() == rustc.canonicalize().ok();
        if rustc.is_file() && !found.iter().any(same) {
            found.push(rustc);
        }
    }
    found
}

/// Asks a compiler, in the project's folder: a `rust-toolchain.toml` there counts.
pub fn probe(rustc: &Path, folder: &Path) -> Option<Probe> {
    let ask = |arguments: &[&str]| {
        let output = clean(Command::new(rustc)).args(arguments).current_dir(folder).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let version = ask(&["--version"])?;
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?);
    let host = ask(&["--print", "host-tuple"]).unwrap_or_default();
    let libraries = ask(&["--print", "target-libdir", "--target", TARGET]).map(PathBuf::from);
    let has_std = libraries.and_then(|folder| folder.read_dir().ok()).is_some_and(|files| {
        files.flatten().any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    });
    let cargo = rustc.parent().map(|folder| folder.join("cargo")).filter(|cargo| cargo.is_file());
    Some(Probe {
        version,
        cargo,
        has_std,
        has_sources: sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file(),
        has_lld: has_lld(
            &sysroot.join("lib/rustlib").join(host).join("bin"),
            rustc,
            std::env::var_os("PATH").as_deref(),
        ),
    })
}

/// Whether the linker is where rustup puts it, beside the compiler (Debian), or on the path. A link that leads nowhere is
/// none: Debian's leads to `lld-22`, another package.
fn has_lld(tools: &Path, rustc: &Path, path: Option<&OsStr>) -> bool {
    let on_path = path.into_iter().flat_map(std::env::split_paths);
    let beside = rustc.parent().map(Path::to_path_buf);
    std::iter::once(tools.to_path_buf()).chain(beside).chain(on_path).any(|folder| folder.join("rust-lld").is_file())
}

/// A command without what the build or shell around this process has set for its own Rust.
pub fn clean(mut command: Command) -> Command {
    const FOREIGN: &[&str] = &[
        "RUSTC",
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTUP_TOOLCHAIN",
        "CARGO",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_MAKEFLAGS",
        "MAKEFLAGS",
    ];
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(version: &str, has_std: bool, has_sources: bool, has_lld: bool) -> Probe {
        let version = format!("rustc {version} (abc 2026-01-01)");
        Probe { version, cargo: Some("cargo".into()), has_std, has_sources, has_lld }
    }

    /// Chooses among compilers `a`, `b` ...; says which, and whether std is built.
    fn chosen(overriding: Option<&str>, found: &[Probe]) -> Result<(String, bool), String> {
        let names: Vec<PathBuf> = ["a", "b", "c"].iter().take(found.len()).map(PathBuf::from).collect();
        let probe = |rustc: &Path| names.iter().position(|name| name == rustc).map(|at| found[at].clone());
        let toolchain = choose(overriding.map(Path::new), &names, probe).map_err(|error| error.to_string())?;
        assert_eq!(toolchain.version, "rustc 1.96.0");
        Ok((toolchain.rustc.display().to_string(), toolchain.build_std))
    }

    #[test]
    fn a_complete_toolchain_goes_before_one_that_builds_std() {
        let complete = probed("1.96.0", true, false, false);
        let sources = probed("1.96.0", false, true, true);
        let host_only = probed("1.96.0", false, false, true);
        let is = |name: &str, build_std| Ok((name.to_owned(), build_std));
        assert_eq!(chosen(None, &[host_only.clone(), sources.clone(), complete.clone()]), is("c", false));
        assert_eq!(chosen(None, &[host_only.clone(), sources.clone()]), is("b", true));
        assert_eq!(chosen(Some("b"), &[complete, sources]), is("b", true));
    }

    #[test]
    fn the_linker_is_found_where_it_works() {
        let folder = std::env::temp_dir().join(format!("wasmcast-lld-{}", std::process::id()));
        for name in ["tools", "bin", "other"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let rustc = folder.join("bin/rustc");
        let found = || has_lld(&folder.join("tools"), &rustc, Some(folder.join("other").as_os_str()));
        let link = |name: &str, to: &str| std::os::unix::fs::symlink(folder.join(to), folder.join(name)).unwrap();
        assert!(!found());
        link("bin/rust-lld", "lld");
        assert!(!found(), "the link leads nowhere");
        std::fs::write(folder.join("lld"), "").unwrap();
        assert!(found());
        for name in ["tools", "other"] {
            std::fs::remove_file(folder.join("bin/rust-lld")).ok();
            link(&format!("{name}/rust-lld"), "lld");
            assert!(found(), "{name}");
            std::fs::remove_file(folder.join(name).join("rust-lld")).unwrap();
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_missing_is_told_with_both_ways_to_get_it() {
        let rows = [
            (vec![], "here can build for wasm32-unknown-unknown. Do"),
            (vec![probed("1.96.0", false, false, true)], "a lacks the target's standard library"),
            (vec![probed("1.96.0", false, true, false)], "no working rust-lld"),
            (vec![probed("1.80.0", true, true, true)], "older than Rust 1.88"),
        ];
        for (found, expected) in rows {
            let error = chosen(None, &found).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("rustup target add") && error.contains("rust-web-src"), "{error}");
        }
        let unfit = chosen(Some("a"), &[probed("1.96.0", false, false, true)]).unwrap_err();
        assert!(unfit.contains("a can not build for"), "{unfit}");
        assert!(chosen(Some("x"), &[]).unwrap_err().contains("no Rust compiler"));
    }
}
