//! `/api/v1/drain`: the operator empties the server, to leave or to stay, or takes that back.

use super::App;
use super::error::Problem;
use crate::shard::Doors;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// `/api/v1/drain`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/drain", get(show).post(drain).delete(undo))
}

/// What the operator wants.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Whether the process ends when the viewers have gone, or after `shutdown.grace_s`.
    #[serde(default = "leave")]
    leave: bool,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

fn leave() -> bool {
    true
}

async fn show(State(app): State<Arc<App>>) -> Json<Value> {
    described(&app)
}

async fn drain(
    State(app): State<Arc<App>>,
    wish: Result<Query<Wish>, QueryRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Query(wish) = wish.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    if !app.state.sessions.drain() {
        return Err(Problem::stopping());
    }
    tracing::info!(leave = wish.leave, sessions = app.state.sessions.len(), "drained by the operator");
    app.state.leave.send_replace(wish.leave);
    Ok((StatusCode::ACCEPTED, described(&app)))
}

async fn undo(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    app.state.leave.send_replace(false);
    if !app.state.sessions.reopen() {
        return Err(Problem::stopping());
    }
    tracing::info!("the operator takes the drain back");
    Ok(described(&app))
}

fn described(app: &App) -> Json<Value> {
    Json(json!({
        "state": app.standing(),
        "leave": app.state.sessions.doors() == Doors::Draining && *app.state.leave.borrow(),
        "sessions": app.state.sessions.len(),
    }))
}
