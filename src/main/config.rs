//! `wasmcast config`: checks and shows the configuration, makes tokens.

use crate::output;
use std::path::PathBuf;
use std::process::ExitCode;
use wasmcast::access;
use wasmcast::config::{Loaded, Shown, Sources};
use wasmcast::server;

/// Check and show the configuration, make tokens
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast config check -c wasmcast.toml")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Say whether the configuration can be used, and what is wrong where
    #[command(after_help = "Example:\n  wasmcast config check -c /etc/wasmcast.toml && systemctl restart wasmcast")]
    Check {
        #[command(flatten)]
        file: FileArg,
    },
    /// Print the merged configuration and where each value came from
    #[command(
        after_help = "Examples:\n  wasmcast config show\n  wasmcast config show --json | jq '.[\"http.listen\"]'"
    )]
    Show {
        #[command(flatten)]
        file: FileArg,
        /// Print JSON: for each key its value and source
        #[arg(long)]
        json: bool,
    },
    /// Print a fresh token to stdout, and the line for the configuration to stderr
    #[command(after_help = "Example:\n  wasmcast config token --name alice > alice.token")]
    Token {
        /// Who will hold it; the log and the API name them
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

/// The file of a command.
#[derive(clap::Args, Debug)]
pub struct FileArg {
    /// The configuration file [default: ./wasmcast.toml, where it exists]
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Runs `wasmcast config`.
pub fn run(args: Args) -> ExitCode {
    match args.command {
        Command::Check { file } => with_loaded(file, |loaded| {
            if let Err(error) = server::rehearse(&loaded.config) {
                output::say(&format!("wasmcast: {error}"));
                return ExitCode::from(2);
            }
            output::say("the configuration can be used");
            ExitCode::SUCCESS
        }),
        Command::Show { file, json: false } => with_loaded(file, |loaded| output::data(&Shown(loaded).to_string())),
        Command::Show { file, json: true } => {
            with_loaded(file, |loaded| output::data(&format!("{:#}\n", Shown(loaded).json())))
        }
        Command::Token { name } => token(name.as_deref()),
    }
}

fn with_loaded(file: FileArg, command: impl FnOnce(&Loaded) -> ExitCode) -> ExitCode {
    match Sources::from_process(file.file, Vec::new()).load() {
        Err(error) => output::refuse(&error),
        Ok(loaded) => {
            for warning in &loaded.warnings {
                output::say(&format!("warning: {warning}"));
            }
            command(&loaded)
        }
    }
}

fn token(name: Option<&str>) -> ExitCode {
    let token = access::random_token();
    output::say(&format!(
        "The token goes to whoever may enter; the configuration only gets its digest. In a rule that allows tokens:\n\n    \
         {}\n",
        paste_line(&token, name)
    ));
    output::data(&format!("{token}\n"))
}

/// The `tokens` line of a rule that lets the holder in.
fn paste_line(token: &str, name: Option<&str>) -> String {
    let hex: String = access::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    match name {
        None => format!("tokens = [\"sha256:{hex}\"]"),
        Some(name) => {
            // JSON's strings are valid TOML strings.
            let name = serde_json::Value::from(name).to_string().replace('\x7f', "\\u007F");
            format!("tokens = [{{ sha256 = \"{hex}\", name = {name} }}]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_line_lets_the_token_in() {
        for name in [None, Some("alice"), Some("a \"b\" \u{7f} \n")] {
            let token = access::random_token();
            let text = format!("[[access.rules]]\nstream = \"**\"\nallow = \"token\"\n{}\n", paste_line(&token, name));
            let sources = Sources::new(None, Vec::new(), Vec::new());
            let config = sources.load_content(Some(text.into_bytes())).unwrap().config;
            let found = &config.access.rules[0].tokens[0];
            assert!(found.secret.matches(&token));
            assert_eq!(found.name.as_deref(), name);
        }
    }
}
