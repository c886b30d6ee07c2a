//! Starts the programs that publish to the server and play from it.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Process;
use crate::report::Report;
use crate::server::{Server, wasmcast};

/// Seconds of media that a viewer measures.
const SECONDS: f64 = 4.0;
/// Longest time a client may take to start and connect; browsers take some seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    H264,
    Vp8,
    Vp9,
    Av1,
    H265,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publisher {
    Chromium,
    Ffmpeg,
    Aiortc,
    Wasmcast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Viewer {
    Chromium,
    Firefox,
    Aiortc,
    Gstreamer,
    Wasmcast,
}

impl Codec {
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::H265 => "H265",
        }
    }
}

impl Publisher {
    /// What this program can send with software that the tests may install.
    pub fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Chromium => &[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1],
            Self::Ffmpeg => &[Codec::H264],
            Self::Aiortc => &[Codec::H264, Codec::Vp8],
            Self::Wasmcast => &[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H265],
        }
    }

    /// Whether there is sound: the file that holds VP8 has none.
    pub fn has_audio(self, codec: Codec) -> bool {
        (self, codec) != (Self::Wasmcast, Codec::Vp8)
    }

    /// Starts publishing 640x360 with two tones, 440 Hz left and 660 Hz right, and returns when it says that it sends.
    pub fn start(self, codec: Codec, server: &Server, stream: &str) -> Process {
        let url = server.url(&format!("/whip/{stream}"));
        match self {
            Self::Chromium => {
                let page = format!("/publish/{stream}?source=test&autostart=1&codec={}", codec.name().to_lowercase());
                let size = "&width=640&height=360&fps=30&kbps=1000";
                let options = json!({ "role": "publish", "url": server.url(&(page + size)) });
                ready(browser("chromium", server, stream, &options))
            }
            Self::Ffmpeg => Process::start("ffmpeg", script("ffmpeg_publish.sh").arg(ffmpeg()).arg(url)),
            Self::Aiortc => {
                let mut command = python("aiortc_publish.py");
                command.arg(url).args(["--codec", codec.name(), "--address", &server.http.ip().to_string()]);
                ready(Process::start("aiortc publisher", &mut command))
            }
            Self::Wasmcast => {
                let mut command = wasmcast();
                command.arg("publish").args(source(codec)).arg(url);
                Process::start("wasmcast publish", &mut command)
            }
        }
    }
}

impl Viewer {
    /// What this program can decode with software that the tests may install.
    pub fn codecs(self) -> &'static [Codec] {
        match self {
            Self::Chromium => &[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1],
            Self::Firefox => &[Codec::Vp8, Codec::Vp9, Codec::Av1],
            Self::Aiortc => &[Codec::H264, Codec::Vp8],
            Self::Gstreamer => &[Codec::H264, Codec::Vp8, Codec::Vp9],
            Self::Wasmcast => &[Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1, Codec::H265],
        }
    }

    /// Whether it neither gathers nor pairs loopback addresses and so needs a namespace with another one.
    pub fn avoids_loopback(self) -> bool {
        matches!(self, Self::Firefox | Self::Gstreamer)
    }

    /// Plays sound and picture of the stream for some seconds and reports what arrived.
    pub fn play(self, codec: Codec, server: &Server, stream: &str) -> Report {
        Report::read(self.launch(codec, server, stream, SECONDS, true), PATIENCE)
    }

    /// Plays only the picture.
    pub fn play_video(self, codec: Codec, server: &Server, stream: &str) -> Report {
        Report::read(self.launch(codec, server, stream, SECONDS, false), PATIENCE)
    }

    /// Starts playing for so many seconds of media.
    pub fn launch(self, codec: Codec, server: &Server, stream: &str, seconds: f64, audio: bool) -> Process {
        let url = server.url(&format!("/whep/{stream}"));
        match self {
            Self::Chromium | Self::Firefox => {
                let page = server.url(&format!("/play/{stream}?muted=1"));
                let kinds: &[&str] = if audio { &["audio", "video"] } else { &["video"] };
                let options = json!({ "role": "play", "url": page, "seconds": seconds, "kinds": kinds });
                browser(if self == Self::Firefox { "firefox" } else { "chromium" }, server, stream, &options)
            }
            Self::Aiortc | Self::Gstreamer => {
                let name = if self == Self::Aiortc { "aiortc_play.py" } else { "gstreamer_play.py" };
                let mut command = python(name);
                command.arg(url).args(["--codec", codec.name(), "--seconds", &seconds.to_string()]);
                command.args(["--address", &server.http.ip().to_string()]);
                command.args(if audio { &[] as &[&str] } else { &["--only", "video"] });
                Process::start(name, &mut command)
            }
            Self::Wasmcast => {
                let mut command = wasmcast();
                command.arg("play").args(["--duration", &seconds.to_string()]).arg(url);
                command.args(if audio { &[] as &[&str] } else { &["--no-audio"] });
                Process::start("wasmcast play", &mut command)
            }
        }
    }
}

/// Opens a page in a browser as peers/browser.mjs describes.
pub fn browser(browser: &str, server: &Server, stream: &str, options: &Value) -> Process {
    browser_by(Command::new, browser, server, stream, options)
}

/// As [`browser`], started by another way than as a program of the test's own network.
pub fn browser_by(
    start: impl FnOnce(PathBuf) -> Command,
    browser: &str,
    server: &Server,
    stream: &str,
    options: &Value,
) -> Process {
    let mut options = options.clone();
    let role = options["role"].as_str().unwrap_or("page").to_owned();
    options["browser"] = browser.into();
    let profile = server.scratch.path().join(format!("{browser}-{role}-{}", stream.replace('/', "-")));
    fs::create_dir_all(&profile).expect("a writable folder for temporary files");
    options["profile"] = profile.to_string_lossy().into();
    start_browser(start, &format!("{browser} {role}"), "browser.mjs", &options)
}

/// Uses the operator's console as peers/console.mjs describes.
pub fn console(server: &Server, role: &str, options: &Value) -> Process {
    let mut options = options.clone();
    let profile = server.scratch.path().join(format!("console-{role}"));
    fs::create_dir_all(&profile).expect("a writable folder for temporary files");
    options["role"] = role.into();
    options["profile"] = profile.to_string_lossy().into();
    options["url"] = format!("http://{}/", server.admin).into();
    start_browser(Command::new, &format!("console {role}"), "console.mjs", &options)
}

fn start_browser(start: impl FnOnce(PathBuf) -> Command, name: &str, script: &str, options: &Value) -> Process {
    let mut command = start(tools().join("venv/bin/node"));
    command.env("NODE_PATH", tools().join("node/node_modules"));
    command.arg(peers().join(script)).arg(options.to_string());
    // A browser that is killed leaves its profile behind.
    Process::start(name, &mut command).with_farewell(Duration::from_secs(3))
}

/// Waits until a publisher of ours says that it is connected.
pub fn ready(process: Process) -> Process {
    process.wait_for("being connected", PATIENCE, |line| line.contains(r#""ready":"#).then_some(()));
    process
}

fn peers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/peers")
}

fn script(name: &str) -> Command {
    Command::new(peers().join(name))
}

pub fn python(name: &str) -> Command {
    let mut command = Command::new(tools().join("venv/bin/python"));
    command.arg(peers().join(name));
    command
}

/// Where `make test` puts the clients it installs.
pub fn tools() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    variable("WASMCAST_TEST_TOOLS").unwrap_or_else(|| {
        let home = || variable("HOME").unwrap_or_default().join(".cache");
        variable("XDG_CACHE_HOME").unwrap_or_else(home).join("wasmcast")
    })
}

/// The FFmpeg 9 that `make test` installs; Debian's has no WHIP.
pub fn ffmpeg() -> PathBuf {
    tools().join("ffmpeg")
}

/// What `wasmcast publish` reads: a picture of its own making, or a file that FFmpeg made for the tests.
fn source(codec: Codec) -> Vec<OsString> {
    if codec == Codec::H264 {
        return ["testsrc", "--size", "640x360", "--bitrate", "800"].map(OsString::from).to_vec();
    }
    let container = if codec == Codec::Vp8 { "ivf" } else { "mp4" };
    vec![tools().join(format!("media/{}.{container}", codec.name().to_lowercase())).into(), "--loop".into()]
}
