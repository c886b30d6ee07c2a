//! Merges the layers into one checked configuration and remembers where each value came from.

use super::file::{self, File};
use super::keys::{self, KEYS, Key};
use super::problem::{ConfigError, Problem};
use super::{Config, Media, check, environment};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where the configuration comes from: kept, so that it can be read again when the file changes.
#[derive(Clone, Debug)]
pub struct Sources {
    file: PathBuf,
    /// Whether the file was asked for, so that its absence is an error.
    file_required: bool,
    environment: Vec<(OsString, OsString)>,
    flags: Vec<Flag>,
}

/// A command line flag that overlays a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As typed, for messages: `--http`.
    pub name: &'static str,
    /// The key: `http.listen`.
    pub key: &'static str,
    pub value: FlagValue,
}

/// The value of a flag.
#[derive(Clone, Debug)]
pub enum FlagValue {
    Text(String),
    Switch(bool),
}

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "wasmcast.toml";

/// A configuration that can be used, and its story.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// What looks like a mistake but does no harm.
    pub warnings: Vec<String>,
    /// To read it again.
    pub sources: Sources,
    /// What the file held; `None` where there was none.
    pub(super) content: Option<Vec<u8>>,
    origins: BTreeMap<&'static str, Source>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// Follows another key that is named.
    Derived(&'static str),
    File(PathBuf, usize),
    /// `env NAME` or `flag --NAME`.
    Named(String),
}

/// One value that overlays what is below.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// As it appears in messages.
    pub(super) source: String,
    pub(super) path: String,
    pub(super) value: Value,
}

impl Sources {
    /// The file of `-c`, else `./wasmcast.toml` where it exists, and the process environment.
    pub fn from_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        Sources::new(file, std::env::vars_os().collect(), flags)
    }

    /// As [`Sources::from_process`], with a given environment.
    pub fn new(file: Option<PathBuf>, environment: Vec<(OsString, OsString)>, flags: Vec<Flag>) -> Self {
        let file_required = file.is_some();
        let file = file.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        Sources { file, file_required, environment, flags }
    }

    /// The file that is read, and watched.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the file and merges everything.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let content = match read(&self.file) {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.file_required => None,
            Err(error) => return Err(ConfigError::File(self.file.clone(), error)),
        };
        self.load_content(content)
    }

    /// Merges everything with this content in place of the file's.
    pub fn load_content(&self, content: Option<Vec<u8>>) -> Result<Loaded, ConfigError> {
        let path = self.file.clone();
        let file = match &content {
            None => File::default(),
            Some(content) if content.len() as u64 > MAX_FILE_BYTES => {
                return Err(ConfigError::Content(path, "is longer than 1 MiB"));
            }
            Some(content) => {
                let Ok(text) = std::str::from_utf8(content) else {
                    return Err(ConfigError::Content(path, "is not UTF-8 text"));
                };
                File::parse(text, &path.display().to_string()).map_err(|problem| ConfigError::Invalid(vec![problem]))?
            }
        };
        let environment = environment::read(&self.environment);
        let mut figment = Figment::from(file.clone());
        for layer in environment.layers.into_iter().chain(self.flags.iter().map(Layer::from)) {
            figment = figment.merge(layer);
        }
        let merged = Merged { figment, file, path };
        let mut problems = environment.problems;
        problems.extend(merged.unknown_keys());
        let config = merged.read(&mut problems);
        let origins = KEYS.iter().map(|key| (key.path, merged.origin(key))).collect();
        let mut warnings = environment.warnings;
        if problems.is_empty() {
            let loaded = Loaded { config, warnings: Vec::new(), sources: self.clone(), content, origins };
            problems = check::problems(&loaded.config, |key| loaded.place(key));
            if problems.is_empty() {
                warnings.extend(check::warnings(&loaded.config));
                return Ok(Loaded { warnings, ..loaded });
            }
        }
        Err(ConfigError::Invalid(problems))
    }
}

impl Loaded {
    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> Source {
        self.origins.get(key).cloned().unwrap_or(Source::Default)
    }

    /// Puts another configuration into force. Sources are those of `new`, save for keys that were left as they are.
    pub(super) fn take_over(&mut self, config: Config, new: &Loaded, left: &[&str]) {
        self.config = config;
        for (key, source) in &new.origins {
            if !left.contains(key) {
                self.origins.insert(key, source.clone());
            }
        }
    }

    /// The place to name when the value of a key is wrong; none for defaults.
    fn place(&self, key: &str) -> Option<String> {
        match self.origin(key) {
            Source::Default | Source::Derived(_) => None,
            source => Some(source.to_string()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Derived(from) => write!(f, "default, from {from}"),
            Source::File(path, line) => write!(f, "{}:{line}", path.display()),
            Source::Named(name) => f.write_str(name),
        }
    }
}

impl From<&Flag> for Layer {
    fn from(flag: &Flag) -> Self {
        let value = match &flag.value {
            FlagValue::Text(text) => Value::from(text.clone()),
            FlagValue::Switch(on) => Value::from(*on),
        };
        Layer { source: format!("flag {}", flag.name), path: flag.key.to_owned(), value }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut segments = self.path.split('.').rev();
        let mut dict = Dict::from([(segments.next().unwrap_or_default().to_owned(), self.value.clone())]);
        for segment in segments {
            dict = Dict::from([(segment.to_owned(), Value::from(dict))]);
        }
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// What the sources supplied, on top of each other. Defaults are not in it.
struct Merged {
    figment: Figment,
    file: File,
    path: PathBuf,
}

impl Merged {
    /// Reads every supplied key into the defaults.
    fn read(&self, problems: &mut Vec<Problem>) -> Config {
        let mut config = Config::default();
        for key in KEYS.iter().filter(|key| self.figment.contains(key.path)) {
            if let Err(errors) = (key.read)(&mut config, &self.figment) {
                problems.extend((*errors).into_iter().map(|error| self.problem(key, &error)));
            }
        }
        if !self.figment.contains("media.listen") {
            config.media.listen = Media::listen_beside(config.http.listen);
        }
        config
    }

    fn problem(&self, key: &Key, error: &figment::Error) -> Problem {
        // figment appends the key's own two segments to the path within its value.
        let inner = &error.path[..error.path.len().saturating_sub(2)];
        let mut path: Vec<String> = key.path.split('.').map(str::to_owned).collect();
        path.extend(inner.iter().cloned());
        let problem = Problem::value(key.path, inner, &error.kind);
        match error.metadata.as_ref().or_else(|| self.figment.find_metadata(key.path)) {
            Some(metadata) => problem.at(self.place(&metadata.name, &path).to_string()),
            None => problem,
        }
    }

    /// Supplied keys that do not exist. What lies within a key's value is judged when it is read.
    fn unknown_keys(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Ok(all) = self.figment.find_value("") else { return problems };
        for (section, value) in all.as_dict().into_iter().flatten() {
            let is_section = KEYS.iter().any(|key| key.section() == section);
            match value.as_dict() {
                Some(names) if is_section => {
                    for (name, value) in names {
                        if keys::find(&format!("{section}.{name}")).is_none() {
                            problems.push(self.unknown(&[section, name], value));
                        }
                    }
                }
                None if is_section => {
                    let text = format!("`{section}` is a section: write [{section}] and its keys below");
                    problems.push(Problem::new(text).at(self.place_of(&[section], value)));
                }
                // An unknown section: its keys say more about what was meant.
                Some(names) if !names.is_empty() => {
                    problems.extend(names.iter().map(|(name, value)| self.unknown(&[section, name], value)));
                }
                Some(_) | None => problems.push(self.unknown(&[section], value)),
            }
        }
        problems
    }

    fn unknown(&self, path: &[&str], value: &Value) -> Problem {
        Problem::unknown_key(&path.join(".")).at(self.place_of(path, value))
    }

    fn place_of(&self, path: &[&str], value: &Value) -> String {
        let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
        let name = self.figment.get_metadata(value.tag()).map_or(file::SOURCE, |metadata| &metadata.name);
        self.place(name, &path).to_string()
    }

    fn origin(&self, key: &Key) -> Source {
        let path: Vec<String> = key.path.split('.').map(str::to_owned).collect();
        match self.figment.find_metadata(key.path) {
            Some(metadata) => self.place(&metadata.name, &path),
            None if key.path == "media.listen" => Source::Derived("http.listen"),
            None if key.path == "node.name" => Source::Derived("the host's name"),
            None => Source::Default,
        }
    }

    fn place(&self, metadata: &str, path: &[String]) -> Source {
        match (metadata, self.file.line(path)) {
            (file::SOURCE, Some(line)) => Source::File(self.path.clone(), line),
            (name, _) => Source::Named(name.to_owned()),
        }
    }
}

/// Far more than any configuration; a wrong path must not be read into memory without end.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a file, and one byte more than is allowed, so that too long can be told.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// As [`read`], but only of a regular file: a pipe would block, and be empty the second time.
pub(super) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.is_file() { read(path) } else { Err(io::ErrorKind::Unsupported.into()) }
}
