//! Why the server did not do what was asked.

use crate::bindings::host::types;
use std::fmt;

/// Why a function of the server did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// `denied` (not granted), `invalid` (bad argument), `too-large`, `quota` (rate or space used up), `timeout`,
    /// `unavailable` (peer or store not reachable). More may come.
    pub code: String,
    /// What was wrong, with which input, and what to do.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl HostError {
    pub(crate) fn invalid(message: String) -> Self {
        Self { code: "invalid".to_owned(), message, retryable: false }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for HostError {}

impl From<types::HostError> for HostError {
    fn from(error: types::HostError) -> Self {
        Self { code: error.code, message: error.message, retryable: error.retryable }
    }
}
