//! What a guest wants to send, checked against what the operator granted.

use super::super::refusal::{Code, refuse};
use super::super::wit::http::Request;
use super::super::wit::types::{Attribute, HostError};
use super::address::{Class, class};
use crate::plugin::settings::HttpGrant;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use std::net::IpAddr;
use std::time::Duration;

/// Longest URL, in bytes.
const MAX_URL: usize = 8 << 10;
/// Most headers that a guest may set.
const MAX_HEADERS: usize = 64;
/// Most text in them, in bytes.
const MAX_HEADER_TEXT: usize = 16 << 10;
/// Longest method; the longest registered one has 17 letters.
const MAX_METHOD: usize = 32;
/// Headers that frame the message, name the connection, or are the host's to set.
const RESERVED: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that may go out.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    /// The guest's, the grant's, and the host's own.
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// For the whole exchange.
    pub(super) timeout: Duration,
    /// Of the response's body, in bytes.
    pub(super) max_bytes: usize,
    /// Whether a name may stand for a private address.
    pub(super) private: bool,
}

impl Outgoing {
    /// Method, origin and path, for messages; the query may hold a credential.
    pub(super) fn line(&self) -> String {
        let path: String = self.url.path().chars().take(100).collect();
        format!("{} {}{path}", self.method, self.url.origin().ascii_serialization())
    }
}

/// Checks a request. `traceparent`: the header that names the trace it belongs to.
pub(super) fn check(
    request: Request,
    grants: &[HttpGrant],
    plugin: &str,
    traceparent: Option<&str>,
) -> Result<Outgoing, HostError> {
    let url = checked_url(&request.url)?;
    let method = checked_method(&request.method)?;
    let Some(grant) = grants.iter().find(|grant| same_origin(&grant.origin, &url)) else {
        return Err(not_granted(&url, grants, plugin));
    };
    if let Some(address) = literal(&url) {
        checked_address(address, grant.private, true).map_err(|why| refuse(Code::Denied, why))?;
    }
    let mut headers = checked_headers(request.headers)?;
    for (name, value) in &grant.headers {
        let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(mut value)) = header else {
            let message = format!(
                "the header `{}` of the grant for {} can not be sent; its name or value in {plugin}.toml has \
                 characters that headers may not have",
                name.escape_debug(),
                grant.origin
            );
            return Err(refuse(Code::Invalid, message));
        };
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(value) = traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(HeaderName::from_static("traceparent"), value);
    }
    let wanted = Duration::from_millis(request.timeout_ms.into());
    let timeout = if wanted.is_zero() { grant.timeout } else { wanted.min(grant.timeout) };
    let (max_bytes, private) = (grant.max_bytes, grant.private);
    Ok(Outgoing { method, url, headers, body: request.body, timeout, max_bytes, private })
}

/// Whether the grant covers this address; otherwise why not. `named`: the grant's origin is this very address.
pub(super) fn checked_address(address: IpAddr, private: bool, named: bool) -> Result<(), String> {
    let advice = match class(address) {
        Class::Public => return Ok(()),
        Class::Private if private => return Ok(()),
        Class::Metadata if private && named => return Ok(()),
        Class::Private => "it is a private address; to allow it, set `private = true` at this origin under [grants]",
        Class::Metadata => {
            "it is a link-local or metadata address; to allow it, grant an origin with this very address and \
             `private = true`"
        }
        Class::Nowhere => "no server can be there",
    };
    Err(format!("the address {address} is refused: {advice}"))
}

fn checked_url(text: &str) -> Result<Url, HostError> {
    let invalid = |what: &str| refuse(Code::Invalid, format!("request.url {what}"));
    if text.len() > MAX_URL {
        return Err(invalid(&format!("has {} bytes, at most {MAX_URL} are sent", text.len())));
    }
    let mut url = Url::parse(text).map_err(|error| invalid(&format!("is no absolute URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid("is neither https: nor http:"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("holds a user or password; credentials belong into `headers` of the grant"));
    }
    url.set_fragment(None);
    Ok(url)
}

fn checked_method(text: &str) -> Result<Method, HostError> {
    let invalid = |why: &str| {
        let shown: String = text.chars().take(MAX_METHOD).collect();
        refuse(Code::Invalid, format!("request.method `{}` {why}", shown.escape_debug()))
    };
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| invalid("is no HTTP method"))?;
    if text.len() > MAX_METHOD || method == Method::CONNECT || method == Method::TRACE {
        return Err(invalid("is not sent for plugins"));
    }
    Ok(method)
}

/// Of equal names the later wins.
fn checked_headers(list: Vec<Attribute>) -> Result<HeaderMap, HostError> {
    let text: usize = list.iter().map(|header| header.key.len() + header.value.len()).sum();
    if list.len() > MAX_HEADERS || text > MAX_HEADER_TEXT {
        let message = format!(
            "request.headers: {} headers with {text} bytes; at most {MAX_HEADERS} with {MAX_HEADER_TEXT} are sent",
            list.len()
        );
        return Err(refuse(Code::TooLarge, message));
    }
    let mut headers = HeaderMap::with_capacity(list.len());
    for Attribute { key, value } in list {
        let invalid = |why: &str| {
            let shown: String = key.chars().take(60).collect();
            refuse(Code::Invalid, format!("request.headers: `{}` {why}", shown.escape_debug()))
        };
        let name = HeaderName::from_bytes(key.as_bytes()).map_err(|_| invalid("is no name of a header"))?;
        if RESERVED.contains(&name.as_str()) {
            return Err(invalid("is set by the host"));
        }
        let value = HeaderValue::from_str(&value).map_err(|_| invalid("has a value with control characters"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

fn not_granted(url: &Url, grants: &[HttpGrant], plugin: &str) -> HostError {
    let origin = url.origin().ascii_serialization();
    let granted: Vec<_> = grants.iter().take(5).map(|grant| grant.origin.as_str()).collect();
    let message = format!(
        "the origin {origin} is not granted (granted: {}); to allow it, add {{ origin = \"{origin}\" }} to `http` under \
         [grants] in {plugin}.toml",
        if granted.is_empty() { "none".to_owned() } else { granted.join(", ") }
    );
    refuse(Code::Denied, message)
}

/// Scheme, host and port are the same.
fn same_origin(granted: &str, url: &Url) -> bool {
    Url::parse(granted).is_ok_and(|granted| granted.origin().is_tuple() && granted.origin() == url.origin())
}

/// The address, where the URL has one for a host.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(origin: &str, private: bool) -> HttpGrant {
        HttpGrant {
            origin: origin.into(),
            timeout: Duration::from_secs(2),
            max_bytes: 1 << 20,
            private,
            headers: vec![("authorization".into(), "Bearer key".into())],
        }
    }

    fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Request {
        let headers = headers.iter().map(|(key, value)| Attribute { key: (*key).into(), value: (*value).into() });
        Request { method: method.into(), url: url.into(), headers: headers.collect(), body: Vec::new(), timeout_ms: 0 }
    }

    fn code(checked: Result<Outgoing, HostError>) -> String {
        checked.err().map(|error| error.code).unwrap_or_default()
    }

    #[test]
    fn only_granted_origins_are_reached() {
        let origins =
            ["https://id.example", "http://id.example:8080", "https://xn--bcher-kva.example", "https://[2606:4700::1]"];
        let grants = origins.map(|origin| grant(origin, false));
        let rows = [
            ("https://id.example/keys?x=1#y", ""),
            ("https://ID.Example:443/", ""),
            ("http://id.example:8080/", ""),
            ("https://bücher.example/", ""),
            ("https://[2606:4700:0::1]/", ""),
            ("https://id.example\\@evil.example/", ""),
            ("http://id.example/", "denied"),
            ("https://id.example:8443/", "denied"),
            ("https://id.example./", "denied"),
            ("https://sub.id.example/", "denied"),
            ("https://id.example.evil.example/", "denied"),
            ("https://evil.example/https://id.example", "denied"),
            ("https://id.example@evil.example/", "invalid"),
            ("https://user:pass@id.example/", "invalid"),
            ("ftp://id.example/", "invalid"),
            ("file:///etc/passwd", "invalid"),
            ("/keys", "invalid"),
            ("", "invalid"),
        ];
        for (url, expected) in rows {
            assert_eq!(code(check(request("GET", url, &[]), &grants, "p", None)), expected, "{url}");
        }
        let tricked = check(request("GET", "https://id.example\\@evil.example/", &[]), &grants, "p", None).unwrap();
        assert_eq!(tricked.url.host_str(), Some("id.example"));
        let error = check(request("GET", "https://b.example/", &[]), &grants[..1], "geo", None).unwrap_err();
        assert_eq!(
            error.message,
            "the origin https://b.example is not granted (granted: https://id.example); to allow it, add \
             { origin = \"https://b.example\" } to `http` under [grants] in geo.toml"
        );
    }

    #[test]
    fn addresses_in_urls_need_the_right_grant() {
        let rows = [
            ("http://127.0.0.1:80", "http://127.0.0.1/", false, "denied"),
            ("http://127.0.0.1", "http://127.0.0.1/", true, ""),
            ("http://127.0.0.1", "http://0x7f.1/", false, "denied"),
            ("http://127.0.0.1", "http://2130706433/", true, ""),
            ("http://169.254.169.254", "http://169.254.169.254/latest", false, "denied"),
            ("http://169.254.169.254", "http://169.254.169.254/latest", true, ""),
            ("http://[::1]", "http://[::1]/", false, "denied"),
            ("http://[::1]", "http://[::1]/", true, ""),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]/", false, "denied"),
            ("http://224.0.0.1", "http://224.0.0.1/", true, "denied"),
            ("http://1.1.1.1", "http://1.1.1.1/", false, ""),
        ];
        for (origin, url, private, expected) in rows {
            let checked = check(request("GET", url, &[]), &[grant(origin, private)], "p", None);
            assert_eq!(code(checked), expected, "{url} {private}");
        }
    }

    #[test]
    fn names_reach_private_addresses_only_when_granted_and_metadata_never() {
        let rows = [
            ("10.0.0.1", false, false),
            ("10.0.0.1", true, true),
            ("169.254.169.254", true, false),
            ("fe80::1", true, false),
            ("255.255.255.255", true, false),
            ("1.1.1.1", false, true),
        ];
        for (address, private, good) in rows {
            assert_eq!(checked_address(address.parse().unwrap(), private, false).is_ok(), good, "{address} {private}");
        }
    }

    #[test]
    fn methods_and_headers_are_checked() {
        let grants = [grant("https://id.example", false)];
        let long = "x".repeat(MAX_HEADER_TEXT);
        let rows: [(&str, &[(&str, &str)], &str); 14] = [
            ("GET", &[], ""),
            ("PURGE", &[("X-Any", "value")], ""),
            ("GET", &[("accept", "a"), ("Accept", "b")], ""),
            ("", &[], "invalid"),
            ("GET /\r\nHost: evil", &[], "invalid"),
            ("CONNECT", &[], "invalid"),
            ("TRACE", &[], "invalid"),
            ("GET", &[("x", "a\r\nHost: evil")], "invalid"),
            ("GET", &[("x\r\nHost", "evil")], "invalid"),
            ("GET", &[("", "x")], "invalid"),
            ("GET", &[("Host", "evil.example")], "invalid"),
            ("GET", &[("Content-Length", "5")], "invalid"),
            ("GET", &[("Transfer-Encoding", "chunked")], "invalid"),
            ("GET", &[("x", &long)], "too-large"),
        ];
        for (method, headers, expected) in rows {
            let checked = check(request(method, "https://id.example/", headers), &grants, "p", None);
            assert_eq!(code(checked), expected, "{method:?} {:?}", headers.first().map(|(key, _)| key));
        }
    }

    #[test]
    fn the_grant_s_headers_win_and_the_lower_time_out() {
        let grants = [grant("https://id.example", false)];
        let headers = [("Authorization", "Bearer guest"), ("accept", "a"), ("Accept", "b")];
        for (wanted, expected) in [(0, 2_000), (500, 500), (60_000, 2_000)] {
            let mut request = request("POST", "https://id.example/a?token=t#f", &headers);
            request.timeout_ms = wanted;
            let outgoing = check(request, &grants, "p", Some("00-1-2-01")).unwrap();
            assert_eq!(outgoing.timeout, Duration::from_millis(expected));
            for (name, expected) in [("authorization", "Bearer key"), ("accept", "b"), ("traceparent", "00-1-2-01")] {
                let values: Vec<_> = outgoing.headers.get_all(name).iter().collect();
                assert_eq!(values, [expected], "{name}");
            }
            assert_eq!(outgoing.url.as_str(), "https://id.example/a?token=t");
            assert_eq!(outgoing.line(), "POST https://id.example/a");
            assert!(!format!("{outgoing:?}").contains("Bearer key"));
        }
    }
}
