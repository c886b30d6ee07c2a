//! The `[media]`, `[rtmp]`, `[ingest]` and `[egress]` sections: how media comes in and goes out.

use super::{Listen, Span};
use crate::media::{Codec, MediaKind};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The WebRTC media plane.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Media {
    /// UDP and TCP port of all sessions. Default: the address of `http.listen`, port 8189.
    pub listen: Listen,
    /// What clients are told to send to, where it is not what is bound (1:1 NAT).
    pub public_address: PublicAddresses,
    /// Whether clients that get no UDP through may connect by TCP, on the same port number. Default: true.
    pub tcp: bool,
    /// Media threads; 0: one for each core.
    pub shards: u16,
}

/// The port of media unless another is given.
pub const MEDIA_PORT: u16 = 8189;

impl Media {
    /// How many media threads to run.
    pub fn shard_count(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            shards => usize::from(shards),
        }
    }

    /// Where media listens when nothing says so: where HTTP does.
    pub(super) fn listen_beside(http: Listen) -> Listen {
        let ip = http.address().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
        Listen::At(SocketAddr::new(ip, MEDIA_PORT))
    }
}

impl Default for Media {
    fn default() -> Self {
        let listen = Listen::At(SocketAddr::from((Ipv4Addr::LOCALHOST, MEDIA_PORT)));
        Media { listen, public_address: PublicAddresses::default(), tcp: true, shards: 0 }
    }
}

/// The RTMP listener.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rtmp {
    pub listen: Listen,
}

impl Default for Rtmp {
    fn default() -> Self {
        Rtmp { listen: Listen::Off }
    }
}

/// What publishers may send, and what becomes of their streams.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ingest {
    /// Codecs in the order in which they are chosen from an offer.
    pub codecs: Codecs,
    /// How long a stream waits for a publisher that was lost; 0: it ends at once.
    pub resume: Span,
    /// What a second publisher of a stream gets.
    pub on_conflict: OnConflict,
}

impl Default for Ingest {
    fn default() -> Self {
        Ingest { codecs: Codecs::default(), resume: Span::from_secs(10), on_conflict: OnConflict::Refuse }
    }
}

/// What a second publisher of a stream gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", rename_all = "lowercase")]
pub enum OnConflict {
    /// 409, unless it is the first one that comes back.
    Refuse,
    /// The stream; the first one's session ends.
    Takeover,
}

impl TryFrom<String> for OnConflict {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "refuse" => Ok(OnConflict::Refuse),
            "takeover" => Ok(OnConflict::Takeover),
            _ => Err(UnknownWord(text.chars().take(40).collect())),
        }
    }
}

/// A word that is none of those for a conflict.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not known here; write \"refuse\" or \"takeover\"")]
pub struct UnknownWord(String);

/// How viewers come in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Egress {
    /// How long a viewer of a stream that is not live yet is kept waiting; 0: 409 at once.
    pub wait: Span,
}

impl Default for Egress {
    fn default() -> Self {
        Egress { wait: Span::from_secs(0) }
    }
}

/// Codecs by preference; at least one, none twice.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Codecs(Vec<Codec>);

impl Codecs {
    /// The order of choice. Where the list names no audio codec, Opus, PCMU and PCMA follow.
    pub fn preference(&self) -> Vec<Codec> {
        let mut all = self.0.clone();
        if !all.iter().any(|codec| codec.kind() == MediaKind::Audio) {
            all.extend([Codec::Opus, Codec::Pcmu, Codec::Pcma]);
        }
        all
    }
}

impl Default for Codecs {
    /// H.264 first, since every browser has it in hardware, though Chrome lists VP8 first.
    fn default() -> Self {
        Codecs(vec![Codec::H264, Codec::Av1, Codec::Vp9, Codec::Vp8, Codec::H265])
    }
}

impl<'de> serde::Deserialize<'de> for Codecs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let names = Vec::<String>::deserialize(deserializer)?;
        let codecs =
            names.iter().map(|name| name.parse()).collect::<Result<Vec<Codec>, _>>().map_err(D::Error::custom)?;
        if codecs.is_empty() {
            return Err(D::Error::custom("the list is empty, so nobody could publish; name at least one codec"));
        }
        if let Some(twice) = codecs.iter().enumerate().find(|(index, codec)| codecs[..*index].contains(codec)) {
            return Err(D::Error::custom(format_args!("`{}` is named twice", twice.1)));
        }
        Ok(Codecs(codecs))
    }
}

/// An address under which clients reach the media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    pub ip: IpAddr,
    /// Where it is not the port that is bound.
    pub port: Option<u16>,
}

/// A text that is no public address.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no public address; write the IP address that clients reach, such as \"203.0.113.5\" or \"203.0.113.5:8189\""
)]
pub struct InvalidPublicAddress(String);

impl FromStr for PublicAddress {
    type Err = InvalidPublicAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ip = text.parse().map(|ip| PublicAddress { ip, port: None });
        let full = || text.parse::<SocketAddr>().map(|at| PublicAddress { ip: at.ip(), port: Some(at.port()) });
        match ip.or_else(|_| full()) {
            Ok(address) if !address.ip.is_unspecified() && address.port != Some(0) => Ok(address),
            _ => Err(InvalidPublicAddress(text.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.ip, port).fmt(f),
            None => self.ip.fmt(f),
        }
    }
}

impl serde::Serialize for PublicAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// None, one (as text) or more (as a list) public addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct PublicAddresses(Vec<PublicAddress>);

impl std::ops::Deref for PublicAddresses {
    type Target = [PublicAddress];

    fn deref(&self) -> &[PublicAddress] {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for PublicAddresses {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PublicAddressesVisitor)
    }
}

struct PublicAddressesVisitor;

impl<'de> serde::de::Visitor<'de> for PublicAddressesVisitor {
    type Value = PublicAddresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP address in quotes, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PublicAddresses, E> {
        text.parse().map(|address| PublicAddresses(vec![address])).map_err(E::custom)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<PublicAddresses, A::Error> {
        let mut addresses = Vec::new();
        while let Some(text) = seq.next_element::<String>()? {
            addresses.push(text.parse().map_err(serde::de::Error::custom)?);
        }
        Ok(PublicAddresses(addresses))
    }
}
