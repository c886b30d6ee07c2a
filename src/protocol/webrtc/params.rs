//! What an SDP exchange settles: the values that the transport and the media plane work with.

use crate::media::TrackInfo;
use std::net::SocketAddr;

/// Who sends the media of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer publishes: our answer is `recvonly`.
    Ingest,
    /// The peer views: our answer is `sendonly`.
    Egress,
}

/// Our side of the transport, put into the answer.
#[derive(Clone, Debug)]
pub struct LocalTransport {
    /// ICE user fragment, 8 or more characters of the ice-char set, unique in the process.
    pub ufrag: String,
    /// ICE password, 22 or more characters.
    pub pwd: String,
    /// SHA-256 of our DTLS certificate (DER).
    pub fingerprint: [u8; 32],
    /// UDP host candidates, best first.
    pub candidates: Vec<SocketAddr>,
    /// Whether connections by TCP are taken at the same addresses (RFC 6544).
    pub tcp: bool,
    /// The numeric session id of the `o=` line.
    pub session_id: u64,
}

/// The peer's side of the transport, read from the offer.
#[derive(Clone, Debug)]
pub struct RemoteTransport {
    pub ufrag: String,
    pub pwd: String,
    /// Certificate fingerprints of `a=fingerprint`: lower-case hash name (`sha-256`, `sha-384`, `sha-512`) and digest.
    pub fingerprints: Vec<(String, Vec<u8>)>,
}

/// What an offer and our answer to it settled.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The SDP to send back.
    pub answer: String,
    pub remote: RemoteTransport,
    /// We open the DTLS handshake: the offer said `a=setup:passive` and the policy allowed it.
    pub dtls_client: bool,
    /// One entry for each m-line that carries media, in the order of the offer.
    pub media: Vec<MediaParams>,
}

/// One m-line that carries media.
#[derive(Clone, Debug)]
pub struct MediaParams {
    /// Ingest: the track that the publisher sends. Egress: a copy of the stream's track.
    pub track: TrackInfo,
    /// Egress: index into the stream's tracks. Ingest: index among the session's media.
    pub track_index: u8,
    /// Of `a=mid`; the index of the m-line where the offer has none.
    pub mid: String,
    /// Payload type of the media; for a viewer the one of the viewer's offer.
    pub payload_type: u8,
    /// Payload type of retransmissions (RFC 4588), where negotiated.
    pub rtx_payload_type: Option<u8>,
    /// Ingest: from `a=ssrc`, where the offer had it (bind by mid or payload type otherwise). Egress: chosen by us.
    pub ssrc: Option<u32>,
    /// As `ssrc`, for retransmissions.
    pub rtx_ssrc: Option<u32>,
    pub extensions: ExtensionIds,
    pub feedback: Feedback,
    /// Ingest: the simulcast layers that were agreed, 2 to 4, in the publisher's order, which says nothing of their size.
    /// Empty: the track is one stream. Letters, digits, `-` and `_`, at most 16.
    pub rids: Vec<String>,
    /// Ingest: SSRC and retransmissions' SSRC of each of `rids`, where the publisher groups them (`a=ssrc-group:SIM`) instead of
    /// naming them; the rids are `0`, `1`, ... then, lowest first. Empty: packets tell their layer by header extension.
    pub layer_ssrcs: Vec<(u32, Option<u32>)>,
}

/// Ids (1 to 14, or to 255 in the two-byte form) of the header extensions in use on an m-line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds {
    /// `urn:ietf:params:rtp-hdrext:sdes:mid`
    pub mid: Option<u8>,
    /// `http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01`
    pub transport_cc: Option<u8>,
    /// `http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time`
    pub abs_capture_time: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:ssrc-audio-level`
    pub audio_level: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id`; only where simulcast was agreed.
    pub rid: Option<u8>,
    /// `urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id`; the layer that a retransmission belongs to.
    pub repaired_rid: Option<u8>,
    /// The dependency descriptor of AV1. Viewers get it where the picture has spatial layers: what is left out for them leaves no gap
    /// in their sequence numbers, but several frames are one picture then.
    pub dependencies: Option<u8>,
}

/// RTCP feedback in use on an m-line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    pub nack: bool,
    pub pli: bool,
    pub fir: bool,
    pub transport_cc: bool,
    pub remb: bool,
}
