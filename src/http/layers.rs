//! The layers of a stream as WHEP tells them (draft-ietf-wish-whep, `layers` event) and lets a viewer choose (POST).

use super::App;
use super::body::{has_type, read};
use super::error::Problem;
use super::event_feed::video_line;
use super::session::Owned;
use crate::access::{self, Denial};
use crate::hub::{Rendition, Stream};
use crate::shard::{Action, Session, Wish};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Relation of the extension in the Link of the 201.
pub(super) const RELATION: &str = "urn:ietf:params:whep:ext:core:layer";
/// Longest selection; one with every member has some 150 bytes.
const MAX_SELECTION_BYTES: usize = 4 << 10;

/// `/session/{id}/layer`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/session/{id}/layer", post(select).options(options))
}

async fn options() -> Response {
    [(header::ALLOW, "POST,OPTIONS")].into_response()
}

/// What a viewer wants to see. Without a layer it is the server's choice again.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selection {
    /// Index of the m-line, as text or as a number; by default the first that carries video.
    media_id: Option<Value>,
    encoding_id: Option<String>,
    /// What some versions of the draft call `encodingId`.
    rid: Option<String>,
    spatial_layer_id: Option<u8>,
    temporal_layer_id: Option<u8>,
    // Ceilings above what there is change nothing.
    #[serde(rename = "maxSpatialLayerId")]
    _max_spatial_layer_id: Option<u8>,
    #[serde(rename = "maxTemporalLayerId")]
    _max_temporal_layer_id: Option<u8>,
}

async fn select(
    State(app): State<Arc<App>>,
    Owned(session): Owned,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    if session.action != Action::Play {
        return Err(Problem::no_route());
    }
    let body = read(&headers, body, MAX_SELECTION_BYTES).await?;
    let selection: Selection = if body.is_empty() {
        Selection::default()
    } else if has_type(&headers, "application/json") {
        serde_json::from_slice(&body).map_err(|error| {
            Problem::bad_request(
                "malformed-selection",
                format!("the selection is no JSON object of the draft: {error}"),
            )
        })?
    } else {
        return Err(Problem::wrong_type("application/json"));
    };
    let renditions = app.state.hub.stream(&session.stream).map(|stream| stream.renditions()).unwrap_or_default();
    session.choose(selection.wish(&session, &renditions)?);
    Ok(StatusCode::OK)
}

impl Selection {
    /// What it asks for, if that is there.
    fn wish(&self, session: &Session, renditions: &[Rendition]) -> Result<Wish, Problem> {
        let line = video_line(&session.negotiated.answer);
        let asked = match &self.media_id {
            None => line,
            Some(Value::String(text)) => text.parse().ok(),
            Some(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        };
        if line.is_none() || asked != line {
            return Err(unknown("`mediaId` is not the index of an m-line of this session that carries video"));
        }
        if [self.spatial_layer_id, self.temporal_layer_id].into_iter().flatten().any(|id| id > 0) {
            return Err(unknown("the stream has no spatial or temporal layers above 0 that can be chosen"));
        }
        let Some(asked) = self.encoding_id.as_ref().or(self.rid.as_ref()) else { return Ok(Wish::Auto) };
        let Some(rendition) = renditions.iter().find(|rendition| *rendition.rid == **asked) else {
            let have: Vec<&str> = renditions.iter().map(|rendition| &*rendition.rid).collect();
            return Err(unknown(if have.is_empty() {
                "the stream has one layer only; leave `encodingId` out".to_owned()
            } else {
                format!("`encodingId` names no layer of the stream; there are {}", have.join(", "))
            }));
        };
        match session.ceiling() {
            Some(allowed) if access::exceeds(rendition.bitrate(), allowed) => {
                let kbps = u32::try_from(rendition.bitrate() / 1_000).unwrap_or(u32::MAX);
                Err(Denial::BitrateAboveGrant { kbps, allowed }.into())
            }
            _ => Ok(Wish::Rid(rendition.rid.clone())),
        }
    }
}

fn unknown(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-layer", "No such layer", detail)
}

/// The layers of a stream at one moment.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    line: usize,
    list: Vec<Layer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// None for a stream with one layer.
    rid: Option<Arc<str>>,
    size: Option<(u16, u16)>,
    /// In bits a second; 0 while unknown, or while it is not sent.
    bitrate: u64,
}

/// What must change for the layers to be told again: names, sizes, and which are sent.
pub(super) type Shape = Vec<(Option<Arc<str>>, Option<(u16, u16)>, bool)>;

impl Layers {
    /// The layers of a stream, for a viewer whose video is on this m-line; none while no size is known.
    pub(super) fn of(stream: &Arc<Stream>, line: Option<usize>) -> Option<Layers> {
        let layer = |rid, stream: &Stream| Layer {
            rid,
            size: stream.picture(),
            bitrate: stream.stats.bitrate.load(Ordering::Relaxed),
        };
        let renditions = stream.renditions();
        let mut list: Vec<Layer> =
            renditions.iter().map(|rendition| layer(Some(rendition.rid.clone()), &rendition.stream)).collect();
        if list.is_empty() {
            list.push(layer(None, stream));
        }
        let known = list.iter().any(|layer| layer.size.is_some());
        line.filter(|_| known).map(|line| Layers { line, list })
    }

    pub(super) fn shape(&self) -> Shape {
        self.list
            .iter()
            .map(|layer| (layer.rid.clone(), layer.size, layer.rid.is_none() || layer.bitrate > 0))
            .collect()
    }

    pub(super) fn to_json(&self) -> String {
        let layer = |layer: &Layer| {
            let (width, height) = layer.size.unzip();
            match &layer.rid {
                Some(rid) => json!({
                    "encodingId": &**rid, "rid": &**rid, "bitrate": layer.bitrate, "width": width, "height": height,
                }),
                None => json!({
                    "spatialLayerId": 0, "temporalLayerId": 0, "bitrate": layer.bitrate, "width": width, "height": height,
                }),
            }
        };
        json!({ self.line.to_string(): self.list.iter().map(layer).collect::<Vec<_>>() }).to_string()
    }

    /// The one layer of a stream without simulcast.
    #[cfg(test)]
    pub(super) fn one(line: usize, width: u16, height: u16, bitrate: u64) -> Layers {
        Layers { line, list: vec![Layer { rid: None, size: Some((width, height)), bitrate }] }
    }
}
