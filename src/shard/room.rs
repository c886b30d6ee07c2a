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
}

impl Default for SessionLimits {
    fn default() -> Self {
        SessionLimits {
            sessions: 20_000,
            sessions_per_address: 5_000,
            pending: 4_000,
            pending_per_address: 256,
            joins_per_address: 200,
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
}

/// Seconds after which there may be room again: somebody may have left by then.
const RETRY_S: u32 = 10;

impl NoRoom {
    /// The limit as a label: its key.
    pub fn label(self) -> &'static str {
        match self {
            NoRoom::Sessions(_) => "sessions",
            NoRoom::Pending(_) => "pending",
            NoRoom::SessionsOfAddress(_) => "sessions-per-address",
            NoRoom::PendingOfAddress(_) => "pending-per-address",
            NoRoom::JoinsOfAddress(_) => "joins-per-address",
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
            _ => RETRY_S,
        }
    }
}
