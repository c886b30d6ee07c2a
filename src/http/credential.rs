//! The credential of a request: `Authorization: Bearer`, or `?token=` where a client can set no header.

use super::error::Problem;
use crate::access::{SecretDigest, digest};
use axum::extract::{FromRequestParts, Query};
use axum::http::header;
use axum::http::request::Parts;
use std::fmt;
use subtle::ConstantTimeEq;

/// The token that a request carries, if any. It never shows itself.
#[derive(Clone, Default)]
pub(super) struct Credential(Option<String>);

impl Credential {
    /// The token in the clear, for the access check.
    pub(super) fn token(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// What a session remembers of it.
    pub(super) fn digest(&self) -> Option<SecretDigest> {
        self.token().map(digest)
    }

    /// Whether this is the credential of which only the digest is known. Takes the same time wherever they differ.
    pub(super) fn matches(&self, expected: &SecretDigest) -> bool {
        self.digest().is_some_and(|presented| presented.ct_eq(expected).into())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Credential(***)" } else { "Credential(none)" })
    }
}

#[derive(serde::Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Credential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(value) = parts.headers.get(header::AUTHORIZATION)
            && let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.trim().split_once(' '))
            && scheme.eq_ignore_ascii_case("bearer")
        {
            return Ok(Credential(Some(token.trim().to_owned())));
        }
        match Query::<TokenQuery>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Credential(query.token)),
            Err(_) => Err(Problem::bad_request("malformed-query", "the query can not be read, or names `token` twice")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[tokio::test]
    async fn the_header_goes_before_the_query() {
        type Found = Result<Option<&'static str>, ()>;
        let rows: [(&str, Option<&str>, Found); 9] = [
            ("/", None, Ok(None)),
            ("/", Some("Bearer abc"), Ok(Some("abc"))),
            ("/", Some("bearer  abc "), Ok(Some("abc"))),
            ("/?token=xyz", None, Ok(Some("xyz"))),
            ("/?a=b&token=x%2Fz", None, Ok(Some("x/z"))),
            ("/?token=xyz", Some("Bearer abc"), Ok(Some("abc"))),
            ("/?token=xyz", Some("Basic abc"), Ok(Some("xyz"))),
            ("/?token=a&token=b", None, Err(())),
            ("/", Some("Bearer"), Ok(None)),
        ];
        for (uri, authorization, expected) in rows {
            let mut request = Request::builder().uri(uri);
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let found = Credential::from_request_parts(&mut parts, &()).await;
            assert_eq!(found.as_ref().map(Credential::token).map_err(|_| ()), expected, "{uri} {authorization:?}");
        }
    }

    #[test]
    fn it_is_compared_but_never_shown() {
        let credential = Credential(Some("abc".to_owned()));
        assert!(credential.matches(&digest("abc")));
        assert!(!credential.matches(&digest("abd")));
        assert!(!Credential::default().matches(&digest("")));
        assert!(!format!("{credential:?}").contains("abc"));
    }
}
