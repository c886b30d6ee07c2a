//! The `[http]` and `[admin]` sections.

use super::Listen;
use crate::access::{Network, Secret};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The public listener: pages, WHIP, WHEP.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Http {
    pub listen: Listen,
    pub tls: Tls,
    /// Peers whose `Forwarded` and `X-Forwarded-For` headers tell the client's address.
    pub trusted_proxies: Vec<Network>,
    /// Web origins whose pages may publish and play here; `*` for all.
    pub cors_origins: Vec<Origin>,
    /// The header in which trusted proxies tell the client's country; none: it is not known.
    pub country_header: Option<FieldName>,
}

impl Default for Http {
    fn default() -> Self {
        Http {
            listen: Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
            tls: Tls::Off,
            trusted_proxies: Vec::new(),
            cors_origins: vec![Origin("*".to_owned())],
            country_header: None,
        }
    }
}

/// The operator's listener: API and metrics.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Admin {
    pub listen: Listen,
    /// The bearer token of the operator; required off loopback.
    pub token: Option<Secret>,
    /// Whether /metrics needs no token.
    pub open_metrics: bool,
}

impl Default for Admin {
    fn default() -> Self {
        let listen = Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)));
        Admin { listen, token: None, open_metrics: false }
    }
}

/// Whether and with what the public listener speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(into = "RawTls")]
pub enum Tls {
    Off,
    /// With a certificate made at start, so that a phone may publish.
    SelfSigned,
    /// PEM files; read again when they change.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum RawTls {
    Word(&'static str),
    Files(Files),
}

impl From<Tls> for RawTls {
    fn from(tls: Tls) -> Self {
        match tls {
            Tls::Off => RawTls::Word("off"),
            Tls::SelfSigned => RawTls::Word("self-signed"),
            Tls::Files { cert, key } => RawTls::Files(Files { cert, key }),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Tls {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TlsVisitor)
    }
}

struct TlsVisitor;

impl<'de> serde::de::Visitor<'de> for TlsVisitor {
    type Value = Tls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"off\", \"self-signed\" or { cert = \"FILE\", key = \"FILE\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Tls, E> {
        match text {
            "off" => Ok(Tls::Off),
            "self-signed" => Ok(Tls::SelfSigned),
            _ => {
                let text: String = text.chars().take(80).collect();
                Err(E::custom(format_args!(
                    "`{text}` is not known here; write \"off\", \"self-signed\" or {{ cert = \"FILE\", key = \"FILE\" }}"
                )))
            }
        }
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Tls, A::Error> {
        let files: Files = serde::Deserialize::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(Tls::Files { cert: files.cert, key: files.key })
    }
}

/// The name of an HTTP header, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldName(String);

/// A text that is no name of a header.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no name of an HTTP header; write letters, digits and `-`, such as \"cf-ipcountry\"")]
pub struct InvalidFieldName(String);

impl FieldName {
    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FieldName {
    type Error = InvalidFieldName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // RFC 9110 allows more; no proxy uses it.
        let valid = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if valid && (1..=100).contains(&text.len()) {
            Ok(FieldName(text.to_ascii_lowercase()))
        } else {
            Err(InvalidFieldName(text.chars().take(80).collect()))
        }
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.0
    }
}

/// A web origin (RFC 6454) such as `https://example.com`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// A text that is no web origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no web origin; write \"*\", or scheme, host and port without a path, such as \"https://example.com\""
)]
pub struct InvalidOrigin(String);

impl Origin {
    /// The origin as in the `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_authority_byte = |b: u8| b.is_ascii_graphic() && !matches!(b, b'/' | b'?' | b'#' | b'@' | b'*');
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_authority_byte));
        if text == "*" || is_origin {
            Ok(Origin(text.to_ascii_lowercase()))
        } else {
            Err(InvalidOrigin(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidOrigin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}
