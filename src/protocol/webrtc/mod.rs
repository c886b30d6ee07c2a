//! The server's half of WebRTC: SDP answers, ICE-lite, DTLS, SRTP, RTP and RTCP.

mod params;

pub use params::{Direction, ExtensionIds, Feedback, LocalTransport, MediaParams, Negotiated, RemoteTransport};
