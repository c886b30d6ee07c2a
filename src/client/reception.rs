//! Counts what arrives of one RTP source: loss, jitter and the receiver's report (RFC 3550, 6.4 and appendix A).

use crate::protocol::webrtc::rtcp::ReportBlock;
use std::time::Instant;

/// A sequence number this far from the last one is a restart, not a loss.
const MAX_JUMP: i64 = 3000;

/// Statistics of one source.
#[derive(Clone, Debug)]
pub struct Reception {
    pub ssrc: u32,
    clock_rate: u32,
    base: u64,
    highest: u64,
    /// Packets that came, duplicates included.
    pub received: u64,
    /// How often a packet was not the successor of the one before.
    pub gap_events: u64,
    expected_before: u64,
    received_before: u64,
    /// In units of the RTP clock, times 16 (RFC 3550, A.8).
    jitter_q4: u32,
    transit: Option<u32>,
    last_report: Option<(u32, Instant)>,
}

impl Reception {
    /// Begins with the first packet.
    pub fn new(ssrc: u32, clock_rate: u32, sequence: u16) -> Self {
        // One cycle up, so that a straggler before the first packet stays positive.
        let base = 65536 + u64::from(sequence);
        Reception {
            ssrc,
            clock_rate,
            base,
            highest: base - 1,
            received: 0,
            gap_events: 0,
            expected_before: 0,
            received_before: 0,
            jitter_q4: 0,
            transit: None,
            last_report: None,
        }
    }

    /// Takes a packet and returns its extended sequence number.
    pub fn packet(&mut self, sequence: u16) -> u64 {
        let ahead = i64::from(sequence.wrapping_sub(self.highest as u16) as i16);
        self.received += 1;
        if ahead.abs() > MAX_JUMP {
            *self = Reception {
                received: 1,
                gap_events: self.gap_events + 1,
                ..Reception::new(self.ssrc, self.clock_rate, sequence)
            };
            self.highest = self.base;
            return self.base;
        }
        let extended = self.highest.wrapping_add_signed(ahead);
        if ahead > 0 {
            if ahead > 1 {
                self.gap_events += 1;
            }
            self.highest = extended;
        }
        extended
    }

    /// Follows the jitter: `arrival_ns` on any clock, `timestamp` of the packet's header.
    pub fn timing(&mut self, arrival_ns: u64, timestamp: u32) {
        let arrival = (u128::from(arrival_ns) * u128::from(self.clock_rate) / 1_000_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            let step = i64::from(difference) - i64::from(self.jitter_q4.saturating_add(8) >> 4);
            self.jitter_q4 = (i64::from(self.jitter_q4) + step).clamp(0, i64::from(u32::MAX)) as u32;
        }
    }

    /// Remembers a sender report.
    pub fn sender_report(&mut self, ntp_middle: u32, now: Instant) {
        self.last_report = Some((ntp_middle, now));
    }

    /// The highest sequence number so far, extended.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Packets that should have come so far.
    pub fn expected(&self) -> u64 {
        self.highest + 1 - self.base
    }

    /// Packets that did not come so far.
    pub fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// The interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f64 {
        f64::from(self.jitter_q4 >> 4) * 1000.0 / f64::from(self.clock_rate)
    }

    /// The report block since the one before.
    pub fn report(&mut self, now: Instant) -> ReportBlock {
        let expected = self.expected();
        let of_interval = expected - self.expected_before.min(expected);
        let came = self.received - self.received_before.min(self.received);
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction_lost = match of_interval.checked_sub(came) {
            Some(lost) if of_interval > 0 => (lost * 256 / of_interval).min(255) as u8,
            _ => 0,
        };
        let (last_sr, delay) = match self.last_report {
            Some((ntp, at)) => (ntp, ((now - at).as_micros() * 65536 / 1_000_000) as u32),
            None => (0, 0),
        };
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost,
            total_lost: self.lost().min(0x7f_ffff) as i32,
            highest_sequence: (self.highest - 65536) as u32,
            jitter: self.jitter_q4 >> 4,
            last_sender_report: last_sr,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn counts_losses_gaps_and_wraps() {
        for (sequences, received, lost, gaps) in [
            (vec![10, 11, 12], 3, 0, 0),
            (vec![10, 12], 2, 1, 1),
            (vec![10, 12, 11], 3, 0, 1),
            (vec![65534, 65535, 0, 1], 4, 0, 0),
            (vec![65535, 3], 2, 3, 1),
            (vec![0, 65535], 2, 0, 0),
            // A restart counts afresh.
            (vec![0, 1, 30_000, 30_001], 2, 0, 1),
        ] {
            let mut reception = Reception::new(1, 90_000, sequences[0]);
            for sequence in &sequences {
                reception.packet(*sequence);
            }
            assert_eq!(
                (reception.received, reception.lost(), reception.gap_events),
                (received, lost, gaps),
                "{sequences:?}"
            );
        }
    }

    #[test]
    fn a_report_tells_the_loss_since_the_last_one() {
        let now = Instant::now();
        let mut reception = Reception::new(7, 90_000, 0);
        for sequence in [0, 1, 2, 4] {
            reception.packet(sequence);
        }
        reception.sender_report(0xabcd, now);
        let block = reception.report(now + Duration::from_millis(500));
        let expected = ReportBlock {
            ssrc: 7,
            fraction_lost: 51,
            total_lost: 1,
            highest_sequence: 4,
            jitter: 0,
            last_sender_report: 0xabcd,
            delay: 32768,
        };
        assert_eq!(block, expected);
        reception.packet(5);
        let block = reception.report(now);
        assert_eq!((block.fraction_lost, block.total_lost, block.highest_sequence), (0, 1, 5));
    }

    #[test]
    fn jitter_is_zero_for_an_even_stream_and_grows_for_an_uneven_one() {
        let mut even = Reception::new(1, 90_000, 0);
        let mut uneven = even.clone();
        for frame in 0..100u32 {
            let at = u64::from(frame) * 40_000_000;
            even.timing(at, frame * 3600);
            uneven.timing(at + u64::from(frame % 2) * 10_000_000, frame * 3600);
        }
        assert!(even.jitter_ms() < 0.1 && (8.0..12.0).contains(&uneven.jitter_ms()), "{}", uneven.jitter_ms());
    }
}
