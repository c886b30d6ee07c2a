//! The server's half of WebRTC: SDP answers, ICE-lite, DTLS, SRTP, RTP and RTCP.

pub mod dtls;
pub mod dtls_gate;
pub mod dtls_peek;
pub mod framing;
mod params;
pub mod payload;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;
pub mod stun;

pub use params::{Direction, ExtensionIds, Feedback, LocalTransport, MediaParams, Negotiated, RemoteTransport};
