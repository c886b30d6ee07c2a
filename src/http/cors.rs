//! Lets pages of other origins use the public listener, as the configuration allows.

use super::App;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The origins whose pages may use the public listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Every page. Safe because no cookie or other ambient credential counts here.
    #[default]
    Any,
    /// These, such as `https://player.example`, compared without case.
    Listed(Vec<String>),
}

/// Adds the headers of the Fetch standard to every response, preflights included. Preflights need no credential.
pub(super) async fn cors(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    let policy = app.policy();
    add(response.headers_mut(), &policy.origins, origin.as_ref(), preflight);
    response
}

fn add(headers: &mut HeaderMap, origins: &Origins, origin: Option<&HeaderValue>, preflight: bool) {
    if *origins != Origins::Any {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(allowed) = origin.and_then(|origin| origins.allowed(origin)) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let fixed: &[_] = if preflight {
        &[
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, If-Match"),
            (header::ACCESS_CONTROL_MAX_AGE, "7200"),
        ]
    } else {
        &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, "Location, ETag, Link, Retry-After")]
    };
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

impl Origins {
    /// The value of `Access-Control-Allow-Origin` for a page of this origin.
    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Listed(list) => {
                let text = origin.to_str().ok()?;
                list.iter().any(|entry| entry.eq_ignore_ascii_case(text)).then(|| origin.clone())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_allowed_as_listed() {
        let listed = || Origins::Listed(vec!["https://player.example".to_owned()]);
        let rows = [
            (Origins::Any, Some("https://a.example"), Some("*")),
            (Origins::Any, None, None),
            (listed(), Some("https://player.example"), Some("https://player.example")),
            (listed(), Some("https://PLAYER.example"), Some("https://PLAYER.example")),
            (listed(), Some("https://player.example.evil"), None),
            (listed(), Some("http://player.example"), None),
            (listed(), Some("null"), None),
            (listed(), None, None),
        ];
        for (origins, origin, expected) in rows {
            for preflight in [true, false] {
                let mut headers = HeaderMap::new();
                let value = origin.map(|text| HeaderValue::from_str(text).unwrap());
                add(&mut headers, &origins, value.as_ref(), preflight);
                let found = headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap());
                assert_eq!(found, expected, "{origin:?}");
                assert_eq!(headers.contains_key("vary"), origins != Origins::Any);
                assert_eq!(headers.contains_key("access-control-allow-methods"), preflight && expected.is_some());
                assert_eq!(headers.contains_key("access-control-expose-headers"), !preflight && expected.is_some());
                assert!(!headers.contains_key("access-control-allow-credentials"));
            }
        }
    }
}
