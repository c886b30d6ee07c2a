//! The hooks that sessions are put to: one plugin after the other is asked, up to the first with an opinion.

/// A hook that a session is put to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// May it?
    Auth,
    /// Where, and which stream?
    Router,
    /// How many, how often?
    Ratelimit,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Hook; 3] = [Hook::Auth, Hook::Router, Hook::Ratelimit];

    /// As in the manifest's `hooks`, and in a decision's steps.
    pub fn name(self) -> &'static str {
        match self {
            Hook::Auth => "auth",
            Hook::Router => "router",
            Hook::Ratelimit => "ratelimit",
        }
    }

    /// The interface that answers, as logs and metrics name it.
    pub fn export(self) -> &'static str {
        match self {
            Hook::Auth => "auth/check",
            Hook::Router => "router/routing",
            Hook::Ratelimit => "ratelimit/decide",
        }
    }

    /// The export that makes a plugin one for this hook: of rate limits the rules, which the server enforces itself.
    fn sign(self) -> &'static str {
        match self {
            Hook::Ratelimit => "ratelimit/rules",
            hook => hook.export(),
        }
    }

    /// Its place in [`Hook::ALL`].
    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// Which hooks a plugin answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Hooks {
    pub(super) auth: bool,
    pub(super) router: bool,
    pub(super) ratelimit: bool,
    /// No session is put to it: it is told what happens.
    pub(super) observer: bool,
}

impl Hooks {
    /// Of a component with these exports (`auth/check`).
    pub(super) fn exported(exports: &[String]) -> Self {
        let has = |hook: Hook| exports.iter().any(|export| export == hook.sign());
        let observer = exports.iter().any(|export| export.starts_with("observer/"));
        Hooks { auth: has(Hook::Auth), router: has(Hook::Router), ratelimit: has(Hook::Ratelimit), observer }
    }

    /// Those that a manifest names.
    pub(super) fn named(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|named| named == name);
        Hooks {
            auth: has(Hook::Auth.name()),
            router: has(Hook::Router.name()),
            ratelimit: has(Hook::Ratelimit.name()),
            observer: has("observer"),
        }
    }

    /// Those in both.
    pub(super) fn and(self, other: Hooks) -> Self {
        Hooks {
            auth: self.auth && other.auth,
            router: self.router && other.router,
            ratelimit: self.ratelimit && other.ratelimit,
            observer: self.observer && other.observer,
        }
    }

    pub(super) fn has(self, hook: Hook) -> bool {
        match hook {
            Hook::Auth => self.auth,
            Hook::Router => self.router,
            Hook::Ratelimit => self.ratelimit,
        }
    }

    /// Whether there is one at all that sessions are put to.
    pub(super) fn any(self) -> bool {
        self.auth || self.router || self.ratelimit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_exported_and_named() {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let both = Hooks::exported(&texts(&["auth/check", "router/routing", "lifecycle/init"]));
        assert!(both.auth && both.router);
        assert_eq!(both.and(Hooks::named(&texts(&["router"]))), Hooks { router: true, ..Hooks::default() });
        assert!(!Hooks::exported(&texts(&["auth/revoke"])).any());
        assert_eq!(Hook::ALL.map(Hook::index), [0, 1, 2]);
        assert!(Hooks::exported(&texts(&["ratelimit/rules"])).ratelimit);
        assert!(!Hooks::exported(&texts(&["ratelimit/decide"])).any());
        let observer = Hooks::exported(&texts(&["observer/stats"]));
        assert!(observer.observer && !observer.any() && observer.and(Hooks::named(&texts(&["observer"]))).observer);
    }
}
