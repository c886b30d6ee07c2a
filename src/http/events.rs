//! Server-sent events of a session (draft-ietf-wish-whep, 4.9.1): POST makes an event stream, GET reads it.

use super::App;
use super::body::{has_type, read};
use super::error::Problem;
use super::event_feed::{EventKind, EventSet, Feed};
use super::offer::{insert, location};
use super::request::random_hex;
use super::session::Owned;
use crate::shard::{Session, Sessions};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// `/session/{id}/events` and the event streams below it.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/session/{id}/events", post(create).options(options))
        .route("/session/{id}/events/{stream}", get(follow).delete(end).options(options))
}

/// Longest list of event names; the names of all events take 60 bytes.
const MAX_LIST_BYTES: usize = 4 << 10;
/// Time between comments that show proxies and NATs that the connection lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

async fn options() -> Response {
    [(header::ALLOW, "GET,HEAD,POST,DELETE,OPTIONS")].into_response()
}

async fn create(
    State(app): State<Arc<App>>,
    Owned(session): Owned,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = read(&headers, body, MAX_LIST_BYTES).await?;
    let wanted = if body.is_empty() {
        EventSet::all()
    } else if has_type(&headers, "application/json") {
        parse_wanted(&body)?
    } else {
        return Err(Problem::wrong_type("application/json"));
    };
    let name = app.events.create(&app.state.sessions, &session, wanted);
    let mut response = StatusCode::CREATED.into_response();
    insert(response.headers_mut(), header::LOCATION, &format!("{}/events/{name}", location(&session)));
    Ok(response)
}

/// Events that this server does not know are left out: extensions define more.
fn parse_wanted(body: &[u8]) -> Result<EventSet, Problem> {
    let names: Vec<String> = serde_json::from_slice(body).map_err(|_| {
        Problem::bad_request("malformed-event-list", "send a JSON array of event names, such as [\"viewercount\"]")
    })?;
    let wanted = names.iter().filter_map(|name| EventKind::from_name(name)).collect::<EventSet>();
    if wanted.is_empty() {
        return Err(Problem::bad_request(
            "malformed-event-list",
            format!("none of these events is known; the events are {}", EventKind::names()),
        ));
    }
    Ok(wanted)
}

async fn follow(
    State(app): State<Arc<App>>,
    Owned(session): Owned,
    Path((_, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (wanted, stop) = app.events.follow(&session, &name)?;
    let receiver = Feed::start(&app, &session, wanted, stop);
    let events = stream::unfold(receiver, |mut receiver| async {
        let (kind, data) = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Event::default().event(kind.name()).data(data)), receiver))
    });
    let body = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

async fn end(
    State(app): State<Arc<App>>,
    Owned(session): Owned,
    Path((_, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.events.end(&session, &name)?;
    Ok(StatusCode::OK)
}

/// Event streams of sessions that are over may be so many, and as many as there are sessions, before they are looked for.
const SLACK: usize = 64;

/// The event streams of all sessions: one a session, the newest; an older one ends. So there are never many more than
/// sessions, however often a client asks for one.
#[derive(Default)]
pub(super) struct EventStreams {
    table: Mutex<HashMap<String, EventStream>>,
}

struct EventStream {
    name: String,
    wanted: EventSet,
    /// Ends the reader of the moment; a reader that comes back takes the place of its former self.
    reader: CancellationToken,
}

impl EventStreams {
    fn create(&self, sessions: &Sessions, session: &Session, wanted: EventSet) -> String {
        let alive = sessions.len();
        let mut table = self.table();
        if table.len() >= 2 * alive + SLACK {
            table.retain(|id, _| sessions.get(id).is_some());
        }
        let name = random_hex();
        let fresh = EventStream { name: name.clone(), wanted, reader: CancellationToken::new() };
        if let Some(old) = table.insert(session.id.as_str().to_owned(), fresh) {
            old.reader.cancel();
        }
        name
    }

    fn follow(&self, session: &Session, name: &str) -> Result<(EventSet, CancellationToken), Problem> {
        let mut table = self.table();
        let stream = table.get_mut(session.id.as_str()).filter(|stream| stream.name == name).ok_or_else(no_stream)?;
        stream.reader.cancel();
        stream.reader = CancellationToken::new();
        Ok((stream.wanted, stream.reader.clone()))
    }

    fn end(&self, session: &Session, name: &str) -> Result<(), Problem> {
        let mut table = self.table();
        let id = session.id.as_str();
        table.get(id).filter(|stream| stream.name == name).ok_or_else(no_stream)?.reader.cancel();
        table.remove(id);
        Ok(())
    }

    /// Forgets the event stream of a session that is over.
    pub(super) fn forget(&self, session: &str) {
        self.table().remove(session);
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, EventStream>> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

fn no_stream() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-event-stream",
        "No such event stream",
        "the event stream has ended or never was; make a new one with a POST to the session's events",
    )
}

#[cfg(test)]
impl EventStreams {
    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.table().len()
    }
}
