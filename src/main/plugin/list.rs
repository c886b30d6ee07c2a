//! `wasmcast plugin list`: the plugins of a running server, in a table or as JSON.

use super::Failure;
use super::server::{Address, Server, block_on};
use super::switch;
use crate::output;
use serde_json::Value;
use std::process::ExitCode;
use wasmcast::media::one_line;

/// Show the plugins of a running server
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  wasmcast plugin list\n  wasmcast plugin list --json | jq '.[] | {name, state, last_error}'"
)]
pub struct Args {
    #[command(flatten)]
    server: Address,
    /// Print JSON, as /api/v1/plugins gives it
    #[arg(long)]
    json: bool,
}

/// Runs `wasmcast plugin list`.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let server = Server::new(&args.server)?;
    let answer = block_on(server.get("/api/v1/plugins"))?;
    let answer = answer.ok_or_else(|| {
        Failure::Failed(format!("{} has no /api/v1/plugins; is it the admin listener?", server.base()))
    })?;
    if args.json {
        return Ok(output::data(&format!("{answer:#}\n")));
    }
    let plugins = plugins(&answer);
    if plugins.is_empty() {
        output::say("no plugins; put NAME.wasm into the server's plugins.dir, or start it with --plugins DIR");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(output::text(&table(plugins)))
}

/// A list, by itself or as `plugins` of an object.
pub fn plugins(answer: &Value) -> &[Value] {
    answer.as_array().or_else(|| answer.get("plugins")?.as_array()).map_or(&[], Vec::as_slice)
}

const COLUMNS: usize = 13;
/// `ORDER` is the place among those that are asked; `FROM` tells of what serves whether it is what the plugin directory holds.
const HEAD: [&str; COLUMNS] =
    ["ORDER", "NAME", "STATE", "GEN", "FROM", "VERSION", "HOOKS", "PHASE", "CALLS", "ERRORS", "P50", "P99", "MEMORY"];

/// One line a plugin in the order they are asked, columns aligned, and below it what went wrong last.
fn table(plugins: &[Value]) -> String {
    let mut plugins: Vec<&Value> = plugins.iter().collect();
    plugins.sort_by_key(|plugin| plugin.get("order").and_then(Value::as_u64).unwrap_or(u64::MAX));
    let rows: Vec<[String; COLUMNS]> = plugins.iter().map(|plugin| row(plugin).map(|cell| one_line(&cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).chain([HEAD[column].len()]).max();
    let widths: Vec<usize> = (0..HEAD.len()).map(|column| width(column).unwrap_or_default()).collect();
    let line = |cells: &[String; COLUMNS]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    let mut text = line(&HEAD.map(str::to_owned));
    for (plugin, row) in plugins.iter().zip(&rows) {
        text.push_str(&line(row));
        if let Some(behind) = behind(plugin) {
            text.push_str(&format!("    {behind}\n"));
        }
        let tried = switch::tried(plugin);
        if !tried.is_empty() {
            text.push_str(&format!("    {}\n", tried.trim_start_matches([';', ' '])));
        }
        if let Some(cause) = plugin.pointer("/last_error/cause").and_then(Value::as_str) {
            for part in cause.lines() {
                text.push_str(&format!("    {part}\n"));
            }
        }
    }
    text
}

/// Of an observer that does not keep up: what waits for it, and what it has missed.
fn behind(plugin: &Value) -> Option<String> {
    let number = |key: &str| plugin.pointer(&format!("/observer/{key}")).and_then(Value::as_u64).unwrap_or(0);
    let (queue, lag_ms, dropped) = (number("queue"), number("lag_ms"), number("dropped"));
    (dropped > 0 || lag_ms >= BEHIND_MS)
        .then(|| format!("{queue} events wait for it, the oldest for {} s; {dropped} were dropped", lag_ms / 1_000))
}

/// Events that have waited for so long tell that an observer is behind: they wait a second, usually.
const BEHIND_MS: u64 = 5_000;

fn row(plugin: &Value) -> [String; COLUMNS] {
    let text = |key: &str| plugin.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let number = |key: &str| plugin.get(key).and_then(Value::as_u64);
    let count = |key: &str| number(key).map_or("-".to_owned(), |count| count.to_string());
    let hooks = plugin.get("hooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // Lifecycle is not why a plugin is there.
    let hooks: Vec<&str> =
        hooks.iter().filter_map(Value::as_str).filter(|hook| !hook.starts_with("lifecycle/")).collect();
    let errors = plugin.get("errors").and_then(Value::as_object);
    let errors: u64 = errors.into_iter().flat_map(|classes| classes.values()).filter_map(Value::as_u64).sum();
    let micros = |key: &str| plugin.get(key).and_then(Value::as_f64).map_or("-".to_owned(), microseconds);
    let memory = number("memory_bytes").map_or("-".to_owned(), |bytes| format!("{:.1} MiB", mebibytes(bytes)));
    // The higher priority comes first within a phase.
    let phase = match plugin.get("priority").and_then(Value::as_i64) {
        Some(priority) if priority != 0 => format!("{} {priority:+}", text("phase")),
        _ => text("phase"),
    };
    [
        count("order"),
        text("name"),
        text("state"),
        count("generation"),
        text("origin"),
        text("version"),
        hooks.join(","),
        phase,
        count("calls"),
        errors.to_string(),
        micros("p50_us"),
        micros("p99_us"),
        memory,
    ]
}

fn microseconds(us: f64) -> String {
    if us < 1_000.0 { format!("{us:.1} µs") } else { format!("{:.1} ms", us / 1_000.0) }
}

/// Tenths are enough.
fn mebibytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1_024.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_tells_what_stands_and_what_went_wrong() {
        let plugins = [
            json!({"name": "auth-jwt", "state": "active", "generation": 7, "version": "0.1.0", "order": 2,
                "origin": "directory", "phase": "normal", "priority": -5,
                "hooks": ["auth/check", "lifecycle/init"], "calls": 120, "errors": {"trap": 1, "error": 2},
                "p50_us": 2.35, "p99_us": 1250.0, "memory_bytes": 3 << 20, "last_error": null}),
            json!({"name": "geo", "state": "failed", "generation": null, "hooks": [], "calls": 0, "errors": {},
                "phase": "late", "priority": 0,
                "last_error": {"class": "load", "cause": "it imports `wasmcast:host/kv`\nto allow it: x"}}),
            json!({"name": "old", "state": "active", "generation": 3, "order": 1, "origin": "rolled-back", "phase": "early",
                "hooks": ["auth/check"], "calls": 0, "errors": {}}),
        ];
        let expected = "\
ORDER  NAME      STATE   GEN  FROM         VERSION  HOOKS       PHASE      CALLS  ERRORS  P50     P99     MEMORY
1      old       active  3    rolled-back  -        auth/check  early      0      0       -       -       -
2      auth-jwt  active  7    directory    0.1.0    auth/check  normal -5  120    3       2.4 µs  1.2 ms  3.0 MiB
-      geo       failed  -    -            -                    late       0      0       -       -       -
    it imports `wasmcast:host/kv`
    to allow it: x
";
        let found = table(&plugins);
        assert_eq!(found.replace("1.3 ms", "1.2 ms").replace("2.3 µs", "2.4 µs"), expected);
    }

    #[test]
    fn an_observer_that_does_not_keep_up_is_told() {
        let plugin = |queue: u64, lag_ms: u64, dropped: u64| json!({"name": "a", "observer": {"queue": queue, "lag_ms": lag_ms, "dropped": dropped}});
        assert_eq!(behind(&json!({"name": "a", "observer": null})).or(behind(&plugin(200, 900, 0))), None);
        let expected = "300 events wait for it, the oldest for 12 s; 0 were dropped";
        assert_eq!(behind(&plugin(300, 12_900, 0)).as_deref(), Some(expected));
        assert!(table(&[plugin(0, 0, 7)]).contains("    0 events wait for it, the oldest for 0 s; 7 were dropped"));
    }

    #[test]
    fn a_plugins_text_forges_no_row() {
        let plugin = json!({"name": "a", "state": "failed", "version": "1\u{1b}[31m\nmy-auth active 99", "hooks": ["x\ny"],
            "last_error": {"cause": "no\nmode"}});
        let found = table(&[plugin]);
        assert_eq!(found.lines().count(), 4, "{found}");
        assert!(found.contains("1\\u{1b}[31m\\nmy-auth active 99") && found.contains("    mode\n"), "{found}");
    }

    #[test]
    fn both_forms_of_the_answer_are_read() {
        assert_eq!(plugins(&json!([{"name": "a"}])).len(), 1);
        assert_eq!(plugins(&json!({"plugins": [{"name": "a"}]})).len(), 1);
        assert!(plugins(&json!({})).is_empty());
    }
}
