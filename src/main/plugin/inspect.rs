//! `wasmcast plugin inspect`: what a file is, decides and asks for, without running any of it.

use super::{Failure, bounded};
use crate::output;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasmcast::media::one_line;
use wasmcast::plugin::{self, Inspection, Interface, Key, MAX_SIGNATURE, Signed, Trust};

/// Show what a plugin's file is: hooks, rights that it asks for, needed server, size, digest, signature
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  wasmcast plugin inspect my-auth/dist/my-auth.wasm\n  \
    wasmcast plugin inspect my-auth.wasm --json | jq -r .digest\n\nNothing of the plugin is run. Exit code 1: this server would not load it, or with --key: it is not signed by that key.")]
pub struct Args {
    /// The file: a component, or a core module that carries its component type
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Check the signature FILE.minisig by this key: the second line of minisign.pub
    #[arg(long, value_name = "KEY", value_parser = key)]
    key: Option<Key>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn key(text: &str) -> Result<Key, &'static str> {
    Key::parse(text)
}

/// Runs `wasmcast plugin inspect`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (bytes, inspection) = read(&args.file)?;
    let signed = signed(&args.file, &bytes, args.key.as_ref())?;
    if !args.json {
        let told = match &signed {
            None => "none".to_owned(),
            Some(Signed { key, trusted: true }) => format!("by the key {key}, good"),
            Some(Signed { key, trusted: false }) => format!("by the key {key}, not checked: name it by --key"),
        };
        return Ok(output::text(&format!("{}signature {told}\n", text(&args.file, &inspection))));
    }
    let value = serde_json::to_value(&inspection).and_then(|mut value| {
        value["signature"] = serde_json::to_value(&signed)?;
        Ok(value)
    });
    match value {
        Ok(value) => Ok(output::data(&format!("{value:#}\n"))),
        Err(error) => Err(Failure::Failed(format!("the inspection can not be shown as JSON: {error}"))),
    }
}

/// What the signature beside a file is worth.
fn signed(file: &Path, bytes: &[u8], key: Option<&Key>) -> Result<Option<Signed>, Failure> {
    let path = PathBuf::from(format!("{}.minisig", file.display()));
    let signature = match path.exists() {
        true => Some(String::from_utf8_lossy(&bounded::read(&path, MAX_SIGNATURE)?).into_owned()),
        false => None,
    };
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let checked = Trust::default().check(&name, bytes, signature.as_deref(), key);
    checked.map_err(|problem| Failure::Failed(format!("{}: {problem}", file.display())))
}

/// A file's bytes and what they are.
pub fn read(file: &Path) -> Result<(Vec<u8>, Inspection), Failure> {
    if file.is_dir() {
        let text = format!("{} is a folder; name the .wasm file, such as dist/NAME.wasm", file.display());
        return Err(Failure::Usage(text));
    }
    let refused = |error: plugin::InspectError| Failure::Failed(format!("{} is no plugin: {error}", file.display()));
    let bytes = bounded::read(file, plugin::MAX_FILE)?;
    let inspection = plugin::inspect(&bytes).map_err(refused)?;
    Ok((bytes, inspection))
}

fn text(file: &Path, inspection: &Inspection) -> String {
    let label = &inspection.label;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = one_line(label.name.as_deref().unwrap_or(&stem));
    let version = label.version.as_deref().map(|version| format!(" {}", one_line(version))).unwrap_or_default();
    let built: Vec<String> = [&label.sdk, &label.built_with].into_iter().flatten().map(|text| one_line(text)).collect();
    let built = if built.is_empty() { String::new() } else { format!("   built with {}", built.join(", ")) };
    let size = inspection.size.div_ceil(1_000);
    let form = if inspection.core_module { " (core module)" } else { "" };
    let hooks: Vec<String> = inspection.hooks.iter().map(|hook| with_version(hook, &inspection.exports)).collect();
    let (asked, free): (Vec<&Interface>, Vec<&Interface>) = inspection
        .imports
        .iter()
        .filter(|import| import.name.starts_with("wasmcast:host/") && !import.functions.is_empty())
        .partition(|import| matches!(import.short(), "kv" | "http"));
    let asked: Vec<String> =
        asked.iter().map(|import| format!("{} ({})", import.short(), import.functions.join(", "))).collect();
    let free: Vec<&str> = free.iter().map(|import| import.short()).collect();
    let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
    format!(
        "{name}{version}   {size} kB{form}{built}\n\
         sha256    {}\n\
         hooks     {}\n\
         rights    {}          always there: {}\n\
         needs     wasmcast:host {} or newer\n",
        inspection.digest,
        hooks.join(", "),
        or_none(asked.join(", ")),
        or_none(free.join(", ")),
        inspection.host_version,
    )
}

/// `auth/check 0.1` of `auth/check`, by the export `wasmcast:auth/check` of version 0.1.0.
fn with_version(hook: &str, exports: &[Interface]) -> String {
    let export = exports.iter().find(|export| export.name.strip_prefix("wasmcast:") == Some(hook));
    let version = export.map(|export| export.version.as_str()).filter(|version| !version.is_empty());
    let short = version.map(|version| version.rsplit_once('.').map_or(version, |(short, _)| short));
    short.map_or_else(|| hook.to_owned(), |short| format!("{hook} {short}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_asks_for_is_told_apart_from_what_all_have() {
        let interface = |name: &str, functions: &[&str]| Interface {
            name: name.into(),
            version: "0.1.0".into(),
            functions: functions.iter().map(|function| (*function).to_owned()).collect(),
        };
        let label = plugin::Label {
            name: Some("my-auth".into()),
            version: Some("0.3.1".into()),
            sdk: Some("wasmcast-plugin 0.1.0".into()),
            built_with: Some("rustc 1.96.0".into()),
        };
        let inspection = Inspection {
            label,
            digest: "9f2c".into(),
            size: 43_210,
            core_module: false,
            hooks: vec!["auth/check".into(), "lifecycle/init".into()],
            exports: vec![
                interface("wasmcast:auth/check", &["authorize"]),
                interface("wasmcast:lifecycle/init", &["init"]),
            ],
            imports: vec![
                interface("wasmcast:host/types", &[]),
                interface("wasmcast:host/kv", &["increment"]),
                interface("wasmcast:host/log", &["write"]),
            ],
            host_version: "0.1.0".into(),
        };
        let expected = "my-auth 0.3.1   44 kB   built with wasmcast-plugin 0.1.0, rustc 1.96.0\n\
            sha256    9f2c\n\
            hooks     auth/check 0.1, lifecycle/init 0.1\n\
            rights    kv (increment)          always there: log\n\
            needs     wasmcast:host 0.1.0 or newer\n";
        assert_eq!(text(Path::new("x.wasm"), &inspection), expected);
    }
}
