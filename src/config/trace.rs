//! The `[trace]` section: whether control work is traced, and where the traces go.

use crate::access::Password;
use crate::observe::trace::Share;
use std::fmt;
use std::path::PathBuf;

/// Where traces go, and how many.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Trace {
    /// Without one nothing is recorded.
    pub exporter: TraceExporter,
    /// For `otlp`: the URL that traces are posted to.
    pub endpoint: Endpoint,
    /// For `otlp`: headers of each request, such as a key of the collector.
    pub headers: Vec<Header>,
    /// The part of the traces that are kept of those that no observer has an opinion on.
    pub share: TraceShare,
    /// For `file`: where to.
    pub file: Option<PathBuf>,
    /// For `file`: MiB of it and of the one before it together.
    pub file_mib: u32,
}

impl Default for Trace {
    fn default() -> Self {
        Trace {
            exporter: TraceExporter::Off,
            endpoint: Endpoint("http://127.0.0.1:4318/v1/traces".to_owned()),
            headers: Vec::new(),
            share: TraceShare(Share(10_000)),
            file: None,
            file_mib: 64,
        }
    }
}

impl Trace {
    /// Every secret of the section.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Password> {
        self.headers.iter().map(|header| &header.value)
    }
}

/// How traces are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum TraceExporter {
    #[default]
    Off,
    File,
    Otlp,
}

/// A word that names no exporter.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no exporter of traces; write \"off\", \"file\" or \"otlp\"")]
pub struct InvalidExporter(String);

impl TryFrom<String> for TraceExporter {
    type Error = InvalidExporter;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "off" => Ok(TraceExporter::Off),
            "file" => Ok(TraceExporter::File),
            "otlp" => Ok(TraceExporter::Otlp),
            _ => Err(InvalidExporter(text.chars().take(40).collect())),
        }
    }
}

/// The URL of a collector.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Endpoint(String);

/// A text that is no such URL.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no URL that traces can be posted to; write it whole and without a login, such as \
     \"http://127.0.0.1:4318/v1/traces\""
)]
pub struct InvalidEndpoint(String);

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = reqwest::Url::parse(&text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        match url {
            Some(url) => Ok(Endpoint(url.to_string())),
            None => Err(InvalidEndpoint(text.chars().take(80).collect())),
        }
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.0
    }
}

/// One header for the collector.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "RawHeader")]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// The text itself, `env:NAME` or `file:PATH`.
    pub value: Password,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeader {
    name: String,
    value: Password,
}

/// Why a header can not be sent.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHeader {
    #[error("`{0}` is no name of a header; write letters, digits and `-`, such as \"authorization\"")]
    Name(String),
    #[error("`{0}` is set by the exporter itself")]
    Own(String),
    #[error("the value of `{0}` must be up to 4096 characters of printable ASCII")]
    Value(String),
}

impl TryFrom<RawHeader> for Header {
    type Error = InvalidHeader;

    fn try_from(raw: RawHeader) -> Result<Self, Self::Error> {
        let name = raw.name.to_ascii_lowercase();
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=100).contains(&name.len()) || !name.bytes().all(valid) {
            return Err(InvalidHeader::Name(name.chars().take(80).collect()));
        }
        if matches!(name.as_str(), "content-type" | "content-length" | "host" | "transfer-encoding" | "connection") {
            return Err(InvalidHeader::Own(name));
        }
        let text = raw.value.reveal();
        if text.len() > 4096 || !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(InvalidHeader::Value(name));
        }
        Ok(Header { name, value: raw.value })
    }
}

/// A part from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceShare(pub Share);

impl serde::Serialize for TraceShare {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0.0) / 1e6)
    }
}

impl<'de> serde::Deserialize<'de> for TraceShare {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShareVisitor)
    }
}

struct ShareVisitor;

impl serde::de::Visitor<'_> for ShareVisitor {
    type Value = TraceShare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part from 0 to 1, such as 0.01")
    }

    fn visit_f64<E: serde::de::Error>(self, share: f64) -> Result<TraceShare, E> {
        if (0.0..=1.0).contains(&share) {
            Ok(TraceShare(Share((share * 1e6).round() as u32)))
        } else {
            Err(E::custom(format_args!("{share} is out of range: a part from 0 to 1 is possible, such as 0.01")))
        }
    }

    fn visit_u64<E: serde::de::Error>(self, share: u64) -> Result<TraceShare, E> {
        self.visit_f64(share as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, share: i64) -> Result<TraceShare, E> {
        self.visit_f64(share as f64)
    }

    /// From the environment.
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<TraceShare, E> {
        let share = text.parse().map_err(|_| E::custom("write a part from 0 to 1, such as 0.01"))?;
        self.visit_f64(share)
    }
}
