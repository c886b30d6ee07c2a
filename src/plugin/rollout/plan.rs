//! What the operator wants of a new generation before it serves everybody: `mode` and `[rollout]` of the manifest.

use super::judge::Cause;
use crate::plugin::manifest::Section;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How new generations of a plugin come into service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    pub mode: Mode,
    /// None: all sessions at once.
    pub canary: Option<Canary>,
    /// How long a generation that came into service is watched against the one before; zero: not at all; none:
    /// [`USUAL_PROBATION`].
    pub probation: Option<Duration>,
}

/// What becomes of a plugin's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They hold.
    #[default]
    Enforce,
    /// A new generation's are only compared with what was decided without it.
    Shadow,
}

/// Which new sessions a new generation decides first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    pub share: Share,
    /// Only sessions whose tag `cohort` has this value.
    pub cohort: Option<String>,
}

/// More than nothing, at most all: in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// What the operator changes about a plan by the API, until the manifest says something else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    pub mode: Option<Mode>,
    /// `null` takes the canary away; left out it stays as it is.
    #[serde(deserialize_with = "given")]
    pub canary: Option<Option<Canary>>,
}

/// A generation that was taken out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::plugin) struct Rollback {
    pub(in crate::plugin) generation: u64,
    pub(in crate::plugin) digest: String,
    pub(in crate::plugin) cause: Cause,
    pub(in crate::plugin) reason: String,
    pub(in crate::plugin) at_unix_ms: u64,
}

/// How often generations were taken out, by the cause.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Rollbacks([AtomicU64; 5]);

impl Rollbacks {
    pub(in crate::plugin) fn count(&self, cause: Cause) {
        self.0[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::plugin) fn counts(&self) -> impl Iterator<Item = (Cause, u64)> + '_ {
        Cause::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// Probation where the manifest does not say.
pub(in crate::plugin) const USUAL_PROBATION: Duration = Duration::from_secs(60);
/// Longest probation, in seconds: a day.
const MAX_PROBATION: i64 = 86_400;
/// Longest name of a cohort, in bytes.
const MAX_COHORT: usize = 64;
const MILLION: f64 = 1_000_000.0;

impl Share {
    pub(in crate::plugin) const ALL: Share = Share(1_000_000);

    /// Of a number between 0 and 1.
    ///
    /// # Errors
    /// In words, where it is none, or so small that nobody would be chosen.
    pub fn new(share: f64) -> Result<Self, &'static str> {
        if !(share > 0.0 && share <= 1.0) {
            return Err("a share is more than 0 and at most 1, as in 0.05 for 5 of 100 sessions");
        }
        match (share * MILLION).round() {
            millionths if millionths < 1.0 => Err("a share is at least 0.000001"),
            millionths => Ok(Share(millionths as u32)),
        }
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / MILLION
    }

    /// Whether this many millionths are below it.
    pub(super) fn covers(self, millionths: u64) -> bool {
        millionths < u64::from(self.0)
    }
}

impl Canary {
    /// A share of all new sessions.
    pub fn of_all(share: Share) -> Self {
        Canary { share, cohort: None }
    }

    fn checked(share: f64, cohort: Option<String>) -> Result<Self, String> {
        let share = Share::new(share)?;
        if cohort.as_ref().is_some_and(|cohort| cohort.is_empty() || cohort.len() > MAX_COHORT) {
            return Err(format!("a cohort's name has 1 to {MAX_COHORT} bytes"));
        }
        Ok(Canary { share, cohort })
    }

    /// Whether it is no canary: everybody from the start.
    fn is_everybody(&self) -> bool {
        self.share == Share::ALL && self.cohort.is_none()
    }
}

impl Plan {
    /// The plan with a change.
    pub(in crate::plugin) fn with(&self, change: &Change) -> Plan {
        let canary = change.canary.clone().unwrap_or_else(|| self.canary.clone());
        Plan {
            mode: change.mode.unwrap_or(self.mode),
            canary: canary.filter(|canary| !canary.is_everybody()),
            probation: self.probation,
        }
    }

    /// Whether a new generation is tried beside the one in service before it takes its place.
    pub(in crate::plugin) fn is_gradual(&self) -> bool {
        self.mode == Mode::Shadow || self.canary.is_some()
    }

    /// Reads `mode` and `[rollout]`.
    pub(in crate::plugin) fn read(root: &Section<'_>) -> Self {
        let modes = [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)];
        let mode = root.word("mode", &modes).unwrap_or_default();
        let section = root.section("rollout");
        let canary = read_canary(&section).filter(|canary| !canary.is_everybody());
        let seconds = section.integer("probation-s", 0..=MAX_PROBATION, "seconds");
        let probation = seconds.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        section.finish();
        Plan { mode, canary, probation }
    }
}

fn read_canary(section: &Section<'_>) -> Option<Canary> {
    let item = section.item("canary")?;
    let number = |item: &toml::de::DeValue<'_>| -> Option<f64> {
        let text = item.as_float().map(|number| number.as_str());
        text.or_else(|| item.as_integer().map(|number| number.as_str()))?.replace('_', "").parse().ok()
    };
    const HINT: &str = "expected a share as in 0.05, or a table as in { share = 0.05, cohort = \"beta\" }";
    let (share, cohort) = if item.get_ref().is_table() {
        let table = section.section("canary");
        let share = table.item("share").map(|item| number(item.get_ref()));
        if share == Some(None)
            && let Some(item) = table.item("share")
        {
            table.wrong("share", item, "expected a number, as in 0.05");
        }
        let cohort = table.text("cohort").map(|(text, _)| text.to_owned());
        table.finish();
        (share.unwrap_or(Some(1.0))?, cohort)
    } else {
        match number(item.get_ref()) {
            Some(share) => (share, None),
            None => {
                section.wrong("canary", item, HINT);
                return None;
            }
        }
    };
    Canary::checked(share, cohort).map_err(|problem| section.wrong("canary", item, &problem)).ok()
}

/// As a number where there is no cohort, else `{"share", "cohort"}`.
impl Serialize for Canary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Of<'a> {
            share: f64,
            cohort: &'a str,
        }
        match &self.cohort {
            None => serializer.serialize_f64(self.share.as_f64()),
            Some(cohort) => Of { share: self.share.as_f64(), cohort }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Canary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Share(f64),
            Of { share: Option<f64>, cohort: Option<String> },
        }
        let (share, cohort) = match Text::deserialize(deserializer)? {
            Text::Share(share) => (share, None),
            Text::Of { share, cohort } => (share.unwrap_or(1.0), cohort),
        };
        Canary::checked(share, cohort).map_err(serde::de::Error::custom)
    }
}

/// A value that is there, `null` too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Canary>>, D::Error> {
    Option::<Canary>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::manifest::Manifest;

    #[test]
    fn manifests_say_how_a_new_generation_comes() {
        let canary = |share, cohort: Option<&str>| Canary::checked(share, cohort.map(str::to_owned)).unwrap();
        let plan =
            |mode, canary, probation: Option<u64>| Plan { mode, canary, probation: probation.map(Duration::from_secs) };
        let rows = [
            ("", plan(Mode::Enforce, None, None)),
            ("mode = \"shadow\"", plan(Mode::Shadow, None, None)),
            ("[rollout]\ncanary = 1.0\nprobation-s = 0", plan(Mode::Enforce, None, Some(0))),
            ("[rollout]\ncanary = 1", plan(Mode::Enforce, None, None)),
            ("[rollout]\ncanary = 0.05\nprobation-s = 90", plan(Mode::Enforce, Some(canary(0.05, None)), Some(90))),
            (
                "[rollout]\ncanary = { share = 0.5, cohort = \"beta\" }",
                plan(Mode::Enforce, Some(canary(0.5, Some("beta"))), None),
            ),
            ("[rollout.canary]\ncohort = \"beta\"", plan(Mode::Enforce, Some(canary(1.0, Some("beta"))), None)),
        ];
        for (text, expected) in rows {
            assert_eq!(Manifest::parse(text, "a", "a.toml").unwrap().rollout, expected, "{text}");
        }
        let wrong = [
            ("mode = \"watch\"", "1: `mode`: expected \"enforce\" or \"shadow\""),
            ("[rollout]\ncanary = 0", "2: `rollout.canary`: a share is more than 0"),
            ("[rollout]\ncanary = 1.5", "2: `rollout.canary`: a share is more than 0"),
            ("[rollout]\ncanary = nan", "2: `rollout.canary`: a share is more than 0"),
            ("[rollout]\ncanary = \"5%\"", "2: `rollout.canary`: expected a share"),
            ("[rollout]\ncanary = { share = \"x\" }", "2: `rollout.canary.share`: expected a number"),
            ("[rollout]\ncanary = { cohort = \"\" }", "2: `rollout.canary`: a cohort's name"),
            ("[rollout]\ncanary = { shares = 0.5 }", "2: unknown key `rollout.canary.shares`"),
            ("[rollout]\nprobation-s = -1", "2: `rollout.probation-s`: -1 is out of range"),
        ];
        for (text, expected) in wrong {
            let error = Manifest::parse(text, "a", "a.toml").unwrap_err().to_string();
            assert!(error.starts_with(&format!("a.toml:{expected}")), "{text}: {error}");
        }
    }

    #[test]
    fn changes_by_the_api_are_read_and_applied() {
        let read = |text: &str| serde_json::from_str::<Change>(text).map_err(|error| error.to_string());
        let plan = Plan { canary: Some(Canary::of_all(Share::new(0.05).unwrap())), ..Plan::default() };
        let shown = |text: &str| serde_json::to_value(plan.with(&read(text).unwrap())).unwrap();
        assert_eq!(shown("{}")["canary"], 0.05);
        assert_eq!(shown("{\"mode\": \"shadow\"}")["mode"], "shadow");
        assert_eq!(shown("{\"canary\": null}")["canary"], serde_json::Value::Null);
        assert_eq!(shown("{\"canary\": 1.0}")["canary"], serde_json::Value::Null);
        assert_eq!(shown("{\"canary\": {\"cohort\": \"beta\"}}")["canary"]["cohort"], "beta");
        for text in ["{\"canary\": 2}", "{\"canary\": \"x\"}", "{\"mode\": \"off\"}", "{\"share\": 0.1}"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
