//! WHIP (RFC 9725): POST an offer to publish.

use super::App;
use super::error::Problem;
use super::offer::{self, Offer};
use crate::ingest::WhipError;
use crate::plugin::Action;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use std::sync::Arc;

/// `/whip/{stream}`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/whip/{*stream}", post(create).options(offer::options).get(offer::nothing))
}

async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let Offer { stream, sdp, id, facts, client } = Offer::read(&app, request, Action::Publish, "whip").await?;
    let created = app.state.whip.create(id, &facts, &stream, &sdp, client).await;
    let session = created.inspect_err(|error| match error {
        WhipError::Access(denial) => app.denied(&facts, denial),
        WhipError::Elsewhere(routing) => app.sent_elsewhere(&facts, routing),
        WhipError::NoRoom(limit) => app.limited("publish", limit),
        _ => {}
    })?;
    Ok(offer::created(&app, &session, None))
}
