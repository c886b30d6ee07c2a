//! STUN binding requests and responses (RFC 8489) with what ICE (RFC 8445) puts into them.

mod integrity;
mod message;
mod request;
mod response;
mod write;

#[cfg(test)]
mod vectors;

pub use message::is_message;
pub use request::{BindingRequest, IceRole, parse};
pub use response::{BindingResponse, parse_response};
pub use write::{Rejection, Request, write_error, write_request, write_success};

/// 96 bits that tie a response to its request.
pub type TransactionId = [u8; 12];

/// Why a datagram is no STUN message that we read. It is to be dropped without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no STUN message: header, magic cookie or length is wrong")]
    NotStun,
    #[error("STUN message type {0:#06x}, not the one expected here")]
    UnexpectedType(u16),
    #[error("a STUN attribute ends behind the message")]
    Truncated,
    #[error("STUN attribute {0:#06x} has a wrong length or value")]
    Attribute(u16),
    #[error("the STUN fingerprint does not match")]
    Fingerprint,
}
