//! The URL of a WHIP or WHEP session: trickle and ICE restart by PATCH (RFC 9725, 4.3), the end by DELETE.

use super::App;
use super::body::{MAX_SDP_BYTES, check_head, read_text};
use super::credential::Credential;
use super::error::Problem;
use super::offer::insert;
use super::request::name_session;
use crate::protocol::webrtc::sdp::Fragment;
use crate::shard::{CloseReason, Session, SessionState};
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Absent from the `http` crate's constants.
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// `/session/{id}`.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/session/{id}", get(show).patch(patch).delete(delete).options(options))
}

/// The live session of the URL, its creator's credential presented.
pub(super) struct Owned(pub(super) Arc<Session>);

impl FromRequestParts<Arc<App>> for Owned {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::no_session())?;
        let id = params.iter().find(|(name, _)| *name == "id").map_or("", |(_, id)| id);
        let session = app.state.sessions.get(id).ok_or_else(Problem::no_session)?;
        if matches!(session.state(), SessionState::Closed(_)) {
            return Err(Problem::no_session());
        }
        name_session(session.id.as_str());
        let credential = Credential::from_request_parts(parts, app).await?;
        match &session.client.credential {
            Some(expected) if !credential.matches(expected) => Err(Problem::wrong_credential()),
            _ => Ok(Owned(session)),
        }
    }
}

async fn show(Owned(_): Owned) -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn options() -> Response {
    let headers = [
        (ACCEPT_PATCH, FRAGMENT),
        (header::HeaderName::from_static("accept-post"), "application/sdp"),
        (header::ALLOW, "GET,HEAD,PATCH,DELETE,OPTIONS"),
    ];
    (StatusCode::OK, headers).into_response()
}

async fn delete(State(app): State<Arc<App>>, Owned(session): Owned) -> Result<StatusCode, Problem> {
    if app.state.sessions.close(session.id.as_str(), CloseReason::ByPeer) {
        Ok(StatusCode::OK)
    } else {
        Err(Problem::no_session())
    }
}

async fn patch(Owned(session): Owned, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    // What is wrong with the head comes first, then the condition, then the body (RFC 9110, 13.2.1).
    check_head(&headers, &body, FRAGMENT, MAX_SDP_BYTES)?;
    let condition = if_match(&headers)?;
    condition.check(&session)?;
    let text = read_text(&headers, body, FRAGMENT, MAX_SDP_BYTES).await?;
    let fragment = Fragment::parse(&text)?;
    // Another PATCH may have come in while the body was read.
    condition.check(&session)?;
    match &fragment.ice {
        Some((ufrag, pwd)) if *ufrag != session.remote_ufrag() => Ok(restart(&session, ufrag, pwd)),
        // Candidates are not needed: the server is ICE-lite and answers whoever knows the password.
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

fn restart(session: &Session, ufrag: &str, pwd: &str) -> Response {
    let fresh = session.ice_restart(ufrag, pwd);
    let mut response = Fragment::write(&session.negotiated.answer, &fresh.local).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT));
    insert(headers, header::ETAG, &fresh.etag);
    response
}

/// What an If-Match header demands (RFC 9110, 13.1.1).
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Anything,
    OneOf(Vec<String>),
}

impl Condition {
    fn check(&self, session: &Session) -> Result<(), Problem> {
        if self.holds(&session.etag()) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "etag-mismatch",
            "The ICE session is another one",
            "If-Match names an ICE session that is over; send the ETag of the newest answer, or `*` to restart ICE",
        ))
    }

    fn holds(&self, etag: &str) -> bool {
        match self {
            Condition::Anything => true,
            Condition::OneOf(tags) => tags.iter().any(|tag| tag == etag),
        }
    }
}

fn if_match(headers: &HeaderMap) -> Result<Condition, Problem> {
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let text = value.to_str().map_err(|_| Problem::bad_request("malformed-if-match", "If-Match is not ASCII"))?;
        // No tag of ours has a comma in it. Clients send the star also with quotes.
        tags.extend(text.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()));
    }
    if tags.is_empty() {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "if-match-required",
            "If-Match is required",
            "send `If-Match` with the ETag of the newest answer, or `If-Match: *` to restart ICE",
        ));
    }
    if tags.iter().any(|tag| tag == "*" || tag == "\"*\"") {
        return Ok(Condition::Anything);
    }
    Ok(Condition::OneOf(tags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_holds_for_the_newest_etag_or_a_star() {
        let rows: [(&[&str], Option<bool>); 9] = [
            (&[], None),
            (&[""], None),
            (&["*"], Some(true)),
            (&["\"*\""], Some(true)),
            (&["\"e1\""], Some(true)),
            (&["\"e0\", \"e1\""], Some(true)),
            (&["\"e0\"", "\"e1\""], Some(true)),
            (&["W/\"e1\""], Some(false)),
            (&["e1"], Some(false)),
        ];
        for (lines, expected) in rows {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_MATCH, line.parse().unwrap());
            }
            let found = if_match(&headers).ok().map(|condition| condition.holds("\"e1\""));
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
