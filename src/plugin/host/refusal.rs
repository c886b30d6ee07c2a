//! The errors that guests get from host functions: a code to act on, words for the log.

use super::wit::types::HostError;

/// The codes of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Not granted.
    Denied,
    /// A bad argument.
    Invalid,
    TooLarge,
    /// Rate or space used up.
    Quota,
    Timeout,
    /// Peer or store not reachable.
    Unavailable,
}

impl Code {
    pub(super) fn name(self) -> &'static str {
        match self {
            Code::Denied => "denied",
            Code::Invalid => "invalid",
            Code::TooLarge => "too-large",
            Code::Quota => "quota",
            Code::Timeout => "timeout",
            Code::Unavailable => "unavailable",
        }
    }

    /// Whether the same call may succeed later.
    pub(super) fn retryable(self) -> bool {
        matches!(self, Code::Quota | Code::Timeout | Code::Unavailable)
    }
}

/// The message says what was wrong, with which input, and what to do; it holds no secret.
pub(super) fn refuse(code: Code, message: impl Into<String>) -> HostError {
    HostError { code: code.name().to_owned(), message: message.into(), retryable: code.retryable() }
}
