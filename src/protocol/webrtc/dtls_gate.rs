//! What of a peer's datagrams `rtc-dtls` gets to see, and when it repeats a flight: every message once, no more than a
//! handshake needs, and each repetition after twice the time.
//!
//! `rtc-dtls` takes a repeated message for the answer that it waits for, and then repeats its own flight no more: with the
//! first repetition of a peer whose timer is shorter, a lost flight would stay lost. It also keeps all that it is fed. And
//! an error of it ends a session: what anyone could send in the peer's name must not become one.

use super::dtls_peek::{CLIENT_HELLO, HANDSHAKE_RECORD, next_fragment, next_record};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Bytes of a whole handshake, repetitions included; one with large certificates takes some 6 KiB. What `rtc-dtls` makes
/// of them takes at most six times the room.
const HANDSHAKE_BYTES: usize = 64 << 10;
/// A datagram counts for so many bytes at least.
const LEAST_BYTES: usize = 64;
/// Datagrams with records of a handshake that is over: the peer repeats its last flight since it has not seen ours. That is
/// answered seven times at most.
const LATE_DATAGRAMS: u32 = 64;
/// Repetitions that double the wait; the next ones come as far apart as the last. So `rtc-dtls` is asked for no more than it
/// has, which is seven, in the ten seconds of a handshake.
const DOUBLINGS: u32 = 3;

const CHANGE_CIPHER_SPEC_RECORD: u8 = 20;
const ALERT_RECORD: u8 = 21;
const HEADER: usize = 13;

/// The peer sent more than any handshake needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than 64 KiB came and the handshake is not complete")]
pub struct Spent;

/// What one association has let in.
#[derive(Debug)]
pub struct Gate {
    /// Number, offset and length of each piece of a message in plain text.
    seen: HashSet<(u16, usize, usize)>,
    /// Bytes that may still come before the handshake is complete.
    room: usize,
    /// Datagrams that may still come of the handshake when it is complete.
    late: u32,
    /// How often the present flight was repeated.
    repeated: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { seen: HashSet::new(), room: HANDSHAKE_BYTES, late: LATE_DATAGRAMS, repeated: 0 }
    }
}

impl Gate {
    /// The records of a datagram that are to be fed, while the handshake is under way; `None`: none. A datagram that is not
    /// made of whole records is left out, as RFC 6347, 4.1.2.7 has it.
    ///
    /// # Errors
    /// When so much has come that the handshake can be given up.
    pub fn admit(&mut self, datagram: &[u8]) -> Result<Option<Vec<u8>>, Spent> {
        if !is_whole(datagram) {
            return Ok(None);
        }
        self.room = self.room.checked_sub(datagram.len().max(LEAST_BYTES)).ok_or(Spent)?;
        Ok(select(datagram, |record| match (record.kind, record.epoch, record.content) {
            (CHANGE_CIPHER_SPEC_RECORD, 0, [1]) | (ALERT_RECORD, 0, [_, _]) => true,
            (HANDSHAKE_RECORD, 0, content) => self.is_news(content),
            // Of the next epoch: encrypted, for all that is known here.
            (HANDSHAKE_RECORD | ALERT_RECORD, 1, _) => true,
            _ => false,
        }))
    }

    /// Likewise, when the handshake is complete: alerts with authentication, and repetitions of the peer's last flight.
    pub fn admit_late(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        if !is_whole(datagram) {
            return None;
        }
        self.seen = HashSet::new();
        let mut repetition = false;
        let records = select(datagram, |record| match (record.kind, record.epoch) {
            (ALERT_RECORD, 1) => true,
            (HANDSHAKE_RECORD, 0 | 1) => {
                repetition = true;
                true
            }
            _ => false,
        });
        if repetition {
            self.late = self.late.checked_sub(1)?;
        }
        records
    }

    /// Whether a record in plain text has a piece of a message that has not come yet.
    fn is_news(&mut self, mut content: &[u8]) -> bool {
        let mut news = false;
        while let Some(fragment) = next_fragment(&mut content) {
            let piece = (fragment.message_seq, fragment.offset, fragment.data.len());
            // The answer to the first ClientHello is not repeated by itself (RFC 6347, 4.2.1), but to another first one.
            let first = fragment.message_type == CLIENT_HELLO && fragment.message_seq == 0;
            let asks_again = first && self.seen.iter().all(|(seq, ..)| *seq == 0);
            news |= self.seen.insert(piece) || asks_again;
        }
        if news {
            self.repeated = 0;
        }
        news
    }

    /// When a flight is to be repeated, by the time that `rtc-dtls` has for it, which is `interval` after it was sent.
    pub fn due(&self, planned: Option<Instant>, interval: Duration) -> Option<Instant> {
        planned.map(|planned| planned + interval * ((1 << self.repeated) - 1))
    }

    /// A flight was repeated.
    pub fn repeated(&mut self) {
        self.repeated = (self.repeated + 1).min(DOUBLINGS);
    }
}

struct Record<'a> {
    kind: u8,
    epoch: u16,
    content: &'a [u8],
}

/// The records that are wanted, as a datagram.
fn select(datagram: &[u8], mut wanted: impl FnMut(&Record<'_>) -> bool) -> Option<Vec<u8>> {
    let mut rest = datagram;
    let mut selected = Vec::new();
    while let [kind, _, _, high, low, ..] = *rest {
        let before = rest;
        let Some((_, content)) = next_record(&mut rest) else { break };
        let record = Record { kind, epoch: u16::from_be_bytes([high, low]), content };
        if wanted(&record) {
            selected.extend_from_slice(&before[..HEADER + content.len()]);
        }
    }
    (!selected.is_empty()).then_some(selected)
}

/// Whether it is made of whole records that are not empty.
fn is_whole(mut datagram: &[u8]) -> bool {
    while !datagram.is_empty() {
        if next_record(&mut datagram).is_none_or(|(_, content)| content.is_empty()) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16).to_be_bytes();
        [&[kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1], &length[..], content].concat()
    }

    fn message(seq: u8, offset: u8, data: &[u8]) -> Vec<u8> {
        let length = data.len() as u8;
        let header = [1, 0, 0, 200, 0, seq, 0, 0, offset, 0, 0, length];
        record(HANDSHAKE_RECORD, 0, &[&header, data].concat())
    }

    #[test]
    fn what_came_before_is_left_out_and_the_rest_is_fed() {
        let mut gate = Gate::default();
        let (first, second, third) = (message(1, 0, b"one"), message(1, 3, b"two"), message(2, 0, b"three"));
        let both = [&first[..], &second].concat();
        assert_eq!(gate.admit(&first), Ok(Some(first.clone())));
        assert_eq!(gate.admit(&first), Ok(None));
        assert_eq!(gate.admit(&both), Ok(Some(second.clone())));
        assert_eq!(gate.admit(&[&both[..], &third, &both].concat()), Ok(Some(third)));
        assert_eq!(gate.admit(&both), Ok(None));
    }

    #[test]
    fn a_first_hello_is_asked_with_again_until_the_second_one_comes() {
        let mut gate = Gate::default();
        let (first, second) = (message(0, 0, b"hello"), message(1, 0, b"hello with a cookie"));
        for _ in 0..3 {
            assert_eq!(gate.admit(&first), Ok(Some(first.clone())));
        }
        assert_eq!(gate.admit(&second), Ok(Some(second)));
        assert_eq!(gate.admit(&first), Ok(None));
    }

    #[test]
    fn what_is_no_part_of_a_handshake_is_left_out() {
        let mut gate = Gate::default();
        let finished = record(HANDSHAKE_RECORD, 1, &[7; 40]);
        let alert = record(ALERT_RECORD, 1, &[7; 26]);
        for fed in [&finished, &alert, &record(CHANGE_CIPHER_SPEC_RECORD, 0, &[1]), &record(ALERT_RECORD, 0, &[2, 40])]
        {
            assert_eq!(gate.admit(fed), Ok(Some(fed.clone())));
        }
        let long = [&finished[..], &[22]].concat();
        let forged = [
            record(23, 0, b"data"),
            record(23, 1, b"data"),
            record(CHANGE_CIPHER_SPEC_RECORD, 0, &[2]),
            record(ALERT_RECORD, 0, &[1]),
            record(HANDSHAKE_RECORD, 2, &[7; 40]),
            record(HANDSHAKE_RECORD, 0, &[]),
            record(63, 0, &[1]),
            vec![22, 1],
            finished[..30].to_vec(),
            long,
        ];
        for datagram in &forged {
            assert_eq!(gate.admit(datagram), Ok(None), "{datagram:?}");
            assert_eq!(gate.admit_late(datagram), None, "{datagram:?}");
        }
        assert_eq!(gate.admit_late(&record(ALERT_RECORD, 0, &[2, 40])), None, "anyone can send that");
        assert_eq!(gate.admit_late(&alert), Some(alert));
    }

    #[test]
    fn both_rooms_have_an_end() {
        let mut gate = Gate::default();
        let fed =
            (0..u16::MAX).take_while(|seq| gate.admit(&message((*seq % 200) as u8, (*seq / 200) as u8, b"x")).is_ok());
        assert_eq!(fed.count(), HANDSHAKE_BYTES / LEAST_BYTES);
        let late = message(9, 0, b"again");
        assert_eq!((0..500).filter(|_| gate.admit_late(&late).is_some()).count(), LATE_DATAGRAMS as usize);
    }

    #[test]
    fn repetitions_come_ever_further_apart_until_there_is_news() {
        let mut gate = Gate::default();
        let interval = Duration::from_millis(250);
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..7 {
            let due = gate.due(Some(now + interval), interval).expect("a time");
            waits.push((due - now).as_millis());
            gate.repeated();
            now = due;
        }
        assert_eq!(waits, [250, 500, 1_000, 2_000, 2_000, 2_000, 2_000]);
        assert!(gate.admit(&message(4, 0, b"news")).is_ok());
        assert_eq!(gate.due(Some(now), interval), Some(now));
        assert_eq!(gate.due(None, interval), None);
    }
}
