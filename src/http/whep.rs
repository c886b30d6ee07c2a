//! WHEP (draft-ietf-wish-whep): POST an offer to watch.

use super::App;
use super::error::Problem;
use super::layers;
use super::offer::{self, Offer};
use crate::egress::WhepError;
use crate::plugin::Action;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use std::sync::Arc;

/// `/whep/{stream}`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/whep/{*stream}", post(create).options(offer::options).get(offer::nothing))
}

async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let Offer { stream, sdp, id, facts, client } = Offer::read(&app, request, Action::Play, "whep").await?;
    let created = app.state.whep.create(id, &facts, &stream, &sdp, client).await;
    let session = created.inspect_err(|error| match error {
        WhepError::Access(denial) => app.denied(&facts, denial),
        WhepError::Elsewhere(routing) => app.sent_elsewhere(&facts, routing),
        WhepError::NoRoom(limit) => app.limited("play", limit),
        _ => {}
    })?;
    let events = format!(
        "<{}/events>; rel=\"urn:ietf:params:whep:ext:core:server-sent-events\"; \
         events=\"active,inactive,layers,viewercount,reconnect,ended\"",
        offer::location(&session)
    );
    let mut response = offer::created(&app, &session, Some(&events));
    let layer = format!("<{}/layer>; rel=\"{}\"", offer::location(&session), layers::RELATION);
    if let Ok(link) = HeaderValue::from_str(&layer) {
        response.headers_mut().append(header::LINK, link);
    }
    Ok(response)
}
