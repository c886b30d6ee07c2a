//! The thread that looks at the plugin directory again and again, so that a hanging file system holds nobody up.

use super::look::look;
use super::scanner::{Scanner, Sight};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The watch. Its thread ends soon after the receiver of its sights is dropped; without one nothing is looked at.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    secrets: Arc<Mutex<BTreeMap<String, Vec<PathBuf>>>>,
}

/// Between looks. A change is told 200 to 300 ms after the last write.
const INTERVAL: Duration = Duration::from_millis(100);
/// A look may take up to one part in so many of the time: a slow file system is asked less often, ...
const SHARE: u32 = 20;
/// ... but at least so often: a look that was held up once (a stalled machine, a mount that hung) must not blind the watch.
const MAX_INTERVAL: Duration = Duration::from_secs(2);
/// A look that takes longer is logged, ...
const SLOW: Duration = Duration::from_secs(1);
/// ... one in so long.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Sights that wait for the receiver; beyond, the watch waits, and loses nothing by it.
const WAITING: usize = 64;

impl Watch {
    /// Starts the thread. What the first look finds is sent even when it is nothing. `kept`: plugins that are known from
    /// before the start. `signed`: every plugin comes with a signature.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(
        directory: PathBuf,
        kept: BTreeSet<String>,
        signed: bool,
    ) -> std::io::Result<(Watch, mpsc::Receiver<Vec<Sight>>)> {
        let watch = Watch::default();
        let (sender, receiver) = mpsc::channel(WAITING);
        let secrets = watch.secrets.clone();
        std::thread::Builder::new().name("plugin-watch".to_owned()).spawn(move || {
            let (mut scanner, mut first, mut logged) = (Scanner::new(signed), true, None::<Instant>);
            while !sender.is_closed() {
                let begin = Instant::now();
                let files = secrets.lock().expect("no holder of this lock panics").clone();
                let mut known = scanner.names();
                if first {
                    known.extend(kept.iter().cloned());
                }
                let found = look(&directory, &files, &known);
                let took = begin.elapsed();
                if took >= SLOW && logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    tracing::warn!(
                        directory = %directory.display(),
                        "a look at the plugin directory took {:.1} s: changes are noticed late; look at its file system, or at \
                         what holds the machine up",
                        took.as_secs_f64()
                    );
                }
                let sights = scanner.look(begin, found);
                if (first || !sights.is_empty()) && sender.blocking_send(sights).is_err() {
                    return;
                }
                first = false;
                // Without the time that the receiver kept it waiting.
                std::thread::sleep(pause(took));
            }
        })?;
        Ok((watch, receiver))
    }

    /// Watches these files of secrets with the plugin's own.
    pub fn set_secrets(&self, plugin: &str, files: Vec<PathBuf>) {
        let mut secrets = self.secrets.lock().expect("no holder of this lock panics");
        match files.is_empty() {
            true => secrets.remove(plugin),
            false => secrets.insert(plugin.to_owned(), files),
        };
    }
}

/// Until the next look, after one that took so long.
fn pause(took: Duration) -> Duration {
    took.saturating_mul(SHARE).clamp(INTERVAL, MAX_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_blinds_the_watch_for_two_seconds_at_most() {
        let rows = [(0, 100), (5, 100), (50, 1_000), (100, 2_000), (3_000, 2_000), (38_000, 2_000), (u64::MAX, 2_000)];
        for (took, expected) in rows {
            assert_eq!(pause(Duration::from_millis(took)), Duration::from_millis(expected), "{took} ms");
        }
    }
}
