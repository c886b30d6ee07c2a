//! Wall-clock time as RTCP carries it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// NTP time (RFC 5905): seconds since 1900 in the upper 32 bits, fractions in the lower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

const UNIX_TO_NTP_SECONDS: u64 = 2_208_988_800;

impl NtpTime {
    /// From nanoseconds since 1970.
    pub fn from_unix_ns(ns: u64) -> Self {
        let seconds = ns / 1_000_000_000 + UNIX_TO_NTP_SECONDS;
        let fraction = ((ns % 1_000_000_000) << 32) / 1_000_000_000;
        NtpTime((seconds << 32) | fraction)
    }

    /// Nanoseconds since 1970; 0 for times before.
    pub fn unix_ns(self) -> u64 {
        let seconds = (self.0 >> 32).saturating_sub(UNIX_TO_NTP_SECONDS);
        let nanos = ((self.0 & 0xffff_ffff) * 1_000_000_000) >> 32;
        seconds * 1_000_000_000 + nanos
    }

    /// The middle 32 bits, as in the LSR field of a report block (RFC 3550, 6.4.1).
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// Nanoseconds since 1970 of a system time.
pub fn wall_clock(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_round_trips_within_a_nanosecond() {
        for ns in [0, 1, 999_999_999, 1_700_000_000_123_456_789u64] {
            let back = NtpTime::from_unix_ns(ns).unix_ns();
            assert!(ns.abs_diff(back) <= 1, "{ns} {back}");
        }
    }
}
