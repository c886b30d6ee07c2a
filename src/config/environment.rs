//! Environment variables as a layer of the configuration: `WASMCAST_SECTION__KEY`.

use super::keys::{self, Form, KEYS};
use super::load::Layer;
use super::problem::Problem;
use figment::value::Value;
use std::ffi::OsString;

/// What the environment says: one layer a variable, what is wrong, and what looks like a mistake.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) layers: Vec<Layer>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

/// Picks our variables out of the environment. An empty one counts as not set.
///
/// A name without `__` is no key: container platforms set such names by themselves (`WASMCAST_PORT` for a service that is
/// called wasmcast). It is only warned of where it looks like a key with one underscore missing.
pub(super) fn read(variables: &[(OsString, OsString)]) -> Environment {
    let mut environment = Environment::default();
    let mut ours: Vec<_> = variables.iter().collect();
    ours.sort();
    for (name, value) in ours {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = name.strip_prefix(keys::PREFIX) else { continue };
        if value.is_empty() {
            continue;
        }
        if !path.contains("__") {
            let meant = KEYS.iter().find(|key| key.path.replace('.', "_").eq_ignore_ascii_case(path));
            environment.warnings.extend(meant.map(|key| {
                format!(
                    "the environment variable {name} is not used; for the key `{}` it is {}",
                    key.path,
                    key.variable()
                )
            }));
            continue;
        }
        let Some(value) = value.to_str() else {
            environment.problems.push(Problem::new("the value is not UTF-8 text".to_owned()).at(place(name)));
            continue;
        };
        let path = path.replace("__", ".").to_ascii_lowercase();
        let form = keys::find(&path).map_or(Form::Text, |key| key.form);
        environment.layers.push(Layer { source: place(name), path, value: parse(value, form) });
    }
    environment
}

fn place(name: &str) -> String {
    format!("env {name}")
}

/// The value that a text stands for; what does not fit stays text, and the key's own check says what it expects.
fn parse(text: &str, form: Form) -> Value {
    let as_text = || Value::from(text.to_owned());
    match form {
        Form::Text => as_text(),
        Form::Number => text.trim().parse::<i64>().map_or_else(|_| as_text(), Value::from),
        Form::Switch => text.trim().parse::<bool>().map_or_else(|_| as_text(), Value::from),
        Form::List if text.trim_start().starts_with('[') => {
            let array = super::file::File::parse(&format!("value = {text}"), "").ok();
            array.and_then(|file| file.value("value")).unwrap_or_else(as_text)
        }
        Form::List => Value::from(text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        read(&variables)
    }

    #[test]
    fn values_take_the_form_of_their_key() {
        let rows = [
            ("WASMCAST_HTTP__LISTEN", "[::]:80", "http.listen", Value::from("[::]:80")),
            ("WASMCAST_NODE__NAME", "123", "node.name", Value::from("123")),
            ("WASMCAST_DEMO__FPS", "25", "demo.fps", Value::from(25i64)),
            ("WASMCAST_DEMO__FPS", "many", "demo.fps", Value::from("many")),
            ("WASMCAST_DEMO__ENABLED", "true", "demo.enabled", Value::from(true)),
            ("WASMCAST_INGEST__CODECS", "vp8, h264", "ingest.codecs", Value::from(vec!["vp8", "h264"])),
            ("WASMCAST_INGEST__CODECS", "[\"vp8\"]", "ingest.codecs", Value::from(vec!["vp8"])),
            ("WASMCAST_HTTP__TLS__CERT", "/c", "http.tls.cert", Value::from("/c")),
            ("WASMCAST_HTTP__LISTN", "off", "http.listn", Value::from("off")),
        ];
        for (name, text, path, value) in rows {
            let environment = environment(&[(name, text)]);
            assert_eq!(environment.layers.len(), 1, "{name}");
            assert_eq!((environment.layers[0].path.as_str(), &environment.layers[0].value), (path, &value), "{name}");
        }
    }

    #[test]
    fn foreign_variables_are_left_alone_and_near_ones_warned_of() {
        let quiet = [("PATH", "/bin"), ("WASMCAST_PORT", "tcp://10.0.0.1:80"), ("WASMCAST_HTTP__LISTEN", "")];
        let environment_of_others = environment(&quiet);
        assert!(environment_of_others.layers.is_empty() && environment_of_others.warnings.is_empty());
        let near = environment(&[("WASMCAST_HTTP_LISTEN", "off")]);
        assert!(near.layers.is_empty());
        assert!(near.warnings[0].contains("it is WASMCAST_HTTP__LISTEN"), "{:?}", near.warnings);
    }
}
