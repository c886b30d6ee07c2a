//! Tests of the reload machine with texts as plugins and a clock that stands still unless moved.

mod chain;
mod fake;
mod observer;
mod operator;
mod real;
mod refused;
mod rollout;
mod service;

use super::{Command, CommandError, Machine, Wish};
use crate::plugin::board::Board;
use crate::plugin::decision::{Answer, Decided};
use crate::plugin::directory::{Sight, Watch};
use crate::plugin::facts::{Action, Facts};
use crate::plugin::host::Services;
use crate::plugin::last_good::LastGood;
use crate::plugin::question::MayIt;
use crate::plugin::status::Status;
use crate::task::Tasks;
use fake::{Fake, Spoken, Told};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// A directory, its machine, and what it publishes.
struct World {
    base: PathBuf,
    told: Arc<Told>,
    board: Arc<Board<Spoken>>,
    services: Arc<Services>,
    sights: mpsc::Sender<Vec<Sight>>,
    commands: mpsc::Sender<Command>,
    ready: oneshot::Receiver<()>,
    tasks: Tasks,
}

impl World {
    /// An empty directory, seen for the first time.
    async fn new() -> Self {
        let world = World::with(&[]).await;
        world.see(vec![]).await;
        world
    }

    /// A directory with these files, not yet looked at.
    async fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let base = std::env::temp_dir().join(format!("wasmcast-reload-{}-{number}", std::process::id()));
        fs::create_dir_all(base.join("plugins")).unwrap();
        for (file, content) in files {
            fs::write(base.join("plugins").join(file), content).unwrap();
        }
        World::begin(base)
    }

    fn begin(base: PathBuf) -> Self {
        let fake = Fake::new();
        let (told, board, tasks) = (fake.0.clone(), Arc::new(Board::new()), Tasks::new("test"));
        let (sights, seen) = mpsc::channel(8);
        let (commands, obeyed) = mpsc::channel(8);
        let store = LastGood::open(base.join("state")).unwrap();
        let (directory, services) = (base.join("plugins"), Services::new());
        let (mut machine, ready) =
            Machine::new(fake, directory, store, Watch::default(), board.clone(), services.clone(), tasks.clone());
        // A version that is replaced goes at once, but where a test is about roll-outs.
        machine.usual_probation = Duration::ZERO;
        tasks.spawn("plugins", machine.run(seen, obeyed, tasks.stopping()));
        World { base, told, board, services, sights, commands, ready, tasks }
    }

    /// Ends the server and starts it again on the same directories; nothing was looked at yet.
    async fn restart(mut self) -> Self {
        self.tasks.stop(Duration::from_secs(1)).await.unwrap();
        World::begin(std::mem::take(&mut self.base))
    }

    /// Tells what was seen, and waits until nothing is left to do now.
    async fn see(&self, sights: Vec<Sight>) {
        self.sights.send(sights).await.unwrap();
        self.rest().await;
    }

    /// The clock stands still while anything can be done, so it moves when all is done.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.rest().await;
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.base.join("plugins").join(file), content).unwrap();
    }

    fn delete(&self, file: &str) {
        fs::remove_file(self.base.join("plugins").join(file)).unwrap();
    }

    /// Writes a file and lets the machine see that it is at rest.
    async fn put(&self, file: &str, content: &str) {
        self.write(file, content);
        let name = file.split('.').next().unwrap();
        self.see(vec![Sight::Stable(name.to_owned())]).await;
    }

    async fn ask(&self, id: &str) -> Decided {
        self.ask_about(facts(id)).await
    }

    async fn ask_about(&self, facts: Facts) -> Decided {
        let published = self.board.read();
        published.chain.ask(&MayIt, &Arc::new(facts)).await
    }

    /// What the chain says, in a word: `allow alice`, `deny 403`, `abstain`.
    async fn says(&self) -> String {
        word(&self.ask("s-1").await.answer)
    }

    fn status(&self, name: &str) -> Status {
        let published = self.board.read();
        let shown = published.plugins.iter().find(|shown| &*shown.plugin.name == name).unwrap();
        shown.status()
    }

    fn names(&self) -> Vec<String> {
        self.board.read().plugins.iter().map(|shown| shown.plugin.name.to_string()).collect()
    }

    /// State, generation and origin, as in `active 2 directory`.
    fn stands(&self, name: &str) -> String {
        let status = serde_json::to_value(self.status(name)).unwrap();
        let words = [&status["state"], &status["generation"], &status["origin"]];
        let words: Vec<String> = words.iter().map(|word| word.to_string().replace('"', "")).collect();
        words.join(" ").replace(" null", "")
    }

    fn cause(&self, name: &str) -> String {
        self.status(name).last_error.map(|error| format!("{}: {}", error.class, error.cause)).unwrap_or_default()
    }

    /// What the plugin's log says last.
    fn told(&self, name: &str) -> String {
        self.services.log_tail(name, 0).pop().map(|line| line.message).unwrap_or_default()
    }

    fn retired(&self) -> Vec<u64> {
        self.told.retired.lock().unwrap().clone()
    }

    fn loads(&self) -> usize {
        self.told.loads.load(Ordering::Relaxed)
    }

    async fn command(&self, name: &str, wish: Wish) -> Result<Status, CommandError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command { plugin: name.to_owned(), wish, reply }).await.unwrap();
        answer.await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !self.base.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.base);
        }
    }
}

fn stable(name: &str) -> Sight {
    Sight::Stable(name.to_owned())
}

fn facts(id: &str) -> Facts {
    let facts = Facts::new(id.to_owned(), Action::Play, "whep", "192.0.2.1".parse().unwrap());
    Facts { stream: "live/cam1".to_owned(), ..facts }
}

fn word(answer: &Answer) -> String {
    match answer {
        Answer::Allow(grant) => format!("allow {}", grant.subject.as_deref().unwrap_or_default()).trim().to_owned(),
        Answer::Deny(denial) => format!("deny {}", denial.status),
        Answer::Abstain => "abstain".to_owned(),
    }
}
