//! What a plugin is loaded with: its manifest, made up by a test.

use super::Test;
use super::host::{self, Host};
use serde_json::json;
use std::path::PathBuf;
use toml::{Table, Value};

/// A plugin about to be loaded, with nothing granted and configured but what the test says. Made by
/// [`harness!`](crate::harness!).
#[derive(Clone, Debug)]
#[must_use = "call load()"]
pub struct Harness {
    folder: PathBuf,
    manifest: Table,
}

impl Harness {
    /// For the plugin in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), manifest: Table::new() }
    }

    /// The manifest, without `[config]` and `[grants]` as far as the methods below are used.
    pub fn manifest(mut self, manifest: Table) -> Self {
        self.manifest.extend(manifest);
        self
    }

    /// The table `[config]`.
    pub fn config(mut self, config: Table) -> Self {
        self.manifest.insert("config".to_owned(), Value::Table(config));
        self
    }

    /// Grants a store.
    pub fn grant_kv(self) -> Self {
        self.grant("kv", Value::Table(Table::from_iter([("scope".to_owned(), Value::from("node"))])))
    }

    /// Grants requests to an origin, such as `https://id.example`. The test answers them: [`Test::http`].
    pub fn grant_http(mut self, origin: &str) -> Self {
        let mut origins = self.grants().remove("http").and_then(|value| value.as_array().cloned()).unwrap_or_default();
        // The test's answers come from nowhere: any address will do.
        let grant = [("origin".to_owned(), Value::from(origin)), ("private".to_owned(), Value::from(true))];
        origins.push(Value::Table(Table::from_iter(grant)));
        self.grant("http", Value::Array(origins))
    }

    /// Builds the plugin, unless this process has, and loads it.
    ///
    /// # Panics
    /// When it is not taken into service: the test has failed.
    #[track_caller]
    pub fn load(self) -> Test {
        match self.try_load() {
            Ok(test) => test,
            Err(why) => panic!("the plugin is not taken into service: {why}"),
        }
    }

    /// Expects that the plugin is not taken into service, and that the operator is told something with this text in it.
    ///
    /// # Panics
    /// When it is, or for another reason.
    #[track_caller]
    pub fn expect_refusal(self, text: &str) {
        match self.try_load() {
            Ok(_) => panic!("the plugin is taken into service; expected to be refused with `{text}`"),
            Err(why) => assert!(why.contains(text), "refused with `{why}`; expected `{text}`"),
        }
    }

    fn try_load(self) -> Result<Test, String> {
        let file = host::built(&self.folder)?;
        let host = Host::start()?;
        host.ask(json!({"do": "load", "file": file, "manifest": text(&self.manifest)}))?;
        Ok(Test::new(host, self.manifest))
    }

    fn grants(&mut self) -> &mut Table {
        let grants = self.manifest.entry("grants").or_insert_with(|| Value::Table(Table::new()));
        grants.as_table_mut().expect("`grants` of the manifest is a table")
    }

    fn grant(mut self, key: &str, value: Value) -> Self {
        self.grants().insert(key.to_owned(), value);
        self
    }
}

/// A manifest as the operator would write it.
pub(super) fn text(manifest: &Table) -> String {
    toml::to_string(manifest).expect("a table can be written as TOML")
}
