//! Gathers from a request what plugins may know of it, within bounds.

use super::App;
use super::credential::Credential;
use super::device::device;
use super::error::Problem;
use super::local::Local;
use super::request::{Client, Peer};
use crate::plugin::{Action, Facts};
use crate::shard::SessionId;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use std::borrow::Cow;
use std::sync::Arc;

/// Names and values of headers, and likewise of query parameters, that are kept: in bytes, for the life of a session, since
/// plugins are asked again. Browsers send about 1 KiB; a token in a header seldom has more than 4. What is beyond is left
/// out, the last first.
const MOST_TEXT: usize = 16 << 10;
/// Headers or parameters that are kept, whatever their length.
const MOST_ENTRIES: usize = 128;

/// What a request says about itself. The path, stream and rendition are up to the route.
pub(super) struct Gathered {
    pub(super) id: SessionId,
    pub(super) credential: Credential,
    facts: Facts,
}

impl Gathered {
    /// Reads the head of a request; `id` of the session, or of the request where there will be none, is made here.
    ///
    /// # Errors
    /// 400 when the credential can not be told.
    pub(super) async fn new(
        app: &Arc<App>,
        parts: &mut Parts,
        action: Action,
        protocol: &'static str,
    ) -> Result<Gathered, Problem> {
        let Client(remote_ip) = Client::from_request_parts(parts, app).await?;
        let credential = Credential::from_request_parts(parts, app).await?;
        let Ok(Local(local)) = Local::from_request_parts(parts, app).await;
        let id = SessionId::random(&app.state.node);
        let mut facts = Facts::new(id.as_str().to_owned(), action, protocol, remote_ip);
        facts.local = local;
        facts.method = parts.method.as_str().to_owned();
        facts.path = parts.uri.path().to_owned();
        facts.headers = headers(&parts.headers);
        // HTTP/2 has it in the request line.
        if let Some(authority) = parts.uri.authority().filter(|_| !parts.headers.contains_key(header::HOST)) {
            facts.headers.push((header::HOST.as_str().to_owned(), authority.as_str().to_owned()));
        }
        facts.query = query(&parts.uri);
        facts.rendition = facts.query("rendition").filter(|name| !name.is_empty()).map(str::to_owned);
        facts.token = credential.token().map(str::to_owned);
        facts.device = facts.header(header::USER_AGENT.as_str()).and_then(|agent| device(&agent)).map(str::to_owned);
        facts.country = client_country(app, parts.extensions.get(), &parts.headers);
        Ok(Gathered { id, credential, facts })
    }

    /// The facts, about this stream; `rendition`: as the path named it.
    ///
    /// # Errors
    /// 400 when the query names another rendition than the path.
    pub(super) fn about(self, stream: &str, rendition: Option<String>) -> Result<Arc<Facts>, Problem> {
        let facts = self.facts;
        if let (Some(path), Some(query)) = (&rendition, &facts.rendition)
            && path != query
        {
            return Err(Problem::bad_request(
                "two-renditions",
                "the path and `?rendition=` name different renditions; name one",
            ));
        }
        let rendition = rendition.or(facts.rendition);
        Ok(Arc::new(Facts { stream: stream.to_owned(), rendition, ..facts }))
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines =
        headers.iter().map(|(name, value)| (Cow::from(name.as_str()), String::from_utf8_lossy(value.as_bytes())));
    bounded(lines)
}

/// As in a form: `+` is a blank, what does not decode becomes the replacement character.
fn query(uri: &Uri) -> Vec<(String, String)> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).unwrap_or_default();
    bounded(pairs.into_iter().map(|(name, value)| (Cow::from(name), Cow::from(value))))
}

fn bounded<'a>(entries: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Vec<(String, String)> {
    let mut room = MOST_TEXT;
    let mut kept = Vec::new();
    for (name, value) in entries.take(MOST_ENTRIES) {
        let Some(left) = room.checked_sub(name.len() + value.len()) else { continue };
        room = left;
        kept.push((name.into_owned(), value.into_owned()));
    }
    kept
}

/// The client's country, as far as a trusted proxy tells it.
pub(super) fn client_country(app: &App, peer: Option<&Peer>, headers: &HeaderMap) -> Option<String> {
    let policy = app.policy();
    let is_proxy = |Peer(peer): &Peer| policy.trusted_proxies.iter().any(|network| network.contains(peer.ip()));
    let name = policy.country_header.as_ref().filter(|_| peer.is_some_and(is_proxy))?;
    country(headers.get(name)?.to_str().ok()?)
}

/// Proxies write ISO 3166-1 alpha-2; `XX` where they do not know it.
fn country(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()) && code != "XX").then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_in_order() {
        let rows: [(&str, &[(&str, &str)]); 5] = [
            ("", &[]),
            ("a=1&a=2", &[("a", "1"), ("a", "2")]),
            ("token=x%2Fy+z&flag", &[("token", "x/y z"), ("flag", "")]),
            ("a==b&&c=%C3%A4", &[("a", "=b"), ("c", "ä")]),
            ("a=%&b=%ff&c=%zz", &[("a", "%"), ("b", "\u{fffd}"), ("c", "%zz")]),
        ];
        for (text, expected) in rows {
            let found = query(&format!("/whep/a?{text}").parse().unwrap());
            let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_much_is_left_out() {
        let mut map = HeaderMap::new();
        map.append("x-small", "1".parse().unwrap());
        map.append("x-huge", "a".repeat(MOST_TEXT).parse().unwrap());
        map.append("x-late", "2".parse().unwrap());
        let names: Vec<String> = headers(&map).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["x-small", "x-late"]);
        let long = format!("/?{}", "a=b&".repeat(1_000));
        assert_eq!(query(&long.parse().unwrap()).len(), MOST_ENTRIES);
    }

    #[test]
    fn countries_are_two_letters() {
        let rows = [("DE", Some("DE")), (" at ", Some("AT")), ("XX", None), ("T1", None), ("", None), ("DEU", None)];
        for (text, expected) in rows {
            assert_eq!(country(text).as_deref(), expected, "{text}");
        }
    }
}
