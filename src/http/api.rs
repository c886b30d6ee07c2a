//! The operator's lists: streams and sessions, in pages, and the end of one session.

use super::App;
use super::error::Problem;
use super::request::name_session;
use super::standing;
use super::stream_path::StreamPath;
use super::timestamp::rfc3339;
use crate::access;
use crate::hub::{Liveness, Rendition, Stream, Thinned};
use crate::media::LayerId;
use crate::shard::{Action, CloseReason, Given, Session, SessionState};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::cmp::Ordering as Order;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// `/api/v1/streams` and `/api/v1/sessions`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/streams", get(streams))
        .route("/api/v1/streams/{*stream}", get(stream))
        .route("/api/v1/sessions", get(sessions))
        .route("/api/v1/sessions/{id}", get(session).delete(kick))
}

/// Entries of a page unless the request says otherwise.
const DEFAULT_LIMIT: usize = 1_000;
/// Entries of a page at most, some 5 MB of JSON: the answer is built in memory.
const MAX_LIMIT: usize = 10_000;

/// What part of a list is asked for. An answer that is not complete has `next`, the `after` of the next page.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Page {
    limit: Option<usize>,
    after: Option<String>,
    /// Only sessions of this stream.
    stream: Option<String>,
    /// Only sessions that do this: `publish` or `play`.
    action: Option<access::Action>,
    /// Only streams whose name has this in it, and sessions whose id, stream, client, user agent or subject has; in small or
    /// capital letters.
    q: Option<String>,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

type PageQuery = Result<Query<Page>, QueryRejection>;

async fn streams(State(app): State<Arc<App>>, page: PageQuery) -> Result<Json<Value>, Problem> {
    let page = checked(page)?;
    let mut streams = app.state.hub.streams();
    streams.retain(|stream| page.finds(&[stream.name.as_str()]));
    Ok(page.cut("streams", streams, |stream| stream.name.as_str(), describe_stream))
}

async fn stream(State(app): State<Arc<App>>, StreamPath(name): StreamPath) -> Result<Json<Value>, Problem> {
    match app.state.hub.stream(&name) {
        Some(stream) => Ok(Json(describe_stream(&stream))),
        None => {
            let detail = format!("there is no stream `{name}` now");
            Err(Problem::new(StatusCode::NOT_FOUND, "no-stream", "No such stream", detail))
        }
    }
}

async fn sessions(State(app): State<Arc<App>>, page: PageQuery) -> Result<Json<Value>, Problem> {
    let page = checked(page)?;
    let mut sessions = app.state.sessions.list();
    sessions.retain(|session| {
        page.action.is_none_or(|action| action == asked(session.action))
            && page.stream.as_ref().is_none_or(|stream| session.stream.as_str() == stream)
            && (page.q.is_none() || page.finds_session(&app, session))
    });
    let describe = |session: &Arc<Session>| describe_session(&app, session);
    Ok(page.cut("sessions", sessions, |session| session.id.as_str(), describe))
}

async fn session(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let session = app.state.sessions.get(&id).ok_or_else(Problem::no_session)?;
    Ok(Json(describe_session(&app, &session)))
}

async fn kick(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    name_session(&id);
    if !app.state.sessions.close(&id, CloseReason::Kicked) {
        return Err(Problem::no_session());
    }
    tracing::info!(session = %id, "session ended by the operator");
    Ok(StatusCode::NO_CONTENT)
}

fn checked(page: PageQuery) -> Result<Page, Problem> {
    let Query(page) = page.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    if page.limit.is_some_and(|limit| limit == 0 || limit > MAX_LIMIT) {
        return Err(Problem::bad_request("malformed-query", format!("`limit` must be 1 to {MAX_LIMIT}")));
    }
    Ok(page)
}

impl Page {
    /// Whether one of the texts has in it what is looked for.
    fn finds(&self, texts: &[&str]) -> bool {
        let Some(wanted) = self.q.as_ref().map(|q| q.to_lowercase()) else { return true };
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }

    fn finds_session(&self, app: &App, session: &Session) -> bool {
        let standing = app.state.access.book().get(session.id.as_str());
        let subject = standing.as_ref().and_then(|standing| standing.grant.subject.as_deref());
        let (client, agent) = (session.client.remote_ip.to_string(), session.client.user_agent.as_deref());
        let (agent, subject) = (agent.unwrap_or_default(), subject.unwrap_or_default());
        self.finds(&[session.id.as_str(), session.stream.as_str(), &client, agent, subject])
    }

    /// The page of a list, in the order of its keys.
    fn cut<T>(
        &self,
        list_name: &str,
        mut list: Vec<T>,
        key: impl Fn(&T) -> &str,
        describe: impl Fn(&T) -> Value,
    ) -> Json<Value> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        list.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        let start = self
            .after
            .as_ref()
            .map_or(0, |after| list.partition_point(|entry| key(entry).cmp(after.as_str()) != Order::Greater));
        let rest = &list[start..];
        let page = &rest[..limit.min(rest.len())];
        let next = if page.len() < rest.len() { page.last().map(key) } else { None };
        let entries: Vec<Value> = page.iter().map(describe).collect();
        Json(json!({ list_name: entries, "total": list.len(), "next": next }))
    }
}

/// What a session does, as the access rules call it.
fn asked(action: Action) -> access::Action {
    match action {
        Action::Publish => access::Action::Publish,
        Action::Play => access::Action::Play,
    }
}

fn describe_stream(stream: &Arc<Stream>) -> Value {
    let (width, height) = stream.picture().unzip();
    let stats = &stream.stats;
    json!({
        "name": stream.name,
        "state": match stream.liveness() {
            Liveness::Announced => "announced",
            Liveness::Live => "live",
            Liveness::Away => "away",
            Liveness::Ended => "ended",
        },
        "started": rfc3339(stream.started),
        "viewers": stream.viewers(),
        "tracks": stream.tracks,
        "width": width,
        "height": height,
        "bitrate_bps": count(&stats.bitrate),
        "renditions": stream.renditions().iter().map(describe_rendition).collect::<Vec<_>>(),
        "layers": describe_layers(stream),
        "stats": {
            "bytes": count(&stats.bytes),
            "packets": count(&stats.packets),
            "keyframes": count(&stats.keyframes),
            "queue_drops": count(&stats.queue_drops),
        },
    })
}

/// One layer of a stream with several; `NAME@rid` addresses it.
fn describe_rendition(rendition: &Rendition) -> Value {
    let (width, height) = rendition.stream.picture().unzip();
    json!({
        "rid": &*rendition.rid,
        "active": rendition.is_active(),
        "width": width,
        "height": height,
        "bitrate_bps": rendition.bitrate(),
        "viewers": rendition.stream.own_viewers(),
        "layers": describe_layers(&rendition.stream),
    })
}

/// What of a picture with spatial or temporal layers viewers may ask for; the bitrates have the layers below.
fn describe_layers(stream: &Stream) -> Vec<Value> {
    let describe = |one: &Thinned| {
        let (width, height) = one.size.unzip();
        json!({
            "name": one.layers.to_string(),
            "spatial": one.layers.spatial(),
            "temporal": one.layers.temporal(),
            "width": width,
            "height": height,
            "bitrate_bps": one.bitrate,
        })
    };
    stream.layers().iter().map(describe).collect()
}

/// The layers that a viewer asked for, and those that it gets; none where it is all.
fn describe_given_layers(session: &Session) -> Option<Value> {
    let (asked, given) = (session.asked_layers(), session.given_layers());
    // As it is asked for: without the kind of which it is all.
    let told = |layers: LayerId| {
        let all = LayerId::ALL;
        let spatial = Some(layers.spatial()).filter(|layer| *layer != all.spatial()).map(|layer| format!("s{layer}"));
        let temporal =
            Some(layers.temporal()).filter(|layer| *layer != all.temporal()).map(|layer| format!("t{layer}"));
        [spatial, temporal].into_iter().flatten().reduce(|both, one| both + &one)
    };
    // Of renditions it is told there.
    let estimate = if session.given().is_some() { 0 } else { count(&session.stats.estimate) };
    let chosen = asked != LayerId::ALL || given != LayerId::ALL || estimate > 0;
    let estimate_kbps = (estimate > 0).then_some(estimate / 1_000);
    chosen.then(|| json!({ "asked": told(asked), "given": told(given), "estimate_kbps": estimate_kbps }))
}

/// Which rendition a viewer gets, and why.
fn describe_given(session: &Session, given: &Given) -> Value {
    let estimate = count(&session.stats.estimate);
    json!({
        "asked": session.wish().to_string(),
        "rid": &*given.rendition.rid,
        "next": given.next.as_ref().map(|next| &*next.rid),
        "why": given.why.words(),
        "estimate_kbps": (estimate > 0).then_some(estimate / 1_000),
    })
}

fn describe_session(app: &App, session: &Arc<Session>) -> Value {
    let stats = &session.stats;
    let rtt_us = count(&stats.rtt_us);
    let (state, reason) = match session.state() {
        SessionState::Pending => ("pending", None),
        SessionState::Connecting => ("connecting", None),
        SessionState::Connected => ("connected", None),
        SessionState::Closed(reason) => ("closed", Some(reason)),
    };
    let mut told = json!({
        "id": session.id.as_str(),
        "action": session.action,
        "protocol": session.client.protocol,
        "stream": session.stream,
        "state": state,
        "close_reason": reason,
        "farewell": session.farewell(),
        "rendition": session.given().map(|given| describe_given(session, &given)),
        "layers": describe_given_layers(session),
        "client_address": session.client.remote_ip,
        "media_address": session.remote().map(|remote| remote.address),
        "media_transport": session.remote().map(|remote| if remote.tcp { "tcp" } else { "udp" }),
        "user_agent": session.client.user_agent,
        "created": rfc3339(session.created),
        "codecs": session.negotiated.media.iter().map(|media| media.track.codec).collect::<Vec<_>>(),
        "rtt_ms": (rtt_us > 0).then_some(rtt_us as f64 / 1_000.0),
        "stats": {
            "bytes": count(&stats.bytes),
            "packets": count(&stats.packets),
            "retransmitted": count(&stats.retransmitted),
            "lost": count(&stats.lost),
            "keyframe_requests": count(&stats.keyframe_requests),
            "dropped": count(&stats.dropped),
        },
    });
    if let Some(told) = told.as_object_mut() {
        let standing = app.state.access.book().get(session.id.as_str());
        standing::describe(told, standing.as_deref(), Instant::now());
    }
    told
}

fn count(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(limit: Option<usize>, after: Option<&str>) -> Value {
        let page = Page { limit, after: after.map(str::to_owned), ..Page::default() };
        let list = ["c", "a", "d", "b"].map(str::to_owned).to_vec();
        page.cut("letters", list, |entry| entry.as_str(), |entry| json!(entry)).0
    }

    #[test]
    fn what_is_looked_for_may_stand_anywhere_in_any_case() {
        let finds = |q: Option<&str>, texts: &[&str]| Page { q: q.map(str::to_owned), ..Page::default() }.finds(texts);
        assert!(finds(None, &[]) && finds(Some(""), &["x"]) && finds(Some("CAM"), &["", "live/Cam1"]));
        assert!(!finds(Some("cam"), &[]) && !finds(Some("cams"), &["cam"]));
    }

    #[test]
    fn lists_come_in_pages_that_follow_each_other() {
        let rows = [
            (None, None, json!({ "letters": ["a", "b", "c", "d"], "total": 4, "next": null })),
            (Some(4), None, json!({ "letters": ["a", "b", "c", "d"], "total": 4, "next": null })),
            (Some(3), None, json!({ "letters": ["a", "b", "c"], "total": 4, "next": "c" })),
            (Some(3), Some("c"), json!({ "letters": ["d"], "total": 4, "next": null })),
            (Some(1), Some("bb"), json!({ "letters": ["c"], "total": 4, "next": "c" })),
            (Some(1), Some("z"), json!({ "letters": [], "total": 4, "next": null })),
        ];
        for (limit, after, expected) in rows {
            assert_eq!(cut(limit, after), expected, "{limit:?} {after:?}");
        }
    }
}
