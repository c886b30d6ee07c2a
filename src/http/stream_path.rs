//! The stream name in a request's path, and the rendition behind it.

use super::error::Problem;
use crate::media::StreamName;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;

/// The part of the path that a route's last wildcard covers, as a checked name.
///
/// It is taken from the path as sent: percent-encoding is not undone, since no character of a name needs it, and a name
/// must not have two spellings.
#[derive(Debug)]
pub(super) struct StreamPath(pub(super) StreamName);

impl<S: Sync> FromRequestParts<S> for StreamPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(StreamPath(covered(parts)?.parse::<StreamName>()?))
    }
}

/// The longest name of a rendition, with the layers of its picture.
const MAX_RENDITION: usize = 21;

/// The same, where `NAME@rendition` is a name as well.
pub(super) fn with_rendition(parts: &Parts) -> Result<(StreamName, Option<String>), Problem> {
    let text = covered(parts)?;
    let Some((name, rendition)) = text.split_once('@') else { return Ok((text.parse::<StreamName>()?, None)) };
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !(1..=MAX_RENDITION).contains(&rendition.len()) || !is_name(rendition) {
        return Err(Problem::bad_request(
            "invalid-stream-name",
            format!("behind `@` goes the name of a rendition: 1 to {MAX_RENDITION} of A-Z a-z 0-9 _ - ."),
        ));
    }
    Ok((name.parse::<StreamName>()?, Some(rendition.to_owned())))
}

fn covered(parts: &Parts) -> Result<&str, Problem> {
    let route = parts.extensions.get::<MatchedPath>().ok_or_else(Problem::no_route)?;
    let fixed = route.as_str().split("{*").next().unwrap_or("");
    parts.uri.path().strip_prefix(fixed).ok_or_else(Problem::no_route)
}
