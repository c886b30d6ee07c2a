//! How much the server takes on, and what it says to who would be too much.

/// How many sessions there may be, and how much they may carry. One that is beyond is refused; those that exist stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Sessions at once.
    pub sessions: usize,
    /// Sessions of one client; 0: no limit of its own.
    pub sessions_per_address: usize,
    /// Sessions that were answered and have not connected yet. Each takes a few KiB, and goes after 20 s at the latest.
    /// Never more than half of `sessions`, so that there is room for those that do connect.
    pub pending: usize,
    /// Such sessions of one client. Never more than a quarter of `sessions`.
    pub pending_per_address: usize,
    /// Sessions that one client may ask for in a second, on average; 0: no limit.
    pub joins_per_address: u32,
    /// The most that a publisher may send, in kbit/s; 0: as much as its grant says. Holds for those that publish already too.
    pub ingest_kbps: u32,
    /// The part of a second, in percent, from which on a shard that works so long takes no more viewers; 0: it takes all.
    pub shard_load_percent: u32,
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            sessions: 20_000,
            sessions_per_address: 5_000,
            pending: 4_000,
            pending_per_address: 256,
            joins_per_address: 200,
            ingest_kbps: 0,
            shard_load_percent: 90,
        }
    }
}

/// However few sessions there may be in all, so many may be pending: a publisher and some viewers that start together.
const LEAST_PENDING: usize = 4;

impl SessionLimits {
    pub(super) fn pending(&self) -> usize {
        self.pending.min((self.sessions / 2).max(LEAST_PENDING))
    }

    pub(super) fn pending_per_address(&self) -> usize {
        self.pending_per_address.min((self.sessions / 4).max(LEAST_PENDING))
    }
}

/// Which limit a session would exceed. The words name its key.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoRoom {
    #[error("this server holds at most {0} sessions at once; try again later or raise `limits.sessions`")]
    Sessions(usize),
    #[error(
        "{0} sessions have not connected yet, which is as many as this server waits for at once; try again in some \
         seconds or raise `limits.pending`"
    )]
    Pending(usize),
    #[error(
        "your address has {0} sessions, which is as many as this server gives to one; end some or raise \
         `limits.sessions_per_address`"
    )]
    SessionsOfAddress(usize),
    #[error(
        "your address has {0} sessions that have not connected yet, which is as many as this server waits for; connect \
         or end them, or raise `limits.pending_per_address`"
    )]
    PendingOfAddress(usize),
    #[error(
        "your address asks for more than {0} sessions a second; ask less often, or raise `limits.joins_per_address`"
    )]
    JoinsOfAddress(u32),
    #[error("this server carries at most {0} streams at once; try again later or raise `limits.streams`")]
    Streams(usize),
    #[error("all {0} MiB for recent media are taken by other streams; try again later or raise `limits.ring_mib`")]
    RingMemory(u32),
    #[error("this server lets {0} watch one stream at once; try again later or raise `limits.viewers_per_stream`")]
    ViewersOfStream(u32),
    #[error(
        "with one more viewer of this stream the server would send more than {0} Mbit/s; try again later or raise \
         `limits.egress_mbps`"
    )]
    Egress(u32),
    #[error(
        "this server has as much to do as it can do well (`limits.shard_load_percent`); try again in some seconds, another \
         server may have room"
    )]
    Overloaded,
}

/// Seconds after which there may be room again: somebody may have left by then.
const RETRY_S: u32 = 10;

/// Likewise of one that is overloaded: not before the shards could have become calm.
const OVERLOADED_RETRY_S: u32 = 5;

impl NoRoom {
    /// The limit as a label: its key.
    pub fn label(self) -> &'static str {
        match self {
            NoRoom::Sessions(_) => "sessions",
            NoRoom::Pending(_) => "pending",
            NoRoom::SessionsOfAddress(_) => "sessions-per-address",
            NoRoom::PendingOfAddress(_) => "pending-per-address",
            NoRoom::JoinsOfAddress(_) => "joins-per-address",
            NoRoom::Streams(_) => "streams",
            NoRoom::RingMemory(_) => "ring-mib",
            NoRoom::ViewersOfStream(_) => "viewers-per-stream",
            NoRoom::Egress(_) => "egress-mbps",
            NoRoom::Overloaded => "shard-load",
        }
    }

    /// Whether it is the client that has too many, not the server.
    pub fn is_of_address(self) -> bool {
        matches!(self, NoRoom::SessionsOfAddress(_) | NoRoom::PendingOfAddress(_) | NoRoom::JoinsOfAddress(_))
    }

    /// Seconds after which another try may succeed.
    pub fn retry_after_s(self) -> u32 {
        match self {
            // A token comes back within a second, whatever the limit.
            NoRoom::JoinsOfAddress(_) => 1,
            NoRoom::Overloaded => OVERLOADED_RETRY_S,
            _ => RETRY_S,
        }
    }
}
