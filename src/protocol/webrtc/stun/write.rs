//! Writes binding requests and the answers to them, each with MESSAGE-INTEGRITY and FINGERPRINT.

use super::message::{self, HEADER_LEN, MAGIC_COOKIE};
use super::request::{BindingRequest, IceRole};
use super::{TransactionId, integrity};
use std::net::{IpAddr, SocketAddr};

/// A binding request to send.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Fresh random bits.
    pub transaction_id: TransactionId,
    /// The user fragment of the peer, who receives this.
    pub remote_ufrag: &'a str,
    /// Our user fragment.
    pub local_ufrag: &'a str,
    pub role: IceRole,
    /// The priority that a peer-reflexive candidate from here would have (RFC 8445, 7.1.1).
    pub priority: u32,
    /// Nominates the pair; only the controlling side may.
    pub use_candidate: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// 400: a request that makes no sense here.
    BadRequest,
    /// 420: an attribute that must be understood and is not.
    UnknownAttribute(u16),
    /// 487: both sides claim the same role in ICE.
    RoleConflict,
}

/// Replaces `buf` by a binding request signed with the peer's password.
pub fn write_request(buf: &mut Vec<u8>, request: &Request<'_>, remote_pwd: &[u8]) {
    start(buf, message::BINDING_REQUEST, &request.transaction_id);
    // Longer than any user name (RFC 8489, 14.3: less than 509 bytes) is refused by the SDP parser.
    let username_len = request.remote_ufrag.len() + 1 + request.local_ufrag.len();
    attribute(buf, message::USERNAME, username_len, |buf| {
        buf.extend_from_slice(request.remote_ufrag.as_bytes());
        buf.push(b':');
        buf.extend_from_slice(request.local_ufrag.as_bytes());
    });
    let (role, tie_breaker) = match request.role {
        IceRole::Controlling(tie_breaker) => (message::ICE_CONTROLLING, tie_breaker),
        IceRole::Controlled(tie_breaker) => (message::ICE_CONTROLLED, tie_breaker),
    };
    attribute(buf, role, 8, |buf| buf.extend_from_slice(&tie_breaker.to_be_bytes()));
    attribute(buf, message::PRIORITY, 4, |buf| buf.extend_from_slice(&request.priority.to_be_bytes()));
    if request.use_candidate {
        attribute(buf, message::USE_CANDIDATE, 0, |_| ());
    }
    finish(buf, remote_pwd);
}

/// Replaces `buf` by the success response to a request that came from `mapped`, signed with our password.
///
/// An IPv4 address in IPv6 form (`::ffff:a.b.c.d`, as a dual-stack socket reports it) is written as IPv4.
pub fn write_success(buf: &mut Vec<u8>, request: &BindingRequest<'_>, mapped: SocketAddr, pwd: &[u8]) {
    let id = request.transaction_id();
    start(buf, message::BINDING_SUCCESS, &id);
    let ip = mapped.ip().to_canonical();
    attribute(buf, message::XOR_MAPPED_ADDRESS, if ip.is_ipv4() { 8 } else { 20 }, |buf| {
        let port = mapped.port() ^ u16::from_be_bytes([MAGIC_COOKIE[0], MAGIC_COOKIE[1]]);
        let mask = MAGIC_COOKIE.iter().chain(&id);
        buf.extend_from_slice(&[0, if ip.is_ipv4() { 1 } else { 2 }]);
        buf.extend_from_slice(&port.to_be_bytes());
        match ip {
            IpAddr::V4(ip) => buf.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
            IpAddr::V6(ip) => buf.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
        }
    });
    finish(buf, pwd);
}

/// Replaces `buf` by the error response to a request, signed with our password.
pub fn write_error(buf: &mut Vec<u8>, request: &BindingRequest<'_>, rejection: Rejection, pwd: &[u8]) {
    start(buf, message::BINDING_ERROR, &request.transaction_id());
    let (code, reason) = match rejection {
        Rejection::BadRequest => (400u16, "Bad Request"),
        Rejection::UnknownAttribute(_) => (420, "Unknown Attribute"),
        Rejection::RoleConflict => (487, "Role Conflict"),
    };
    attribute(buf, message::ERROR_CODE, 4 + reason.len(), |buf| {
        buf.extend_from_slice(&[0, 0, (code / 100) as u8, (code % 100) as u8]);
        buf.extend_from_slice(reason.as_bytes());
    });
    if let Rejection::UnknownAttribute(kind) = rejection {
        attribute(buf, message::UNKNOWN_ATTRIBUTES, 2, |buf| buf.extend_from_slice(&kind.to_be_bytes()));
    }
    finish(buf, pwd);
}

/// Starts a message of no attributes.
fn start(buf: &mut Vec<u8>, kind: u16, id: &TransactionId) {
    buf.clear();
    buf.extend_from_slice(&kind.to_be_bytes());
    buf.extend_from_slice(&[0, 0]);
    buf.extend_from_slice(&MAGIC_COOKIE);
    buf.extend_from_slice(id);
}

/// Appends an attribute whose value is the `len` bytes that `value` appends, and pads it.
fn attribute(buf: &mut Vec<u8>, kind: u16, len: usize, value: impl FnOnce(&mut Vec<u8>)) {
    buf.extend_from_slice(&kind.to_be_bytes());
    buf.extend_from_slice(&(len as u16).to_be_bytes());
    value(buf);
    buf.resize(buf.len().next_multiple_of(4), 0);
}

/// Sets the length to what it is with `more` bytes to come.
fn set_len(buf: &mut [u8], more: usize) {
    let len = (buf.len() - HEADER_LEN + more) as u16;
    buf[2..4].copy_from_slice(&len.to_be_bytes());
}

/// Appends MESSAGE-INTEGRITY and FINGERPRINT.
fn finish(buf: &mut Vec<u8>, pwd: &[u8]) {
    let mac = integrity::sign(buf, pwd);
    attribute(buf, message::MESSAGE_INTEGRITY, mac.len(), |buf| buf.extend_from_slice(&mac));
    set_len(buf, 8);
    let fingerprint = integrity::fingerprint(buf);
    attribute(buf, message::FINGERPRINT, 4, |buf| buf.extend_from_slice(&fingerprint.to_be_bytes()));
}
