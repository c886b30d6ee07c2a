//! What callers get when a plugin fails: a policy for each class of failure.

use super::super::fault::FaultClass;
use super::super::hook::Hook;
use super::document::Section;

/// What a failure counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// As if the plugin were absent.
    Open,
    /// A refusal.
    Closed,
    /// The generation before, or the last answer that this session got. Where there is none: a refusal of `auth`, and for
    /// `router` and `ratelimit` as if the plugin were absent.
    LastGood,
}

/// The `[failure]` table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    load: Policy,
    init: Policy,
    /// Of calls; none: as fits the hook.
    trap: Option<Policy>,
    deadline: Option<Policy>,
    error: Option<Policy>,
    saturated: Option<Policy>,
}

impl Failure {
    /// What holds for a class where this hook is asked.
    pub fn policy(&self, hook: Hook, class: FaultClass) -> Policy {
        let call = match class {
            FaultClass::Load | FaultClass::Init => return self.of_version(class),
            FaultClass::Trap => self.trap,
            FaultClass::Deadline => self.deadline,
            FaultClass::Error => self.error,
            FaultClass::Saturated => self.saturated,
        };
        call.unwrap_or(match hook {
            // Who may come in is not guessed; where they go is no secret.
            Hook::Auth => Policy::Closed,
            // Without the one who counts, the rules that are in force and the configured limits still hold.
            Hook::Router | Hook::Ratelimit => Policy::Open,
        })
    }

    /// What becomes of the version in service when another is refused for a failure of this class.
    pub fn of_version(&self, class: FaultClass) -> Policy {
        if class == FaultClass::Load { self.load } else { self.init }
    }

    /// Whether the last answer of a session may be asked for.
    pub fn remembers_answers(&self) -> bool {
        FaultClass::CALL.iter().any(|class| self.policy(Hook::Auth, *class) == Policy::LastGood)
    }

    pub(super) fn read(section: Section<'_>) -> Self {
        const WORDS: [(&str, Policy); 3] =
            [("open", Policy::Open), ("closed", Policy::Closed), ("last-good", Policy::LastGood)];
        let defaults = Failure::default();
        let failure = Failure {
            load: section.word("load", &WORDS).unwrap_or(defaults.load),
            init: section.word("init", &WORDS).unwrap_or(defaults.init),
            trap: section.word("trap", &WORDS),
            deadline: section.word("deadline", &WORDS),
            error: section.word("error", &WORDS),
            saturated: section.word("saturated", &WORDS),
        };
        section.finish();
        failure
    }
}

impl Default for Failure {
    fn default() -> Self {
        Failure {
            load: Policy::LastGood,
            init: Policy::LastGood,
            trap: None,
            deadline: None,
            error: None,
            saturated: None,
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
