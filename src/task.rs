//! Named groups of tasks that are stopped together, with a grace period.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A group of tasks that share one signal to stop. Cheap to clone; dropping it stops nothing.
#[derive(Clone, Debug)]
pub struct Tasks {
    name: &'static str,
    stop: CancellationToken,
    tracker: TaskTracker,
    /// How many tasks of each name run, for the report of those that did not stop in time.
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

/// Tasks of a group were still running when the grace period was over; they have been abandoned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{group}: still running after {grace:?}: {}", describe(.tasks))]
pub struct StillRunning {
    pub group: &'static str,
    pub grace: Duration,
    /// Task names and how many of each.
    pub tasks: Vec<(&'static str, usize)>,
}

impl Tasks {
    /// An empty group.
    pub fn new(name: &'static str) -> Self {
        Tasks { name, stop: CancellationToken::new(), tracker: TaskTracker::new(), running: Arc::default() }
    }

    /// A group that also stops when this one is told to stop, but can be stopped and waited for alone.
    pub fn child(&self, name: &'static str) -> Self {
        Tasks { name, stop: self.stop.child_token(), tracker: TaskTracker::new(), running: Arc::default() }
    }

    /// The signal to stop, to hand to a task or to poll in `select!`.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs a task that heeds [`Tasks::stopping`] itself, so that it can end its work in order.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let entry = Entry::new(name, self.running.clone());
        self.tracker.spawn(async move {
            let _entry = entry;
            future.await;
        });
    }

    /// Runs a task that is dropped, at an await point, as soon as the group stops.
    pub fn spawn_until_stop<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        self.spawn(name, async move {
            stop.run_until_cancelled(future).await;
        });
    }

    /// Tells every task to stop and waits for them, at most `grace`.
    pub async fn stop(&self, grace: Duration) -> Result<(), StillRunning> {
        self.stop.cancel();
        self.tracker.close();
        match tokio::time::timeout(grace, self.tracker.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(StillRunning { group: self.name, grace, tasks: self.running() }),
        }
    }

    /// The tasks that run now: name and how many of it.
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        let running = self.running.lock().expect("no holder of this lock panics");
        running.iter().map(|(name, count)| (*name, *count)).collect()
    }
}

/// Counts a task for as long as it lives, also when it panics.
struct Entry {
    name: &'static str,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Entry {
    fn new(name: &'static str, running: Arc<Mutex<BTreeMap<&'static str, usize>>>) -> Self {
        *running.lock().expect("no holder of this lock panics").entry(name).or_insert(0) += 1;
        Entry { name, running }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.running.lock().expect("no holder of this lock panics");
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

fn describe(tasks: &[(&'static str, usize)]) -> String {
    let name = |(name, count): &(&'static str, usize)| match count {
        1 => (*name).to_owned(),
        count => format!("{name} ({count})"),
    };
    tasks.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn stop_waits_for_tasks_that_end_in_order() {
        let tasks = Tasks::new("sessions");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let stopping = tasks.stopping();
        tasks.spawn("session", async move {
            stopping.cancelled().await;
            sender.send("said goodbye").unwrap();
        });
        tasks.spawn_until_stop("ticker", std::future::pending());
        assert_eq!(tasks.running(), [("session", 1), ("ticker", 1)]);
        tasks.stop(GRACE).await.unwrap();
        assert_eq!(receiver.await.unwrap(), "said goodbye");
        assert_eq!(tasks.running(), []);
    }

    #[tokio::test]
    async fn those_that_do_not_stop_are_named() {
        let tasks = Tasks::new("sessions");
        for _ in 0..2 {
            tasks.spawn("deaf", std::future::pending());
        }
        let error = tasks.stop(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.to_string(), "sessions: still running after 0ns: deaf (2)");
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_and_a_panic_is_forgotten() {
        let parent = Tasks::new("server");
        let child = parent.child("http");
        child.spawn_until_stop("listener", std::future::pending());
        child.spawn("broken", async { panic!("on purpose") });
        parent.stop(GRACE).await.unwrap();
        child.stop(GRACE).await.unwrap();
        assert_eq!(child.running(), []);
    }
}
