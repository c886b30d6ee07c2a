//! Runs Cargo for a plugin: its own target directory, one build at a time, and the module that came out.

use super::project::Project;
use super::remap::Folders;
use super::toolchain::{self, TARGET, Toolchain};
use super::{Failure, sdk};
use crate::output;
use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a build is to be run.
#[derive(Debug, Default)]
pub struct Options {
    /// Say nothing but errors.
    pub quiet: bool,
    /// Whether Cargo.lock holds as it is.
    pub locked: bool,
    /// Further words for Cargo, such as `--offline`.
    pub extra: Vec<String>,
}

/// The compiler for a project.
pub fn toolchain(project: &Project) -> Result<Toolchain, Failure> {
    let overriding = std::env::var_os(toolchain::OVERRIDE).map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let candidates = toolchain::candidates(std::env::var_os("PATH").as_deref(), home.as_deref());
    toolchain::choose(overriding.as_deref(), &candidates, |rustc| toolchain::probe(rustc, &project.folder))
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// Builds the project and returns the core module.
pub fn build(project: &Project, toolchain: &Toolchain, options: &Options) -> Result<Vec<u8>, Failure> {
    let cache = sdk::cache()?;
    let target = cache.join("guest-target");
    fs::create_dir_all(&target).map_err(Failure::file("cannot make the build folder", &target))?;
    let patch = project.connect(&cache)?;
    let _turn = turn(&target)?;
    own(project, &target)?;
    if toolchain.build_std && !options.quiet && !target.join(TARGET).join("release").is_dir() {
        output::say("the first build makes the standard library too: about 100 s of CPU time, once");
    }
    let mut command = toolchain::clean(Command::new(&toolchain.cargo));
    command
        .current_dir(&project.folder)
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_TARGET_DIR", &target)
        .args(["build", "--release", "--lib", "--target", TARGET, "--message-format=json-render-diagnostics"])
        .args(&patch)
        .args(folders(&cache).words(&project.folder))
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if toolchain.build_std {
        command.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
    }
    if options.quiet {
        command.arg("--quiet");
    }
    let locked = options.locked && project.is_locked();
    if locked {
        command.arg("--locked");
    }
    command.args(&options.extra);
    let cannot =
        |error: std::io::Error| Failure::Failed(format!("{} can not be run: {error}", toolchain.cargo.display()));
    let mut child = command.spawn().map_err(cannot)?;
    let lines = child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
    let module = lines.map_while(Result::ok).filter_map(|line| artifact(&line, &project.folder)).last();
    if !child.wait().map_err(cannot)?.success() {
        if locked && !lock_fits(project, toolchain, &patch) {
            return Err(Failure::Failed(
                "Cargo.lock does not fit Cargo.toml: `wasmcast plugin build --update-lock` brings it up to date"
                    .to_owned(),
            ));
        }
        return Err(Failure::NotBuilt);
    }
    let module = module.ok_or_else(|| Failure::Failed("cargo made no .wasm file of this package".to_owned()))?;
    fs::read(&module).map_err(Failure::file("cannot read", module))
}

/// Whether Cargo would leave Cargo.lock as it is.
fn lock_fits(project: &Project, toolchain: &Toolchain, patch: &[String]) -> bool {
    let mut command = toolchain::clean(Command::new(&toolchain.cargo));
    command.current_dir(&project.folder).env("RUSTC", &toolchain.rustc);
    command.args(["metadata", "--format-version=1", "--locked", "--offline"]).args(patch);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The folders whose names must not get into plugins.
fn folders(cache: &Path) -> Folders {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Folders { home: absolute("HOME"), cargo_home: absolute("CARGO_HOME"), cache: cache.to_owned() }
}

/// The folder is shared by all plugins, so that the standard library is built once. One build runs at a time, from start to
/// reading its file.
fn turn(target: &Path) -> Result<File, Failure> {
    let path = target.join(".wasmcast-lock");
    let failed = |error| Failure::File { what: "cannot lock", path: path.clone(), error };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            output::say("another plugin is being built; waiting for it");
            file.lock().map_err(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    Ok(file)
}

/// Cargo names a module after the package alone. Two plugins of one name would be taken for each other: so the file of
/// another folder goes first.
fn own(project: &Project, target: &Path) -> Result<(), Failure> {
    let owners = target.join(".wasmcast-owners");
    let owner = owners.join(&project.name);
    let folder = project.folder.to_string_lossy();
    if fs::read_to_string(&owner).is_ok_and(|present| present == folder) {
        return Ok(());
    }
    let release = target.join(TARGET).join("release");
    let file = format!("{}.wasm", project.name.replace('-', "_"));
    for stale in [release.join(&file), release.join("deps").join(&file)] {
        drop(fs::remove_file(stale));
    }
    fs::create_dir_all(&owners)
        .and_then(|()| fs::write(&owner, folder.as_bytes()))
        .map_err(Failure::file("cannot write", &owner))
}

/// The module of this package that a line of Cargo's tells of.
fn artifact(line: &str, folder: &Path) -> Option<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Message {
        reason: String,
        #[serde(default)]
        manifest_path: PathBuf,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let message: Message = serde_json::from_str(line).ok()?;
    let ours = message.reason == "compiler-artifact" && message.manifest_path.parent() == Some(folder);
    message.filenames.into_iter().find(|file| ours && file.extension().is_some_and(|end| end == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_among_what_cargo_says() {
        let line = |reason: &str, manifest: &str, files: &str| {
            format!(r#"{{"reason":"{reason}","manifest_path":"{manifest}","filenames":[{files}],"x":1}}"#)
        };
        let module = r#""/t/release/libmy_auth.rlib","/t/release/my_auth.wasm""#;
        let rows = [
            (line("compiler-artifact", "/p/Cargo.toml", module), Some("/t/release/my_auth.wasm")),
            (line("compiler-artifact", "/other/Cargo.toml", module), None),
            (line("compiler-artifact", "/p/Cargo.toml", r#""/t/release/libserde.rlib""#), None),
            (line("build-script-executed", "/p/Cargo.toml", module), None),
            (r#"{"reason":"build-finished","success":true}"#.to_owned(), None),
            ("not json".to_owned(), None),
        ];
        for (line, expected) in rows {
            assert_eq!(artifact(&line, Path::new("/p")), expected.map(PathBuf::from), "{line}");
        }
    }

    #[test]
    fn a_module_of_another_folder_is_not_taken() {
        let target = std::env::temp_dir().join(format!("wasmcast-own-{}", std::process::id()));
        let deps = target.join(TARGET).join("release/deps");
        fs::create_dir_all(&deps).unwrap();
        let project = |folder: &str| {
            let text = "[package]\nname = \"my-auth\"\n[lib]\ncrate-type = [\"cdylib\"]";
            fs::create_dir_all(target.join(folder)).unwrap();
            fs::write(target.join(folder).join("Cargo.toml"), text).unwrap();
            Project::open(&target.join(folder)).unwrap()
        };
        let module = deps.join("my_auth.wasm");
        let kept_after = |folder: &str| {
            own(&project(folder), &target).unwrap();
            let kept = module.is_file();
            fs::write(&module, "x").unwrap();
            kept
        };
        assert_eq!(["a", "a", "b", "a"].map(kept_after), [false, true, false, false]);
        fs::remove_dir_all(target).unwrap();
    }
}
