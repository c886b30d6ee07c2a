//! The rules in force, as the operator's API tells them.

use super::{Amount, InForce, Limiter};
use serde::Serialize;

/// A rule of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleStatus {
    pub name: String,
    /// `connection`, `request`, `publish`, `play`, `ingest-kbit`.
    pub measure: &'static str,
    /// What tells its buckets apart.
    pub per: Vec<String>,
    pub limit: LimitStatus,
    /// How many it let pass since it is in force, over all generations; of `ingest-kbit` kilobits.
    pub allowed: u64,
    /// How many it refused; of `ingest-kbit` publishers that were ended.
    pub refused: u64,
    /// Buckets that are remembered; where a number at once is limited, those with something there now.
    pub buckets: usize,
}

/// How much it allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitStatus {
    Rate { per_second: f64, burst: f64 },
    AtOnce(u32),
    Ask,
}

impl Limiter {
    /// The rules of a plugin, in its order.
    pub fn told(&self, plugin: &str) -> Vec<RuleStatus> {
        let force = self.force();
        let own = force.rules.iter().filter(|one| &*one.plugin == plugin);
        own.map(|one| one.status()).collect()
    }
}

impl InForce {
    fn status(&self) -> RuleStatus {
        RuleStatus {
            name: self.rule.name.to_string(),
            measure: self.rule.measure.name(),
            per: self.rule.per.iter().map(super::Part::name).collect(),
            limit: match self.rule.amount {
                Amount::Rate(pace) => LimitStatus::Rate { per_second: pace.per_second, burst: pace.burst },
                Amount::AtOnce(most) => LimitStatus::AtOnce(most),
                Amount::Ask => LimitStatus::Ask,
            },
            allowed: self.ledger.allowed(),
            refused: self.ledger.refused(),
            buckets: self.ledger.buckets(self.rule.amount),
        }
    }
}
