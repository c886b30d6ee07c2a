//! Reads what a component is, exports and asks for, without running any of its code.

use super::contract;
use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

/// Largest file that is read, in bytes: JavaScript and Python components are 12 to 18 MB.
pub const MAX_FILE: usize = 64 << 20;
/// The custom section that tells a plugin's name and version.
pub const SECTION: &str = "wasmcast-plugin";
/// Largest such section that is believed, in bytes.
const MAX_SECTION: usize = 4 << 10;
/// How ELF files begin; wasmtime's precompiled components are such.
const ELF: &[u8] = b"\x7fELF";
const MAGIC: &[u8] = b"\0asm";

/// What the custom section says. All of it is the author's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Label {
    pub name: Option<String>,
    pub version: Option<String>,
    /// The version of the SDK that it was built with.
    pub sdk: Option<String>,
    /// The compiler.
    pub built_with: Option<String>,
}

/// An interface that a component imports or exports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `wasmcast:host/kv`.
    pub name: String,
    /// `0.1.0`; empty where the component names none.
    pub version: String,
    /// `increment`, `session.token`, `counter.new`.
    pub functions: Vec<String>,
}

impl Interface {
    /// The part behind the slash.
    pub fn short(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// What a component is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    #[serde(flatten)]
    pub label: Label,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
    /// Of the file, in bytes.
    pub size: usize,
    /// Whether the file is a core module that carries its component type.
    pub core_module: bool,
    /// The exports that this server calls: `auth/check`.
    pub hooks: Vec<String>,
    pub exports: Vec<Interface>,
    pub imports: Vec<Interface>,
    /// The lowest version of `wasmcast:host` that has all that it imports.
    pub host_version: String,
}

/// Why a file is no plugin that this server can run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    #[error("it is empty")]
    Empty,
    #[error("it has {0} MiB; at most {max} MiB are read", max = MAX_FILE >> 20)]
    TooLarge(usize),
    #[error(
        "it is compiled native code (.cwasm). The server compiles plugins itself and never loads native code of others: put the .wasm file here"
    )]
    Precompiled,
    #[error("it is no WebAssembly file (it begins with {0}). Build it with `wasmcast plugin build`")]
    NotWasm(String),
    #[error("it is not valid WebAssembly, or is cut off: {0}. Copy it again, or build it again")]
    Invalid(String),
    #[error(
        "it is a core module without a component type. Build it with `wasmcast plugin build`, or with a generator (wit-bindgen) that embeds the type"
    )]
    NoComponentType,
    #[error("it can not be made into a component: {0}")]
    Encode(String),
    #[error(
        "it imports WASI (`{0}`), which plugins do not have. Build it for wasm32-unknown-unknown (Rust), with --stub-wasi (Python), or with all features off (JavaScript)"
    )]
    Wasi(String),
    #[error("it imports `{0}`, which this server does not have. Plugins import `wasmcast:host/...` only")]
    UnknownImport(String),
    #[error(
        "it needs `{what}`, this server offers wasmcast:{package} {offered}. Update the server, or build with an older SDK"
    )]
    Newer { what: String, package: String, offered: &'static str },
    #[error(
        "it exports `{name}@{version}`, this server knows version {known} of that: update the server, or build it for {known}"
    )]
    OtherVersion { name: String, version: String, known: &'static str },
    #[error("it exports no hook: it has {found}; this server knows {known}")]
    NoHook { found: String, known: String },
}

/// Reads a file's bytes: a component, or a core module with its component type.
///
/// # Errors
/// Says why it is no plugin for this server, and what to do.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    let (component, core_module) = component(bytes)?;
    let mut found = read(&component)?;
    if found.label == Label::default() && core_module {
        found.label = label(bytes);
    }
    check(&found.exports, &found.imports)?;
    Ok(Inspection {
        label: found.label,
        digest: hex(&Sha256::digest(bytes)),
        size: bytes.len(),
        core_module,
        hooks: contract::hooks(&found.exports),
        host_version: contract::host_version(&found.imports),
        exports: found.exports,
        imports: found.imports,
    })
}

/// The component in a file's bytes; core modules are made into one.
///
/// # Errors
/// When it is neither.
pub fn component(bytes: &[u8]) -> Result<(std::borrow::Cow<'_, [u8]>, bool), InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    if bytes.len() > MAX_FILE {
        return Err(InspectError::TooLarge(bytes.len() >> 20));
    }
    if bytes.starts_with(ELF) {
        return Err(InspectError::Precompiled);
    }
    if !bytes.starts_with(MAGIC) {
        let start: String = String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).escape_debug().collect();
        return Err(InspectError::NotWasm(format!("`{start}`")));
    }
    if !Parser::is_core_wasm(bytes) {
        return Ok((bytes.into(), false));
    }
    // The encoder trusts its input: what is not valid never reaches it.
    validator().validate_all(bytes).map_err(invalid)?;
    let typed = Parser::new(0).parse_all(bytes).any(
        |payload| matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type")),
    );
    if !typed {
        return Err(InspectError::NoComponentType);
    }
    let encode = || wit_component::ComponentEncoder::default().module(bytes)?.validate(false).encode();
    let component = encode().map_err(|error| InspectError::Encode(format!("{error:#}")))?;
    Ok((component.into(), true))
}

struct Found {
    label: Label,
    exports: Vec<Interface>,
    imports: Vec<Interface>,
}

fn validator() -> Validator {
    let off = WasmFeatures::THREADS | WasmFeatures::MEMORY64 | WasmFeatures::MULTI_MEMORY | WasmFeatures::RELAXED_SIMD;
    Validator::new_with_features(WasmFeatures::default() - off)
}

#[expect(clippy::needless_pass_by_value, reason = "used in map_err")]
fn invalid(error: wasmparser::BinaryReaderError) -> InspectError {
    InspectError::Invalid(format!("{} at byte {}", error.message(), error.offset()))
}

/// Validates a component and lists what it imports and exports.
fn read(bytes: &[u8]) -> Result<Found, InspectError> {
    let types = validator().validate_all(bytes).map_err(invalid)?;
    let types = types.as_ref();
    let functions = |item: Option<&wasmparser::component_types::ComponentItem>| match item.map(|item| item.ty) {
        Some(ComponentEntityType::Instance(id)) => {
            let exports = &types[id].exports;
            let functions = exports.iter().filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
            functions.map(|(name, _)| readable(name)).collect()
        }
        _ => Vec::new(),
    };
    let mut found = Found { label: label(bytes), exports: Vec::new(), imports: Vec::new() };
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import.map_err(invalid)?.name.name;
                    found.imports.push(interface(name, functions(types.component_item_for_import(name))));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let name = export.map_err(invalid)?.name.name;
                    found.exports.push(interface(name, functions(types.component_item_for_export(name))));
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The label of a component, or of the first module in it that has one.
fn label(bytes: &[u8]) -> Label {
    let sections = Parser::new(0).parse_all(bytes).filter_map(|payload| match payload {
        Ok(Payload::CustomSection(section)) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    // The SDK writes a line for each hook, all alike.
    let first = |data: &'_ [u8]| data.split(|byte| *byte == b'\n').next().map(<[u8]>::to_vec);
    let mut labels =
        sections.filter(|data| data.len() <= MAX_SECTION).filter_map(|data| serde_json::from_slice(&first(data)?).ok());
    labels.next().unwrap_or_default()
}

/// `wasmcast:host/kv@0.1.0` in its parts.
fn interface(full: &str, functions: Vec<String>) -> Interface {
    let (name, version) = full.split_once('@').unwrap_or((full, ""));
    Interface { name: name.to_owned(), version: version.to_owned(), functions }
}

/// `[method]session.token` as `session.token`, `[constructor]counter` as `counter.new`.
fn readable(name: &str) -> String {
    match name.split_once(']') {
        Some(("[constructor", resource)) => format!("{resource}.new"),
        Some((_, rest)) => rest.to_owned(),
        None => name.to_owned(),
    }
}

/// Whether this server has all that is imported, and calls something of what is exported.
fn check(exports: &[Interface], imports: &[Interface]) -> Result<(), InspectError> {
    for import in imports {
        contract::offered(import)?;
    }
    if contract::hooks(exports).is_empty() {
        return Err(contract::no_hook(exports));
    }
    contract::other_version(exports).map_or(Ok(()), Err)
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plugin_is_told_what_to_do() {
        let rows: [(&[u8], &str); 6] = [
            (b"", "empty"),
            (b"hello world, I am text", "begins with `hello world,`"),
            (b"\x7fELF\x02\x01\x01", ".cwasm"),
            (b"\0asm\x01\0\0\0", "without a component type"),
            (b"\0asm\x01\0\0\0\x01\xff", "cut off"),
            (b"\0asm\x0d\0\x01\0", "exports no hook: it has nothing"),
        ];
        for (bytes, expected) in rows {
            let error = inspect(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(inspect(&vec![0; MAX_FILE + 1]), Err(InspectError::TooLarge(64)));
    }
}
