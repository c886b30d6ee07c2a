//! Counts whom a session was refused, and tells it as an event.

use super::App;
use crate::access::{Denial, Facts, Routing};
use crate::observe::Happening;
use crate::shard::NoRoom;

impl App {
    /// The door says no.
    pub(super) fn denied(&self, facts: &Facts, denial: &Denial) {
        let action = facts.action.name();
        self.state.metrics.access_denied(action, denial.label());
        let happening = about("session.denied", facts)
            .with("reason", denial.label())
            .with("status", denial.status())
            .with("detail", denial);
        self.state.events.tell(happening);
    }

    /// A router sends it to another server.
    pub(super) fn sent_elsewhere(&self, facts: &Facts, routing: &Routing) {
        self.state.metrics.session_routed(facts.action.name(), routing.cohort(), "elsewhere");
        let happening =
            about("session.routed", facts).with_some("location", routing.shown()).with_some("cohort", routing.cohort());
        self.state.events.tell(happening);
    }

    /// There is no room. Told as a sum, once a second: a flood is no flood of events.
    pub(super) fn limited(&self, action: &'static str, limit: &NoRoom) {
        self.state.metrics.session_refused(action, limit.label());
        self.state.events.count("session.limited", [("action", action), ("limit", limit.label())], 1);
    }
}

fn about(kind: &'static str, facts: &Facts) -> Happening {
    Happening::new(kind)
        .stream(&facts.stream)
        .session(&facts.id)
        .with("action", facts.action.name())
        .with("protocol", facts.protocol)
        .with("client_address", facts.remote_ip)
}
