//! `wasmcast serve`: loads the configuration, starts the log, runs the server.

use crate::config::FileArg;
use crate::output;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use wasmcast::config::{Flag, FlagValue, Sources};
use wasmcast::observe::Log;
use wasmcast::server;

/// Run the server
#[derive(clap::Args, Debug)]
#[command(
    long_about = "Run the server.\n\nConfiguration comes from wasmcast.toml, overlaid by environment variables \
        (WASMCAST_HTTP__LISTEN for http.listen), overlaid by these flags. The file is applied again when it changes. \
        How much the server takes on is in [limits]; `wasmcast config show` lists every key with its value.",
    after_help = "Examples:\n  wasmcast serve --demo\n  wasmcast serve -c /etc/wasmcast.toml --log-format json"
)]
pub struct Args {
    #[command(flatten)]
    file: FileArg,
    /// Publish a synthetic stream `demo`: a moving picture with a clock, and a tone
    #[arg(long)]
    demo: bool,
    /// Where plugins are found (plugins.dir)
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Pages, WHIP and WHEP: IP:PORT or `off` (http.listen) [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// All WebRTC media: IP:PORT (media.listen) [default: the address of --http, port 8189]
    #[arg(long, value_name = "ADDR")]
    media: Option<String>,
    /// Operator API and metrics: IP:PORT or `off` (admin.listen) [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// How log lines look: `text` or `json` (log.format) [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// How much is logged: error, warn, info, debug, trace, or `info,wasmcast::http=debug` (log.level) [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Args {
    fn into_sources(self) -> Sources {
        let plugins = self.plugins.map(|dir| dir.to_string_lossy().into_owned());
        let texts = [
            ("--plugins", "plugins.dir", plugins),
            ("--http", "http.listen", self.http),
            ("--media", "media.listen", self.media),
            ("--admin", "admin.listen", self.admin),
            ("--log-format", "log.format", self.log_format),
            ("--log-level", "log.level", self.log_level),
        ];
        let given = |(name, key, text): (_, _, Option<String>)| Some(Flag { name, key, value: FlagValue::Text(text?) });
        let mut flags: Vec<Flag> = texts.into_iter().filter_map(given).collect();
        if self.demo {
            flags.push(Flag { name: "--demo", key: "demo.enabled", value: FlagValue::Switch(true) });
        }
        Sources::from_process(self.file.file, flags)
    }
}

/// Runs `wasmcast serve` until it is told to stop.
pub fn run(args: Args) -> ExitCode {
    let loaded = match args.into_sources().load() {
        Ok(loaded) => loaded,
        Err(error) => return output::refuse(&error),
    };
    let log = match Log::init(&loaded.config.log) {
        Ok(log) => log,
        Err(error) => {
            output::say(&format!("wasmcast: {error}"));
            return ExitCode::FAILURE;
        }
    };
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::say(&format!("wasmcast: the threads for requests can not be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(Box::pin(server::run(loaded, log.clone())));
    // What is still blocked (a hung disk) must not hold up the end.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            error.exit_code()
        }
    };
    log.flush(Duration::from_secs(1));
    code
}
