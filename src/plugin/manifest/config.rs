//! The `[config]` table of a manifest: a plugin's own settings as JSON, with its secrets fetched and never shown.

use super::document::{Document, Item};
use super::secret::{self, InvalidSecret};
use serde_json::{Map, Number, Value};
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// What `[config]` says.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// An object, as the plugin reads it. Holds secrets.
    values: Value,
    /// The references of the secrets in it: `file:PATH`, `env:NAME`.
    secrets: Vec<String>,
    /// The secrets themselves, to hide them.
    texts: Vec<String>,
}

impl Config {
    /// The secrets in it. Never shown.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }

    /// What the plugin reads. Holds secrets.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// What may be shown: how many keys there are, and where its secrets are. Neither values nor keys: both may be tokens
    /// that somebody wrote down here.
    pub fn shown(&self) -> Value {
        let keys = self.values.as_object().map_or(0, Map::len);
        serde_json::json!({ "keys": keys, "secrets": self.secrets })
    }

    /// Reads the table. `files` is given the paths of the secrets in files.
    pub(super) fn read(document: &Document<'_>, item: Option<Item<'_>>, files: &mut Vec<PathBuf>) -> Self {
        let Some(item) = item else { return Config::default() };
        let Some(table) = item.get_ref().as_table() else {
            document.problem(item.span().start, "`config` is a table: write [config] and its keys below".to_owned());
            return Config::default();
        };
        let mut reader = Reader { document, files, secrets: Vec::new(), texts: Vec::new() };
        // The whole is no secret, whatever its keys are.
        let values = reader.table(table, &mut "config".to_owned());
        let mut secrets = reader.secrets;
        secrets.sort();
        secrets.dedup();
        Config { values, secrets, texts: reader.texts }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config { values: Value::Object(Map::new()), secrets: Vec::new(), texts: Vec::new() }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shown().fmt(f)
    }
}

struct Reader<'r, 'd> {
    document: &'r Document<'d>,
    files: &'r mut Vec<PathBuf>,
    secrets: Vec<String>,
    texts: Vec<String>,
}

impl Reader<'_, '_> {
    /// The value. As deep as the parser allows: 80.
    fn value(&mut self, item: Item<'_>, path: &mut String) -> Value {
        match item.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(switch) => Value::Bool(*switch),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(number) => {
                let (digits, radix) = (number.as_str(), number.radix());
                let parsed = i64::from_str_radix(digits, radix).map(Number::from);
                let parsed = parsed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from));
                self.number(item, path, parsed.ok())
            }
            DeValue::Float(number) => {
                let parsed = number.as_str().parse().ok().and_then(Number::from_f64);
                self.number(item, path, parsed)
            }
            DeValue::Array(items) => {
                let items = items.iter().enumerate();
                Value::Array(items.map(|(index, item)| self.below(item, path, &format!("[{index}]"))).collect())
            }
            DeValue::Table(table) => {
                let reference = if self.document.is_inline(item) { secret::read(item) } else { None };
                match reference {
                    Some(read) => self.secret(item, path, read),
                    None => self.table(table, path),
                }
            }
        }
    }

    fn table(&mut self, table: &DeTable<'_>, path: &mut String) -> Value {
        let mut values = Map::new();
        for (key, item) in table {
            let key = key.get_ref();
            if key == "secret" && item.get_ref().as_str().is_some_and(secret::is_reference) {
                let text = "this is no reference here, and the plugin would be given it as it stands; in a table of its own write \
                    the whole as NAME = { secret = \"...\" }, beside other keys secret = { secret = \"...\" }";
                self.problem(item, &format!("{path}.{key}"), text);
            }
            let value = self.below(item, path, &format!(".{key}"));
            values.insert(key.to_string(), value);
        }
        Value::Object(values)
    }

    fn below(&mut self, item: Item<'_>, path: &mut String, step: &str) -> Value {
        let length = path.len();
        path.push_str(step);
        let value = self.value(item, path);
        path.truncate(length);
        value
    }

    fn number(&self, item: Item<'_>, path: &str, number: Option<Number>) -> Value {
        if number.is_none() {
            self.problem(item, path, "this number does not fit into JSON: up to 64 bits, neither inf nor nan");
        }
        number.map_or(Value::Null, Value::Number)
    }

    fn secret(&mut self, item: Item<'_>, path: &str, read: Result<secret::Secret, InvalidSecret>) -> Value {
        match read {
            Ok(secret) => {
                self.files.extend(secret.file);
                self.secrets.push(secret.reference);
                self.texts.push(secret.text.clone());
                Value::String(secret.text)
            }
            Err(error) => {
                // The file may come to exist: it is watched all the same.
                self.files.extend(error.file().map(PathBuf::from));
                self.problem(item, path, &error.to_string());
                Value::Null
            }
        }
    }

    fn problem(&self, item: Item<'_>, path: &str, text: &str) {
        self.document.problem(item.span().start, format!("`{}`: {text}", path.escape_debug()));
    }
}
