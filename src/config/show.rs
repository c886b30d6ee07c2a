//! Prints the merged configuration with the source of each value.

use super::keys::KEYS;
use super::load::Loaded;
use serde_json::{Map, Value, json};
use std::fmt;

/// A configuration for `config show`: as TOML through `Display`, or as JSON. Secrets are masked.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a Loaded);

impl Shown<'_> {
    /// By key: its value and source.
    pub fn json(&self) -> Value {
        let config = self.config();
        let entry = |path: &str| json!({ "value": value(&config, path), "source": self.0.origin(path).to_string() });
        Value::Object(KEYS.iter().map(|key| (key.path.to_owned(), entry(key.path))).collect::<Map<_, _>>())
    }

    fn config(&self) -> Value {
        serde_json::to_value(&self.0.config).expect("every value has a JSON form")
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config();
        let mut section = "";
        for key in KEYS {
            if key.section() != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = key.section();
                writeln!(f, "{gap}[{section}]")?;
            }
            let source = self.0.origin(key.path);
            match value(&config, key.path) {
                Value::Null => writeln!(f, "# {} is not set  # {source}", key.name())?,
                Value::Array(items) if items.iter().any(Value::is_object) => {
                    writeln!(f, "{} = [  # {source}", key.name())?;
                    items.iter().try_for_each(|item| writeln!(f, "  {},", Toml(item)))?;
                    writeln!(f, "]")?;
                }
                value => writeln!(f, "{} = {}  # {source}", key.name(), Toml(value))?,
            }
        }
        Ok(())
    }
}

fn value<'a>(config: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(config, |value, name| &value[name])
}

/// A value in TOML's inline form.
struct Toml<'a>(&'a Value);

impl fmt::Display for Toml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // TOML's basic strings are JSON's, but for DEL, which TOML wants escaped.
            Value::String(text) => f.write_str(&Value::from(text.as_str()).to_string().replace('\x7f', "\\u007F")),
            Value::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Toml(item))?;
                }
                f.write_str("]")
            }
            Value::Object(fields) => {
                f.write_str("{ ")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} = {}", Toml(value))?;
                }
                f.write_str(" }")
            }
            value => value.fmt(f),
        }
    }
}
