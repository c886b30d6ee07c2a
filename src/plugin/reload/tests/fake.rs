//! A loader whose plugins are lines of text, so that the machine is tested without compiling anything.

use crate::observe::Event;
use crate::observe::trace::{Summary, Verdict};
use crate::plugin::decision::{Answer, Denial, Grant, Selection};
use crate::plugin::facts::Facts;
use crate::plugin::fault::{Fault, FaultClass};
use crate::plugin::inspect::{Inspection, Interface, Label, hex};
use crate::plugin::observing::{Observes, TrackRates};
use crate::plugin::route::Route;
use crate::plugin::serving::{Loader, Refusal, Serving};
use crate::plugin::settings::Settings;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Loads texts. Words: `auth` and `router` export the hook (a router plays the stream of its config's `subject`), `allow`, `deny`, `trap` and `hang` are its answer (else it abstains),
/// `broken` does not load, `bug` is one of the server, `lame` does not begin, `flexible` takes another configuration, `stubborn` refuses it,
/// `observer` and `stats` export these, and `away` refuses events, `waits` takes them late; `revokes`, `ticks` and `keeps` (state) export these.
#[derive(Clone)]
pub(super) struct Fake(pub(super) Arc<Told>);

/// What the loader was asked, and what the test tells it.
pub(super) struct Told {
    /// Files that were compiled.
    pub(super) loads: AtomicUsize,
    /// Generations that were retired.
    pub(super) retired: Mutex<Vec<u64>>,
    pub(super) ticks: AtomicUsize,
    /// Events that arrived, by the generation that they came to.
    pub(super) heard: Mutex<Vec<(u64, u64)>>,
    /// Batches that were refused.
    pub(super) refused: AtomicUsize,
    /// Tracks of each call.
    pub(super) looks: Mutex<Vec<usize>>,
    /// Whether what is lame begins.
    pub(super) healed: AtomicUsize,
    /// Lets hanging calls end, and slow loads.
    pub(super) release: Semaphore,
}

#[derive(Clone)]
pub(super) struct Text {
    words: Vec<String>,
    inspection: Arc<Inspection>,
}

pub(super) struct Spoken {
    number: u64,
    text: Text,
    subject: Mutex<Option<String>>,
    told: Arc<Told>,
}

impl Fake {
    pub(super) fn new() -> Self {
        Fake(Arc::new(Told {
            loads: AtomicUsize::new(0),
            retired: Mutex::default(),
            ticks: AtomicUsize::new(0),
            heard: Mutex::default(),
            refused: AtomicUsize::new(0),
            looks: Mutex::default(),
            healed: AtomicUsize::new(0),
            release: Semaphore::new(0),
        }))
    }
}

impl Text {
    fn says(&self, word: &str) -> bool {
        self.words.iter().any(|own| own == word)
    }
}

impl Loader for Fake {
    type Artifact = Text;
    type Generation = Spoken;

    async fn load(&self, bytes: Arc<[u8]>) -> Result<Text, Refusal> {
        self.0.loads.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let says = |word: &str| words.iter().any(|own| own == word);
        if says("slow") {
            self.0.release.acquire().await.unwrap().forget();
        }
        let exported = [
            ("auth", "auth/check"),
            ("router", "router/routing"),
            ("observer", "observer/events"),
            ("stats", "observer/stats"),
            ("sampling", "observer/sampling"),
        ]
        .into_iter();
        let mut hooks: Vec<String> =
            exported.filter(|(word, _)| says(word)).map(|(_, export)| export.to_owned()).collect();
        if hooks.is_empty() {
            hooks.push("lifecycle/tick".to_owned());
        }
        assert!(!says("bug"), "a bug of the server");
        if says("broken") {
            let hooks = Some(hooks).filter(|_| says("readable"));
            return Err(Refusal { hooks, ..Refusal::load("it is broken") });
        }
        let import =
            |name: &str| Interface { name: name.to_owned(), version: "0.1.0".to_owned(), functions: Vec::new() };
        let inspection = Inspection {
            label: Label::default(),
            digest: hex(&Sha256::digest(&bytes)),
            size: bytes.len(),
            core_module: false,
            hooks,
            exports: Vec::new(),
            imports: if says("kv") { vec![import("wasmcast:host/kv")] } else { Vec::new() },
            host_version: "0.1.0".to_owned(),
        };
        Ok(Text { words, inspection: Arc::new(inspection) })
    }

    fn inspection(artifact: &Text) -> &Arc<Inspection> {
        &artifact.inspection
    }

    async fn prepare(
        &self,
        _plugin: &Arc<str>,
        number: u64,
        artifact: &Text,
        settings: &Settings,
        saved: Option<&[u8]>,
    ) -> Result<Spoken, Refusal> {
        if artifact.says("lame") && self.0.healed.load(Ordering::Relaxed) == 0 {
            let hooks = Some(artifact.inspection.hooks.clone());
            let cause = "it does not begin".to_owned();
            return Err(Refusal { class: FaultClass::Init, cause, retry: true, hooks, imports: None });
        }
        let spoken = Spoken { number, text: artifact.clone(), subject: Mutex::default(), told: self.0.clone() };
        spoken.configure(&settings.config);
        if let Some(saved) = saved {
            *spoken.subject.lock().unwrap() = Some(String::from_utf8_lossy(saved).into_owned());
        }
        Ok(spoken)
    }
}

impl Spoken {
    fn configure(&self, config: &serde_json::Value) {
        *self.subject.lock().unwrap() = config["subject"].as_str().map(str::to_owned);
    }
}

impl Serving for Spoken {
    fn inspection(&self) -> &Arc<Inspection> {
        &self.text.inspection
    }

    async fn authorize(&self, facts: &Arc<Facts>) -> Result<Answer, Fault> {
        if self.text.says("hang") {
            self.told.release.acquire().await.unwrap().forget();
        }
        let heals = self.told.healed.load(Ordering::Relaxed) > 0;
        if self.text.says("trap") && !heals {
            return Err(Fault::Trap { reason: "unreachable".to_owned(), place: None });
        }
        if self.text.says("moody") && facts.token.is_none() {
            return Err(Fault::Error("no mood".to_owned()));
        }
        if self.text.says("deny") {
            return Ok(Answer::Deny(Denial::checked(403, "no", None)));
        }
        if self.text.says("allow") || self.text.says("trap") {
            let subject = self.subject.lock().unwrap().clone();
            return Ok(Answer::Allow(Grant { subject, ..Grant::default() }));
        }
        Ok(Answer::Abstain)
    }

    async fn choose(&self, facts: &Arc<Facts>) -> Result<Answer<Route>, Fault> {
        match self.authorize(facts).await? {
            Answer::Allow(_) => {
                let name = self.subject.lock().unwrap().as_ref().map(|name| name.parse().unwrap());
                Ok(Answer::Allow(Route { stream_name: name, ..Route::default() }))
            }
            _ => Ok(Answer::Abstain),
        }
    }

    async fn poll_revocations(&self) -> Result<Vec<Selection>, Fault> {
        Ok(vec![Selection::Subject("mallory".to_owned())])
    }

    async fn on_events(&self, batch: &[Arc<Event>]) -> Result<(), Fault> {
        let numbers = batch.iter().map(|event| (self.number, event.sequence));
        if self.text.says("waits") {
            self.told.release.acquire().await.unwrap().forget();
        }
        if self.text.says("away") && self.told.healed.load(Ordering::Relaxed) == 0 {
            self.told.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Fault::Error("the receiver is away".to_owned()));
        }
        if self.text.says("trap") && self.told.healed.load(Ordering::Relaxed) == 0 {
            self.told.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Fault::Trap { reason: "unreachable".to_owned(), place: None });
        }
        self.told.heard.lock().unwrap().extend(numbers);
        Ok(())
    }

    async fn on_stats(&self, _unix_ns: u64, tracks: &[TrackRates]) -> Result<(), Fault> {
        self.told.looks.lock().unwrap().push(tracks.len());
        Ok(())
    }

    async fn decide(&self, batch: &[&Summary]) -> Result<Vec<Verdict>, Fault> {
        if self.text.says("absurd") {
            return Err(Fault::Error("what is a trace?".to_owned()));
        }
        let few = usize::from(self.text.says("miscounts"));
        let verdict = if self.text.says("keeps") { Verdict::Keep } else { Verdict::Leave };
        Ok(vec![verdict; batch.len() + few])
    }

    async fn tick(&self) -> Result<(), Fault> {
        self.told.ticks.fetch_add(1, Ordering::Relaxed);
        Err(Fault::Error("no net".to_owned()))
    }

    async fn reconfigure(&self, settings: &Settings) -> Result<(), Fault> {
        if self.text.says("stubborn") {
            return Err(Fault::Error("`subject` must not change".to_owned()));
        }
        self.configure(&settings.config);
        Ok(())
    }

    async fn save(&self) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.text.says("keeps").then(|| format!("state-of-{}", self.number).into_bytes()))
    }

    async fn retire(&self, _patience: Duration) {
        self.told.retired.lock().unwrap().push(self.number);
    }

    fn has_revoke(&self) -> bool {
        self.text.says("revokes")
    }

    fn observes(&self) -> Observes {
        Observes {
            events: self.text.says("observer"),
            stats: self.text.says("stats"),
            sampling: self.text.says("sampling"),
        }
    }

    fn has_reconfigure(&self) -> bool {
        self.text.says("flexible") || self.text.says("stubborn")
    }

    fn tick_interval(&self) -> Option<Duration> {
        self.text.says("ticks").then_some(Duration::from_secs(5))
    }

    fn memory(&self) -> usize {
        1_024
    }

    fn idle(&self) -> usize {
        1
    }

    fn made(&self) -> usize {
        2
    }
}
