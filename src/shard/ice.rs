//! The ICE credentials of a session, which a restart replaces (RFC 8839, 4.4; RFC 9725, 4.3.3).

use super::session::SessionId;
use crate::protocol::webrtc::LocalTransport;

/// Sets of our credentials that are valid at a time: the newest, and the one before until the newest is used.
const VALID: usize = 2;

/// One side's ICE credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

/// The answer to an ICE restart.
#[derive(Clone, Debug)]
pub struct IceRestart {
    /// Our side with the new credentials.
    pub local: LocalTransport,
    pub etag: String,
}

/// What a check of ours is made with.
#[derive(Clone, Debug)]
pub(super) struct CheckCredentials {
    pub(super) local_ufrag: String,
    pub(super) remote: IceCredentials,
}

/// Both sides' credentials.
#[derive(Debug)]
pub(super) struct Ice {
    /// The newest first.
    local: Vec<IceCredentials>,
    /// The peer's newest.
    remote: IceCredentials,
    /// Counts ICE sessions, for the ETag.
    generation: u32,
}

impl Ice {
    pub(super) fn new(local: IceCredentials, remote: IceCredentials) -> Self {
        Ice { local: vec![local], remote, generation: 0 }
    }

    /// The entity tag of the running ICE session, quotes included.
    pub(super) fn etag(&self, id: &SessionId) -> String {
        let random = id.as_str().rsplit('.').next().unwrap_or_default();
        format!("\"{}-{}\"", &random[..random.len().min(8)], self.generation)
    }

    /// Begins another ICE session. Returns the user fragments that are not valid any more.
    pub(super) fn restart(&mut self, local: IceCredentials, remote: IceCredentials) -> Vec<String> {
        self.local.insert(0, local);
        self.remote = remote;
        self.generation += 1;
        let keep = self.local.len().min(VALID);
        self.local.split_off(keep).into_iter().map(|old| old.ufrag).collect()
    }

    /// The password that goes with a user fragment of ours, if it is still valid.
    pub(super) fn local_pwd(&self, ufrag: &str) -> Option<String> {
        self.local.iter().find(|local| local.ufrag == ufrag).map(|local| local.pwd.clone())
    }

    /// User fragments of ours that are valid.
    pub(super) fn local_ufrags(&self) -> Vec<String> {
        self.local.iter().map(|local| local.ufrag.clone()).collect()
    }

    /// Both sides' newest.
    pub(super) fn check_credentials(&self) -> CheckCredentials {
        let local_ufrag = self.local.first().map(|local| local.ufrag.clone()).unwrap_or_default();
        CheckCredentials { local_ufrag, remote: self.remote.clone() }
    }

    pub(super) fn remote_ufrag(&self) -> &str {
        &self.remote.ufrag
    }
}

impl IceCredentials {
    /// A ufrag of 48 and a password of 144 random bits, in ice-chars (RFC 8839, 5.4).
    pub fn random() -> Self {
        const CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = [0u8; 32];
        getrandom::fill(&mut bits).expect("the system's random source works");
        let text: String = bits.iter().map(|bit| char::from(CHARS[usize::from(bit & 63)])).collect();
        IceCredentials { ufrag: text[..8].to_owned(), pwd: text[8..].to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_the_old_credentials_until_the_next_one() {
        let sets: Vec<IceCredentials> = (0..3).map(|_| IceCredentials::random()).collect();
        let remote = |ufrag: &str| IceCredentials { ufrag: ufrag.to_owned(), pwd: "p".repeat(22) };
        let id = SessionId::from("node.0123456789abcdef");
        let mut ice = Ice::new(sets[0].clone(), remote("a"));
        assert_eq!(ice.etag(&id), "\"01234567-0\"");
        assert!(ice.restart(sets[1].clone(), remote("b")).is_empty());
        assert_eq!(ice.restart(sets[2].clone(), remote("c")), [sets[0].ufrag.clone()]);
        assert_eq!(ice.etag(&id), "\"01234567-2\"");
        assert_eq!(ice.remote_ufrag(), "c");
        assert_eq!(ice.local_ufrags(), [sets[2].ufrag.clone(), sets[1].ufrag.clone()]);
        let valid: Vec<_> = sets.iter().map(|set| ice.local_pwd(&set.ufrag)).collect();
        assert_eq!(valid, [None, Some(sets[1].pwd.clone()), Some(sets[2].pwd.clone())]);
    }

    #[test]
    fn credentials_are_made_of_ice_chars() {
        let fresh = IceCredentials::random();
        assert_eq!((fresh.ufrag.len(), fresh.pwd.len()), (8, 24));
        let ice_char = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        assert!(fresh.ufrag.bytes().chain(fresh.pwd.bytes()).all(ice_char));
        assert_ne!(fresh, IceCredentials::random());
    }
}
