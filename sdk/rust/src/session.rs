//! Conveniences on [`Session`] beside the getters that the server's contract gives it.

pub use crate::bindings::host::sessions::{Action, Session};
use std::time::Duration;

impl Session {
    /// Whether it wants to send a stream.
    pub fn is_publish(&self) -> bool {
        self.action() == Action::Publish
    }

    /// Whether it wants to watch a stream.
    pub fn is_play(&self) -> bool {
        self.action() == Action::Play
    }

    /// Whether it wants to use the operator's API.
    pub fn is_admin(&self) -> bool {
        self.action() == Action::Admin
    }

    /// Since it was first allowed; zero while it is not.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.age_ms())
    }

    /// Whether it runs already and is asked again: its ttl ended, or it was revoked.
    pub fn is_asked_again(&self) -> bool {
        self.age_ms() > 0
    }
}
