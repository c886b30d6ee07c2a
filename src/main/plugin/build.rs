//! `wasmcast plugin build`: from an author's folder, or the module of another language, to the file for the server.

use super::artifact::{self, Origin};
use super::cargo;
use super::project::Project;
use super::{Failure, bounded};
use crate::output;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasmcast::plugin;

/// Build a plugin: DIR/dist/NAME.wasm, and NAME.toml beside it
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wasmcast plugin build my-auth\n  \
    wasmcast plugin build build/auth_c.wasm --name auth-c -o dist/auth-c.wasm      what another language's compiler made\n\n\
    Needs Rust: `rustup target add wasm32-unknown-unknown`, or Debian's rustc-web, cargo-web, rust-web-src, rust-web-llvm\n\
    and lld-22. WASMCAST_PLUGIN_RUSTC names another compiler. Prints the path of what it built.")]
pub struct Args {
    /// The plugin's folder, or a core module that a binding generator made for another language
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    source: PathBuf,
    /// Write the plugin to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name of the plugin, for a FILE [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Version of the plugin, for a FILE
    #[arg(long = "plugin-version", value_name = "VERSION", default_value = "0.0.0")]
    plugin_version: String,
    /// Let Cargo change Cargo.lock, after a change of dependencies; else it holds as it is where it exists
    #[arg(long)]
    update_lock: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
    /// Further words for cargo, such as --offline
    #[arg(last = true, value_name = "CARGO")]
    cargo: Vec<String>,
}

/// A plugin that was built.
pub struct Built {
    pub file: PathBuf,
    pub inspection: plugin::Inspection,
}

/// Runs `wasmcast plugin build`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let built = if args.source.is_file() {
        module(args)?
    } else {
        let project = Project::open(&args.source)?;
        let options = cargo::Options { quiet: args.quiet, locked: !args.update_lock, extra: args.cargo.clone() };
        project_to(&project, &options, args.output.as_deref())?
    };
    if !args.quiet {
        output::say(&summary(&built));
    }
    Ok(output::data(&format!("{}\n", built.file.display())))
}

/// Builds a folder into its `dist`, or another file.
pub fn project_to(project: &Project, options: &cargo::Options, file: Option<&Path>) -> Result<Built, Failure> {
    let toolchain = cargo::toolchain(project)?;
    let module = cargo::build(project, &toolchain, options)?;
    let origin = Origin { name: &project.name, version: &project.version, built_with: &toolchain.version };
    let dist = project.dist();
    let elsewhere = file.is_some();
    let file = file.map_or_else(|| dist.join(format!("{}.wasm", project.name)), Path::to_path_buf);
    let built = finish(&module, &origin, file)?;
    let manifest = project.manifest();
    if manifest.is_file() {
        let copy = built.file.with_extension("toml");
        // In another folder it is the operator's.
        if elsewhere && copy.exists() {
            return Ok(built);
        }
        fs::copy(&manifest, &copy).map_err(Failure::file("cannot write", &copy))?;
    }
    Ok(built)
}

/// What another language's compiler made.
fn module(args: &Args) -> Result<Built, Failure> {
    let module = bounded::read(&args.source, wasmcast::plugin::MAX_FILE)?;
    let stem = args.source.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
    let name = args.name.clone().unwrap_or(stem);
    let origin = Origin { name: &name, version: &args.plugin_version, built_with: "" };
    let file = args.output.clone().unwrap_or_else(|| Path::new("dist").join(format!("{name}.wasm")));
    finish(&module, &origin, file)
}

fn finish(module: &[u8], origin: &Origin<'_>, file: PathBuf) -> Result<Built, Failure> {
    let refused = |why: &dyn std::fmt::Display| Failure::Failed(format!("{} can not be a plugin: {why}", origin.name));
    let component = artifact::finish(module, origin).map_err(|error| refused(&error))?;
    let inspection = plugin::inspect(&component).map_err(|error| refused(&error))?;
    replace(&file, &component)?;
    Ok(Built { file, inspection })
}

/// Writes a file so that whoever watches its folder sees it whole.
pub fn replace(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::file("cannot make the folder", folder))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Hidden, and not ending in .wasm: no server takes it for a plugin.
    let fresh = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    fs::write(&fresh, content)
        .and_then(|()| fs::rename(&fresh, file))
        .inspect_err(|_| drop(fs::remove_file(&fresh)))
        .map_err(Failure::file("cannot write", file))
}

fn summary(built: &Built) -> String {
    let inspection = &built.inspection;
    let label = &inspection.label;
    let name = label.name.as_deref().unwrap_or("plugin");
    let rights: Vec<&str> = ["wasmcast:host/kv", "wasmcast:host/http"]
        .into_iter()
        .filter(|right| inspection.imports.iter().any(|import| import.name == *right))
        .map(|right| right.trim_start_matches("wasmcast:host/"))
        .collect();
    let rights = if rights.is_empty() { String::new() } else { format!(", asks for {}", rights.join(" and ")) };
    format!("{name}: {}, {} kB{rights}", inspection.hooks.join(", "), inspection.size.div_ceil(1_000))
}
