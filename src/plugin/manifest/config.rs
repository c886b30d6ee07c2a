//! The `[config]` table of a manifest: a plugin's own settings as JSON, with its secrets fetched and never shown.

use super::document::{Document, Item};
use super::secret::{self, InvalidSecret};
use serde_json::{Map, Number, Value};
use std::path::PathBuf;
use toml::de::DeValue;

/// What `[config]` says.
#[derive(Clone, PartialEq)]
pub struct Config {
    /// An object, as the plugin reads it. Holds secrets.
    values: Value,
    /// The same as it may be shown: each secret as its reference.
    shown: Value,
}

impl Config {
    /// What the plugin reads. Holds secrets.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// What may be shown.
    pub fn shown(&self) -> &Value {
        &self.shown
    }

    /// Reads the table. `files` is given the paths of the secrets in files.
    pub(super) fn read(document: &Document<'_>, item: Option<Item<'_>>, files: &mut Vec<PathBuf>) -> Self {
        let Some(item) = item else { return Config::default() };
        if !item.get_ref().is_table() {
            document.problem(item.span().start, "`config` is a table: write [config] and its keys below".to_owned());
            return Config::default();
        }
        let mut path = "config".to_owned();
        let (values, shown) = Reader { document, files }.value(item, &mut path);
        Config { values, shown }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config { values: Value::Object(Map::new()), shown: Value::Object(Map::new()) }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shown.fmt(f)
    }
}

struct Reader<'r, 'd> {
    document: &'r Document<'d>,
    files: &'r mut Vec<PathBuf>,
}

impl Reader<'_, '_> {
    /// The value, and how it may be shown. As deep as the parser allows: 80.
    fn value(&mut self, item: Item<'_>, path: &mut String) -> (Value, Value) {
        let plain = |value: Value| (value.clone(), value);
        match item.get_ref() {
            DeValue::String(text) => plain(Value::String(text.to_string())),
            DeValue::Boolean(switch) => plain(Value::Bool(*switch)),
            DeValue::Datetime(time) => plain(Value::String(time.to_string())),
            DeValue::Integer(number) => {
                let (digits, radix) = (number.as_str(), number.radix());
                let parsed = i64::from_str_radix(digits, radix).map(Number::from);
                let parsed = parsed.or_else(|_| u64::from_str_radix(digits, radix).map(Number::from));
                plain(self.number(item, path, parsed.ok()))
            }
            DeValue::Float(number) => {
                let parsed = number.as_str().parse().ok().and_then(Number::from_f64);
                plain(self.number(item, path, parsed))
            }
            DeValue::Array(items) => {
                let mut both = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
                for (index, item) in items.iter().enumerate() {
                    both.extend([self.below(item, path, &format!("[{index}]"))]);
                }
                (Value::Array(both.0), Value::Array(both.1))
            }
            DeValue::Table(table) => {
                if let Some(read) = secret::read(item) {
                    return self.secret(item, path, read);
                }
                let mut both = (Map::new(), Map::new());
                for (key, item) in table {
                    let (value, shown) = self.below(item, path, &format!(".{}", key.get_ref()));
                    both.0.insert(key.get_ref().to_string(), value);
                    both.1.insert(key.get_ref().to_string(), shown);
                }
                (Value::Object(both.0), Value::Object(both.1))
            }
        }
    }

    fn below(&mut self, item: Item<'_>, path: &mut String, step: &str) -> (Value, Value) {
        let length = path.len();
        path.push_str(step);
        let both = self.value(item, path);
        path.truncate(length);
        both
    }

    fn number(&self, item: Item<'_>, path: &str, number: Option<Number>) -> Value {
        if number.is_none() {
            self.problem(item, path, "this number does not fit into JSON: up to 64 bits, neither inf nor nan");
        }
        number.map_or(Value::Null, Value::Number)
    }

    fn secret(&mut self, item: Item<'_>, path: &str, read: Result<secret::Secret, InvalidSecret>) -> (Value, Value) {
        match read {
            Ok(secret) => {
                self.files.extend(secret.file);
                (Value::String(secret.text), serde_json::json!({ "secret": secret.reference }))
            }
            Err(error) => {
                // The file may come to exist: it is watched all the same.
                self.files.extend(error.file().map(PathBuf::from));
                self.problem(item, path, &error.to_string());
                (Value::Null, Value::Null)
            }
        }
    }

    fn problem(&self, item: Item<'_>, path: &str, text: &str) {
        self.document.problem(item.span().start, format!("`{}`: {text}", path.escape_debug()));
    }
}
