//! Which path leads where, on the public and on the admin listener, and what surrounds every handler.

use super::error::Problem;
use super::{
    App, admin, admin_guard, api, console, cors, drain, events, happenings, health, layers, limits, overview, pages,
    plugins, request, session, streams, upload, whep, whip,
};
use axum::Router;
use axum::middleware::from_fn_with_state;
use std::sync::Arc;

/// The public listener: pages, WHIP, WHEP.
pub(super) fn public(app: Arc<App>) -> Router {
    let routes = Router::new()
        .merge(whip::routes())
        .merge(whep::routes())
        .merge(session::routes())
        .merge(events::routes())
        .merge(layers::routes())
        .merge(streams::routes())
        .merge(health::routes())
        .merge(pages::routes());
    with_refusals(routes)
        .layer(from_fn_with_state(app.clone(), limits::limit))
        .layer(from_fn_with_state(app.clone(), cors::cors))
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app)
}

/// The admin listener: the operator's API and metrics, behind its guard; the console's page, and health, open.
pub(super) fn admin(app: Arc<App>) -> Router {
    let guarded = admin::routes()
        .merge(overview::routes())
        .merge(api::routes())
        .merge(plugins::routes())
        .merge(upload::routes())
        .merge(drain::routes())
        .merge(happenings::routes());
    let guarded = with_refusals(guarded).layer(from_fn_with_state(app.clone(), admin_guard::guard));
    guarded
        .merge(console::routes(&app))
        .merge(health::routes())
        .layer(from_fn_with_state(app.clone(), request::observe))
        .with_state(app)
}

fn with_refusals(routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .fallback(|| async { Problem::no_route() })
}
