//! The manifest's `[config]`, as the README describes it.

use std::collections::BTreeMap;
use wasmcast_plugin::prelude::*;
use wasmcast_plugin::serde_json::{Map, Value};

/// What the operator wrote.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A policy in Rego.
    #[serde(default)]
    policy: Option<String>,
    /// Several, by the names under which errors tell of them.
    #[serde(default)]
    policies: BTreeMap<String, String>,
    /// What policies read as `data`.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// What becomes of sessions that the policy says nothing about.
    #[serde(default)]
    pub others: Others,
}

/// What becomes of sessions for which `allow` is undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Others {
    #[default]
    Deny,
    /// The next plugin, then the static rules decide.
    Abstain,
}

impl Config {
    /// The policies with their names.
    pub fn policies(&self) -> impl Iterator<Item = (&str, &str)> {
        let single = self.policy.iter().map(|text| ("policy", text.as_str()));
        single.chain(self.policies.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }
}
