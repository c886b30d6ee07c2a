//! The `[plugins]` section: where plugins are found, where their state is kept, and how much memory they share.

use std::path::PathBuf;

/// What plugins get of this machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Plugins {
    /// The directory that is watched; none: no plugins.
    pub dir: Option<PathBuf>,
    /// Where compiled plugins and the last good ones are kept; none: see [`Plugins::state_dir`].
    pub state_dir: Option<PathBuf>,
    /// Memory of all instances of all plugins together.
    pub memory_mib: u32,
    /// Keys of minisign, as in the second line of `minisign.pub`: whose signatures are trusted.
    pub trusted_keys: Vec<String>,
    /// Only plugins that are signed by one of them are loaded.
    pub require_signature: bool,
}

impl Default for Plugins {
    fn default() -> Self {
        Plugins { dir: None, state_dir: None, memory_mib: 1_024, trusted_keys: Vec::new(), require_signature: false }
    }
}

impl Plugins {
    /// Where plugins' state is kept: as configured, else where the system says that programs keep theirs.
    pub fn state_dir(&self, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
        let given = |name: &str| variable(name).filter(|path| path.is_absolute());
        // systemd's StateDirectory= sets the first; it may name several with colons between them.
        let of_service = || {
            let list = variable("STATE_DIRECTORY")?;
            let first = list.to_str()?.split(':').next().map(PathBuf::from)?;
            first.is_absolute().then_some(first)
        };
        let of_user = || Some(given("XDG_STATE_HOME")?.join("wasmcast"));
        let of_home = || Some(given("HOME")?.join(".local/state/wasmcast"));
        self.state_dir.clone().or_else(of_service).or_else(of_user).or_else(of_home)
    }

    /// Whether the directory holds something that would be loaded as a plugin. Only a look at names: what the plugin
    /// does, and whether it can be loaded, is seen when it is.
    pub fn has_any(&self) -> bool {
        let Some(entries) = self.dir.as_ref().and_then(|dir| std::fs::read_dir(dir).ok()) else { return false };
        entries.flatten().any(|entry| {
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            !hidden && path.extension().is_some_and(|extension| extension == "wasm")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_kept_where_the_system_says() {
        let rows: [(&[(&str, &str)], Option<&str>); 7] = [
            (&[], None),
            (&[("HOME", "/home/a")], Some("/home/a/.local/state/wasmcast")),
            (&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/state")], Some("/state/wasmcast")),
            (&[("HOME", "/home/a"), ("XDG_STATE_HOME", "state")], Some("/home/a/.local/state/wasmcast")),
            (&[("STATE_DIRECTORY", "/var/lib/wasmcast"), ("HOME", "/")], Some("/var/lib/wasmcast")),
            (&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")], Some("/var/lib/a")),
            (&[("STATE_DIRECTORY", "")], None),
        ];
        for (variables, expected) in rows {
            let variable =
                |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
            assert_eq!(Plugins::default().state_dir(variable), expected.map(PathBuf::from), "{variables:?}");
            let given = Plugins { state_dir: Some("/given".into()), ..Plugins::default() };
            assert_eq!(given.state_dir(variable), Some("/given".into()));
        }
    }
}
