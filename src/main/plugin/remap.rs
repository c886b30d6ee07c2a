//! What a plugin's build tells the compiler so that the plugin holds no paths of the machine that built it.

use super::toolchain::TARGET;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of this machine, and what stands in their place. The compiler takes the last that fits.
#[derive(Debug, Default)]
pub struct Folders {
    pub home: Option<PathBuf>,
    /// Where Cargo unpacks crates, if not under the home.
    pub cargo_home: Option<PathBuf>,
    /// Where the SDK is unpacked, if not under the home.
    pub cache: PathBuf,
}

impl Folders {
    /// Words for Cargo, for a project in this folder. Of a project under the home nothing of its own is in them, so that all
    /// such projects share what was built.
    pub fn words(&self, project: &Path) -> Vec<String> {
        let home = self.home.as_deref().filter(|home| home.parent().is_some());
        let elsewhere = |folder: &&Path| home.is_none_or(|home| !folder.starts_with(home)) && folder.parent().is_some();
        let others = [
            (self.cargo_home.as_deref(), "/cargo"),
            (Some(&*self.cache), "/cache"),
            (Some(repository(project)), "/plugin"),
        ];
        let others = others.into_iter().filter_map(|(folder, name)| Some((folder.filter(elsewhere)?, name)));
        let flags: Vec<String> = home
            .map(|home| (home, "~"))
            .into_iter()
            .chain(others)
            .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
            .collect();
        if flags.is_empty() {
            return Vec::new();
        }
        // JSON's lists of strings are valid TOML.
        let flags = serde_json::Value::from(flags);
        vec!["--config".to_owned(), format!("{}.rustflags={flags}", self.table(project))]
    }

    /// Cargo joins lists of one key, and knows `build.rustflags` only where no table of a target has any: so the author's own
    /// flags stay in force.
    fn table(&self, project: &Path) -> String {
        let beside = project.ancestors().map(|folder| folder.join(".cargo"));
        let has_own = beside.chain(self.cargo_home.clone()).chain(self.home.iter().map(|home| home.join(".cargo")));
        let mut files = has_own.flat_map(|folder| ["config.toml", "config"].map(|file| folder.join(file)));
        let of_target = |file: PathBuf| {
            let table: Option<toml::Table> = fs::read_to_string(file).ok().and_then(|text| text.parse().ok());
            let targets = table.and_then(|table| table.get("target")?.as_table().cloned()).unwrap_or_default();
            targets
                .iter()
                .any(|(name, table)| (name == TARGET || name.starts_with("cfg(")) && table.get("rustflags").is_some())
        };
        if files.any(of_target) { format!("target.{TARGET}") } else { "build".to_owned() }
    }
}

/// The project's version-controlled folder, else its own: crates beside it come in by paths.
fn repository(project: &Path) -> &Path {
    project.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(project)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(folders: &Folders, project: &Path) -> (String, Vec<String>) {
        let words = folders.words(project);
        let [option, text] = &words[..] else { panic!("{words:?}") };
        assert_eq!(option, "--config");
        let (table, list) = text.split_once(".rustflags=").unwrap();
        let parsed: toml::Table = format!("list = {list}").parse().unwrap();
        let list = parsed["list"].as_array().unwrap().iter();
        let flag = |flag: &toml::Value| flag.as_str().unwrap().trim_start_matches("--remap-path-prefix=").to_owned();
        (table.to_owned(), list.map(flag).collect())
    }

    #[test]
    fn folders_of_the_machine_get_other_names_and_the_authors_flags_stay() {
        let base = std::env::temp_dir().join(format!("wasmcast-remap-{}", std::process::id()));
        let (home, project) = (base.join("home"), base.join("repo/plugins/auth"));
        for folder in [&home, &project.join(".cargo"), &base.join("repo/.git")] {
            fs::create_dir_all(folder).unwrap();
        }
        let shown = |path: &Path| path.display().to_string();
        let inside = Folders {
            home: Some(home.clone()),
            cargo_home: Some(home.join(".cargo")),
            cache: home.join(".cache/wasmcast"),
        };
        assert_eq!(flags(&inside, &home.join("auth")), ("build".to_owned(), vec![format!("{}=~", shown(&home))]));
        let outside =
            Folders { home: Some("/".into()), cargo_home: Some("/opt/cargo".into()), cache: "/var/cache/x".into() };
        let expected = [
            "/opt/cargo=/cargo".to_owned(),
            "/var/cache/x=/cache".to_owned(),
            format!("{}=/plugin", shown(&base.join("repo"))),
        ];
        assert_eq!(flags(&outside, &project), ("build".to_owned(), expected.to_vec()));
        let own = "[target.wasm32-unknown-unknown]\nrustflags = [\"-Ctarget-feature=+simd128\"]";
        fs::write(project.join(".cargo/config.toml"), own).unwrap();
        assert_eq!(flags(&outside, &project).0, "target.wasm32-unknown-unknown");
        fs::remove_dir_all(base).unwrap();
    }
}
