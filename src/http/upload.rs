//! The operator puts components, manifests and signatures into the plugin directory: `PUT /api/v1/plugins/{name}` and below it.

use super::App;
use super::body::check_head;
use super::error::Problem;
use crate::plugin::{
    CommandError, Deposit, DepositError, InspectError, MAX_FILE, MAX_MANIFEST, MAX_SIGNATURE, Placed, Status,
};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// `PUT /api/v1/plugins/{name}`, and `manifest` and `signature` below it.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/plugins/{name}", put(component))
        .route("/api/v1/plugins/{name}/manifest", put(manifest))
        .route("/api/v1/plugins/{name}/signature", put(signature))
}

const COMPONENT: &str = "application/wasm";
const MANIFEST: &str = "application/toml";
const SIGNATURE: &str = "text/plain";

/// A sender must show progress within this time, ...
const PATIENCE: Duration = Duration::from_secs(10);
/// ... and be done within this: 18 MB, as Python components have, at 0.5 Mbit/s.
const WHOLE: Duration = Duration::from_secs(300);
/// So long the answer waits for the version to be in service. Compiling a large one for the first time may take longer, and is
/// not given up then: the answer is 202, and the status tells the rest.
const SETTLE: Duration = Duration::from_secs(30);

/// How the version is to come into service; without any of it as its plugin's versions do.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wish {
    /// `shadow` or `enforce`.
    mode: Option<String>,
    /// A share of the new sessions, above 0 and up to 1.
    canary: Option<f64>,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

type Told = Result<(StatusCode, Json<Value>), Problem>;

async fn component(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    wish: Result<Query<Wish>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Told {
    let Query(wish) = wish.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    check_head(&headers, &body, COMPONENT, MAX_FILE)?;
    let deposit = receive(&app, &name, body, MAX_FILE).await?;
    roll_out(&app, &name, &wish).await?;
    let (placed, digest) = deposit.component().await?;
    tracing::info!(plugin = %name, new = placed == Placed::New, "a component was put into the plugin directory by the operator");
    settle(&app, &name, placed, Some(&digest)).await
}

async fn manifest(State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap, body: Body) -> Told {
    check_head(&headers, &body, MANIFEST, MAX_MANIFEST)?;
    let deposit = receive(&app, &name, body, MAX_MANIFEST).await?;
    let placed = deposit.manifest().await?;
    tracing::info!(plugin = %name, new = placed == Placed::New, "a manifest was put into the plugin directory by the operator");
    if app.state.plugins.get(&name).is_none() {
        return Ok(waits(&name, placed));
    }
    settle(&app, &name, placed, None).await
}

/// The signature of the component that is sent next: that one tells whether it is right.
async fn signature(State(app): State<Arc<App>>, Path(name): Path<String>, headers: HeaderMap, body: Body) -> Told {
    check_head(&headers, &body, SIGNATURE, MAX_SIGNATURE)?;
    let placed = receive(&app, &name, body, MAX_SIGNATURE).await?.signature().await?;
    tracing::info!(plugin = %name, "a signature was put into the plugin directory by the operator");
    Ok(waits(&name, placed))
}

/// It waits for its component.
fn waits(name: &str, placed: Placed) -> (StatusCode, Json<Value>) {
    (created(placed), Json(json!({ "name": name, "state": null })))
}

/// Sets how new versions come into service, before the one that was sent does.
async fn roll_out(app: &App, name: &str, wish: &Wish) -> Result<(), Problem> {
    let change = match (&wish.mode, wish.canary) {
        (None, None) => return Ok(()),
        (mode, None) => json!({ "mode": mode }),
        (mode, Some(share)) => json!({ "mode": mode.as_deref().unwrap_or("enforce"), "canary": share }),
    };
    if app.state.plugins.get(name).is_none() {
        let detail =
            format!("`{name}` is new here: how its first version comes into service is for its manifest to say");
        return Err(Problem::new(StatusCode::CONFLICT, "no-earlier-version", "No earlier version", detail));
    }
    let change = serde_json::from_value(change)
        .map_err(|error| Problem::bad_request("malformed-query", format!("`mode` or `canary`: {error}")))?;
    app.state.plugins.roll_out(name, change).await?;
    Ok(())
}

/// Writes the body to a file as it comes: what is large is never in memory as a whole.
async fn receive(app: &App, name: &str, body: Body, limit: usize) -> Result<Deposit, Problem> {
    let mut deposit = app.state.plugins.deposit(name).await?;
    let (mut chunks, end, mut length) = (body.into_data_stream(), Instant::now() + WHOLE, 0);
    loop {
        let next = timeout(PATIENCE, timeout_at(end, chunks.next())).await;
        let chunk = match next {
            Ok(Ok(Some(chunk))) => chunk.map_err(|_| Problem::bad_request("body-broken", "the body broke off"))?,
            Ok(Ok(None)) => return Ok(deposit),
            Ok(Err(_)) => return Err(Problem::too_slow(WHOLE.as_secs())),
            Err(_) => return Err(Problem::too_slow(PATIENCE.as_secs())),
        };
        length += chunk.len();
        if length > limit {
            return Err(Problem::too_large(limit));
        }
        deposit.write(&chunk).await?;
    }
}

/// Tells what came of a file. `digest`: of the component that was sent.
async fn settle(app: &App, name: &str, placed: Placed, digest: Option<&str>) -> Told {
    match timeout(SETTLE, app.state.plugins.settled(name)).await {
        Ok(Ok(status)) if digest.is_some_and(|digest| is_left_aside(&status, digest)) => Err(Problem::new(
            StatusCode::CONFLICT,
            "rolled-back",
            "This version was rolled back",
            format!(
                "the file is in the plugin directory, but this component of `{name}` was rolled back and stays out: send another \
                 one, or enable the plugin to take it all the same"
            ),
        )),
        Ok(Ok(status)) => Ok((created(placed), Json(told(&status)))),
        Ok(Err(CommandError::Refused { cause, .. })) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "plugin-refused",
            "The plugin is not taken into service",
            format!("the file is in the plugin directory, but `{name}` is not taken into service: {cause}"),
        )),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            let status = app.state.plugins.get(name).map(|status| told(&status));
            Ok((StatusCode::ACCEPTED, Json(status.unwrap_or_else(|| json!({ "name": name, "state": "loading" })))))
        }
    }
}

/// Whether a component that was sent neither serves nor is on trial, since it was rolled back before.
fn is_left_aside(status: &Status, digest: &str) -> bool {
    let is_it = |other: &str| other == digest;
    status.state != crate::plugin::State::Disabled
        && !status.digest.as_deref().is_some_and(is_it)
        && !status.candidate.as_ref().is_some_and(|candidate| is_it(&candidate.digest))
        && status.last_rollback.as_ref().is_some_and(|rollback| is_it(&rollback.digest))
}

fn created(placed: Placed) -> StatusCode {
    match placed {
        Placed::New => StatusCode::CREATED,
        Placed::Replaced => StatusCode::OK,
    }
}

fn told(status: &Status) -> Value {
    serde_json::to_value(status).expect("every status has a JSON form")
}

impl From<DepositError> for Problem {
    fn from(error: DepositError) -> Self {
        let (status, kind, title) = match &error {
            DepositError::TooLarge(limit) => return Problem::too_large(*limit),
            DepositError::NoPlugin(InspectError::TooLarge(_)) => return Problem::too_large(MAX_FILE),
            DepositError::Busy => return Problem::full(error.to_string()),
            DepositError::NoDirectory => (StatusCode::CONFLICT, "no-plugin-directory", "No plugin directory"),
            DepositError::Name(_) => (StatusCode::BAD_REQUEST, "invalid-plugin-name", "Invalid plugin name"),
            DepositError::NoPlugin(_) => (StatusCode::UNPROCESSABLE_ENTITY, "no-component", "This is no plugin"),
            DepositError::Manifest(_) | DepositError::NotText => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-manifest", "The manifest can not be used")
            }
            DepositError::NoSignature => (StatusCode::UNPROCESSABLE_ENTITY, "no-signature", "This is no signature"),
            DepositError::Link(_) => (StatusCode::CONFLICT, "plugin-is-a-link", "The file is a link"),
            DepositError::Write { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "not-written", "The plugin directory can not be written")
            }
        };
        Problem::new(status, kind, title, error.to_string())
    }
}
