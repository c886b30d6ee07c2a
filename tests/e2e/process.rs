//! A child process whose output is kept, with a limit to every wait, and that never outlives its test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Output {
    lines: Vec<(bool, String)>,
    open: usize,
}

#[derive(Default)]
struct Log {
    output: Mutex<Output>,
    changed: Condvar,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Output> {
        self.output.lock().expect("nobody panics while holding it")
    }

    /// Waits for a change, at most so long.
    fn wait<'a>(&self, output: MutexGuard<'a, Output>, limit: Duration) -> MutexGuard<'a, Output> {
        self.changed.wait_timeout(output, limit).expect("nobody panics while holding it").0
    }
}

pub struct Process {
    child: Child,
    name: String,
    log: Arc<Log>,
    /// How long it may take to end by itself once its standard input is closed.
    farewell: Duration,
}

pub struct Finished {
    pub status: ExitStatus,
    /// Lines of standard output.
    pub data: Vec<String>,
    /// Both outputs, for the reader of a failure.
    pub log: String,
}

impl Process {
    /// Starts the command with no standard input of its own but a pipe that closes with this value.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}; `make test` installs what tests need"));
        let log = Arc::new(Log::default());
        log.lock().open = 2;
        let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        keep(stdout, true, log.clone());
        keep(stderr, false, log.clone());
        Self { child, name: name.to_owned(), log, farewell: Duration::ZERO }
    }

    /// For programs that tidy up when their standard input closes: they get this time before they are killed.
    pub fn with_farewell(mut self, limit: Duration) -> Self {
        self.farewell = limit;
        self
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first result of `find` over the lines written so far and to come; panics when it ends or time is up.
    pub fn wait_for<T>(&self, what: &str, limit: Duration, find: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + limit;
        let mut output = self.log.lock();
        let mut seen = 0;
        loop {
            if let Some(found) = output.lines[seen..].iter().find_map(|(_, line)| find(line)) {
                return found;
            }
            seen = output.lines.len();
            let left = end.saturating_duration_since(Instant::now());
            if output.open == 0 || left.is_zero() {
                let why = if output.open == 0 { "ended" } else { "took too long" };
                drop(output);
                panic!("{} {why} before: {what}\n{}", self.name, self.log());
            }
            output = self.log.wait(output, left);
        }
    }

    /// Waits for the end; panics when time is up.
    pub fn finish(mut self, limit: Duration) -> Finished {
        let end = Instant::now() + limit;
        let mut output = self.log.lock();
        while output.open > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(output);
                panic!("{} did not end within {limit:?}\n{}", self.name, self.log());
            }
            output = self.log.wait(output, left);
        }
        let data = output.lines.iter().filter(|(stdout, _)| *stdout).map(|(_, line)| line.clone()).collect();
        drop(output);
        let status = self.child.wait().expect("a child that closed its outputs ends");
        Finished { status, data, log: self.log() }
    }

    /// Sends a signal by name, such as `TERM`, `STOP` or `HUP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -s {name} {}", self.id())).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes no {name}", self.name);
    }

    /// Lines of standard output so far.
    pub fn data(&self) -> Vec<String> {
        let output = self.log.lock();
        output.lines.iter().filter(|(stdout, _)| *stdout).map(|(_, line)| line.clone()).collect()
    }

    /// Everything written so far.
    pub fn log(&self) -> String {
        let output = self.log.lock();
        let lines = output.lines.iter().map(|(_, line)| format!("  {}| {line}\n", self.name));
        lines.collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let end = Instant::now() + self.farewell;
        let mut output = self.log.lock();
        while output.open > 0 && Instant::now() < end {
            output = self.log.wait(output, end.saturating_duration_since(Instant::now()));
        }
        drop(output);
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

fn keep(stream: impl Read + Send + 'static, stdout: bool, log: Arc<Log>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            log.lock().lines.push((stdout, text));
            log.changed.notify_all();
            line.clear();
        }
        log.lock().open -= 1;
        log.changed.notify_all();
    });
}
