//! WHIP (RFC 9725): POST an offer to publish.

use super::App;
use super::error::Problem;
use super::offer::{self, Offer};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use std::sync::Arc;

/// `/whip/{stream}`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/whip/{*stream}", post(create).options(offer::options).get(offer::nothing))
}

async fn create(State(app): State<Arc<App>>, offer: Offer) -> Result<Response, Problem> {
    let client = offer.client("whip");
    let session = app.state.whip.create(&offer.stream, &offer.sdp, offer.credential.token(), client).await?;
    Ok(offer::created(&session, None))
}
