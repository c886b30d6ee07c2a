//! Transport-wide numbers of a lane's packets (draft-holmer-rmcat-transport-wide-cc-extensions-01), where the viewer's way is
//! measured.

use super::adaptation::Auto;
use super::received::Received;
use std::time::Instant;

/// Numbers the packets of a viewer, and keeps in mind that they leave now.
pub struct Way<'a> {
    pub auto: &'a mut Auto,
    pub now: Instant,
}

/// What a lane must know to have its packets numbered.
#[derive(Debug)]
pub struct Numbered {
    /// Where the number stands in each packet.
    at: usize,
    /// SRTP indexes that were used. A number makes each sending another packet, and two under one index would break AES-GCM;
    /// what comes twice to a lane without numbers is the same bytes.
    used: Received,
}

impl Numbered {
    /// `at`: where the two bytes of the number stand in a packet.
    pub fn new(at: usize) -> Self {
        Numbered { at, used: Received::default() }
    }

    /// Whether nothing was sent under an SRTP index yet; notes that it is now. What is older than the last 1,024 is not told
    /// apart, and not sent.
    pub fn is_first(&mut self, index: u64) -> bool {
        self.used.insert(index)
    }

    /// Writes the next number into a packet whose header and payload end at `end`.
    #[inline]
    pub fn number(&self, room: &mut [u8], end: usize, way: Option<Way<'_>>) {
        if let Some(Way { auto, now }) = way {
            let number = auto.sent(now, end);
            room[self.at..self.at + 2].copy_from_slice(&number.to_be_bytes());
        }
    }
}
