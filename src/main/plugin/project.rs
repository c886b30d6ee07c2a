//! An author's folder: what its Cargo.toml says, and where the SDK comes from.

use super::{Failure, sdk};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with a plugin in Rust.
#[derive(Debug, PartialEq, Eq)]
pub struct Project {
    pub folder: PathBuf,
    /// The package's name: `my-auth`.
    pub name: String,
    pub version: String,
    /// Whether Cargo must be told where `wasmcast-plugin` is.
    wants_sdk: bool,
}

/// First line of a file that we may replace.
const MARK: &str = "# Written by `wasmcast plugin`: where the SDK is on this machine. Not for version control.";

impl Project {
    /// Reads a folder's Cargo.toml.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join("Cargo.toml");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::Usage(format!(
                    "{} is no plugin's folder: it has no Cargo.toml. `wasmcast plugin new NAME` makes one",
                    folder.display()
                )));
            }
            result => result.map_err(Failure::file("cannot read", &path))?,
        };
        let folder = folder.canonicalize().map_err(Failure::file("cannot open", folder))?;
        Self::parse(folder, &text).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
    }

    fn parse(folder: PathBuf, text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let package = table.get("package").ok_or("it has no [package]")?;
        let name = package.get("name").and_then(toml::Value::as_str).ok_or("its [package] has no name")?.to_owned();
        let version = package.get("version").and_then(toml::Value::as_str).unwrap_or("0.0.0").to_owned();
        let kinds = table.get("lib").and_then(|lib| lib.get("crate-type")).and_then(toml::Value::as_array);
        if !kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))) {
            return Err("a plugin is a `cdylib`; add\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]".to_owned());
        }
        // A path, a git repository or a workspace's entry says itself where the SDK is.
        let dependency = table.get("dependencies").and_then(|all| all.get("wasmcast-plugin"));
        let wants_sdk = dependency
            .is_some_and(|dependency| ["path", "git", "workspace"].iter().all(|key| dependency.get(key).is_none()));
        Ok(Self { folder, name, version, wants_sdk })
    }

    /// The operator's manifest beside the sources.
    pub fn manifest(&self) -> PathBuf {
        self.folder.join(format!("{}.toml", self.name))
    }

    /// Where the build puts what is for the plugin directory.
    pub fn dist(&self) -> PathBuf {
        self.folder.join("dist")
    }

    /// Whether a Cargo.lock says which versions the dependencies have: its own, or that of the workspace around it.
    pub fn is_locked(&self) -> bool {
        let is_workspace = |folder: &&Path| {
            let manifest =
                fs::read_to_string(folder.join("Cargo.toml")).ok().and_then(|text| text.parse::<toml::Table>().ok());
            manifest.is_some_and(|manifest| manifest.contains_key("workspace"))
        };
        let root = self.folder.ancestors().find(is_workspace).unwrap_or(&self.folder);
        root.join("Cargo.lock").is_file()
    }

    /// Tells Cargo, and with it editors, where the SDK is: in `.cargo/config.toml`, which is ours unless the author wrote one.
    /// Returns what must be added to Cargo's command line.
    pub fn connect(&self, cache: &Path) -> Result<Vec<String>, Failure> {
        if !self.wants_sdk {
            return Ok(Vec::new());
        }
        let sdk = sdk::unpacked(cache)?;
        let file = self.folder.join(".cargo/config.toml");
        let text = config(&sdk);
        match fs::read_to_string(&file) {
            Ok(present) if present == text => Ok(Vec::new()),
            Ok(present) if !present.starts_with(MARK) => Ok(vec!["--config".to_owned(), patch(&sdk)]),
            _ => {
                let folder = self.folder.join(".cargo");
                fs::create_dir_all(&folder)
                    .and_then(|()| fs::write(&file, text))
                    .map_err(Failure::file("cannot write", &file))?;
                Ok(Vec::new())
            }
        }
    }
}

fn config(sdk: &Path) -> String {
    format!("{MARK}\n[patch.crates-io]\nwasmcast-plugin = {{ path = {} }}\n", quoted(sdk))
}

fn patch(sdk: &Path) -> String {
    format!("patch.crates-io.wasmcast-plugin.path={}", quoted(sdk))
}

/// JSON's strings are valid TOML strings.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "[package]\nname = \"my-auth\"\nversion = \"0.2.0\"\n[lib]\ncrate-type = [\"cdylib\"]\n";

    #[test]
    fn a_project_tells_where_its_sdk_is() {
        let rows = [
            ("[dependencies]\nwasmcast-plugin = \"0.1\"\n", true),
            ("[dependencies]\nwasmcast-plugin = { version = \"0.1\" }\n", true),
            ("[dependencies]\nwasmcast-plugin = { path = \"../../sdk/rust\" }\n", false),
            ("[dependencies]\nwasmcast-plugin.workspace = true\n", false),
            ("", false),
        ];
        for (dependencies, wants_sdk) in rows {
            let project = Project::parse("/x".into(), &format!("{PACKAGE}{dependencies}")).unwrap();
            assert_eq!((project.name.as_str(), project.version.as_str()), ("my-auth", "0.2.0"));
            assert_eq!(project.wants_sdk, wants_sdk, "{dependencies}");
        }
    }

    #[test]
    fn what_can_not_be_a_plugin_is_told() {
        let rows = [
            ("[workspace]", "no [package]"),
            ("[package]\nversion = \"1.0.0\"", "no name"),
            ("[package]\nname = \"a\"", "crate-type = [\"cdylib\""),
            ("[package", "TOML"),
        ];
        for (text, expected) in rows {
            let error = Project::parse("/x".into(), text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn cargo_reads_what_is_written() {
        let path = Path::new("/tmp/a \"b\"/sdk");
        let table: toml::Table = config(path).parse().unwrap();
        assert_eq!(table["patch"]["crates-io"]["wasmcast-plugin"]["path"].as_str(), path.to_str());
        let line: toml::Table = patch(path).parse().unwrap();
        assert_eq!(line["patch"]["crates-io"]["wasmcast-plugin"]["path"].as_str(), path.to_str());
    }
}
