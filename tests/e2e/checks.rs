//! ICE checks by hand: what a client sends to show which session it belongs to, and what it expects back.

use wasmcast::protocol::webrtc::stun::{self, IceRole, Request};

use crate::offers;

/// The credentials of one session, as its offer and answer tell them.
pub struct Checks {
    ours: (String, String),
    theirs: (String, String),
}

impl Checks {
    pub fn new(offer: &str, answer: &str) -> Self {
        let read = |sdp: &str| {
            let first = |prefix| offers::lines(sdp, prefix)[0].to_owned();
            (first("a=ice-ufrag:"), first("a=ice-pwd:"))
        };
        Self { ours: read(offer), theirs: read(answer) }
    }

    /// A check with a transaction id of its own.
    pub fn request(&self, number: u8, nominate: bool) -> Vec<u8> {
        let request = Request {
            transaction_id: [number; 12],
            remote_ufrag: &self.theirs.0,
            local_ufrag: &self.ours.0,
            role: IceRole::Controlling(7),
            priority: 1,
            use_candidate: nominate,
        };
        let mut datagram = Vec::new();
        stun::write_request(&mut datagram, &request, self.theirs.1.as_bytes());
        datagram
    }

    /// Whether this is the server's answer to that check.
    pub fn is_answer(&self, number: u8, datagram: &[u8]) -> bool {
        stun::parse_response(datagram).is_ok_and(|answer| {
            answer.is_success() && answer.transaction_id() == [number; 12] && answer.verify(self.theirs.1.as_bytes())
        })
    }
}
