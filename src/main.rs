//! The command line: says what can be typed and hands each command to its module.

#[path = "main/client.rs"]
mod client;
#[path = "main/config.rs"]
mod config;
#[path = "main/healthcheck.rs"]
mod healthcheck;
#[path = "main/output.rs"]
mod output;
#[path = "main/plugin/mod.rs"]
mod plugin;
#[path = "main/serve.rs"]
mod serve;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use wasmcast::client::{bench, play, publish};

/// A live media server that sandboxed WebAssembly plugins extend
#[derive(Parser, Debug)]
#[command(version, propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Example:\n  wasmcast serve --demo     then open http://127.0.0.1:8080/\n\n\
    Exit codes: 0 well, 1 failed at run time, 2 bad usage or configuration.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Serve(serve::Args),
    Publish(publish::Args),
    Play(play::Args),
    Bench(bench::Args),
    Plugin(plugin::Args),
    Config(config::Args),
    Healthcheck(healthcheck::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Publish(args) => client::run(publish::run(args)),
        Command::Play(args) => client::run(play::run(args)),
        Command::Bench(args) => client::run(bench::run(args)),
        Command::Plugin(args) => plugin::run(args),
        Command::Config(args) => config::run(args),
        Command::Healthcheck(args) => healthcheck::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_sound_and_has_an_example() {
        fn check(command: &mut clap::Command) {
            let name = command.get_name().to_owned();
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{name}:\n{help}");
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.len() > 10, "{name}: {about}");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            }
            command.get_subcommands_mut().filter(|command| command.get_name() != "help").for_each(check);
        }
        Cli::command().debug_assert();
        let mut command = Cli::command();
        command.build();
        check(&mut command);
    }
}
