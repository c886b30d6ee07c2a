//! `GET /api/v1/events`: what happens on this node, as server-sent events.

use super::App;
use super::error::Problem;
use super::timestamp::rfc3339;
use crate::media::Pattern;
use crate::observe::Event;
use crate::observe::events::{Filter, Listener};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// Readers at once: consoles and scripts of operators. Each may have a queue of its own.
pub(super) const READERS: usize = 64;
/// Events that wait for a reader; one that is slower loses the oldest and is told so.
const QUEUE: usize = 1_000;
/// Events that are written at a time.
const BATCH: usize = 64;
/// A comment this often shows that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `/api/v1/events`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v1/events", get(follow))
}

/// What a reader wants.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Wanted {
    /// A glob over kinds: `session.*`.
    kind: Option<String>,
    /// As `Last-Event-ID`, for who can set no header; 0 gives all that are kept.
    after: Option<u64>,
    /// Where the token may stand; the guard has read it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

async fn follow(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|rejection| Problem::bad_request("malformed-query", rejection.body_text()))?;
    let filter: Filter = match wanted.kind {
        Some(kind) => {
            let pattern: Pattern = kind.parse().map_err(|_| {
                let detail = "`kind` is a glob over kinds of events, such as `session.*` or `plugin.failed`";
                Problem::bad_request("malformed-query", detail)
            })?;
            Arc::new(move |event: &Event| pattern.matches(&event.kind))
        }
        None => Arc::new(|_| true),
    };
    // An `EventSource` that comes back keeps its address, and says where it was in the header.
    let after = match headers.get("last-event-id").map(|id| id.to_str().ok().and_then(|id| id.parse().ok())) {
        Some(Some(id)) => Some(id),
        Some(None) => {
            let detail = "`Last-Event-ID` is the number of an event, as in its `id`";
            return Err(Problem::bad_request("malformed-event-id", detail));
        }
        None => wanted.after,
    };
    let place = app.readers.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{READERS} readers follow the events already; close one of them");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-readers", "Too many readers", detail)
    })?;
    let reader = Reader {
        listener: app.state.events.listen(QUEUE, after, filter),
        stopping: app.state.stopping.clone(),
        ready: VecDeque::new(),
        _place: place,
    };
    let events = stream::unfold(reader, |mut reader| async {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let body = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// One reader. Its socket sets the pace: what it does not take stays in the queue, or is dropped there.
struct Reader {
    listener: Listener,
    stopping: CancellationToken,
    ready: VecDeque<sse::Event>,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event; none when the server stops and all is told.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let taken = self.listener.with_queue(|queue| {
                let taken = queue.take(BATCH, usize::MAX);
                queue.delivered();
                taken
            });
            if taken.missed > 0 {
                let before = taken.events.first().map(|event| event.sequence);
                let data = json!({ "missed": taken.missed, "before": before });
                self.ready.push_back(sse::Event::default().event("gap").data(data.to_string()));
            }
            self.ready.extend(taken.events.iter().map(|event| {
                let data = described(event).to_string();
                sse::Event::default().id(event.sequence.to_string()).event(&*event.kind).data(data)
            }));
            if self.ready.is_empty() {
                tokio::select! {
                    biased;
                    () = self.listener.arrived() => {}
                    () = self.stopping.cancelled() => return None,
                }
            }
        }
    }
}

/// As the API tells it.
fn described(event: &Event) -> Value {
    let attributes: Map<String, Value> =
        event.attributes.iter().map(|(key, value)| (key.to_string(), Value::from(value.as_str()))).collect();
    json!({
        "sequence": event.sequence,
        "at": rfc3339(UNIX_EPOCH + Duration::from_nanos(event.unix_ns)),
        "kind": event.kind,
        "stream": event.stream,
        "session": event.session,
        "attributes": attributes,
    })
}
