//! `/api/v1/overview`: all that the console's first page shows, in one answer.

use super::{App, admin};
use crate::hub::Stream;
use crate::observe::metrics::Usage;
use crate::plugin::Status;
use crate::shard::Action;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// `/api/v1/overview`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/overview", get(overview))
}

/// What `/api/v1/info` has, and what is counted of streams, sessions, plugins and the process. Rates of what only counts up
/// are the reader's to make, from two answers and their `uptime_ms`.
async fn overview(State(app): State<Arc<App>>) -> Json<Value> {
    let mut told = admin::described(&app);
    let (streams, sessions) = (app.state.hub.streams(), app.state.sessions.list());
    let publishers = sessions.iter().filter(|session| matches!(session.action, Action::Publish)).count();
    let usage = Usage::read();
    let entries = [
        ("uptime_ms", json!(app.started.elapsed().unwrap_or_default().as_millis() as u64)),
        ("publishers", json!(publishers)),
        ("viewers", json!(sessions.len() - publishers)),
        ("received_bps", json!(streams.iter().map(received).sum::<u64>())),
        (
            "process",
            json!({
                "cpu_s": usage.cpu_seconds,
                "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
                "resident_bytes": usage.resident_bytes,
                "threads": usage.threads,
                "open_fds": usage.open_fds,
                "max_fds": usage.max_fds,
            }),
        ),
        ("plugins_dir", json!(app.state.plugins.directory())),
        ("plugins", app.state.plugins.list().iter().map(plugin).collect()),
    ];
    if let Some(told) = told.as_object_mut() {
        told.extend(entries.map(|(name, value)| (name.to_owned(), value)));
    }
    Json(told)
}

/// Bits a second that publishers send for a stream, all layers together.
fn received(stream: &Arc<Stream>) -> u64 {
    let renditions = stream.renditions();
    if renditions.is_empty() {
        return stream.stats.bitrate.load(Ordering::Relaxed);
    }
    renditions.iter().map(|rendition| rendition.bitrate()).sum()
}

/// How a plugin does, in few words.
fn plugin(status: &Status) -> Value {
    json!({
        "name": status.name,
        "state": status.state,
        "generation": status.generation,
        "version": status.version,
        "order": status.order,
        "calls": status.calls,
        "errors": status.errors.values().sum::<u64>(),
        "answered_by_policy": status.answered_by_policy,
        "p99_us": status.p99_us,
        "last_error": status.last_error,
        "candidate": status.candidate,
        "last_rollback": status.last_rollback,
    })
}
