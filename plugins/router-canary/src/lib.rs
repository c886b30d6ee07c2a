//! Sends a share of the sessions, or those of a country, device or header, to a cohort, stream or server. See README.md.

mod rule;

use rule::{Rule, Visitor};
use wasmcast_plugin::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    /// The first that fits holds.
    rules: Vec<Rule>,
    /// The cohort of those whom no rule fits.
    #[serde(default)]
    otherwise: Option<String>,
}

/// The rules, checked.
struct Canary {
    config: Config,
}

impl Plugin for Canary {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        ensure!(!config.rules.is_empty(), "`rules` is empty: name at least one");
        for (index, rule) in config.rules.iter().enumerate() {
            rule.check().with_context(|| format!("rule {}", index + 1))?;
        }
        Ok(Canary { config })
    }
}

#[router]
fn choose(session: &Session, canary: &mut Canary) -> Result<Option<Route>> {
    Ok(canary.config.choose(session))
}

impl Config {
    fn choose(&self, visitor: &impl Visitor) -> Option<Route> {
        match self.rules.iter().find(|rule| rule.fits(visitor)) {
            Some(rule) => Some(rule.route(visitor)),
            None => self.otherwise.as_ref().map(|cohort| route().tag("cohort", cohort)),
        }
    }
}

impl Visitor for Session {
    fn is_publish(&self) -> bool {
        Session::is_publish(self)
    }

    fn stream(&self) -> String {
        self.stream_name()
    }

    fn country(&self) -> Option<String> {
        Session::country(self)
    }

    fn device(&self) -> Option<String> {
        Session::device(self)
    }

    fn header(&self, name: &str) -> Option<String> {
        Session::header(self, name)
    }

    fn place(&self, experiment: &str) -> f64 {
        self.place_in(experiment)
    }
}
