//! Liveness and readiness, on both listeners, open to everyone.

use super::App;
use super::error::Problem;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// Asks the parts of the server whether they still answer. An error says in words which one does not.
pub type Health = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A part that does not answer within this time counts as hung: shards turn their loops every few milliseconds.
const TIMEOUT: Duration = Duration::from_secs(1);

/// `/healthz` and `/readyz`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(readiness))
}

async fn health(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    let answer = tokio::time::timeout(TIMEOUT, (app.state.health)()).await;
    match answer {
        Ok(Ok(())) => Ok("ok\n"),
        Ok(Err(detail)) => Err(unhealthy(detail)),
        Err(_) => Err(unhealthy(format!("no answer within {} s", TIMEOUT.as_secs()))),
    }
}

async fn readiness(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    match app.standing() {
        "running" => Ok("ready\n"),
        "stopping" => Err(Problem::stopping()),
        "draining" => Err(Problem::draining()),
        _ => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "starting", "Not ready", "the server is starting")),
    }
}

fn unhealthy(detail: String) -> Problem {
    tracing::error!(%detail, "health check failed");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unhealthy", "Unhealthy", detail)
}
