//! Why an offer is refused, in words for the author of the client that sent it.

use super::grammar::{MAX_BYTES, MAX_LINES, MAX_MEDIA};
use crate::media::MediaKind;

/// Which HTTP status a refusal gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferErrorClass {
    /// The body is no SDP: 400.
    Malformed,
    /// It is SDP, but no session can come of it: 422.
    Unprocessable,
}

/// A refused offer or fragment. What it quotes of the body is shortened and free of control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    #[error("the SDP has {0} bytes; at most {MAX_BYTES} are read")]
    TooLarge(usize),
    #[error("the SDP has more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("the offer does not start with `v=0`; send the SDP itself as the body, not JSON or a form")]
    NotSdp,
    #[error("line {line} of the SDP, `{text}`, {reason}")]
    Line { line: usize, text: String, reason: &'static str },
    #[error("the fragment has {has} but no {lacks}; an ICE restart needs both")]
    HalfCredentials { has: &'static str, lacks: &'static str },

    #[error("the offer has more than {MAX_MEDIA} m= lines")]
    TooManyMedia,
    #[error("two m= lines have a=mid:{0}; each needs its own")]
    DuplicateMid(String),
    #[error("the offer has no m= line that sends audio or video; a WHIP client offers them with a=sendonly")]
    NothingToIngest,
    #[error("the offer has no m= line that receives audio or video; a WHEP player offers them with a=recvonly")]
    NothingToView,
    #[error("m-line {mid} is a=recvonly, but a WHIP client sends: offer a=sendonly or a=sendrecv")]
    ReceivesOnly { mid: String },
    #[error("the offer sends more than one {} track; WHIP takes at most one audio and one video m= line", kind_name(*.0))]
    TooManyTracks(MediaKind),
    #[error("m-line {mid} is m={media}; only audio and video can be published")]
    UnknownMedia { mid: String, media: String },
    #[error("m-line {mid} ({}) offers {offered}; this server takes {accepted}", kind_name(*.kind))]
    NoIngestCodec { mid: String, kind: MediaKind, offered: String, accepted: String },
    #[error("m-line {mid} ({}) offers {offered}; the stream has {stream}", kind_name(*.kind))]
    NoCommonCodec { mid: String, kind: MediaKind, offered: String, stream: String },
    #[error("the offer asks for {asked}; the stream has {stream}")]
    NoSuchMedia { asked: String, stream: String },
    #[error("m-line {mid} uses {protocol}; WebRTC media needs UDP/TLS/RTP/SAVPF")]
    Protocol { mid: String, protocol: String },
    #[error("m-line {mid} has no a=rtcp-mux; RTP and RTCP must share one port")]
    NoRtcpMux { mid: String },
    #[error("the m= lines are not all in one a=group:BUNDLE; set bundlePolicy to \"max-bundle\"")]
    NoBundle,
    #[error("m-line {mid} has no a=ice-ufrag and a=ice-pwd, and neither has the session")]
    NoIceCredentials { mid: String },
    #[error("m-line {mid} has no a=fingerprint with sha-256, sha-384 or sha-512, and neither has the session")]
    NoFingerprint { mid: String },
    #[error(
        "m-line {mid} has a=setup:{setup}, but this server only takes DTLS connections: offer a=setup:actpass or \
         a=setup:active (FFmpeg: add `-whip_flags dtls_active`)"
    )]
    Setup { mid: String, setup: &'static str },
    #[error(
        "payload type {0} stands for two m= lines; give them different payload types, or offer a=ssrc or the header \
         extension urn:ietf:params:rtp-hdrext:sdes:mid"
    )]
    AmbiguousPayloadType(u8),
}

impl OfferError {
    /// The HTTP status's reason: malformed (400) or unprocessable (422).
    pub fn class(&self) -> OfferErrorClass {
        match self {
            OfferError::TooLarge(_)
            | OfferError::TooManyLines
            | OfferError::NotSdp
            | OfferError::Line { .. }
            | OfferError::HalfCredentials { .. } => OfferErrorClass::Malformed,
            _ => OfferErrorClass::Unprocessable,
        }
    }
}

/// At most 60 characters of a text from the body, safe to print.
pub(super) fn excerpt(text: &str) -> String {
    let mut out: String = text.chars().take(60).flat_map(char::escape_default).collect();
    if text.chars().nth(60).is_some() {
        out.push_str("...");
    }
    out
}

fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
    }
}
