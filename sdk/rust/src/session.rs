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

    /// A place between 0 (included) and 1 (excluded) that is the same for the same subject each time, and for those
    /// without one differs from session to session. `experiment`: under each name the places are dealt anew.
    pub fn place_in(&self, experiment: &str) -> f64 {
        place(experiment, &self.subject().unwrap_or_else(|| self.id()))
    }

    /// Whether it is among this share, from 0 to 1, of subjects (or of sessions without one), in the experiment of this name.
    pub fn in_share(&self, experiment: &str, share: f64) -> bool {
        self.place_in(experiment) < share
    }
}

/// FNV-1a, stirred once more since its upper bits hardly move for short texts (the last step of MurmurHash3). It never
/// changes: places have to last over versions of a plugin.
fn place(experiment: &str, who: &str) -> f64 {
    let bytes = experiment.bytes().chain([0]).chain(who.bytes());
    let mut hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^= hash >> 33;
    // 53 bits are what a number between 0 and 1 can hold.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_are_spread_evenly_and_dealt_anew_for_each_experiment() {
        let places: Vec<f64> = (0..10_000).map(|n| place("a", &format!("user-{n}"))).collect();
        for tenth in 0..10 {
            let (from, to) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
            let count = places.iter().filter(|place| (from..to).contains(*place)).count();
            assert!((900..1_100).contains(&count), "{tenth}: {count}");
        }
        let both = (0..10_000).filter(|n| places[*n] < 0.5 && place("b", &format!("user-{n}")) < 0.5).count();
        assert!((2_300..2_700).contains(&both), "{both}");
    }

    #[test]
    fn a_place_lasts_over_versions() {
        assert_eq!(format!("{:.6}", place("", "alice")), "0.828687");
    }
}
