//! `/streams`: the live streams that a visitor may play.

use super::App;
use super::credential::Credential;
use super::local::Local;
use super::timestamp::rfc3339;
use crate::hub::{Liveness, Stream};
use crate::media::MediaKind;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Streams in one answer. A visitor's list of more would be of no use; operators page through the API.
const MAX_STREAMS: usize = 1_000;

/// `/streams`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/streams", routing::get(list).options(options))
}

async fn options() -> Response {
    [(header::ALLOW, "GET,HEAD,OPTIONS")].into_response()
}

async fn list(State(app): State<Arc<App>>, credential: Credential, Local(local): Local) -> Response {
    let digest = credential.digest();
    let visible = |stream: &Arc<Stream>| {
        stream.liveness() == Liveness::Live && app.state.access.lists(&stream.name, digest.as_ref(), local)
    };
    let streams: Vec<Value> =
        app.state.hub.streams().iter().filter(|stream| visible(stream)).take(MAX_STREAMS).map(|s| summary(s)).collect();
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "streams": streams }))).into_response()
}

/// What a visitor learns of a stream.
fn summary(stream: &Stream) -> Value {
    let codec = |kind| stream.tracks.iter().find(|track| track.kind() == kind).map(|track| track.codec);
    let (width, height) = stream.picture().unzip();
    let video = codec(MediaKind::Video).map(|codec| json!({ "codec": codec, "width": width, "height": height }));
    let audio = codec(MediaKind::Audio).map(|codec| json!({ "codec": codec }));
    json!({
        "name": stream.name,
        "viewers": stream.viewers(),
        "video": video,
        "audio": audio,
        "since": rfc3339(stream.started),
        "bitrate_kbps": stream.stats.bitrate.load(Ordering::Relaxed) / 1_000,
    })
}
