//! What a plugin may know of a session, as the protocol's side gathered it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The protocols that a session may come by.
pub const PROTOCOLS: [&str; 6] = ["whip", "whep", "websocket", "rtmp", "hls", "api"];

/// What a session wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Publish,
    Play,
    /// Use the operator's API.
    Admin,
}

impl Action {
    /// As in manifests and labels.
    pub fn name(self) -> &'static str {
        match self {
            Action::Publish => "publish",
            Action::Play => "play",
            Action::Admin => "admin",
        }
    }
}

/// One publisher, viewer or API request. Strings are empty and options none where a protocol does not have the thing.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    /// The same in logs, API and events.
    pub id: String,
    pub action: Action,
    /// One of [`PROTOCOLS`].
    pub protocol: &'static str,
    /// The HTTP method.
    pub method: String,
    /// URL path without query.
    pub path: String,
    /// The stream asked for; empty for most of `admin`.
    pub stream: String,
    pub rendition: Option<String>,
    /// Behind trusted proxies the address that they tell.
    pub remote_ip: IpAddr,
    /// Asked from this machine, by a name that can only be this machine. For the access rules; plugins have the address.
    pub local: bool,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// `desktop`, `mobile`, `tablet`, `tv`, `bot`, `encoder`.
    pub device: Option<String>,
    /// Names in lower case, in the order they came; a name may be there more than once.
    pub headers: Vec<(String, String)>,
    /// Percent-decoded, in the order they came.
    pub query: Vec<(String, String)>,
    /// The credential. Secret.
    pub token: Option<String>,
    pub spiffe_id: Option<String>,
    /// 64 lower-case hex digits.
    pub certificate_sha256: Option<String>,
    /// Who it is, as an earlier answer said.
    pub subject: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// Since it was first allowed; zero while it is not.
    pub age: Duration,
}

impl Facts {
    /// Facts with nothing known but these.
    pub fn new(id: String, action: Action, protocol: &'static str, remote_ip: IpAddr) -> Self {
        Facts {
            id,
            action,
            protocol,
            method: String::new(),
            path: String::new(),
            stream: String::new(),
            rendition: None,
            remote_ip,
            local: false,
            country: None,
            device: None,
            headers: Vec::new(),
            query: Vec::new(),
            token: None,
            spiffe_id: None,
            certificate_sha256: None,
            subject: None,
            tags: BTreeMap::new(),
            age: Duration::ZERO,
        }
    }

    /// The values of a header, joined as RFC 9110, 5.3 says. The name in any case.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next()?.clone();
        Some(values.fold(first, |joined, value| joined + ", " + value))
    }

    /// The first query parameter of this name.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Credentials may stand in headers, query and token: none of them is shown.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("id", &self.id)
            .field("action", &self.action)
            .field("protocol", &self.protocol)
            .field("stream", &self.stream)
            .field("remote_ip", &self.remote_ip)
            .finish_non_exhaustive()
    }
}
