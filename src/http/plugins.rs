//! The operator's view of plugins: the list, one of them, its log, its roll-outs, and the commands about them.

use super::App;
use super::error::Problem;
use crate::plugin::{Change, CommandError, Decision, Difference, Line, Status};
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use std::sync::Arc;

/// `/api/v1/plugins` and what is below it.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/plugins", get(list))
        .route("/api/v1/plugins/{name}", get(show))
        .route("/api/v1/plugins/{name}/log", get(log))
        .route("/api/v1/plugins/{name}/enable", post(enable))
        .route("/api/v1/plugins/{name}/disable", post(disable))
        .route("/api/v1/plugins/{name}/rollback", post(roll_back))
        .route("/api/v1/plugins/{name}/promote", post(promote))
        .route("/api/v1/plugins/{name}/rollout", post(roll_out))
        .route("/api/v1/plugins/{name}/differences", get(differences))
        .route("/api/v1/decisions", get(decisions))
}

/// An array, as `wasmcast plugin list --json` prints it: an operator has tens of plugins, not pages of them.
async fn list(State(app): State<Arc<App>>) -> Json<Vec<Status>> {
    Json(app.state.plugins.list())
}

async fn show(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    app.state.plugins.get(&name).map(Json).ok_or_else(|| CommandError::Unknown(name).into())
}

/// What part of a log is asked for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tail {
    /// Only lines after the one of this number; 0: all that are kept, at most 200.
    after: u64,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// An array, oldest first; empty for a plugin that has logged nothing.
async fn log(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    tail: Result<Query<Tail>, QueryRejection>,
) -> Result<Json<Vec<Line>>, Problem> {
    let Query(tail) = tail.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    if app.state.plugins.get(&name).is_none() {
        return Err(CommandError::Unknown(name).into());
    }
    Ok(Json(app.state.plugins.services().log_tail(&name, tail.after)))
}

async fn enable(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    told("enable", &name, app.state.plugins.enable(&name).await)
}

async fn disable(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    told("disable", &name, app.state.plugins.disable(&name).await)
}

async fn roll_back(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    told("rollback", &name, app.state.plugins.roll_back(&name).await)
}

async fn promote(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    told("promote", &name, app.state.plugins.promote(&name).await)
}

/// The body is read whatever its type is called: scripts send JSON without saying so.
async fn roll_out(State(app): State<Arc<App>>, Path(name): Path<String>, body: Bytes) -> Result<Json<Status>, Problem> {
    let change: Change = serde_json::from_slice(&body).map_err(|error| {
        let text = format!("{error}; write {{\"mode\": \"shadow\"}} or {{\"mode\": \"enforce\", \"canary\": 0.05}}");
        Problem::bad_request("malformed-body", text)
    })?;
    told("rollout", &name, app.state.plugins.roll_out(&name, change).await)
}

/// What part of the decisions is asked for.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Decisions {
    /// Only those after the one of this number.
    after: u64,
    /// With credentials.
    secrets: bool,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

/// An array, oldest first, at most 500; recorded from the first question on, until none has come for 10 s.
async fn decisions(
    State(app): State<Arc<App>>,
    wanted: Result<Query<Decisions>, QueryRejection>,
) -> Result<Json<Vec<Decision>>, Problem> {
    let Query(wanted) = wanted.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    Ok(Json(app.state.plugins.decisions(wanted.after, wanted.secrets)))
}

/// An array, newest first, at most 200.
async fn differences(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Vec<Difference>>, Problem> {
    app.state.plugins.differences(&name).map(Json).ok_or_else(|| CommandError::Unknown(name).into())
}

fn told(command: &'static str, plugin: &str, result: Result<Status, CommandError>) -> Result<Json<Status>, Problem> {
    match result {
        Ok(status) => {
            tracing::info!(plugin, command, state = status.state.name(), "done as the operator said");
            Ok(Json(status))
        }
        Err(error) => {
            tracing::info!(plugin, command, "not done: {error}");
            Err(error.into())
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let (status, kind, title) = match &error {
            CommandError::Unknown(_) => (StatusCode::NOT_FOUND, "no-plugin", "No such plugin"),
            CommandError::DisabledInManifest(_) | CommandError::Disabled(_) => {
                (StatusCode::CONFLICT, "plugin-disabled", "The plugin is disabled")
            }
            CommandError::NothingBefore(_) => (StatusCode::CONFLICT, "no-earlier-version", "No earlier version"),
            CommandError::NoCandidate(_) => (StatusCode::CONFLICT, "no-candidate", "Nothing is on trial"),
            CommandError::Refused { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "plugin-refused", "The plugin is not taken into service")
            }
            CommandError::Superseded(_) => (StatusCode::CONFLICT, "superseded", "Another command came meanwhile"),
            CommandError::NotKept(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not-kept", "Done, but not kept over a restart")
            }
            CommandError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping", "The server is stopping"),
        };
        Problem::new(status, kind, title, error.to_string())
    }
}
