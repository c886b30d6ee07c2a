//! The `[node]`, `[limits]` and `[shutdown]` sections: the process as a whole.

use std::time::Duration;

/// This process among others.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Node {
    pub name: NodeName,
}

/// The first part of session ids: 1 to 63 of `a-z 0-9 -`. Default: from the host's name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(String);

/// A text that is no node name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no node name; use 1 to 63 characters of a-z, 0-9 and -, such as \"edge-1\"")]
pub struct InvalidNodeName(String);

impl NodeName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest name to that of a host: its first label, in lower case, other characters as `-`.
    fn from_host(host: &str) -> Option<Self> {
        let label = host.trim().split('.').next()?.to_ascii_lowercase();
        let name: String = label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
        name.trim_matches('-').to_owned().try_into().ok()
    }
}

impl Default for NodeName {
    fn default() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        NodeName::from_host(&host).unwrap_or_else(|| NodeName("wasmcast".to_owned()))
    }
}

impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits && (1..=63).contains(&text.len()) {
            Ok(NodeName(text))
        } else {
            Err(InvalidNodeName(text.chars().take(80).collect()))
        }
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.0
    }
}

/// How much of everything the process takes on; requests beyond get 503, or 429 where one client has too much.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// Live streams.
    pub streams: u32,
    /// Viewers of one stream, those included who are connecting; 0: any number.
    pub viewers_per_stream: u32,
    /// Sessions of publishers and viewers together.
    pub sessions: u32,
    /// Of them from one client address (IPv6: from one /64); 0: no limit of its own.
    pub sessions_per_address: u32,
    /// Sessions that have not connected yet; never more than half of `sessions`.
    pub pending: u32,
    /// Of them from one client address (IPv6: from one /64); never more than a quarter of `sessions`.
    pub pending_per_address: u32,
    /// Requests for sessions a second from one client address (IPv6: from one /64), and twice as many at once; 0: no limit.
    pub joins_per_address: u32,
    /// The most that one publisher may send, in kbit/s; 0: as much as its grant says. One that sends a quarter more for 5 s is
    /// ended.
    pub ingest_kbps: u32,
    /// What all viewers together are sent, in Mbit/s; 0: no limit.
    pub egress_mbps: u32,
    /// Memory of the recent media that is kept of all streams, in MiB.
    pub ring_mib: u32,
    /// The part of a second, in percent, that a shard may work before it takes no more viewers; 0: it takes all.
    pub shard_load_percent: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            streams: 1000,
            viewers_per_stream: 0,
            sessions: 20_000,
            sessions_per_address: 5_000,
            pending: 4_000,
            pending_per_address: 256,
            joins_per_address: 200,
            ingest_kbps: 0,
            egress_mbps: 0,
            ring_mib: 1024,
            shard_load_percent: 90,
        }
    }
}

/// How the process stops.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shutdown {
    /// Seconds that sessions get to end.
    pub grace_s: u32,
}

impl Shutdown {
    /// Time that sessions get to end.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(u64::from(self.grace_s))
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Shutdown { grace_s: 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_node_names() {
        let rows = [
            ("edge-1\n", Some("edge-1")),
            ("Edge_1.example.com", Some("edge-1")),
            ("-x-", Some("x")),
            ("", None),
            ("äö", None),
        ];
        for (host, expected) in rows {
            assert_eq!(NodeName::from_host(host).as_ref().map(NodeName::as_str), expected, "{host}");
        }
        assert!(NodeName::try_from(NodeName::default().0).is_ok());
    }
}
