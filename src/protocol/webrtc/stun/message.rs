//! The frame of a STUN message: header, attributes, fingerprint and integrity (RFC 8489, 5 and 14).

use super::{Error, TransactionId, integrity};
use std::ops::Range;

pub(super) const HEADER_LEN: usize = 20;
pub(super) const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

pub(super) const BINDING_REQUEST: u16 = 0x0001;
pub(super) const BINDING_SUCCESS: u16 = 0x0101;
pub(super) const BINDING_ERROR: u16 = 0x0111;

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const PRIORITY: u16 = 0x0024;
pub(super) const USE_CANDIDATE: u16 = 0x0025;
pub(super) const FINGERPRINT: u16 = 0x8028;
pub(super) const ICE_CONTROLLED: u16 = 0x8029;
pub(super) const ICE_CONTROLLING: u16 = 0x802a;

/// Whether a datagram has the header of a STUN message of this length.
pub fn is_message(datagram: &[u8]) -> bool {
    let Some(header) = datagram.first_chunk::<HEADER_LEN>() else {
        return false;
    };
    let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    header[0] < 4 && header[4..8] == MAGIC_COOKIE && len.is_multiple_of(4) && HEADER_LEN + len == datagram.len()
}

/// A message whose frame was checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) kind: u16,
    /// Where the MESSAGE-INTEGRITY attribute starts.
    integrity: Option<usize>,
}

impl<'a> Message<'a> {
    /// Checks the frame and calls `attribute` for each attribute that counts: those up to MESSAGE-INTEGRITY (RFC 8489, 14.5).
    ///
    /// A FINGERPRINT must match; it need not be there.
    pub(super) fn parse(
        bytes: &'a [u8],
        mut attribute: impl FnMut(u16, Range<usize>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        if !is_message(bytes) {
            return Err(Error::NotStun);
        }
        let mut message = Message { bytes, kind: u16::from_be_bytes([bytes[0], bytes[1]]), integrity: None };
        let mut at = HEADER_LEN;
        while at < bytes.len() {
            let head = bytes[at..].first_chunk::<4>().ok_or(Error::Truncated)?;
            let kind = u16::from_be_bytes([head[0], head[1]]);
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = at + 4..at + 4 + len;
            let next = value.end.next_multiple_of(4);
            if next > bytes.len() {
                return Err(Error::Truncated);
            }
            match kind {
                FINGERPRINT => {
                    if len != 4 || next != bytes.len() {
                        return Err(Error::Attribute(kind));
                    }
                    if bytes[value] != integrity::fingerprint(&bytes[..at]).to_be_bytes() {
                        return Err(Error::Fingerprint);
                    }
                }
                _ if message.integrity.is_some() => {}
                MESSAGE_INTEGRITY => {
                    if len != integrity::MAC_LEN {
                        return Err(Error::Attribute(kind));
                    }
                    message.integrity = Some(at);
                }
                _ => attribute(kind, value)?,
            }
            at = next;
        }
        Ok(message)
    }

    /// The transaction id.
    pub(super) fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_LEN]);
        id
    }

    /// Whether MESSAGE-INTEGRITY is there and made with `pwd`; compared in constant time.
    pub(super) fn verify(&self, pwd: &[u8]) -> bool {
        let Some(at) = self.integrity else {
            return false;
        };
        let mac = &self.bytes[at + 4..at + 4 + integrity::MAC_LEN];
        integrity::verify(&self.bytes[..at], mac, pwd)
    }
}
