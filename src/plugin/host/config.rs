//! The interface `config`: the plugin's own table of the manifest.

use super::wit::config::Host;
use crate::plugin::guest::Guest;
use serde_json::Value;

impl Host for Guest {
    fn json(&mut self) -> String {
        self.config().to_string()
    }

    fn value(&mut self, path: String) -> Option<String> {
        scalar(self.config(), &path)
    }
}

/// One scalar as text; none when absent, or when it is a table or an array.
fn scalar(config: &Value, path: &str) -> Option<String> {
    let mut at = config;
    for name in path.split('.') {
        at = match at {
            Value::Object(table) => table.get(name)?,
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match at {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(at.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_found_by_their_path() {
        let config = serde_json::json!({
            "token": "secret", "ttl": 600, "ratio": 0.5, "strict": true, "nothing": null,
            "keys": [{ "issuer": "a" }, { "issuer": "b" }],
        });
        let rows = [
            ("token", Some("secret")),
            ("ttl", Some("600")),
            ("ratio", Some("0.5")),
            ("strict", Some("true")),
            ("keys.1.issuer", Some("b")),
            ("keys.2.issuer", None),
            ("keys.-1.issuer", None),
            ("keys.x.issuer", None),
            ("keys.0", None),
            ("keys", None),
            ("nothing", None),
            ("token.x", None),
            ("absent", None),
            ("", None),
            (".", None),
        ];
        for (path, expected) in rows {
            assert_eq!(scalar(&config, path).as_deref(), expected, "{path}");
        }
    }
}
