//! `wasmcast plugin rollout`, `promote` and `differences`: how a new generation comes into service, and what it would change.

use super::Failure;
use super::server::block_on;
use super::switch::Which;
use crate::output;
use serde_json::{Value, json};
use std::process::ExitCode;
use wasmcast::media::one_line;

/// Say how new generations of a plugin come into service, until its manifest says something else
///
/// What is in the shadow or a canary now follows: it goes on to the stage that is named here. Over restarts, too.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  wasmcast plugin rollout auth-jwt --shadow\n  wasmcast plugin rollout auth-jwt --canary 5%\n  \
    wasmcast plugin rollout auth-jwt --enforce"
)]
pub struct Rollout {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    way: Way,
    /// With --canary: only sessions whose tag `cohort` has this value
    #[arg(long, value_name = "NAME", requires = "canary")]
    cohort: Option<String>,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct Way {
    /// Only compare what they would decide
    #[arg(long)]
    shadow: bool,
    /// Let them decide about this share of the new sessions first: 5%, or 0.05
    #[arg(long, value_name = "SHARE", value_parser = share)]
    canary: Option<f64>,
    /// Let them decide about all sessions at once
    #[arg(long)]
    enforce: bool,
}

/// Let the generation in the shadow, or the canary, decide about all sessions
///
/// It is on probation then: while it fails more, is slower or denies far more than the one before, that one comes back by
/// itself.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin promote auth-jwt")]
pub struct Promote {
    #[command(flatten)]
    which: Which,
}

/// Show where a generation in the shadow would have decided otherwise
///
/// The latest 200, the newest first. Exit code 0 whether there are any or not.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  wasmcast plugin differences auth-jwt")]
pub struct Differences {
    #[command(flatten)]
    which: Which,
    /// Print JSON, as the server gives it
    #[arg(long)]
    json: bool,
}

/// Runs `wasmcast plugin rollout`.
pub fn rollout(args: &Rollout) -> Result<ExitCode, Failure> {
    let change = match (&args.way, &args.cohort) {
        (Way { shadow: true, .. }, _) => json!({ "mode": "shadow" }),
        (Way { canary: Some(share), .. }, None) => json!({ "mode": "enforce", "canary": share }),
        (Way { canary: Some(share), .. }, Some(cohort)) => {
            json!({ "mode": "enforce", "canary": { "share": share, "cohort": cohort } })
        }
        _ => json!({ "mode": "enforce", "canary": null }),
    };
    command(&args.which, "rollout", Some(&change))
}

/// Runs `wasmcast plugin promote`.
pub fn promote(args: &Promote) -> Result<ExitCode, Failure> {
    command(&args.which, "promote", None)
}

/// Runs `wasmcast plugin differences`.
pub fn differences(args: &Differences) -> Result<ExitCode, Failure> {
    let (server, path) = args.which.find()?;
    let answer = block_on(server.get(&format!("{path}/differences")))?.ok_or_else(|| args.which.unknown(&server))?;
    if args.json {
        return Ok(output::data(&format!("{answer:#}\n")));
    }
    let list = answer.as_array().map_or(&[][..], Vec::as_slice);
    if list.is_empty() {
        output::say("no differences; `wasmcast plugin list` shows whether anything is compared");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(output::text(&list.iter().map(entry).collect::<String>()))
}

fn command(which: &Which, verb: &str, body: Option<&Value>) -> Result<ExitCode, Failure> {
    let (server, path) = which.find()?;
    let path = format!("{path}/{verb}");
    let answer = block_on(async {
        match body {
            Some(body) => server.post_json(&path, body).await,
            None => server.post(&path).await,
        }
    })?;
    which.say(&answer.ok_or_else(|| which.unknown(&server))?);
    Ok(ExitCode::SUCCESS)
}

fn entry(difference: &Value) -> String {
    let text = |key: &str| one_line(difference.get(key).and_then(Value::as_str).unwrap_or_default());
    let generation = difference.get("generation").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{}  {}  {}  {}\n    in service:    {}\n    generation {generation}:  {}\n",
        text("at"),
        text("hook"),
        text("stream"),
        text("session"),
        text("in_service"),
        text("candidate")
    )
}

/// `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(number) => (number.trim(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().ok().map(|number| number / unit);
    share.filter(|share| *share > 0.0 && *share <= 1.0).ok_or_else(|| "a share is as in 5% or 0.05".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percents_or_numbers() {
        let rows = [("5%", Some(0.05)), ("0.05", Some(0.05)), ("100 %", Some(1.0)), ("1", Some(1.0))];
        let wrong = ["5", "0", "-1%", "nan", "%", "x"].map(|text| (text, None));
        for (text, expected) in rows.into_iter().chain(wrong) {
            assert_eq!(share(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_difference_forges_no_line() {
        let difference = json!({ "at": "2026-11-22T15:44:47.120Z", "hook": "auth/check", "stream": "live/cam",
            "session": "s-1", "generation": 2, "in_service": "allow", "candidate": "deny 403 \"no\nway\u{1b}[2J\"" });
        let expected = "2026-11-22T15:44:47.120Z  auth/check  live/cam  s-1\n    in service:    allow\n    \
            generation 2:  deny 403 \"no\\nway\\u{1b}[2J\"\n";
        assert_eq!(entry(&difference), expected);
    }
}
