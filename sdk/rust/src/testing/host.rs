//! The process beside a test: `wasmcast plugin test-host`, asked in lines of JSON.

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Names the server's program; without it the PATH is searched.
const PROGRAM: &str = "WASMCAST";
/// Names a plugin that is built already: set by `wasmcast plugin test`.
const BUILT: &str = "WASMCAST_PLUGIN_FILE";

/// The plugin's file of a folder; built once in a process.
pub(super) fn built(folder: &Path) -> Result<PathBuf, String> {
    static BUILD: OnceLock<Mutex<Vec<(PathBuf, Result<PathBuf, String>)>>> = OnceLock::new();
    if let Some(file) = std::env::var_os(BUILT) {
        return Ok(file.into());
    }
    // A failed test that held the lock has left it as it was.
    let mut builds = BUILD.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, result)) = builds.iter().find(|(known, _)| known == folder) {
        return result.clone();
    }
    let result = build(folder);
    builds.push((folder.to_owned(), result.clone()));
    result
}

fn build(folder: &Path) -> Result<PathBuf, String> {
    let output = Command::new(program()).args(["plugin", "build", "--quiet"]).arg(folder).output().map_err(missing)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().into()),
        false => Err(format!("it does not build:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

fn program() -> PathBuf {
    std::env::var_os(PROGRAM).map_or_else(|| "wasmcast".into(), PathBuf::from)
}

fn missing(error: std::io::Error) -> String {
    format!("`{}` can not be run: {error}. Put wasmcast on the PATH, or name it by {PROGRAM}", program().display())
}

/// A plugin host of a test's own. Ends with the test.
#[derive(Debug)]
pub(super) struct Host {
    pipe: Mutex<Pipe>,
}

#[derive(Debug)]
struct Pipe {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Host {
    pub(super) fn start() -> Result<Self, String> {
        let mut command = Command::new(program());
        command.args(["plugin", "test-host"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(missing)?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the plugin host has no pipes".to_owned());
        };
        Ok(Self { pipe: Mutex::new(Pipe { child, questions, answers: BufReader::new(answers) }) })
    }

    /// Asks for something to be done; `Err` is what it answers when it can not.
    pub(super) fn ask(&self, question: Value) -> Result<Value, String> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = |error: std::io::Error| format!("the plugin host is gone: {error}");
        let mut line = question.to_string();
        line.push('\n');
        pipe.questions.write_all(line.as_bytes()).map_err(gone)?;
        pipe.questions.flush().map_err(gone)?;
        let mut answer = String::new();
        pipe.answers.read_line(&mut answer).map_err(gone)?;
        let answer: Value =
            serde_json::from_str(&answer).map_err(|_| format!("the plugin host answered `{}`", answer.trim_end()))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer),
        }
    }

    /// As [`ask`](Self::ask), where no answer means that the test is wrong.
    #[track_caller]
    pub(super) fn must(&self, question: Value) -> Value {
        match self.ask(question) {
            Ok(answer) => answer,
            Err(why) => panic!("{why}"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let pipe = self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(pipe.child.kill());
        drop(pipe.child.wait());
    }
}
