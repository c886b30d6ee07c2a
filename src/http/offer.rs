//! What WHIP and WHEP have in common: an SDP offer comes in by POST, an answer goes out with the session's address.

use super::App;
use super::body::{MAX_SDP_BYTES, read_text};
use super::error::Problem;
use super::facts::Gathered;
use super::request::{Client, name_session, name_stream, name_subject};
use super::stream_path::{StreamPath, with_rendition};
use crate::media::StreamName;
use crate::plugin::{Action, Facts};
use crate::shard::{ClientInfo, Doors, Session, SessionId};
use axum::extract::{FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::SystemTime;

const SDP: &str = "application/sdp";

/// Absent from the `http` crate's constants.
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// What a client asks for: a stream, with an SDP offer.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) stream: StreamName,
    pub(super) sdp: String,
    /// Of the session that is to be; it is in `facts`, in the answer and in the log.
    pub(super) id: SessionId,
    /// What plugins may know of it.
    pub(super) facts: Arc<Facts>,
    /// Who sends it, as the session remembers it.
    pub(super) client: ClientInfo,
}

impl Offer {
    /// Reads a request. What it is for is chosen by its route.
    ///
    /// # Errors
    /// The refusal of a request that is no offer.
    pub(super) async fn read(
        app: &Arc<App>,
        request: Request,
        action: Action,
        protocol: &'static str,
    ) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let (stream, rendition) = match action {
            Action::Play => with_rendition(&parts)?,
            _ => (StreamPath::from_request_parts(&mut parts, app).await?.0, None),
        };
        name_stream(stream.as_str());
        if app.state.stopping.is_cancelled() {
            return Err(Problem::stopping());
        }
        if app.state.sessions.doors() == Doors::Draining {
            return Err(Problem::draining());
        }
        // Before anything is gathered, read or asked: a flood costs the server next to nothing, and reaches no plugin.
        let Client(address) = Client::from_request_parts(&mut parts, app).await?;
        let sessions = &app.state.sessions;
        let spare = || if action == Action::Play { sessions.spare() } else { Ok(()) };
        sessions.knock(address).and_then(|()| spare()).inspect_err(|limit| app.limited(action.name(), limit))?;
        let gathered = Gathered::new(app, &mut parts, action, protocol).await?;
        name_session(gathered.id.as_str());
        let sdp = read_text(&parts.headers, body, SDP, MAX_SDP_BYTES).await?;
        let (id, credential) = (gathered.id.clone(), gathered.credential.digest());
        let facts = gathered.about(stream.as_str(), rendition)?;
        let user_agent = user_agent(&parts.headers);
        let client = ClientInfo { protocol, remote_ip: facts.remote_ip, user_agent, credential };
        Ok(Offer { stream, sdp, id, facts, client })
    }
}

/// Characters of a user agent that are kept; browsers send about 120.
const MAX_USER_AGENT: usize = 256;

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_USER_AGENT).collect())
}

/// The path of a session, which is its `Location`.
pub(super) fn location(session: &Session) -> String {
    format!("/session/{}", session.id)
}

/// The 201 with the answer. `events`: the link to the session's event stream.
pub(super) fn created(app: &App, session: &Session, events: Option<&str>) -> Response {
    let mut response = (StatusCode::CREATED, session.negotiated.answer.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    insert(headers, header::LOCATION, &location(session));
    insert(headers, header::ETAG, &session.etag());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(events) = events {
        insert(headers, header::LINK, events);
    }
    let standing = app.state.access.book().get(session.id.as_str());
    if let Some(standing) = standing.as_ref().filter(|standing| standing.grant.routing.is_routed()) {
        let cohort = standing.grant.routing.cohort();
        app.state.metrics.session_routed(standing.action.name(), cohort, "here");
    }
    let subject = standing.as_ref().and_then(|standing| standing.grant.subject.as_deref());
    if let Some(subject) = subject {
        name_subject(subject);
    }
    for server in &app.policy().ice_servers {
        append(headers, header::LINK, &server.link(subject, SystemTime::now()));
    }
    response
}

/// OPTIONS: what can be posted here.
pub(super) async fn options() -> Response {
    let headers = [(ACCEPT_POST, SDP), (header::ALLOW, "GET,HEAD,POST,OPTIONS")];
    (StatusCode::OK, headers).into_response()
}

/// GET and HEAD: the endpoint is there, and has nothing to show.
pub(super) async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Sets a header to a text of ours, which has no control characters.
pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.remove(&name);
    append(headers, name, value);
}

/// As [`insert`], beside others of that name.
fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => drop(headers.append(name, value)),
        Err(_) => tracing::error!(header = %name, "a header was left out: its value has control characters"),
    }
}
