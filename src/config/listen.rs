//! The address that a listener binds, or `off`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where to listen. `[::]:PORT` means both families; port 0 takes a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    Off,
    At(SocketAddr),
}

/// A text that is no address to listen on, with what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no address to listen on; write IP:PORT such as {example}, or \"off\"")]
pub struct InvalidListen {
    text: String,
    example: String,
}

impl Listen {
    /// The address, unless it is off.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Listen::Off => None,
            Listen::At(address) => Some(address),
        }
    }

    /// Whether other machines can reach it.
    pub fn is_public(self) -> bool {
        self.address().is_some_and(|address| !address.ip().to_canonical().is_loopback())
    }

    /// Whether both can not be bound at once: same port, and addresses that overlap.
    pub fn collides(self, other: Listen) -> bool {
        let (Listen::At(a), Listen::At(b)) = (self, other) else { return false };
        let covers = |x: SocketAddr, y: SocketAddr| {
            x.ip() == y.ip() || x.ip() == Ipv6Addr::UNSPECIFIED || (x.ip() == Ipv4Addr::UNSPECIFIED && y.is_ipv4())
        };
        a.port() != 0 && a.port() == b.port() && (covers(a, b) || covers(b, a))
    }
}

impl FromStr for Listen {
    type Err = InvalidListen;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Listen::Off);
        }
        text.parse().map(Listen::At).map_err(|_| {
            let text: String = text.chars().take(80).collect();
            InvalidListen { example: example(&text), text }
        })
    }
}

/// What was probably meant by a text that does not parse.
fn example(text: &str) -> String {
    let port_of = |text: &str| text.parse::<u16>().ok();
    if let Ok(ip) = text.parse::<std::net::IpAddr>() {
        return format!("\"{}\"", SocketAddr::new(ip, 8080));
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(port_of) {
        return format!("\"127.0.0.1:{port}\"");
    }
    if let Some(port) = port_of(text.trim_start_matches(['*', ':'])) {
        return format!("\"127.0.0.1:{port}\", or \"[::]:{port}\" for all addresses");
    }
    if let Some((ip, port)) = text.rsplit_once(':')
        && let (Ok(ip), Some(port)) = (ip.parse::<Ipv6Addr>(), port_of(port))
    {
        return format!("\"[{ip}]:{port}\"");
    }
    "\"127.0.0.1:8080\"".to_owned()
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Off => f.write_str("off"),
            Listen::At(address) => address.fmt(f),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Listen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_mistakes_answered_with_what_was_meant() {
        for good in ["off", "127.0.0.1:0", "[::]:8080", "0.0.0.0:65535", "[2001:db8::1]:1"] {
            assert_eq!(good.parse::<Listen>().unwrap().to_string(), good);
        }
        let rows = [
            ("8080", "\"127.0.0.1:8080\", or \"[::]:8080\" for all addresses"),
            (":8080", "\"[::]:8080\""),
            ("*:80", "\"[::]:80\""),
            ("localhost:8080", "\"127.0.0.1:8080\""),
            ("10.0.0.1", "\"10.0.0.1:8080\""),
            ("::1", "\"[::1]:8080\""),
            (":::8080", "\"[::]:8080\""),
            ("127.0.0.1:70000", "\"127.0.0.1:8080\""),
            ("", "\"127.0.0.1:8080\""),
            ("OFF", "\"off\""),
        ];
        for (bad, expected) in rows {
            let error = bad.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains(expected), "{bad}: {error}");
        }
    }

    #[test]
    fn public_and_colliding_addresses_are_seen() {
        let at = |text: &str| text.parse::<Listen>().unwrap();
        for (text, expected) in [
            ("off", false),
            ("127.0.0.1:1", false),
            ("127.9.9.9:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.0.2.1:1", true),
        ] {
            assert_eq!(at(text).is_public(), expected, "{text}");
        }
        for (a, b, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("127.0.0.1:1", "0.0.0.0:1", true),
            ("[::]:1", "0.0.0.0:1", true),
            ("[::1]:1", "0.0.0.0:1", false),
            ("[::]:1", "192.0.2.1:1", true),
            ("off", "off", false),
        ] {
            assert_eq!(at(a).collides(at(b)), expected, "{a} {b}");
            assert_eq!(at(b).collides(at(a)), expected, "{b} {a}");
        }
    }
}
