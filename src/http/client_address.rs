//! Finds the client's address: the peer's own, or what trusted proxies tell about it.

use crate::access::Network;
use axum::http::{HeaderMap, header};
use std::net::{IpAddr, SocketAddr};

/// Entries of forwarding headers that are looked at, from the nearest proxy on; a longer chain is somebody's joke.
const MAX_HOPS: usize = 32;

/// The address to judge, log and limit a request by. `X-Forwarded-For` and `Forwarded` (RFC 7239) count only where the
/// peer is a trusted proxy, and then up to the nearest address that is none: what stands left of it, anyone can invent.
pub(super) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if !is_trusted(client) {
        return client;
    }
    for hop in hops(headers).into_iter().rev().take(MAX_HOPS) {
        // An entry that is no address (`unknown`, `_hidden`, garbage) ends what can be known.
        let Some(address) = hop else { break };
        client = address;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// The chain that the headers tell, farthest first. A proxy that writes both headers writes the same into both, so one
/// is enough; `X-Forwarded-For` is the one that proxies write unless told otherwise.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let texts = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("").to_owned()).collect()
    };
    let forwarded_for = texts("x-forwarded-for");
    if !forwarded_for.is_empty() {
        return forwarded_for.iter().flat_map(|text| text.split(',')).map(node).collect();
    }
    let forwarded = texts(header::FORWARDED.as_str());
    forwarded.iter().flat_map(|text| text.split(',')).map(|element| node(for_parameter(element))).collect()
}

/// The value of `for=` in one element of a `Forwarded` header; empty if it has none.
fn for_parameter(element: &str) -> &str {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    value.unwrap_or("")
}

/// An address with or without port, brackets and quotes.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(IpAddr::to_canonical(&address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "::1"].map(|text| text.parse().unwrap()).to_vec();
        let xff = "x-forwarded-for";
        type Lines<'a> = &'a [(&'a str, &'a str)];
        let rows: [(&str, Lines<'_>, &str); 17] = [
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &[(xff, "1.2.3.4")], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[(xff, "1.2.3.4")], "1.2.3.4"),
            ("::ffff:10.0.0.1", &[(xff, "1.2.3.4")], "1.2.3.4"),
            ("::1", &[(xff, "2001:db8::7")], "2001:db8::7"),
            ("10.0.0.1", &[(xff, "6.6.6.6, 1.2.3.4")], "1.2.3.4"),
            ("10.0.0.1", &[(xff, "6.6.6.6, 1.2.3.4, 10.9.9.9")], "1.2.3.4"),
            ("10.0.0.1", &[(xff, "6.6.6.6"), (xff, "1.2.3.4,10.2.2.2")], "1.2.3.4"),
            ("10.0.0.1", &[(xff, "10.1.1.1")], "10.1.1.1"),
            ("10.0.0.1", &[(xff, "1.2.3.4:5678")], "1.2.3.4"),
            ("10.0.0.1", &[(xff, "1.2.3.4, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(xff, "")], "10.0.0.1"),
            ("10.0.0.1", &[("forwarded", "for=1.2.3.4;proto=https;by=10.0.0.1")], "1.2.3.4"),
            ("10.0.0.1", &[("forwarded", "for=6.6.6.6, For=\"[2001:db8::7]:4711\", for=10.3.3.3")], "2001:db8::7"),
            ("10.0.0.1", &[("forwarded", "proto=https")], "10.0.0.1"),
            ("10.0.0.1", &[("forwarded", "for=6.6.6.6"), (xff, "1.2.3.4")], "1.2.3.4"),
        ];
        for (peer, lines, expected) in rows {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            }
            let found = client_address(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
        }
    }

    #[test]
    fn an_endless_chain_is_cut() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", vec!["10.0.0.2"; 500].join(",").parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(
            client_address("10.0.0.1".parse().unwrap(), &headers, &trusted),
            "10.0.0.2".parse::<IpAddr>().unwrap()
        );
    }
}
