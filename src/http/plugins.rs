//! The operator's view of plugins: the list, one of them, and the commands enable, disable and roll back.

use super::App;
use super::error::Problem;
use crate::plugin::{CommandError, Line, Status};
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
}

/// An array, as `wasmcast plugin list --json` prints it: an operator has tens of plugins, not pages of them.
async fn list(State(app): State<Arc<App>>) -> Json<Vec<Status>> {
    Json(app.state.plugins.list())
}

async fn show(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Status>, Problem> {
    app.state.plugins.get(&name).map(Json).ok_or_else(|| CommandError::Unknown(name).into())
}

/// Which lines of a plugin's log are wanted.
#[derive(serde::Deserialize)]
struct After {
    /// The number of the last line that is known.
    #[serde(default)]
    after: u64,
}

/// The last lines that a plugin has logged, an array: for `wasmcast plugin dev`, and for who has no access to the server's log.
async fn log(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(After { after }): Query<After>,
) -> Result<Json<Vec<Line>>, Problem> {
    let known = app.state.plugins.get(&name).is_some();
    let lines = app.state.plugins.services().log_tail(&name, after);
    if known { Ok(Json(lines)) } else { Err(CommandError::Unknown(name).into()) }
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

fn told(command: &'static str, plugin: &str, result: Result<Status, CommandError>) -> Result<Json<Status>, Problem> {
    match result {
        Ok(status) => {
            tracing::info!(plugin, command, state = ?status.state, "done as the operator said");
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
