//! The layers of a stream as WHEP tells them (draft-ietf-wish-whep, `layers` event) and lets a viewer choose (POST).

use super::App;
use super::body::{has_type, read};
use super::error::Problem;
use super::event_feed::video_line;
use super::session::Owned;
use crate::access::{self, Denial};
use crate::hub::{Rendition, Stream};
use crate::media::LayerId;
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
    /// Ceilings; above what there is they change nothing.
    max_spatial_layer_id: Option<u8>,
    max_temporal_layer_id: Option<u8>,
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
    let stream = app.state.hub.stream(&session.stream);
    let renditions = stream.as_ref().map(|stream| stream.renditions()).unwrap_or_default();
    let wish = selection.wish(&session, &renditions)?;
    session.ask_layers(selection.layers(stream.as_deref(), &renditions, &wish)?);
    session.choose(wish);
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

impl Selection {
    /// The layers of the picture that it asks for, if they are there. `wish`: the rendition that they are of.
    fn layers(&self, stream: Option<&Stream>, renditions: &[Rendition], wish: &Wish) -> Result<LayerId, Problem> {
        let streams: Vec<&Stream> = match wish {
            Wish::Rid(rid) => renditions.iter().filter(|one| one.rid == *rid).map(|one| &*one.stream).collect(),
            _ if renditions.is_empty() => stream.into_iter().collect(),
            _ => renditions.iter().map(|one| &*one.stream).collect(),
        };
        let there: Vec<LayerId> = streams.iter().flat_map(|stream| stream.layers()).map(|one| one.layers).collect();
        let is_asked = |layer: &LayerId| {
            self.spatial_layer_id.is_none_or(|id| id == layer.spatial())
                && self.temporal_layer_id.is_none_or(|id| id == layer.temporal())
        };
        let asked = [self.spatial_layer_id, self.temporal_layer_id];
        // A stream without layers has the lowest of each kind.
        let lowest = there.is_empty() && asked.into_iter().flatten().all(|id| id == 0);
        if !lowest && asked.iter().any(Option::is_some) && !there.iter().any(is_asked) {
            let mut names: Vec<String> = there.iter().map(LayerId::to_string).collect();
            names.dedup();
            return Err(unknown(if names.is_empty() {
                "the stream has no spatial or temporal layers above 0 that can be chosen".to_owned()
            } else {
                format!("the stream has no such spatial and temporal layer; there are {}", names.join(", "))
            }));
        }
        if lowest {
            return Ok(self.ceiling());
        }
        let top = LayerId::ALL;
        let (spatial, temporal) = (asked[0].unwrap_or(top.spatial()), asked[1].unwrap_or(top.temporal()));
        Ok(LayerId::new(spatial, temporal).min(self.ceiling()))
    }

    fn ceiling(&self) -> LayerId {
        let top = LayerId::ALL;
        let (spatial, temporal) = (self.max_spatial_layer_id, self.max_temporal_layer_id);
        LayerId::new(spatial.unwrap_or(top.spatial()), temporal.unwrap_or(top.temporal()))
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
    /// None for a stream with one rendition.
    rid: Option<Arc<str>>,
    /// None for a rendition whose picture has one layer of each kind.
    layers: Option<LayerId>,
    size: Option<(u16, u16)>,
    /// In bits a second; 0 while unknown, or while it is not sent.
    bitrate: u64,
}

/// What must change for the layers to be told again: names, sizes, and which are sent.
pub(super) type Shape = Vec<(Option<Arc<str>>, Option<LayerId>, Option<(u16, u16)>, bool)>;

impl Layers {
    /// The layers of a stream, for a viewer whose video is on this m-line; none while no size is known.
    pub(super) fn of(stream: &Arc<Stream>, line: Option<usize>) -> Option<Layers> {
        let of = |rid: Option<Arc<str>>, stream: &Stream| {
            let layered = stream.layers().into_iter().map(|one| (Some(one.layers), one.size, one.bitrate));
            let mut all: Vec<_> = layered.collect();
            if all.is_empty() {
                all.push((None, stream.picture(), stream.stats.bitrate.load(Ordering::Relaxed)));
            }
            all.into_iter().map(move |(layers, size, bitrate)| Layer { rid: rid.clone(), layers, size, bitrate })
        };
        let renditions = stream.renditions();
        let mut list: Vec<Layer> =
            renditions.iter().flat_map(|rendition| of(Some(rendition.rid.clone()), &rendition.stream)).collect();
        if list.is_empty() {
            list.extend(of(None, stream));
        }
        let known = list.iter().any(|layer| layer.size.is_some());
        line.filter(|_| known).map(|line| Layers { line, list })
    }

    pub(super) fn shape(&self) -> Shape {
        self.list
            .iter()
            .map(|layer| (layer.rid.clone(), layer.layers, layer.size, layer.rid.is_none() || layer.bitrate > 0))
            .collect()
    }

    pub(super) fn to_json(&self) -> String {
        let layer = |layer: &Layer| {
            let (width, height) = layer.size.unzip();
            let mut told = json!({ "bitrate": layer.bitrate, "width": width, "height": height });
            if let Some(rid) = &layer.rid {
                (told["encodingId"], told["rid"]) = (json!(&**rid), json!(&**rid));
            }
            if layer.rid.is_none() || layer.layers.is_some() {
                let layers = layer.layers.unwrap_or_default();
                (told["spatialLayerId"], told["temporalLayerId"]) = (json!(layers.spatial()), json!(layers.temporal()));
            }
            told
        };
        json!({ self.line.to_string(): self.list.iter().map(layer).collect::<Vec<_>>() }).to_string()
    }

    /// The one layer of a stream without simulcast.
    #[cfg(test)]
    pub(super) fn one(line: usize, width: u16, height: u16, bitrate: u64) -> Layers {
        Layers { line, list: vec![Layer { rid: None, layers: None, size: Some((width, height)), bitrate }] }
    }
}
