//! What callers get when a plugin fails: a policy for each class of failure.

use super::super::fault::FaultClass;
use super::document::Section;

/// What a failure counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// As if the plugin were absent.
    Open,
    /// A refusal.
    Closed,
    /// The generation before, or the last answer that this session got; a refusal where there is none.
    LastGood,
}

/// The `[failure]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    load: Policy,
    init: Policy,
    trap: Policy,
    deadline: Policy,
    error: Policy,
    saturated: Policy,
}

impl Failure {
    /// What holds for a class.
    pub fn policy(&self, class: FaultClass) -> Policy {
        match class {
            FaultClass::Load => self.load,
            FaultClass::Init => self.init,
            FaultClass::Trap => self.trap,
            FaultClass::Deadline => self.deadline,
            FaultClass::Error => self.error,
            FaultClass::Saturated => self.saturated,
        }
    }

    /// Whether the last answer of a session may be asked for.
    pub fn remembers_answers(&self) -> bool {
        FaultClass::CALL.iter().any(|class| self.policy(*class) == Policy::LastGood)
    }

    pub(super) fn read(section: Section<'_>) -> Self {
        const WORDS: [(&str, Policy); 3] =
            [("open", Policy::Open), ("closed", Policy::Closed), ("last-good", Policy::LastGood)];
        let defaults = Failure::default();
        let failure = Failure {
            load: section.word("load", &WORDS).unwrap_or(defaults.load),
            init: section.word("init", &WORDS).unwrap_or(defaults.init),
            trap: section.word("trap", &WORDS).unwrap_or(defaults.trap),
            deadline: section.word("deadline", &WORDS).unwrap_or(defaults.deadline),
            error: section.word("error", &WORDS).unwrap_or(defaults.error),
            saturated: section.word("saturated", &WORDS).unwrap_or(defaults.saturated),
        };
        section.finish();
        failure
    }
}

/// Those of `auth`, the hook that this version offers.
impl Default for Failure {
    fn default() -> Self {
        Failure {
            load: Policy::LastGood,
            init: Policy::LastGood,
            trap: Policy::Closed,
            deadline: Policy::Closed,
            error: Policy::Closed,
            saturated: Policy::Closed,
        }
    }
}

impl Policy {
    /// As in the manifest and in a decision's steps.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Open => "open",
            Policy::Closed => "closed",
            Policy::LastGood => "last-good",
        }
    }
}
