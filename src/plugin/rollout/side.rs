//! Which generation a session belongs to while two of them share the sessions: the same client stays on the same side.

use super::plan::Canary;
use crate::plugin::clients::network;
use crate::plugin::facts::Facts;
use crate::plugin::hook::Hooks;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use tokio::time::Instant;

/// Who goes to the candidate. Decided by what was known when the session came, so that a renewal, and a share that was
/// changed meanwhile, leave a session where it is.
#[derive(Clone, Debug)]
pub struct Sides {
    /// Of the plugin and the candidate: each roll-out chooses others.
    salt: String,
    /// Who a client is when the plugin is asked first: before `auth` nobody has a subject.
    by_subject: bool,
    /// From when on which canary held; the last holds now.
    canaries: Vec<(Instant, Canary)>,
}

/// Changes of the share that are remembered; sessions from before the oldest stay with the one in service.
const CHANGES: usize = 64;
/// The tag that routers and metrics group sessions by.
const COHORT: &str = "cohort";

impl Sides {
    pub fn new(plugin: &str, digest: &str, hooks: Hooks, canary: Canary, now: Instant) -> Self {
        Sides { salt: format!("{plugin}/{digest}/"), by_subject: !hooks.auth, canaries: vec![(now, canary)] }
    }

    /// With another share, from now on.
    pub fn with(&self, canary: Canary, now: Instant) -> Self {
        let mut sides = self.clone();
        if sides.canaries.len() >= CHANGES {
            sides.canaries.remove(0);
        }
        sides.canaries.push((now, canary));
        sides
    }

    /// What holds now.
    pub fn canary(&self) -> Option<&Canary> {
        self.canaries.last().map(|(_, canary)| canary)
    }

    /// Whether the candidate decides about this session.
    pub fn takes(&self, facts: &Facts, now: Instant) -> bool {
        // A session from before the clock began is older than any canary.
        let Some(came) = now.checked_sub(facts.age) else { return false };
        let Some((_, canary)) = self.canaries.iter().rev().find(|(since, _)| *since <= came) else { return false };
        if canary.cohort.is_some() && canary.cohort.as_ref() != facts.tags.get(COHORT) {
            return false;
        }
        canary.share.covers(self.place(facts))
    }

    /// The client's place, from 0 to 999,999.
    fn place(&self, facts: &Facts) -> u64 {
        let mut hash = Sha256::new_with_prefix(self.salt.as_bytes());
        match (&facts.spiffe_id, facts.subject.as_ref().filter(|_| self.by_subject)) {
            (Some(id), _) => hash.update(id),
            (None, Some(subject)) => hash.update(subject),
            (None, None) => match network(facts.remote_ip) {
                IpAddr::V4(address) => hash.update(address.octets()),
                IpAddr::V6(address) => hash.update(address.octets()),
            },
        }
        let digest = hash.finalize();
        let first = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        first % 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::Share;
    use super::*;
    use crate::plugin::facts::Action;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    fn auth() -> Hooks {
        Hooks { auth: true, ..Hooks::default() }
    }

    fn router() -> Hooks {
        Hooks { router: true, ..Hooks::default() }
    }

    fn facts(address: u32) -> Facts {
        Facts::new("s".to_owned(), Action::Play, "whep", Ipv4Addr::from_bits(address << 8).into())
    }

    fn canary(share: f64) -> Canary {
        Canary::of_all(Share::new(share).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_share_is_about_right_and_each_client_stays_where_it_is() {
        let now = Instant::now();
        let sides = Sides::new("a", "d1", auth(), canary(0.05), now);
        let chosen: Vec<u32> = (0..20_000).filter(|client| sides.takes(&facts(*client), now)).collect();
        assert!((900..1_100).contains(&chosen.len()), "{}", chosen.len());
        assert!(chosen.iter().all(|client| sides.takes(&facts(*client), now)));
        let more = sides.with(canary(0.2), now);
        assert!(chosen.iter().all(|client| more.takes(&facts(*client), now)), "a larger share keeps who is in");
        let next = Sides::new("a", "d2", auth(), canary(0.05), now);
        let again = chosen.iter().filter(|client| next.takes(&facts(**client), now)).count();
        assert!(again < 150, "another candidate chooses others: {again}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_stays_with_the_generation_that_let_it_in() {
        let began = Instant::now();
        let sides = Sides::new("a", "d", auth(), canary(0.5), began);
        let client = (0..100).find(|client| sides.takes(&facts(*client), began)).unwrap();
        let other = (0..100).find(|client| !sides.takes(&facts(*client), began)).unwrap();
        tokio::time::advance(Duration::from_secs(100)).await;
        let aged = |client, seconds| Facts {
            age: Duration::from_secs(seconds),
            subject: Some("alice".to_owned()),
            ..facts(client)
        };
        let now = Instant::now();
        assert!(sides.takes(&aged(client, 99), now), "renewed where it was let in, whoever it turned out to be");
        assert!(!sides.takes(&aged(client, 101), now), "it came before there was a candidate");
        let all = sides.with(canary(1.0), now);
        assert!(!all.takes(&aged(other, 50), now) && all.takes(&facts(other), now), "the share that held when it came");
        assert!(!sides.takes(&Facts { age: Duration::MAX, ..facts(client) }, now));
    }

    #[tokio::test(start_paused = true)]
    async fn routers_know_the_subject_and_the_cohort() {
        let now = Instant::now();
        let sides = Sides::new("a", "d", router(), canary(0.5), now);
        let of = |subject: &str, address| Facts { subject: Some(subject.to_owned()), ..facts(address) };
        for subject in ["alice", "bob", "carol"] {
            let side = sides.takes(&of(subject, 1), now);
            assert!((2..50).all(|address| sides.takes(&of(subject, address), now) == side), "{subject}");
        }
        let cohort = Canary { cohort: Some("beta".to_owned()), ..canary(1.0) };
        let sides = Sides::new("a", "d", router(), cohort, now);
        let mut tagged = facts(1);
        assert!(!sides.takes(&tagged, now));
        tagged.tags.insert("cohort".to_owned(), "beta".to_owned());
        assert!(sides.takes(&tagged, now));
    }
}
