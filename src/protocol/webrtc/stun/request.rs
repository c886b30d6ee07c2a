//! Reads the binding requests of ICE peers.

use super::message::{self, Message};
use super::{Error, TransactionId};

/// The role that the sender of a request takes in ICE, with its tie-breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceRole {
    Controlling(u64),
    Controlled(u64),
}

/// A binding request, not yet authenticated: look the session up by [`BindingRequest::local_ufrag`], then
/// [`BindingRequest::verify`] before anything of it is believed.
#[derive(Clone, Copy, Debug)]
pub struct BindingRequest<'a> {
    message: Message<'a>,
    username: Option<&'a str>,
    /// The priority of the peer's candidate.
    pub priority: Option<u32>,
    /// Whether the peer nominates this pair of addresses.
    pub use_candidate: bool,
    pub role: Option<IceRole>,
    /// The first attribute that must be understood (below 0x8000) and is not: to be answered with
    /// [`super::Rejection::UnknownAttribute`].
    pub unknown: Option<u16>,
}

/// Parses a binding request. The datagram is the whole message; nothing is allocated.
pub fn parse(datagram: &[u8]) -> Result<BindingRequest<'_>, Error> {
    let (mut username, mut priority, mut role, mut unknown) = (None, None, None, None);
    let mut use_candidate = false;
    let message = Message::parse(datagram, |kind, range| {
        let value = &datagram[range];
        let wrong = Error::Attribute(kind);
        match kind {
            message::USERNAME => username = Some(std::str::from_utf8(value).map_err(|_| wrong)?),
            message::PRIORITY => priority = Some(u32::from_be_bytes(value.try_into().map_err(|_| wrong)?)),
            message::USE_CANDIDATE if value.is_empty() => use_candidate = true,
            message::USE_CANDIDATE => return Err(wrong),
            message::ICE_CONTROLLING => {
                role = Some(IceRole::Controlling(u64::from_be_bytes(value.try_into().map_err(|_| wrong)?)));
            }
            message::ICE_CONTROLLED => {
                role = Some(IceRole::Controlled(u64::from_be_bytes(value.try_into().map_err(|_| wrong)?)));
            }
            message::MESSAGE_INTEGRITY_SHA256 => {}
            kind if kind < 0x8000 => unknown = unknown.or(Some(kind)),
            _ => {}
        }
        Ok(())
    })?;
    if message.kind != message::BINDING_REQUEST {
        return Err(Error::UnexpectedType(message.kind));
    }
    Ok(BindingRequest { message, username, priority, use_candidate, role, unknown })
}

impl<'a> BindingRequest<'a> {
    /// The transaction id, to be repeated in the answer.
    pub fn transaction_id(&self) -> TransactionId {
        self.message.transaction_id()
    }

    /// The user name: the receiver's user fragment, a colon, the sender's.
    pub fn username(&self) -> Option<&'a str> {
        self.username
    }

    /// Our user fragment: what stands before the colon.
    pub fn local_ufrag(&self) -> Option<&'a str> {
        self.username?.split_once(':').map(|(local, _)| local)
    }

    /// The peer's user fragment: what stands behind the colon.
    pub fn remote_ufrag(&self) -> Option<&'a str> {
        self.username?.split_once(':').map(|(_, remote)| remote)
    }

    /// Whether the request was made with our ICE password; compared in constant time.
    pub fn verify(&self, pwd: &[u8]) -> bool {
        self.message.verify(pwd)
    }
}
