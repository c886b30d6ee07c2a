//! `wasmcast plugin check`: all that a server does with a plugin before it serves, without a server.

use super::inspect;
use super::project::Project;
use super::{Failure, bounded, build, cargo, sdk};
use crate::output;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use wasmcast::plugin::{Artifact, Generation, Manifest, Runtime, RuntimeOptions, Services};

/// Memory for the plugin's instances; its own limit lies far below.
const MEMORY: usize = 1 << 30;
/// Live instances: a check makes two or three.
const INSTANCES: u32 = 16;

/// Do all that a server does with a plugin up to taking it into service: file, manifest, rights, init, self-test
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wasmcast plugin check my-auth                        builds it first\n  \
    wasmcast plugin check /etc/wasmcast/plugins/my-auth.wasm && systemctl reload wasmcast\n\n\
    The plugin's init and self-test are run, in the sandbox and with the manifest's rights: with a grant of http they may send\n\
    requests. Exit code 1: a server would not take it into service.")]
pub struct Args {
    /// The plugin's folder, or its file
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    source: PathBuf,
    /// The manifest [default: NAME.toml beside the file]
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Print JSON: what was found of a plugin that a server would take
    #[arg(long)]
    json: bool,
}

/// Runs `wasmcast plugin check`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let file = match args.source.is_dir() {
        true => build::project_to(&Project::open(&args.source)?, &cargo::Options::default(), None)?.file,
        false => args.source.clone(),
    };
    let (bytes, inspection) = inspect::read(&file)?;
    output::say(&format!("file      {}: {}", file.display(), inspection.hooks.join(", ")));
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let manifest = read_manifest(&name, args.manifest.as_deref(), &file)?;
    let cache = sdk::cache()?.join("check");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let failed = |error| Failure::Failed(format!("the threads for the plugin can not be started: {error}"));
    runtime.map_err(failed)?.block_on(async {
        let host = host(cache, Services::new())?;
        let artifact = load(&host, bytes.into()).await?;
        let generation = begin(&host, &name, 1, &artifact, &manifest).await?;
        let tick = generation.tick_interval().map(|every| format!(", ticks every {} s", every.as_secs_f32()));
        output::say(&format!("begins    {} KiB of memory{}", generation.memory() >> 10, tick.unwrap_or_default()));
        let rules = generation.rules();
        if !rules.is_empty() {
            let rules: Vec<String> =
                rules.iter().map(|rule| format!("{} ({})", rule.name, rule.measure.name())).collect();
            output::say(&format!("rules     {}", rules.join(", ")));
        }
        if rules.about_countries().is_some() {
            output::say(
                "          rules about countries need http.country_header and http.trusted_proxies in the server's configuration",
            );
        }
        output::say("a server would take it into service");
        if !args.json {
            return Ok(ExitCode::SUCCESS);
        }
        let found = json!({
            "name": name,
            "file": file.display().to_string(),
            "digest": inspection.digest,
            "hooks": inspection.hooks,
            "rules": rules.iter().map(|rule| json!({ "name": *rule.name, "measure": rule.measure.name() })).collect::<Vec<_>>(),
            "memory_bytes": generation.memory(),
            "tick_ms": generation.tick_interval().map(|every| u64::try_from(every.as_millis()).unwrap_or(u64::MAX)),
        });
        Ok(output::data(&format!("{found:#}\n")))
    })
}

/// The manifest that was named, or the one beside the file, or what holds without one.
fn read_manifest(name: &str, given: Option<&Path>, file: &Path) -> Result<Manifest, Failure> {
    let path = given.map_or_else(|| file.with_extension("toml"), Path::to_path_buf);
    let text = match bounded::read_text(&path, bounded::MAX_MANIFEST) {
        Err(Failure::File { error, .. }) if error.kind() == std::io::ErrorKind::NotFound && given.is_none() => {
            output::say("manifest  none: what holds for all plugins");
            return Ok(Manifest::absent(name));
        }
        result => result?,
    };
    let shown = path.display().to_string();
    let manifest = Manifest::parse(&text, name, &shown)
        .map_err(|error| Failure::Failed(format!("the manifest can not be used:\n{error}")))?;
    output::say(&format!("manifest  {shown}"));
    if manifest.matching.names_countries() {
        output::say(
            "          match.country needs http.country_header and http.trusted_proxies in the server's configuration",
        );
    }
    Ok(manifest)
}

/// A host for one plugin.
pub fn host(cache: PathBuf, services: Arc<Services>) -> Result<Runtime, Failure> {
    fs::create_dir_all(&cache).map_err(Failure::file("cannot make the cache folder", &cache))?;
    // As a server does: what costs too much to compile is told here.
    let compiler = Some(PathBuf::from("/proc/self/exe"));
    let options = RuntimeOptions { cache_dir: cache, compiler, memory: MEMORY, instances: Some(INSTANCES) };
    Runtime::new(&options, services).map_err(|error| Failure::Failed(error.to_string()))
}

async fn load(host: &Runtime, bytes: Arc<[u8]>) -> Result<Artifact, Failure> {
    let started = Instant::now();
    let artifact =
        host.load(bytes).await.map_err(|error| Failure::Failed(format!("the plugin is not loaded: {error}")))?;
    let how = if artifact.cached { "compiled before" } else { "compiled" };
    output::say(&format!("compiles  {how}, {} ms", started.elapsed().as_millis()));
    Ok(artifact)
}

async fn begin(
    host: &Runtime,
    name: &str,
    number: u64,
    artifact: &Artifact,
    manifest: &Manifest,
) -> Result<Generation, Failure> {
    let prepared = host.prepare(&Arc::from(name), number, artifact, &manifest.settings, None).await;
    prepared.map_err(|error| Failure::Failed(format!("the plugin is not taken into service: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmcast::plugin::{FaultClass, Hook};

    #[test]
    fn the_manifest_that_the_readme_shows_can_be_used() {
        let readme = include_str!("../../../sdk/README.md");
        let (_, manifest) = readme.split_once("## The manifest").unwrap();
        let (_, manifest) = manifest.split_once("```toml").unwrap();
        let (manifest, _) = manifest.split_once("```").unwrap();
        // A digest and a secret of this machine for those of the example.
        let manifest = manifest.replace("9f2c...", &"9f".repeat(32)).replace("file:/run/secrets/token", "env:HOME");
        let manifest = manifest.replace("RW...", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3");
        let read = Manifest::parse(&manifest, "auth", "README.md").unwrap();
        let defaults = Manifest::absent("auth");
        assert_eq!(read.settings.limits, defaults.settings.limits);
        assert_eq!(
            (read.settings.isolation, read.settings.instances),
            (defaults.settings.isolation, defaults.settings.instances)
        );
        assert_eq!((read.phase, read.priority), (defaults.phase, defaults.priority));
        for class in [FaultClass::Load, FaultClass::Init, FaultClass::Trap, FaultClass::Deadline, FaultClass::Error] {
            let policies = [&read, &defaults].map(|manifest| manifest.failure.policy(Hook::Auth, class));
            assert_eq!(policies[0], policies[1], "{class:?}");
        }
        assert!(
            read.settings.grants.kv.is_some() && read.settings.grants.http.is_some_and(|origins| origins.len() == 1)
        );
    }
}
