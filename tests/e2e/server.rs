//! The real binary, started on free ports and stopped with the test.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Request, Response};
use crate::process::{Finished, Process};
use crate::scratch::Scratch;

/// Longest time from the start of the program to its last listener.
const START: Duration = Duration::from_secs(15);

pub fn wasmcast() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmcast"));
    command.env_remove("RUST_LOG");
    command
}

/// How to start a server; what is not said is a free port on loopback and everything else by default.
pub struct Setup {
    address: IpAddr,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// A configuration file that is used as it is, and where the server is started.
    example: Option<(PathBuf, PathBuf)>,
    scratch: Scratch,
}

pub struct Server {
    pub process: Process,
    pub http: SocketAddr,
    pub media: SocketAddr,
    pub admin: SocketAddr,
    /// The configuration file that the server watches.
    pub config: PathBuf,
    pub scratch: Scratch,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            config: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            example: None,
            scratch: Scratch::new(),
        }
    }

    /// Listens on another address of this machine.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// The text of the configuration file.
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Uses a configuration file as it is, but for the addresses, and starts the server in this folder.
    pub fn example(mut self, folder: impl Into<PathBuf>, config: impl Into<PathBuf>) -> Self {
        self.example = Some((folder.into(), config.into()));
        self
    }

    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Publishes the synthetic stream `demo`.
    pub fn demo(self) -> Self {
        self.argument("--demo")
    }

    /// The folder of the test, for files that must be there before the server.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    fn launch(&self) -> (Process, PathBuf) {
        let mut command = wasmcast();
        let config = match &self.example {
            Some((folder, config)) => {
                command.current_dir(folder);
                config.clone()
            }
            None => self.scratch.write("wasmcast.toml", &self.config),
        };
        command.arg("serve").arg("-c").arg(&config).args(&self.arguments);
        for section in ["HTTP", "MEDIA"] {
            command.env(format!("WASMCAST_{section}__LISTEN"), SocketAddr::new(self.address, 0).to_string());
        }
        command.env("WASMCAST_ADMIN__LISTEN", "127.0.0.1:0").env("WASMCAST_RTMP__LISTEN", "off");
        command.env("WASMCAST_LOG__FORMAT", "json");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        (Process::start("wasmcast", &mut command), config)
    }

    /// Starts a server whose log does not come out, and so can not tell its addresses.
    pub fn launch_only(&self) -> Process {
        self.launch().0
    }

    pub fn start(self) -> Server {
        let (process, config) = self.launch();
        let listener =
            |name: &'static str| process.wait_for(&format!("listening on {name}"), START, |line| listening(line, name));
        let (http, media, admin) = (listener("http"), listener("media"), listener("admin"));
        Server { http, media, admin, process, config, scratch: self.scratch }
    }

    /// Starts a server that must give up by itself, and returns what it said.
    pub fn refused(self) -> Finished {
        let finished = self.launch().0.finish(START);
        assert!(!finished.status.success(), "the server should have refused to start\n{}", finished.log);
        finished
    }
}

/// The address in a log line that tells of a listener: `message` is `listening`, `listener` its name.
fn listening(line: &str, name: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let fields = event.get("fields").unwrap_or(&event);
    (fields["message"] == "listening" && fields["listener"] == name)
        .then(|| fields["address"].as_str()?.parse().ok())
        .flatten()
}

impl Server {
    pub fn start() -> Self {
        Setup::new().start()
    }

    pub fn demo() -> Self {
        let server = Setup::new().demo().start();
        server.wait_live("demo");
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub fn send(&self, request: &Request) -> Response {
        request.send(self.http)
    }

    pub fn api(&self, path: &str) -> Value {
        Request::get(path).send(self.admin).expect(200).json()
    }

    /// A sample of the metrics, by its name with all labels; 0 where there is none.
    pub fn metric(&self, sample: &str) -> f64 {
        let text = Request::get("/metrics").send(self.admin).expect(200).text();
        let value = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    /// Sessions refused by a limit.
    pub fn refused(&self, action: &str, limit: &str) -> f64 {
        self.metric(&format!("wasmcast_session_refusals_total{{action=\"{action}\",limit=\"{limit}\"}}"))
    }

    /// Asks until the answer satisfies; panics after 15 s with the last answer.
    pub fn wait_until<T>(&self, what: &str, ask: impl FnMut() -> Result<T, String>) -> T {
        self.wait_for_long(what, Duration::from_secs(15), ask)
    }

    /// As [`Server::wait_until`], for what takes its time by design.
    pub fn wait_for_long<T>(&self, what: &str, limit: Duration, mut ask: impl FnMut() -> Result<T, String>) -> T {
        let end = Instant::now() + limit;
        loop {
            match ask() {
                Ok(found) => return found,
                Err(last) if Instant::now() > end => panic!("{what} did not come true: {last}\n{}", self.process.log()),
                Err(_) => std::thread::park_timeout(Duration::from_millis(25)),
            }
        }
    }

    /// Waits until the stream carries media, and returns its entry of the API.
    pub fn wait_live(&self, stream: &str) -> Value {
        self.wait_until(&format!("{stream} being live"), || {
            let list = self.api("/api/v1/streams");
            let entry = list["streams"].as_array().into_iter().flatten().find(|entry| entry["name"] == stream);
            entry.filter(|entry| entry["state"] == "live").cloned().ok_or_else(|| list.to_string())
        })
    }

    /// Waits until exactly this many sessions with this action are there.
    pub fn wait_sessions(&self, action: &str, count: usize) {
        self.wait_for_sessions(action, count, |state| state != "closed");
    }

    /// Waits until exactly this many sessions with this action have their media connected.
    pub fn wait_connected(&self, action: &str, count: usize) {
        self.wait_for_sessions(action, count, |state| state == "connected");
    }

    fn wait_for_sessions(&self, action: &str, count: usize, wanted: impl Fn(&str) -> bool) {
        self.wait_until(&format!("{count} {action} session(s)"), || {
            let list = self.api("/api/v1/sessions");
            let entries = list["sessions"].as_array().into_iter().flatten();
            let wanted = |entry: &&Value| entry["action"] == action && entry["state"].as_str().is_some_and(&wanted);
            if entries.filter(wanted).count() == count { Ok(()) } else { Err(list.to_string()) }
        });
    }

    /// Ends it as an operator would, and returns what it said.
    pub fn stop(self) -> Finished {
        self.process.signal("TERM");
        self.process.finish(Duration::from_secs(20))
    }
}
