//! Spans of time and bitrates, written with their unit.

use std::time::Duration;

/// A span of milliseconds.
pub const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A span of seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A span of minutes.
pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// A span of hours.
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(3_600))
}

/// A span of days.
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(86_400))
}

/// Bits over time, as decimal multiples: 1 kbit/s is 1,000 bit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bitrate {
    kbps: u32,
}

impl Bitrate {
    /// In kbit/s.
    pub const fn as_kbps(self) -> u32 {
        self.kbps
    }
}

/// A bitrate in kbit/s.
pub const fn kbps(count: u32) -> Bitrate {
    Bitrate { kbps: count }
}

/// A bitrate in Mbit/s; the highest that there is for more than 4,294,967.
pub const fn mbps(count: u32) -> Bitrate {
    Bitrate { kbps: count.saturating_mul(1_000) }
}

/// Milliseconds as the server takes them: at most 2^32 - 1, about 49 days. What is not zero stays at least 1.
pub(crate) fn whole_milliseconds(span: Duration) -> u32 {
    let up = span.saturating_add(Duration::from_nanos(999_999));
    u32::try_from(up.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_whole_milliseconds_and_never_wrap() {
        let rows = [
            (Duration::ZERO, 0),
            (Duration::from_nanos(1), 1),
            (milliseconds(1), 1),
            (Duration::from_micros(1_001), 2),
            (minutes(10), 600_000),
            (days(50), u32::MAX),
            (Duration::MAX, u32::MAX),
            (hours(u64::MAX), u32::MAX),
        ];
        for (span, expected) in rows {
            assert_eq!(whole_milliseconds(span), expected, "{span:?}");
        }
        assert_eq!(mbps(5_000_000).as_kbps(), u32::MAX);
    }
}
