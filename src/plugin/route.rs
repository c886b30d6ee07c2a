//! What router plugins answer, checked: where a session is served, which stream and rendition it gets, and its tags.

use super::decision::checked_tags;
use crate::media::StreamName;
use reqwest::Url;
use std::collections::BTreeMap;

/// Where a session goes, and what it gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Best first; the first that means something holds, and where none does the session is served here.
    pub places: Vec<Place>,
    /// Play this one in place of the one asked for.
    pub stream_name: Option<StreamName>,
    /// Start with this rendition, and stay on it.
    pub rendition: Option<String>,
    /// For the life of the session.
    pub tags: BTreeMap<String, String>,
}

/// A place that can serve a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A node by its name.
    Node(String),
    /// A server: the same path there.
    Server(Url),
    /// A whole address.
    Address(Url),
}

/// Most places of an answer.
const MAX_PLACES: usize = 8;
/// Longest address, in bytes: what each client and proxy takes in a `Location`.
pub const MAX_ADDRESS: usize = 2_048;
/// Longest name of a node.
const MAX_NODE: usize = 63;
/// Longest name of a rendition.
const MAX_RENDITION: usize = 16;

impl Route {
    /// A route as a plugin gave it.
    ///
    /// # Errors
    /// In words for the plugin's author: addresses and names that are none, reserved tags, too much of anything.
    pub fn checked(
        nodes: &[String],
        stream_name: Option<&str>,
        rendition: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        if nodes.len() > MAX_PLACES {
            return Err(format!("route.nodes has {} entries, at most {MAX_PLACES} are taken", nodes.len()));
        }
        let places = nodes.iter().map(|text| Place::parse(text)).collect::<Result<_, _>>()?;
        let stream_name = stream_name.map(|name| {
            name.parse::<StreamName>().map_err(|_| format!("route.stream-name `{}` is no stream name", shown(name)))
        });
        let is_name = |text: &String| {
            (1..=MAX_RENDITION).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        if let Some(name) = rendition.as_ref().filter(|name| !is_name(name)) {
            return Err(format!(
                "route.rendition `{}` is no name; it is 1 to {MAX_RENDITION} of A-Z a-z 0-9 _ -",
                shown(name)
            ));
        }
        checked_tags("route.tags", &tags)?;
        Ok(Route { places, stream_name: stream_name.transpose()?, rendition, tags })
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("route.nodes: `{}` {why}", shown(text)));
        let is_node = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MAX_NODE).contains(&text.len()) && text.bytes().all(is_node) {
            return Ok(Place::Node(text.to_owned()));
        }
        if text.len() > MAX_ADDRESS {
            return wrong(&format!("has {} bytes, an address has at most {MAX_ADDRESS}", text.len()));
        }
        // Parsers of addresses drop tabs and line ends, and turn backslashes: what is odd is refused before.
        if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return wrong("has characters that no address has; write printable ASCII");
        }
        let Ok(url) = Url::parse(text) else {
            return wrong("is neither a node's name (a-z 0-9 -) nor an address such as https://eu-1.example");
        };
        if !matches!(url.scheme(), "http" | "https") {
            return wrong("is no address of a server; it begins with https:// or http://");
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return wrong("has a user name or a fragment, which no address here has");
        }
        if url.as_str().len() > MAX_ADDRESS {
            return wrong(&format!("is longer than {MAX_ADDRESS} bytes"));
        }
        match url.path() == "/" && url.query().is_none() {
            true => Ok(Place::Server(url)),
            false => Ok(Place::Address(url)),
        }
    }
}

/// The beginning of a text, for a message.
fn shown(text: &str) -> String {
    text.chars().take(64).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_nodes_servers_or_addresses() {
        let long = format!("https://a.example/{}", "x".repeat(MAX_ADDRESS));
        let rows = [
            ("eu-1", Ok("node eu-1")),
            ("https://eu-1.example", Ok("server https://eu-1.example/")),
            ("HTTPS://EU-1.example:8443/", Ok("server https://eu-1.example:8443/")),
            ("http://[2001:db8::1]:8080", Ok("server http://[2001:db8::1]:8080/")),
            ("https://a.example/whep/b?sig=1", Ok("address https://a.example/whep/b?sig=1")),
            ("https://a.example/?x", Ok("address https://a.example/?x")),
            ("", Err("is neither")),
            ("EU-1", Err("is neither")),
            ("//a.example/b", Err("is neither")),
            ("/whep/b", Err("is neither")),
            ("https://", Err("is neither")),
            ("javascript:alert(1)", Err("begins with https://")),
            ("data:text/html,x", Err("begins with https://")),
            ("ftp://a.example", Err("begins with https://")),
            ("https://u:p@a.example/", Err("a user name")),
            ("https://a.example/#x", Err("a fragment")),
            ("https://a.example/\r\nSet-Cookie: a=b", Err("no address has")),
            ("https://a.example/\tb", Err("no address has")),
            ("https://a.example\\@b.example", Err("no address has")),
            ("https://ä.example", Err("no address has")),
            (&long, Err("bytes, an address has at most 2048")),
        ];
        for (text, expected) in rows {
            let found = Place::parse(text).map(|place| match place {
                Place::Node(name) => format!("node {name}"),
                Place::Server(url) => format!("server {url}"),
                Place::Address(url) => format!("address {url}"),
            });
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(part)) => assert!(error.contains(part) && error.len() < 300, "{error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn routes_are_bounded() {
        let texts = |count: usize| vec!["eu-1".to_owned(); count];
        let tags = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect::<BTreeMap<_, _>>();
        let checked = |nodes: usize, stream: Option<&str>, rendition: Option<&str>, count: usize| {
            Route::checked(&texts(nodes), stream, rendition.map(str::to_owned), tags(count)).map(drop)
        };
        let rows = [
            (checked(8, Some("live/cam1"), Some("low_1-A"), 64), None),
            (checked(9, None, None, 0), Some("9 entries, at most 8")),
            (checked(0, Some("a b"), None, 0), Some("no stream name")),
            (checked(0, None, Some(""), 0), Some("is no name")),
            (checked(0, None, Some("x\r\n"), 0), Some("is no name")),
            (checked(0, None, Some("12345678901234567"), 0), Some("is no name")),
            (checked(0, None, None, 10_000), Some("route.tags has 10000 entries")),
        ];
        for (found, expected) in rows {
            match (&found, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.contains(part), "{error}"),
                _ => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }
}
