//! Where lines end: stderr, or a file that may be full, unwritable, moved away or come back.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Writes lines, counts those that it can not write, and says so once when it can write again.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    dropped: Arc<AtomicU64>,
    /// What `dropped` was when the loss was last reported.
    reported: u64,
}

#[derive(Debug)]
enum Target {
    Stderr,
    File(LogFile),
}

#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: Option<File>,
    /// When to look again whether the path can be opened, or still names the open file.
    next_look: Option<Instant>,
    /// The last write ended within a line.
    torn: bool,
    /// The present trouble was told on stderr.
    told: bool,
}

impl Sink {
    /// Writes to the file, or to stderr. `dropped` counts lost lines; whoever loses one elsewhere counts it there too.
    pub(super) fn new(path: Option<PathBuf>, dropped: Arc<AtomicU64>) -> Self {
        let target = match path {
            None => Target::Stderr,
            Some(path) => Target::File(LogFile { path, file: None, next_look: None, torn: false, told: false }),
        };
        Sink { target, dropped, reported: 0 }
    }

    /// Writes one line, which ends with a line break, or counts it as lost.
    pub(super) fn write(&mut self, line: &[u8], now: Instant) {
        let lost = self.dropped.load(Ordering::Relaxed);
        if lost > self.reported {
            let report = report(lost - self.reported, line);
            if self.put(report.as_bytes(), now).is_err() {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.reported = lost;
        }
        if self.put(line, now).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn put(&mut self, line: &[u8], now: Instant) -> io::Result<()> {
        match &mut self.target {
            Target::Stderr => io::stderr().lock().write_all(line),
            Target::File(file) => file.put(line, now),
        }
    }
}

impl LogFile {
    fn put(&mut self, line: &[u8], now: Instant) -> io::Result<()> {
        let result = self.try_put(line, now);
        match &result {
            Ok(()) => self.told = false,
            Err(error) if !self.told => {
                self.told = true;
                let path = self.path.display();
                // Best effort: there is nowhere else to say it.
                let _ = writeln!(
                    io::stderr(),
                    "wasmcast: the log file {path} can not be written ({error}); log lines are lost until it can"
                );
            }
            Err(_) => {}
        }
        result
    }

    fn try_put(&mut self, line: &[u8], now: Instant) -> io::Result<()> {
        if self.next_look.is_none_or(|at| now >= at) {
            self.next_look = Some(now + LOOK_EVERY);
            if !self.file.as_ref().is_some_and(|file| is_at(file, &self.path)) {
                self.file = None;
                self.file = Some(OpenOptions::new().append(true).create(true).open(&self.path)?);
                self.torn = false;
            }
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How soon a file that was rotated away, or could not be opened, is opened anew.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether the path still names the open file.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// The event that tells of lost lines, in the form of the line that follows it.
fn report(lost: u64, next: &[u8]) -> String {
    let text = format!("{lost} log lines could not be written and are lost");
    if next.starts_with(b"{") {
        let event =
            serde_json::json!({ "level": "WARN", "message": text, "target": "wasmcast::observe::log", "lost": lost });
        format!("{event}\n")
    } else {
        format!("WARN wasmcast::observe::log: {text}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        directory: PathBuf,
        sink: Sink,
        dropped: Arc<AtomicU64>,
        now: Instant,
    }

    impl Scene {
        /// A sink for `log` in a directory that does not exist yet.
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("wasmcast-sink-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&directory);
            let dropped = Arc::new(AtomicU64::new(0));
            let sink = Sink::new(Some(directory.join("log")), dropped.clone());
            Scene { directory, sink, dropped, now: Instant::now() }
        }

        fn write(&mut self, line: &str) {
            self.sink.write(line.as_bytes(), self.now);
        }

        fn later(&mut self) {
            self.now += LOOK_EVERY;
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.directory.join(name)).unwrap()
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    #[test]
    fn an_unwritable_file_loses_lines_and_says_so_once_when_it_recovers() {
        let mut scene = Scene::new("recovers");
        scene.write("one\n");
        scene.write("two\n");
        assert_eq!(scene.dropped.load(Ordering::Relaxed), 2);
        std::fs::create_dir(&scene.directory).unwrap();
        scene.later();
        scene.write("three\n");
        scene.write("four\n");
        assert_eq!(
            scene.read("log"),
            "WARN wasmcast::observe::log: 2 log lines could not be written and are lost\nthree\nfour\n"
        );
    }

    #[test]
    fn a_rotated_file_is_opened_anew() {
        let mut scene = Scene::new("rotates");
        std::fs::create_dir(&scene.directory).unwrap();
        scene.write("one\n");
        std::fs::rename(scene.directory.join("log"), scene.directory.join("log.1")).unwrap();
        scene.write("two\n");
        scene.later();
        scene.write("three\n");
        assert_eq!(scene.read("log.1"), "one\ntwo\n");
        assert_eq!(scene.read("log"), "three\n");
        std::fs::remove_file(scene.directory.join("log")).unwrap();
        scene.later();
        scene.write("four\n");
        assert_eq!(scene.read("log"), "four\n");
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next() {
        let mut scene = Scene::new("torn");
        std::fs::create_dir(&scene.directory).unwrap();
        scene.write("begin");
        if let Target::File(file) = &mut scene.sink.target {
            file.torn = true;
        }
        scene.write("next\n");
        assert_eq!(scene.read("log"), "begin\nnext\n");
    }

    #[test]
    fn the_report_has_the_form_of_its_neighbours() {
        let event: serde_json::Value = serde_json::from_str(&report(7, b"{\"level\":1}\n")).unwrap();
        assert_eq!(event["lost"], 7);
        assert!(report(7, b"2026 INFO x\n").starts_with("WARN wasmcast"));
    }
}
