//! What a changed configuration means for a process that runs: what applies now and what waits for a restart.

use super::keys::KEYS;
use super::{Config, Reload};

/// The difference between a running configuration and a new one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Changed keys that take effect at once.
    pub apply: Vec<&'static str>,
    /// Changed keys that are left as they were until the process restarts.
    pub restart_required: Vec<&'static str>,
    /// What runs when the plan is carried out: the old one with the keys of `apply` taken over.
    pub config: Config,
}

/// Compares two checked configurations.
pub fn plan(old: &Config, new: &Config) -> Plan {
    let mut plan = Plan { apply: Vec::new(), restart_required: Vec::new(), config: old.clone() };
    for key in KEYS.iter().filter(|key| !(key.same)(old, new)) {
        match key.reload {
            Reload::Live => {
                (key.copy)(&mut plan.config, new);
                plan.apply.push(key.path);
            }
            Reload::Restart => plan.restart_required.push(key.path),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Fallback;

    #[test]
    fn live_keys_apply_and_others_are_named() {
        let old = Config::default();
        let mut new = old.clone();
        new.access.play = Some(Fallback::Denied);
        new.log.level = "debug".parse().unwrap();
        new.limits.sessions = 7;
        new.http.listen = "127.0.0.1:9000".parse().unwrap();
        new.demo.fps = 25;
        let plan = plan(&old, &new);
        assert_eq!(plan.apply, ["access.play", "limits.sessions", "log.level"]);
        assert_eq!(plan.restart_required, ["http.listen", "demo.fps"]);
        let mut expected = new.clone();
        expected.http = old.http.clone();
        expected.demo = old.demo.clone();
        assert_eq!(plan.config, expected);
    }

    #[test]
    fn nothing_changed_means_nothing_to_do() {
        let config = Config::default();
        let plan = plan(&config, &config.clone());
        assert!(plan.apply.is_empty() && plan.restart_required.is_empty());
        assert_eq!(plan.config, config);
    }
}
