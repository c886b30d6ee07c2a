//! Limits connections, requests, sessions and bitrates by the rules of its configuration. See README.md.

mod entry;

use entry::Entry;
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// All of them hold.
    rule: Vec<Entry>,
}

/// The rules, checked.
struct Basic {
    rules: Vec<Rule>,
}

impl Plugin for Basic {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Basic { rules: checked(&config)? })
    }
}

// The buckets are the server's, so a changed configuration needs no new instances.
#[export]
impl Reconfigure for Basic {
    fn reconfigure(&mut self, config: Config) -> Result<()> {
        self.rules = checked(&config)?;
        Ok(())
    }
}

#[ratelimit]
fn rules(basic: &mut Basic) -> Vec<Rule> {
    basic.rules.clone()
}

fn checked(config: &Config) -> Result<Vec<Rule>> {
    ensure!(!config.rule.is_empty(), "there is no [[config.rule]]: write at least one");
    config.rule.iter().map(|entry| entry.rule().with_context(|| format!("rule `{}`", entry.name()))).collect()
}
