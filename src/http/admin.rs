//! The front of the operator's API: its index, metrics, and what the server is and how it is set up.

use super::App;
use super::timestamp::rfc3339;
use crate::observe::metrics::CONTENT_TYPE;
use crate::shard::ShardLoad;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// `/api/v1`, `/metrics`, `/api/v1/info` and `/api/v1/config`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1", get(index))
        .route("/metrics", get(metrics))
        .route("/api/v1/info", get(info))
        .route("/api/v1/config", get(config))
}

async fn index() -> Json<Value> {
    Json(json!({
        "wasmcast": env!("CARGO_PKG_VERSION"),
        "endpoints": [
            "GET /metrics",
            "GET /healthz",
            "GET /readyz",
            "GET /api/v1",
            "GET /api/v1/info",
            "GET /api/v1/overview",
            "GET /api/v1/config",
            "GET /api/v1/streams",
            "GET /api/v1/streams/{name}",
            "GET /api/v1/sessions",
            "GET /api/v1/sessions/{id}",
            "DELETE /api/v1/sessions/{id}",
            "GET /api/v1/drain",
            "POST /api/v1/drain",
            "DELETE /api/v1/drain",
            "GET /api/v1/events",
            "GET /api/v1/plugins",
            "GET /api/v1/plugins/{name}",
            "PUT /api/v1/plugins/{name}",
            "PUT /api/v1/plugins/{name}/manifest",
            "PUT /api/v1/plugins/{name}/signature",
            "GET /api/v1/plugins/{name}/log",
            "POST /api/v1/plugins/{name}/enable",
            "POST /api/v1/plugins/{name}/disable",
            "POST /api/v1/plugins/{name}/rollback",
            "POST /api/v1/plugins/{name}/promote",
            "POST /api/v1/plugins/{name}/rollout",
            "GET /api/v1/plugins/{name}/differences",
            "GET /api/v1/decisions",
        ],
    }))
}

/// Ends an exposition in the OpenMetrics text format.
const END: &str = "# EOF\n";

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = app.state.metrics.render();
    // What plugins count stands before the mark that ends the exposition.
    let end = text.strip_suffix(END).map_or(text.len(), str::len);
    text.truncate(end);
    app.state.plugins.render_metrics(&mut text);
    text.push_str(END);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

async fn info(State(app): State<Arc<App>>) -> Json<Value> {
    Json(described(&app))
}

/// What the server is and how it does.
pub(super) fn described(app: &App) -> Value {
    let load = app.state.sessions.load();
    let shard = |shard: &ShardLoad| json!({ "load": shard.share, "overloaded": shard.overloaded });
    let listeners: Vec<_> = app.listeners.iter().chain(&app.state.other_listeners).collect();
    json!({
        "name": "wasmcast",
        "version": env!("CARGO_PKG_VERSION"),
        "node": app.state.node,
        "started": rfc3339(app.started),
        "uptime_s": app.started.elapsed().unwrap_or_default().as_secs(),
        "ready": app.standing() == "running",
        "state": app.standing(),
        "listeners": listeners,
        "features": app.state.features,
        "streams": app.state.hub.streams().len(),
        "sessions": app.state.sessions.len(),
        "overloaded": load.is_overloaded(),
        "shards": load.shards.iter().map(shard).collect::<Vec<_>>(),
        "sent_bps": load.sent,
        "ring_bytes": app.state.hub.ring_bytes(),
    })
}

async fn config(State(app): State<Arc<App>>) -> Json<Value> {
    Json((app.state.config)())
}
