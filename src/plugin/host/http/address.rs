//! Tells addresses of the public internet from those that lead into the operator's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Public,
    /// This machine, its network, a private range: reached with `private = true`.
    Private,
    /// Link-local, where clouds keep credentials for their machines: reached when the grant names the address itself.
    Metadata,
    /// No peer to talk to: multicast, broadcast, reserved.
    Nowhere,
}

/// Of which class an address is. Addresses that wrap another are at least of the class of that one.
pub(super) fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// Special-purpose ranges of the IANA registry (RFC 6890), and metadata services outside of the link-local range.
fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        // The last two: Alibaba's, and Azure's in a public range.
        [169, 254, _, _] | [100, 100, 100, 200] | [168, 63, 129, 16] => Class::Metadata,
        [10, _, _, _] | [127, _, _, _] | [192, 168, _, _] => Class::Private,
        [172, 16..=31, _, _] => Class::Private,
        // Carriers' NAT; benchmarks.
        [100, 64..=127, _, _] | [198, 18..=19, _, _] => Class::Private,
        [0, _, _, _] | [224..=255, _, _, _] => Class::Nowhere,
        // Protocol assignments, documentation, the relay of 6to4.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => Class::Nowhere,
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        class_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Private,
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Nowhere,
        // Amazon's.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Class::Metadata,
        // An IPv4 address as IPv6, mapped or compatible: nobody needs it, so it is never public.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => embedded(high, low).max(Class::Private),
        // NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // NAT64 of one's own (RFC 8215).
        [0x0064, 0xff9b, 1, ..] => Class::Private,
        [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfe80..=0xfebf, ..] => Class::Metadata,
        // Site-local, long out of use.
        [0xfec0..=0xfeff, ..] => Class::Private,
        // Teredo and its kin, documentation.
        [0x2001, 0x0000..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => Class::Nowhere,
        // All that is public so far.
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let rows = [
            (Class::Public, "1.1.1.1 100.63.0.1 172.32.0.1 192.169.0.1 2606:4700::1 2002:101:101::1 64:ff9b::101:101"),
            (
                Class::Private,
                "127.0.0.1 127.9.9.9 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 198.18.0.1 ::1 fc00::1 \
                 fd12:3456::1 fec0::1 ::ffff:1.1.1.1 ::ffff:127.0.0.1 ::7f00:1 2002:7f00:1::1 64:ff9b::10.0.0.1 \
                 64:ff9b:1::1",
            ),
            (
                Class::Metadata,
                "169.254.169.254 169.254.0.1 100.100.100.200 168.63.129.16 fe80::1 fd00:ec2::254 \
                 ::ffff:169.254.169.254 64:ff9b::169.254.169.254 2002:a9fe:a9fe::1",
            ),
            (
                Class::Nowhere,
                "0.0.0.0 0.1.2.3 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 192.0.2.1 203.0.113.1 :: ff02::1 \
                 2001::1 2001:db8::1 4000::1 ::ffff:224.0.0.1",
            ),
        ];
        for (expected, addresses) in rows {
            for address in addresses.split_whitespace() {
                assert_eq!(class(address.parse().unwrap()), expected, "{address}");
            }
        }
    }
}
