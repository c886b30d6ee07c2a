//! The `[ice]` section: STUN and TURN servers that clients are told of.

use super::Span;
use crate::access::Password;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// How clients may reach the server where the direct path is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ice {
    /// Announced with each session, in this order.
    pub servers: Vec<IceServer>,
}

impl Ice {
    /// Every secret of the section.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Password> {
        self.servers.iter().flat_map(|server| server.credential.iter().chain(&server.secret))
    }
}

/// One entry of `[[ice.servers]]`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "RawIceServer")]
pub struct IceServer {
    pub url: IceUrl,
    /// With `credential`: the same login for everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Password>,
    /// Shared with the TURN server: each session gets a login of its own, made from it (draft-uberti-behave-turn-rest).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Password>,
    /// How long such a login lasts; a day where not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
}

/// How long a login made from a secret lasts where nothing is said.
pub const DEFAULT_TTL: Span = Span::from_secs(86_400);

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIceServer {
    url: IceUrl,
    username: Option<String>,
    credential: Option<Password>,
    secret: Option<Password>,
    ttl: Option<Span>,
}

/// Why an entry makes no sense, though its parts do.
#[derive(Debug, thiserror::Error)]
enum InvalidServer {
    #[error("a stun server takes no username, credential or secret; leave them out")]
    StunWithLogin,
    #[error("a turn server needs `username` and `credential`, or the `secret` that it shares with this server")]
    NoLogin,
    #[error("`secret` makes the login of each session; leave `username` and `credential` out, or the secret")]
    TwoLogins,
    #[error("`ttl` is for logins made from a `secret`, and there is none")]
    UnusedTtl,
    #[error("`ttl` is out of range: 60s to 7 days (168h) is possible")]
    Ttl,
    #[error("`username` must be 1 to 256 characters of printable ASCII")]
    Username,
    #[error("`credential` must be up to 256 characters of printable ASCII")]
    Credential,
}

impl TryFrom<RawIceServer> for IceServer {
    type Error = InvalidServer;

    fn try_from(raw: RawIceServer) -> Result<Self, Self::Error> {
        let RawIceServer { url, username, credential, secret, ttl } = raw;
        // They go into a header as they are.
        let fits = |text: &str| text.len() <= 256 && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if !url.is_turn() && (username.is_some() || credential.is_some() || secret.is_some()) {
            return Err(InvalidServer::StunWithLogin);
        }
        match (&username, &credential, &secret) {
            (None, None, None) if url.is_turn() => return Err(InvalidServer::NoLogin),
            (Some(_), None, None) | (None, Some(_), None) => return Err(InvalidServer::NoLogin),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => return Err(InvalidServer::TwoLogins),
            _ => {}
        }
        if username.as_ref().is_some_and(|name| name.is_empty() || !fits(name)) {
            return Err(InvalidServer::Username);
        }
        if credential.as_ref().is_some_and(|credential| !fits(credential.reveal())) {
            return Err(InvalidServer::Credential);
        }
        match ttl {
            Some(_) if secret.is_none() => Err(InvalidServer::UnusedTtl),
            Some(ttl) if !(Span::from_secs(60)..=Span::from_secs(7 * 86_400)).contains(&ttl) => Err(InvalidServer::Ttl),
            _ => Ok(IceServer { url, username, credential, secret, ttl }),
        }
    }
}

/// The address of a STUN (RFC 7064) or TURN (RFC 7065) server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IceUrl(String);

/// A text that is no address of such a server.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no STUN or TURN server; write \"turn:HOST:PORT?transport=udp\" (or tcp), \"turns:HOST:PORT\" or \"stun:HOST:PORT\""
)]
pub struct InvalidIceUrl(String);

impl IceUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_turn(&self) -> bool {
        self.0.starts_with("turn")
    }
}

impl FromStr for IceUrl {
    type Err = InvalidIceUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_valid = || {
            let (scheme, rest) = text.split_once(':')?;
            let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
            let known = match scheme {
                "stun" | "stuns" => query.is_none(),
                "turn" | "turns" => matches!(query, None | Some("transport=udp" | "transport=tcp")),
                _ => false,
            };
            (known && is_place(place)).then_some(())
        };
        match is_valid() {
            Some(()) => Ok(IceUrl(text.to_owned())),
            None => Err(InvalidIceUrl(text.chars().take(80).collect())),
        }
    }
}

/// `HOST` or `HOST:PORT`; an IPv6 address in brackets.
fn is_place(place: &str) -> bool {
    let (is_host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((address, port))) => (address.parse::<Ipv6Addr>().is_ok(), port),
        Some(None) => return false,
        None => {
            let (host, port) = place.split_at(place.find(':').unwrap_or(place.len()));
            let clean = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
            (clean && (1..=253).contains(&host.len()), port)
        }
    };
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|n| n > 0);
    is_host && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

impl TryFrom<String> for IceUrl {
    type Error = InvalidIceUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<IceUrl> for String {
    fn from(url: IceUrl) -> Self {
        url.0
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_scheme_a_host_and_perhaps_a_port() {
        let good = [
            "stun:stun.example",
            "stuns:stun.example:5349",
            "turn:turn.example",
            "turn:192.0.2.1:3478?transport=udp",
            "turn:[2001:db8::1]:3478?transport=tcp",
            "turn:[2001:db8::1]",
            "turns:turn.example:443?transport=tcp",
        ];
        let bad = [
            "",
            "turn",
            "turn:",
            "turn:?transport=udp",
            "http://turn.example",
            "turn://turn.example",
            "turn:turn.example:0",
            "turn:turn.example:65536",
            "turn:turn.example:",
            "turn:turn.example:+1",
            "turn:a b",
            "turn:a>b",
            "turn:a\"b",
            "turn:user@turn.example",
            "turn:turn.example?transport=sctp",
            "stun:stun.example?transport=udp",
            "turn:[2001:db8::1",
            "turn:[2001:db8::1]3478",
            "turn:2001:db8::1",
            "turn:[::g]",
        ];
        for text in good {
            assert!(text.parse::<IceUrl>().is_ok(), "{text}");
        }
        for text in bad {
            assert!(text.parse::<IceUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn logins_are_given_or_made_and_never_both() {
        let rows = [
            ("url = \"stun:a\"", None),
            ("url = \"turn:a\"\nusername = \"u\"\ncredential = \"p\"", None),
            ("url = \"turn:a\"\nsecret = \"s\"", None),
            ("url = \"turn:a\"\nsecret = \"s\"\nttl = \"2h\"", None),
            ("url = \"turn:a\"", Some("needs `username`")),
            ("url = \"turn:a\"\nusername = \"u\"", Some("needs `username`")),
            ("url = \"turn:a\"\nusername = \"u\"\nsecret = \"s\"", Some("makes the login")),
            ("url = \"stun:a\"\nsecret = \"s\"", Some("takes no username")),
            ("url = \"turn:a\"\nusername = \"u\"\ncredential = \"p\"\nttl = \"2h\"", Some("there is none")),
            ("url = \"turn:a\"\nsecret = \"s\"\nttl = \"59s\"", Some("out of range")),
            ("url = \"turn:a\"\nsecret = \"s\"\nttl = \"169h\"", Some("out of range")),
            ("url = \"turn:a\"\nusername = \"ü\"\ncredential = \"p\"", Some("printable ASCII")),
            ("url = \"turn:a\"\nusername = \"u\"\ncredential = \"\\u0001\"", Some("printable ASCII")),
            ("url = \"turn:a\"\nusername = \"u\"\ncredential = \"\"", Some("is empty")),
            ("url = \"turn:a\"\nusername = \"u\"\ncredential = \"***\"", Some("config show")),
        ];
        for (text, refused) in rows {
            match (toml::from_str::<IceServer>(text), refused) {
                (Ok(_), None) => {}
                (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{text}: {error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
