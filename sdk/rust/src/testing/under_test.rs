//! A plugin that is loaded: sessions come to it, time passes, its manifest changes.

use super::harness::text;
use super::host::Host;
use super::{Http, Kv, Log, Visit};
use serde_json::{Value, json};
use std::rc::Rc;
use std::time::Duration;
use toml::Table;

/// A loaded plugin in a server of the test's own.
#[derive(Debug)]
pub struct Test {
    host: Rc<Host>,
    manifest: Table,
}

impl Test {
    pub(super) fn new(host: Host, manifest: Table) -> Self {
        Self { host: Rc::new(host), manifest }
    }

    /// Somebody who wants to watch a stream.
    pub fn play(&self, stream: &str) -> Visit {
        Visit::new(
            self.host.clone(),
            json!({"action": "play", "stream": stream, "protocol": "whep", "path": format!("/whep/{stream}")}),
        )
    }

    /// Somebody who wants to send a stream.
    pub fn publish(&self, stream: &str) -> Visit {
        Visit::new(
            self.host.clone(),
            json!({"action": "publish", "stream": stream, "protocol": "whip", "path": format!("/whip/{stream}")}),
        )
    }

    /// Somebody who wants to use the operator's API, by its path.
    pub fn admin(&self, path: &str) -> Visit {
        Visit::new(
            self.host.clone(),
            json!({"action": "admin", "stream": "", "protocol": "api", "method": "GET", "path": path}),
        )
    }

    /// Changes `[config]`, as the operator does by saving the manifest. A plugin with `Reconfigure` is told; another begins anew.
    ///
    /// # Panics
    /// When the plugin does not take it: the old one is in force then.
    #[track_caller]
    pub fn config(&mut self, config: Table) -> &mut Self {
        if let Err(why) = self.try_config(config) {
            panic!("the configuration is not taken: {why}");
        }
        self
    }

    /// Expects that a changed `[config]` is refused, and that the operator is told something with this text in it.
    ///
    /// # Panics
    /// When it is taken, or refused for another reason.
    #[track_caller]
    pub fn expect_config_refused(&mut self, config: Table, text: &str) -> &mut Self {
        match self.try_config(config) {
            Ok(()) => panic!("the configuration is taken; expected to be refused with `{text}`"),
            Err(why) => assert!(why.contains(text), "refused with `{why}`; expected `{text}`"),
        }
        self
    }

    fn try_config(&mut self, config: Table) -> Result<(), String> {
        let mut manifest = self.manifest.clone();
        manifest.insert("config".to_owned(), toml::Value::Table(config));
        self.host.ask(json!({"do": "manifest", "manifest": text(&manifest)}))?;
        self.manifest = manifest;
        Ok(())
    }

    /// So many HTTP requests of an address, one after the other. Returns how many the rules of rate limits let pass.
    ///
    /// # Panics
    /// When the address is none.
    #[track_caller]
    pub fn requests(&self, remote_ip: &str, count: u32) -> u32 {
        self.passing("request", remote_ip, count)
    }

    /// So many connections of an address, each closed before the next. Returns how many the rules of rate limits let pass.
    ///
    /// # Panics
    /// When the address is none.
    #[track_caller]
    pub fn connections(&self, remote_ip: &str, count: u32) -> u32 {
        self.passing("connection", remote_ip, count)
    }

    #[track_caller]
    fn passing(&self, measure: &str, address: &str, count: u32) -> u32 {
        let answer = self.host.must(json!({"do": "pass", "measure": measure, "address": address, "count": count}));
        answer.get("passed").and_then(Value::as_u64).and_then(|passed| u32::try_from(passed).ok()).unwrap_or_default()
    }

    /// Expects that the rules of rate limits in force have these names, in this order.
    ///
    /// # Panics
    /// When they have others.
    #[track_caller]
    pub fn expect_rules(&self, names: &[&str]) {
        let answer = self.host.must(json!({"do": "rules"}));
        assert_eq!(answer["rules"], json!(names), "rules in force");
    }

    /// Lets time pass: ttls end and sessions are asked again, `tick` and `revoke` are called.
    ///
    /// # Panics
    /// When the plugin host is gone.
    #[track_caller]
    pub fn advance(&mut self, span: Duration) -> &mut Self {
        let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.host.must(json!({"do": "advance", "ns": nanoseconds}));
        self
    }

    #[track_caller]
    pub(super) fn ask(&self, question: Value) -> Value {
        self.host.must(question)
    }

    /// The plugin's store.
    pub fn kv(&self) -> Kv {
        Kv::new(self.host.clone())
    }

    /// Other servers, as the plugin sees them.
    pub fn http(&self) -> Http {
        Http::new(self.host.clone())
    }

    /// What the plugin has logged.
    pub fn log(&self) -> Log {
        Log::new(self.host.clone())
    }

    /// Expects that a hook, such as `auth`, `revoke` or `tick`, was called so often since the plugin was loaded.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    pub fn expect_calls(&self, hook: &str, count: usize) -> Calls {
        let answer = self.host.must(json!({"do": "calls", "hook": hook}));
        let times = answer.get("us").and_then(Value::as_array).into_iter().flatten();
        let mut times: Vec<f64> = times.filter_map(Value::as_f64).collect();
        assert_eq!(times.len(), count, "calls of {hook}");
        times.sort_by(f64::total_cmp);
        Calls { hook: hook.to_owned(), times }
    }
}

/// The calls of a hook.
#[derive(Clone, Debug)]
pub struct Calls {
    hook: String,
    times: Vec<f64>,
}

impl Calls {
    /// Expects that half of the calls took less, in microseconds of real time.
    ///
    /// # Panics
    /// When they did not.
    #[track_caller]
    pub fn under_us(self, microseconds: u32) -> Self {
        if let Some(median) = self.times.get(self.times.len() / 2) {
            assert!(*median < f64::from(microseconds), "{} takes {median:.1} µs, not under {microseconds}", self.hook);
        }
        self
    }
}
