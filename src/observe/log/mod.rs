//! Logging: one event a line, as text or JSON, to stderr or a file, without ever holding the server up.

mod level;
mod line;
mod queue;
mod sink;

pub use level::{InvalidLevel, Level};

use queue::Queue;
use sink::Sink;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// The `[log]` section.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How much is logged; may change while running.
    pub level: Level,
    pub format: Format,
    /// Appended to; stderr where it is not set.
    pub file: Option<PathBuf>,
}

/// How an event looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

/// A word that is no log format.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no log format; write \"text\" or \"json\"")]
pub struct InvalidFormat(String);

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the thread that writes the log can not be started: {0}")]
    Thread(std::io::Error),
    #[error("another part of the process has set up logging before")]
    AlreadySet,
}

/// The running log: changes its level, counts lost lines, flushes at the end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Log {
    filter: reload::Handle<EnvFilter, Registry>,
    queue: Arc<Queue>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// Sets up logging for the whole process. Call once.
    pub fn init(config: &Config) -> Result<Log, LogError> {
        let (log, subscriber) = Log::build(config)?;
        tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::AlreadySet)?;
        Ok(log)
    }

    /// As [`Log::init`], with a subscriber that the caller installs.
    pub fn build(config: &Config) -> Result<(Log, impl tracing::Subscriber + Send + Sync + use<>), LogError> {
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = Sink::new(config.file.clone(), dropped.clone());
        let queue = Arc::new(Queue::start(sink, dropped.clone()).map_err(LogError::Thread)?);
        let (filter, handle) = reload::Layer::new(config.level.filter());
        let colours =
            config.format == Format::Text && config.file.is_none() && std::io::stderr().is_terminal() && !no_color();
        let writer = line::Lines::new(queue.clone(), colours);
        let layer: Box<dyn Layer<_> + Send + Sync> = match config.format {
            Format::Text => Box::new(tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colours)),
            Format::Json => Box::new(
                tracing_subscriber::fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_span_list(true)
                    .with_writer(writer),
            ),
        };
        let subscriber = Registry::default().with(filter).with(layer);
        Ok((Log { filter: handle, queue, dropped }, subscriber))
    }

    /// Changes how much is logged, from now on.
    pub fn set_level(&self, level: &Level) {
        // Fails only when the subscriber is gone, and with it the log.
        let _ = self.filter.reload(level.filter());
    }

    /// The counter of lines that could not be written since the start.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Waits until what was logged so far is written, at most `timeout`. Call it last before the process ends.
    pub fn flush(&self, timeout: Duration) {
        self.queue.flush(timeout);
    }
}

impl TryFrom<String> for Format {
    type Error = InvalidFormat;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(InvalidFormat(text.chars().take(40).collect())),
        }
    }
}

fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::Ordering;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Logs with `write` into a fresh file and returns its lines.
    fn logged(format: Format, level: &str, write: impl FnOnce(&Log)) -> Vec<String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wasmcast-log-{}-{number}", std::process::id()));
        let config = Config { level: level.parse().unwrap(), format, file: Some(path.clone()) };
        let (log, subscriber) = Log::build(&config).unwrap();
        tracing::subscriber::with_default(subscriber, || write(&log));
        log.flush(PATIENCE);
        let lines = read(&path);
        std::fs::remove_file(&path).unwrap();
        lines
    }

    fn read(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_event_is_one_line_even_with_line_breaks_in_it() {
        let text = logged(Format::Text, "info", |_| {
            tracing::info!(target: "wasmcast::test", agent = %"evil\n2026-01-01 INFO forged\r\x1b[31m", "hello\nworld");
        });
        assert_eq!(text.len(), 1, "{text:?}");
        assert!(text[0].contains("hello\\nworld") && text[0].contains("evil\\n2026"), "{text:?}");
        assert!(!text[0].contains('\r') && !text[0].contains('\x1b'), "{text:?}");
    }

    #[test]
    fn json_events_carry_the_ids_of_their_spans() {
        let lines = logged(Format::Json, "info", |_| {
            let span = tracing::info_span!(target: "wasmcast::test", "session", session = "n1.00ff");
            let _entered = span.enter();
            tracing::warn!(target: "wasmcast::test", packets = 3, "late\nreport");
        });
        assert_eq!(lines.len(), 1);
        let event: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(event["level"], "WARN");
        assert_eq!(event["message"], "late\nreport");
        assert_eq!(event["packets"], 3);
        assert_eq!(event["spans"][0]["session"], "n1.00ff");
    }

    #[test]
    fn the_level_changes_while_running() {
        let lines = logged(Format::Text, "info", |log| {
            tracing::debug!(target: "wasmcast::test", "one");
            log.set_level(&"debug".parse().unwrap());
            tracing::debug!(target: "wasmcast::test", "two");
            tracing::info!(target: "hyper::proto", "three");
            tracing::warn!(target: "hyper::proto", "four");
            log.set_level(&"error".parse().unwrap());
            tracing::warn!(target: "wasmcast::test", "five");
        });
        let words: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next_back()).collect();
        assert_eq!(words, ["two", "four"]);
    }

    #[test]
    fn a_full_disk_neither_blocks_nor_stops() {
        let file = Some(PathBuf::from("/dev/full"));
        let (log, subscriber) = Log::build(&Config { file, ..Config::default() }).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..100 {
                tracing::info!(target: "wasmcast::test", "into the void");
            }
        });
        log.flush(PATIENCE);
        assert_eq!(log.dropped().load(Ordering::Relaxed), 100);
    }
}
