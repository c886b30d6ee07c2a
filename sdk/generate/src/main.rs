//! Writes the SDK's Rust bindings from `wit`. Done here, once, and not in each author's build, which would take half a minute longer.

use sha2::{Digest, Sha256};
use std::path::Path;
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_rust::{Opts, WithOption};

/// The imports that the SDK has functions for.
const IMPORTS: &[&str] =
    &["types", "log", "metrics", "trace", "notify", "clock", "random", "crypto", "config", "kv", "http", "sessions"];

/// The interfaces that a plugin exports: module, world, interface, and the host's interfaces in its functions.
const EXPORTS: &[(&str, &str, &str, &[&str])] = &[
    ("check", "auth-check", "wasmcast:auth/check", &["types", "sessions"]),
    ("revoke", "auth-revoke", "wasmcast:auth/revoke", &["types"]),
    ("routing", "router-routing", "wasmcast:router/routing", &["types", "sessions"]),
    ("rules", "ratelimit-rules", "wasmcast:ratelimit/rules", &["types"]),
    ("decide", "ratelimit-decide", "wasmcast:ratelimit/decide", &["sessions"]),
    ("events", "observer-events", "wasmcast:observer/events", &["types"]),
    ("stats", "observer-stats", "wasmcast:observer/stats", &[]),
    ("init", "lifecycle-init", "wasmcast:lifecycle/init", &[]),
    ("reconfigure", "lifecycle-reconfigure", "wasmcast:lifecycle/reconfigure", &[]),
    ("state", "lifecycle-state", "wasmcast:lifecycle/state", &[]),
    ("tick", "lifecycle-tick", "wasmcast:lifecycle/tick", &[]),
    ("self_test", "lifecycle-self-test", "wasmcast:lifecycle/self-test", &[]),
];

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let imports: String = IMPORTS.iter().map(|name| format!("import wasmcast:host/{name}@0.1.0; ")).collect();
    let world = format!("package wasmcast:rust; world imports {{ {imports}}}");
    write(&root, "imports", &world, Opts { generate_all: true, ..Opts::default() })?;
    for (module, world, interface, uses) in EXPORTS {
        let text = format!("package wasmcast:rust; world {world} {{ export {interface}@0.1.0; }}");
        let with = uses.iter().map(|name| {
            (format!("wasmcast:host/{name}@0.1.0"), WithOption::Path(format!("crate::bindings::host::{name}")))
        });
        // `init` is exported by the SDK itself, all others from the crates that use it.
        let opts = Opts {
            with: with.collect(),
            pub_export_macro: *module != "init",
            default_bindings_module: (*module != "init").then(|| format!("wasmcast_plugin::__private::{module}")),
            ..Opts::default()
        };
        write(&root, module, &text, opts)?;
    }
    std::fs::write(root.join("sdk/rust/src/bindings/wit.sha256"), format!("{}\n", digest(&root.join("wit"))?))?;
    Ok(())
}

/// Of the contract, so that a test can tell whether the bindings are of today: each `.wit` file's path and text, sorted by path.
fn digest(wit: &Path) -> anyhow::Result<String> {
    let mut files = vec![wit.join("sdk.wit")];
    for package in std::fs::read_dir(wit.join("deps"))? {
        for file in std::fs::read_dir(package?.path())? {
            files.push(file?.path());
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.strip_prefix(wit)?.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update(std::fs::read(&file)?);
        hash.update([0]);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write(root: &Path, module: &str, world: &str, opts: Opts) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    resolve.push_path(root.join("wit"))?;
    let package = resolve.push_str("world.wit", world)?;
    let world = resolve.select_world(&[package], None)?;
    let mut files = Files::default();
    let opts = Opts { format: true, ..opts };
    opts.build().generate(&mut resolve, world, &mut files)?;
    let (_, code) = files.iter().next().ok_or_else(|| anyhow::anyhow!("nothing was generated for {module}"))?;
    let code = std::str::from_utf8(code)?;
    // The generator's own comment would say how to call it by hand.
    let code: Vec<&str> = code.lines().skip_while(|line| line.starts_with("//")).collect();
    let file = root.join("sdk/rust/src/bindings").join(format!("{module}.rs"));
    std::fs::write(file, format!("//! Generated from `wit` by `make bindings`: do not edit.\n\n{}\n", code.join("\n")))?;
    Ok(())
}
