//! One version of a plugin with one manifest: its instances, and what can be asked of them.

use super::decision::{Answer, Selection};
use super::facts::Facts;
use super::fault::Fault;
use super::guest::Context;
use super::inspect::Inspection;
use super::instance::{Blueprint, Instance};
use super::limiting::Rules;
use super::observing::{Observes, TrackRates};
use super::pool::Pool;
use super::route::Route;
use super::settings::Settings;
use crate::observe::Event;
use crate::observe::trace::{Summary, Verdict};
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// Most bytes of state that are carried over a swap.
const MAX_STATE: usize = 16 << 20;

/// A generation that is ready to serve.
pub struct Generation {
    pub number: u64,
    pub inspection: Arc<Inspection>,
    pub(super) context: Arc<Context>,
    blueprint: Arc<Blueprint>,
    instances: usize,
    pool: Pool,
    /// The one instance that lasts: it is polled for revocations, observes and keeps the state.
    lasting: Mutex<Option<Instance>>,
    tick_interval: Option<Duration>,
    /// Its rules of rate limits, as it gave them when it began or was reconfigured.
    rules: RwLock<Arc<Rules>>,
}

/// Why a generation is not taken into service.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// What is asked for and not granted, with the lines to add.
    #[error("{0}")]
    NotGranted(String),
    #[error("its imports or exports do not fit: {0}")]
    Link(String),
    #[error("it does not begin: {0}")]
    Init(Fault),
    #[error("its rules can not be used: {0}")]
    Rules(Fault),
    #[error("its self-test fails: {0}")]
    SelfTest(Fault),
    #[error("it does not take over the state of the generation before: {0}")]
    Restore(Fault),
}

impl Generation {
    /// Begins the first instances, and lets the plugin test itself. `saved`: the state of the generation before.
    pub(super) async fn begin(
        inspection: Arc<Inspection>,
        blueprint: Blueprint,
        settings: &Settings,
        saved: Option<&[u8]>,
    ) -> Result<Self, PrepareError> {
        let blueprint = Arc::new(blueprint);
        let mut first = blueprint.instance().await.map_err(PrepareError::Init)?;
        let tick_interval = match blueprint.has_tick() {
            true => first.tick_interval().await.map_err(PrepareError::Init)?,
            false => None,
        };
        let rules = asked_rules(&blueprint, &mut first).await.map_err(PrepareError::Rules)?;
        if blueprint.has_self_test() {
            let mut tested = blueprint.instance().await.map_err(PrepareError::Init)?;
            tested.self_test().await.map_err(PrepareError::SelfTest)?;
        }
        let mut lasting = None;
        if blueprint.has_lasting() {
            let mut instance = blueprint.instance().await.map_err(PrepareError::Init)?;
            if let Some(saved) = saved.filter(|_| blueprint.has_state()) {
                instance.restore(saved).await.map_err(PrepareError::Restore)?;
            }
            lasting = Some(instance);
        }
        let pool = Pool::new(blueprint.clone(), settings.isolation, settings.instances, first);
        Ok(Generation {
            number: blueprint.context.generation,
            inspection,
            context: blueprint.context.clone(),
            instances: settings.instances,
            pool,
            lasting: Mutex::new(lasting),
            tick_interval,
            rules: RwLock::new(rules),
            blueprint,
        })
    }

    /// Whether it answers `auth`.
    pub fn has_auth(&self) -> bool {
        self.blueprint.has_check()
    }

    /// Whether it answers `router`.
    pub fn has_router(&self) -> bool {
        self.blueprint.has_routing()
    }

    /// Whether it has rules of rate limits.
    pub fn has_ratelimit(&self) -> bool {
        self.blueprint.has_rules()
    }

    /// Its rules of rate limits; none at all where it has none.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().expect("no holder of this lock panics").clone()
    }

    /// Whether it wants to be polled for revocations.
    pub fn has_revoke(&self) -> bool {
        self.blueprint.has_revoke()
    }

    /// What it observes.
    pub fn observes(&self) -> Observes {
        self.blueprint.observes()
    }

    /// Tells it what happened, the oldest first.
    ///
    /// # Errors
    /// When it did not take it. Dropping the future gives the call up.
    pub async fn on_events(&self, batch: &[Arc<Event>]) -> Result<(), Fault> {
        let mut lasting = self.lasting.lock().await;
        let mut instance = self.last(&mut lasting).await?;
        let result = instance.on_events(batch).await;
        *lasting = Some(instance).filter(Instance::is_usable);
        result
    }

    /// Tells it how tracks did.
    ///
    /// # Errors
    /// As for any call.
    pub async fn on_stats(&self, unix_ns: u64, tracks: &[TrackRates]) -> Result<(), Fault> {
        let mut lasting = self.lasting.lock().await;
        let mut instance = self.last(&mut lasting).await?;
        let result = instance.on_stats(unix_ns, tracks).await;
        *lasting = Some(instance).filter(Instance::is_usable);
        result
    }

    /// Asks it which of these traces are worth keeping.
    ///
    /// # Errors
    /// As for any call.
    pub async fn judge(&self, batch: &[&Summary]) -> Result<Vec<Verdict>, Fault> {
        let mut lasting = self.lasting.lock().await;
        let mut instance = self.last(&mut lasting).await?;
        let result = instance.judge(batch).await;
        *lasting = Some(instance).filter(Instance::is_usable);
        result
    }

    /// The instance that lasts, or a new one in its place. Whoever gives a call up leaves none behind.
    async fn last(&self, lasting: &mut Option<Instance>) -> Result<Instance, Fault> {
        match lasting.take() {
            Some(instance) => Ok(instance),
            None => self.blueprint.instance().await,
        }
    }

    /// Whether it takes a changed configuration without a new generation.
    pub fn has_reconfigure(&self) -> bool {
        self.blueprint.has_reconfigure()
    }

    /// How often it wants to tick.
    pub fn tick_interval(&self) -> Option<Duration> {
        self.tick_interval
    }

    /// Bytes of memory that its instances hold.
    pub fn memory(&self) -> usize {
        self.blueprint.memory.load(Ordering::Relaxed)
    }

    /// Instances that wait for a call.
    pub fn idle(&self) -> usize {
        self.pool.idle()
    }

    /// Instances that were made so far.
    pub fn made(&self) -> usize {
        self.blueprint.made.load(Ordering::Relaxed)
    }

    /// Asks `auth/check`.
    ///
    /// # Errors
    /// When there is no answer. Dropping the future gives the call up.
    pub async fn authorize(&self, facts: &Arc<Facts>) -> Result<Answer, Fault> {
        let mut taken = self.pool.take(&facts.id, &facts.stream).await?;
        taken.instance().authorize(facts.clone()).await
    }

    /// Asks `router/routing`.
    ///
    /// # Errors
    /// When there is no answer. Dropping the future gives the call up.
    pub async fn choose(&self, facts: &Arc<Facts>) -> Result<Answer<Route>, Fault> {
        let mut taken = self.pool.take(&facts.id, &facts.stream).await?;
        taken.instance().choose(facts.clone()).await
    }

    /// Asks `ratelimit/decide` about a session that meets the rule of this name.
    ///
    /// # Errors
    /// When there is no answer. Dropping the future gives the call up.
    pub async fn decide(&self, facts: &Arc<Facts>, rule: &str) -> Result<Answer<()>, Fault> {
        let mut taken = self.pool.take(&facts.id, &facts.stream).await?;
        taken.instance().decide(facts.clone(), rule).await
    }

    /// Asks `auth/revoke` which sessions to ask again.
    ///
    /// # Errors
    /// As for any call; a new instance serves the next one.
    pub async fn poll_revocations(&self) -> Result<Vec<Selection>, Fault> {
        let mut lasting = self.lasting.lock().await;
        let mut instance = match lasting.take() {
            Some(instance) => instance,
            None => self.blueprint.instance().await?,
        };
        let result = instance.poll().await;
        *lasting = Some(instance).filter(Instance::is_usable);
        result
    }

    /// Runs the regular work of each instance.
    ///
    /// # Errors
    /// The first failure; the others' ticks wait for the next interval then.
    pub async fn tick(&self) -> Result<(), Fault> {
        let mut lasting = self.lasting.lock().await;
        if let Some(mut instance) = lasting.take() {
            let result = instance.tick().await;
            *lasting = Some(instance).filter(Instance::is_usable);
            result?;
        }
        drop(lasting);
        self.pool.tick().await
    }

    /// Puts another configuration into force. One instance tries it first.
    ///
    /// # Errors
    /// The plugin's own; the configuration from before is in force again then.
    pub async fn reconfigure(&self, settings: &Settings) -> Result<(), Fault> {
        self.context.hide_too(&settings.mask);
        let config = settings.config.clone();
        let mut lasting = self.lasting.lock().await;
        let before = self.context.config();
        let mut trial = match lasting.take() {
            Some(instance) => instance,
            None => self.blueprint.instance().await?,
        };
        let mut result = trial.reconfigure(config.clone()).await;
        if result.is_ok() {
            let rules = asked_rules(&self.blueprint, &mut trial).await;
            result = rules.map(|rules| *self.rules.write().expect("no holder of this lock panics") = rules);
        }
        if result.is_err() && trial.is_usable() {
            // What it keeps from the refused one must go; an instance that can not go back is dropped.
            let _ = trial.reconfigure(before).await;
        }
        if result.is_ok() {
            self.context.set_config(config);
            self.pool.config_changed();
        }
        if self.blueprint.has_lasting() {
            *lasting = Some(trial).filter(Instance::is_usable);
        }
        result
    }

    /// The state for the generation after it; none where it keeps none.
    ///
    /// # Errors
    /// As for any call, or too much of it.
    pub async fn save(&self) -> Result<Option<Vec<u8>>, Fault> {
        let mut lasting = self.lasting.lock().await;
        let Some(instance) = lasting.as_mut().filter(|_| self.blueprint.has_state()) else { return Ok(None) };
        let result = instance.save().await;
        if !instance.is_usable() {
            *lasting = None;
        }
        let state = result?;
        if state.len() > MAX_STATE {
            let size = state.len() >> 20;
            return Err(Fault::Error(format!("it saved {size} MiB of state; at most {} are kept", MAX_STATE >> 20)));
        }
        Ok(Some(state))
    }

    /// Waits for the calls under way, at most this long, and drops all instances, with what they counted.
    pub async fn retire(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.pool.quiet(self.instances)).await;
        self.pool.retire();
        *self.lasting.lock().await = None;
        self.context.tenancy.end();
    }
}

/// The rules of a plugin that has some, checked.
async fn asked_rules(blueprint: &Blueprint, instance: &mut Instance) -> Result<Arc<Rules>, Fault> {
    if !blueprint.has_rules() {
        return Ok(Arc::default());
    }
    let hide = |words: String| Fault::Error(blueprint.context.hide(words));
    let rules = Rules::checked(instance.rules().await?, blueprint.has_decide()).map_err(hide)?;
    // All without a country would share one bucket, and a rule for some countries would never hold.
    if let Some(rule) = rules.about_countries().filter(|_| !blueprint.context.services.knows_countries()) {
        return Err(Fault::Error(format!(
            "rule `{}` is about countries, and this server does not learn where clients are; set http.country_header and \
             http.trusted_proxies in the server's configuration",
            rule.name
        )));
    }
    Ok(Arc::new(rules))
}
