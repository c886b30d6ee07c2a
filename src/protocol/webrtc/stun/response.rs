//! Reads the answers to our own binding requests.

use super::message::{self, Message};
use super::{Error, TransactionId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A success or error response, not yet authenticated.
#[derive(Clone, Copy, Debug)]
pub struct BindingResponse<'a> {
    message: Message<'a>,
    /// Success: our address as the peer sees it.
    pub mapped: Option<SocketAddr>,
    /// Error: its code, 300 to 699.
    pub error: Option<u16>,
}

/// Parses a success or error response to a binding request. The datagram is the whole message; nothing is allocated.
pub fn parse_response(datagram: &[u8]) -> Result<BindingResponse<'_>, Error> {
    let (mut mapped, mut error) = (None, None);
    let message = Message::parse(datagram, |kind, range| {
        let value = &datagram[range];
        match kind {
            message::XOR_MAPPED_ADDRESS => mapped = Some(read_address(datagram, value).ok_or(Error::Attribute(kind))?),
            message::ERROR_CODE => {
                let [_, _, class, number] = value.first_chunk().ok_or(Error::Attribute(kind))?;
                error = Some(100 * u16::from(class & 7) + u16::from(*number));
            }
            _ => {}
        }
        Ok(())
    })?;
    let complete = match message.kind {
        message::BINDING_SUCCESS => mapped.is_some(),
        message::BINDING_ERROR => error.is_some(),
        kind => return Err(Error::UnexpectedType(kind)),
    };
    if !complete {
        return Err(Error::Attribute(if error.is_none() { message::XOR_MAPPED_ADDRESS } else { message::ERROR_CODE }));
    }
    Ok(BindingResponse { message, mapped, error })
}

impl BindingResponse<'_> {
    /// The transaction id of the request.
    pub fn transaction_id(&self) -> TransactionId {
        self.message.transaction_id()
    }

    /// Whether the request succeeded.
    pub fn is_success(&self) -> bool {
        self.message.kind == message::BINDING_SUCCESS
    }

    /// Whether the response was made with the peer's ICE password; compared in constant time.
    pub fn verify(&self, pwd: &[u8]) -> bool {
        self.message.verify(pwd)
    }
}

/// XOR-MAPPED-ADDRESS (RFC 8489, 14.2).
fn read_address(message: &[u8], value: &[u8]) -> Option<SocketAddr> {
    let mask = message.get(4..message::HEADER_LEN)?;
    let ([_, family, port @ ..], address) = value.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes(*port) ^ u16::from_be_bytes([mask[0], mask[1]]);
    let ip = match (*family, address.len()) {
        (1, 4) => IpAddr::V4(Ipv4Addr::from(unmask::<4>(address, mask)?)),
        (2, 16) => IpAddr::V6(Ipv6Addr::from(unmask::<16>(address, mask)?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn unmask<const N: usize>(masked: &[u8], mask: &[u8]) -> Option<[u8; N]> {
    let mut bytes = *masked.first_chunk::<N>()?;
    for (byte, mask) in bytes.iter_mut().zip(mask) {
        *byte ^= mask;
    }
    Some(bytes)
}
